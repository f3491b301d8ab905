"""The advisory data keep their own rules, and CVSS gives the published scores."""

from __future__ import annotations

from collections import defaultdict

import pytest

from autograder.domain import advisories
from autograder.domain.advisories import Severity, cvss

ALL = advisories.load()


@pytest.mark.parametrize(
    ("vector", "score", "severity"),
    [  # scores as NVD publishes them for these vectors
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, "CRITICAL"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5, "HIGH"),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:N", 7.4, "HIGH"),
        ("CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:C/C:N/I:H/A:N", 6.8, "MEDIUM"),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:C/C:H/I:N/A:N", 6.1, "MEDIUM"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, "MEDIUM"),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:R/S:U/C:L/I:L/A:N", 3.9, "LOW"),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:L/A:N", 3.3, "LOW"),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0, "CRITICAL"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0, "UNKNOWN"),
    ],
)
def test_base_scores(vector, score, severity):
    assert cvss.base_score(vector) == score
    assert cvss.severity(vector) == severity


@pytest.mark.parametrize(
    "vector", ["", "CVSS:2.0/AV:N", "CVSS:3.1/AV:N/AC:L", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
               "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H/A:H"],
)  # fmt: skip
def test_what_is_no_vector_is_refused(vector):
    with pytest.raises(ValueError, match="CVSS"):
        cvss.base_score(vector)


def test_there_are_about_forty_and_none_twice():
    assert len(ALL) >= 40
    assert len({(one.package, one.id) for one in ALL}) == len(ALL)


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one.package}-{one.id}")
def test_every_advisory_is_sound(one):
    assert one.id.startswith("CVE-")
    assert one.source.startswith(("https://github.com/github/advisory-database/", "https://github.com/pypa/advisory-"))
    assert one.affected
    assert 20 < len(one.title) < 100, "a title says what goes wrong, in one line"
    assert not one.title.endswith(".")
    for version in one.fixed:
        assert not one.affects(version), f"{version} is listed as fixed and as affected"
    if one.rated is not None:
        assert one.severity == one.rated, "the source's rating and its vector disagree"
    if one.cvss is None:
        assert one.severity is Severity.UNKNOWN


def test_one_id_means_one_thing():
    told = defaultdict(set)
    for one in ALL:
        told[one.id].add((one.title, one.cvss))
    assert all(len(meanings) == 1 for meanings in told.values())


def test_the_base_images_own_tools_are_left_out():
    assert not {one.package for one in ALL} & {"pip", "setuptools", "wheel"}


@pytest.mark.parametrize(
    ("package", "version", "ids"),
    [
        ("urllib3", "1.26.4", ["CVE-2021-33503", "CVE-2023-43804", "CVE-2023-45803", "CVE-2024-37891"]),
        ("urllib3", "2.0.6", ["CVE-2023-45803", "CVE-2024-37891"]),
        ("urllib3", "2.2.2", []),
        ("PyJWT", "2.3.0", ["CVE-2022-29217"]),
        ("Python_Multipart", "0.0.6", ["CVE-2024-24762"]),
        ("joblib", "1.2.0", []),
        ("gunicorn", "21.2.0", ["CVE-2024-1135"]),
        ("gunicorn", "22.0.0", []),
        ("certifi", "2022.9.24", ["CVE-2022-23491", "CVE-2023-37920"]),
        ("joblib", "not a version", []),
        ("joblib", "9" * 5000, []),
        ("nothing", "1.0", []),
    ],
)
def test_affecting(package, version, ids):
    assert [one.id for one in advisories.affecting(package, version)] == ids


GOOD = """
[[advisory]]
id = "CVE-1"
package = "a"
title = "t"
affected = ["<1"]
fixed = ["1"]
cwe = []
published = 2024-01-01
source = "s"
reference = "r"
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('source = "s"', ""), "missing or unknown: source"),
        (('cwe = []', 'cwe = []\nmood = "bad"'), "missing or unknown: mood"),
        (('package = "a"', 'package = "A_b"'), "not normalised"),
        (('"<1"', '"below 1"'), "below 1"),
        (('fixed = ["1"]', 'fixed = [">=1"]'), ">=1"),
        (('cwe = []', 'cwe = []\nrated = "BAD"'), "BAD"),
        (('cwe = []', 'cwe = []\ncvss = "7.5"'), "7.5"),
    ],
)  # fmt: skip
def test_malformed_data_are_named(change, words):
    assert advisories.parse(GOOD)[0].severity is Severity.UNKNOWN
    with pytest.raises(ValueError, match="CVE-1") as caught:
        advisories.parse(GOOD.replace(*change))
    assert words in str(caught.value)
