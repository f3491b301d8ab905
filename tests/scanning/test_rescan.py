"""A rescan with the real Trivy in its sandbox: what it finds, and everything that should not mislead it."""

from __future__ import annotations

import json

import pytest

from autograder.scanning import database, inventory, rescan
from autograder.scanning.inventory import ImageProblem
from autograder.scanning.rescan import Rescan, Rescanner
from tests.scanning.built import SITE, base, image, package
from tests.scanning.conftest import LABELS

pytestmark = pytest.mark.engine
OLD = package("joblib", "1.1.0", code=b"# the old code\n")
FIXED = package("joblib", "1.5.2")


def scan(rescanner, *files, **more):
    built = image(*files, **more)
    held, source = built.snapshot()
    return rescanner.rescan(held, source, built.digest)[0]


def told(result):
    return [(one.id, one.severity, one.seen_by) for one in result.findings]


CRITICAL = [("CVE-2022-21797", "CRITICAL", "trivy")]


def test_the_vulnerable_package_is_found_and_the_fixed_one_is_not(rescanner):
    bad = scan(rescanner, OLD | package("idna", "3.6"))
    assert told(bad) == [*CRITICAL, ("CVE-2024-3651", "MEDIUM", "trivy")]
    assert [(one.package, one.fixed, one.counts) for one in bad.graded] == [("joblib", ("1.2.0",), True)]
    assert bad.packages == {"joblib": "1.1.0", "idna": "3.6"}
    assert bad.problems == ()
    good = scan(rescanner, OLD, {f"{SITE}/.wh.joblib": b"", f"{SITE}/.wh.joblib-1.1.0.dist-info": b""} | FIXED)
    assert (good.findings, good.problems, good.packages) == ((), (), {"joblib": "1.5.2"})


def test_what_has_no_severity_is_listed_and_never_graded(rescanner):
    result = scan(rescanner, package("pyarrow", "13.0.0"))
    assert told(result) == [("CVE-2023-47248", "UNKNOWN", "trivy")]
    assert result.graded == ()


def test_files_that_trivy_reads_elsewhere_have_no_say(rescanner):
    ignore = b"CVE-2022-21797\n"
    config = b"severity: LOW\nignorefile: /.trivyignore\nscan:\n  skip-dirs: [usr]\n"
    files = {f"{folder}{name}": content for folder in ("", "tmp/", "app/", "target/", "root/")
             for name, content in ((".trivyignore", ignore), (".trivyignore.yaml", ignore), ("trivy.yaml", config),
                                   ("openvex.json", b"{}"))}  # fmt: skip
    assert told(scan(rescanner, OLD, files)) == CRITICAL


def test_a_fake_report_or_sbom_has_no_say(rescanner):
    clean = {"SchemaVersion": 2, "ArtifactName": "x", "Results": []}
    bom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}
    files = {
        "report.json": json.dumps(clean).encode(),
        "app/trivy-report.json": json.dumps(clean).encode(),
        "app/bom.cdx.json": json.dumps(bom).encode(),
        "opt/bitnami/joblib/.spdx-joblib.spdx": b'{"spdxVersion": "SPDX-2.3", "packages": []}',
    }
    assert [one for one in told(scan(rescanner, OLD, files)) if one[0] == "CVE-2022-21797"] == CRITICAL


def test_a_planted_dpkg_list_hides_nothing(rescanner):
    # Scanners leave the files of distribution packages to the distribution's advisories; a list that claims too much
    # must not hide what is there.
    path = f"/{SITE}/joblib-1.1.0.dist-info/METADATA\n".encode()
    status = b"Package: fake\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nMaintainer: x\n\n"
    files = {
        "etc/os-release": b'ID=debian\nVERSION_ID="12"\n',
        "var/lib/dpkg/status": status,
        "var/lib/dpkg/info/fake.list": path,
        "var/lib/dpkg/info/fake.md5sums": path,
    }
    result = scan(rescanner, OLD, files)
    assert [one.id for one in result.findings] == ["CVE-2022-21797"]


def test_a_fixed_version_elsewhere_neither_counts_nor_hides(rescanner):
    result = scan(rescanner, OLD, package("joblib", "1.5.2", site="opt/fake"))
    assert told(result) == CRITICAL
    assert result.packages == {"joblib": "1.1.0"}
    assert len(result.problems) == 1


def test_a_vulnerable_package_elsewhere_counts(rescanner):
    result = scan(rescanner, package("joblib", "1.1.0", site="opt/libraries"))
    assert told(result) == CRITICAL
    assert result.packages == {}


def test_code_without_its_metadata_is_known_by_its_content(rescanner):
    result = scan(rescanner, OLD, {f"{SITE}/.wh.joblib-1.1.0.dist-info": b""})
    assert told(result) == [("CVE-2022-21797", "CRITICAL", "content")]
    assert "is code of joblib 1.1.0" in result.problems[0]


def test_code_under_a_forged_version_is_known_by_its_content(rescanner):
    forged = package("joblib", "1.5.2", code=b"# the old code\n")  # metadata, folder and RECORD all agree
    result = scan(rescanner, forged)
    assert told(result) == [("CVE-2022-21797", "CRITICAL", "content")]
    assert "is code of joblib 1.1.0" in result.problems[0]


def test_an_edited_version_is_a_problem(rescanner):
    name = f"{SITE}/joblib-1.1.0.dist-info/METADATA"
    result = scan(rescanner, OLD, {name: OLD[name].replace(b"1.1.0", b"1.5.2")})
    assert "CVE-2022-21797" in [one.id for one in result.findings]
    assert any("RECORD" in one for one in result.problems)


def test_an_image_of_nothing_but_base_has_no_findings(rescanner):
    built = image(OLD)
    held, source = built.snapshot()
    assert rescanner.rescan(held, source, built.digest, [base(*built.diff_ids)])[0].findings == ()


def test_every_platform_of_an_index_is_scanned(rescanner):
    made = image(FIXED).layout
    parts = []
    for files in (FIXED, OLD):
        one = image(files)
        made.files |= one.layout.files
        entry = one.layout.entries[0]
        parts.append((entry["digest"], entry["size"], entry["mediaType"]))
    made.entries.clear()
    target = made.index(*parts, attested=True)
    made.tag("1.0", target)
    from autograder.evidence import layout

    held = layout.verify(made.source(), service="registry", name="team/app", layers="all")
    found = rescanner.rescan(held, made.source(), target[0])
    assert [told(one) for one in found] == [[], CRITICAL]


class Forgetful:
    """The real runner, but what it says of joblib is lost, as a rule that skips packages would lose it."""

    def __init__(self, runner):
        self.runner = runner

    def run(self, arguments, *, target, cache):
        report = json.loads(self.runner.run(arguments, target=target, cache=cache))
        report["Results"] = []
        return json.dumps(report).encode()


def test_a_package_that_the_scanner_leaves_out_is_found_all_the_same(sandbox, cache):
    result = scan(Rescanner(Forgetful(sandbox), cache, database.build(), "test"), OLD)
    assert told(result) == [("CVE-2022-21797", "CRITICAL", "inventory")]
    assert "does not list joblib" in result.problems[0]


class Counted:
    """The real runner, with a count."""

    def __init__(self, runner):
        self.runner, self.runs = runner, 0

    def run(self, arguments, *, target, cache):
        self.runs += 1
        return self.runner.run(arguments, target=target, cache=cache)


def test_results_are_remembered_by_digest_and_a_missing_layer_is_not_excused(sandbox, cache, tmp_path):
    counted = Counted(sandbox)
    first = Rescanner(counted, cache, database.build(), "test", tmp_path)
    built = image(OLD)
    held, source = built.snapshot()
    result = first.rescan(held, source, built.digest)
    assert first.rescan(held, source, built.digest) == result
    assert counted.runs == 1
    assert Rescan.from_json(json.loads(json.dumps(result[0].json()))) == result[0]
    for file in tmp_path.glob("*.json"):
        file.write_text(file.read_text(encoding="utf-8")[:50], encoding="utf-8")  # a torn file
    assert first.rescan(held, source, built.digest) == result
    assert counted.runs == 2
    Rescanner(counted, cache, database.build(), "another Trivy", tmp_path).rescan(held, source, built.digest)
    assert counted.runs == 3
    del built.layout.files[f"blobs/{built.blobs[0].replace(':', '/')}"]
    held, source = built.snapshot()
    with pytest.raises(ImageProblem, match="is missing"):
        first.rescan(held, source, built.digest)


def test_the_sandbox_has_no_network_and_cannot_write(sandbox, tmp_path):
    import docker

    client = docker.from_env()
    folders = [tmp_path / name for name in ("target", "cache", "out")]
    for folder in folders:
        folder.mkdir()
    made = sandbox._create(["--version"], *folders)
    try:
        host = made.attrs["HostConfig"]
        assert host["NetworkMode"] == "none"
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert made.attrs["Config"]["User"] == "65534:65534"
        assert not any(bind.startswith("/var/run/docker") for bind in host["Binds"])
        assert sorted(bind.rsplit(":", 1)[1] for bind in host["Binds"]) == ["ro", "ro", "ro", "rw"]
    finally:
        made.remove(force=True)
        client.close()


def test_a_scan_leaves_no_container_behind(sandbox, cache):
    import docker

    client = docker.from_env()
    rescan.scan_layers(sandbox, [inventory.Layer(*_layer())], cache)
    assert not client.containers.list(all=True, filters={"label": f"course.test={LABELS['course.test']}"})
    client.close()


def _layer():
    from autograder.oci.manifests import digest_of
    from tests.scanning.built import tar

    content = tar(OLD)
    return digest_of(content), digest_of(content), content
