"""What ECR's basic scan says of an image, and what it does not see: the same image under both scanners."""

from __future__ import annotations

import pytest

from autograder.domain.advisories import debian
from autograder.oci.manifests import OCI_MANIFEST
from autograder.scanning import inventory, rescan, trivy
from autograder.scanning.artifact import Pusher
from tests.emulators.ecr.live import serve
from tests.scanning.built import image, package
from tests.scanning.test_debian import SYSTEM

pytestmark = pytest.mark.engine


def test_basic_scanning_sees_debians_packages_and_none_of_pips(registry, tmp_path, cache, program):
    built = image(SYSTEM | package("joblib", "1.1.0"))
    scratch = image(package("joblib", "1.1.0"))
    with serve(registry, tmp_path, (program.path, cache)) as live:
        ecr = live.client()
        rules = [{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "ml-*", "filterType": "WILDCARD"}]}]
        ecr.put_registry_scanning_configuration(scanType="BASIC", rules=rules)
        for name, one in (("ml-model", built), ("scratch", scratch)):
            ecr.create_repository(repositoryName=name)
            pusher = Pusher(live.address, name, ("AWS", live.password()))
            for path, content in one.layout.files.items():
                if path.startswith("blobs/"):
                    pusher.blob(content)
            pusher.manifest(one.layout.files[f"blobs/{one.digest.replace(':', '/')}"], OCI_MANIFEST, "1.0")

        asked = {"repositoryName": "ml-model", "imageId": {"imageTag": "1.0"}}
        ecr.get_waiter("image_scan_complete").wait(**asked, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        answer = ecr.describe_image_scan_findings(**asked)["imageScanFindings"]
        names = {
            (each["name"], {a["key"]: a["value"] for a in each["attributes"]}["package_name"])
            for each in answer["findings"]
        }
        assert names == {(one.id, one.package) for one in debian.load()}
        assert answer["findingSeverityCounts"] == {"CRITICAL": 1, "LOW": 6}
        assert answer["vulnerabilitySourceUpdatedAt"].year == 2024
        with pytest.raises(ecr.exceptions.LimitExceededException):
            ecr.start_image_scan(**asked)

        asked["repositoryName"] = "scratch"  # no rule covers it
        ecr.start_image_scan(**asked)
        with pytest.raises(Exception, match="terminal failure state"):
            ecr.get_waiter("image_scan_complete").wait(**asked, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        status = ecr.describe_image_scan_findings(**asked)["imageScanStatus"]
        assert status["description"].startswith("UnsupportedImageError: The operating system")

    held, source = built.snapshot()
    parsed = held.parsed(built.digest)
    layers = inventory.layers(parsed, held.config(parsed), source, ())
    report = rescan.scan_layers(trivy.Local(program), layers, cache)
    listed = {each["VulnerabilityID"] for one in report["Results"] for each in one.get("Vulnerabilities", [])}
    assert listed - {name for name, _ in names} == {"CVE-2022-21797"}
