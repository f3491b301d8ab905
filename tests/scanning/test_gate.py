"""The gate: shut on what is bad, malformed or empty; open on what is good; exceptions end on their day."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.domain.advisories import Severity, gate
from autograder.domain.advisories.gate import GateInput, Policy

TODAY = date(2026, 6, 15)
DIGEST = "sha256:" + "a" * 64


def found(id="CVE-2022-21797", severity="CRITICAL", fixed="1.2.0", **more):
    return {"VulnerabilityID": id, "PkgName": "joblib", "InstalledVersion": "1.1.0", "Severity": severity,
            "FixedVersion": fixed} | more  # fmt: skip


def document(*vulnerabilities, **more):
    result = {"Target": "Python", "Class": "lang-pkgs", "Type": "python-pkg", "Packages": [{"Name": "joblib"}]}
    if vulnerabilities:
        result["Vulnerabilities"] = list(vulnerabilities)
    return {"SchemaVersion": 2, "ArtifactName": "x", "Metadata": {"RepoDigests": [f"localhost:5001/x@{DIGEST}"]},
            "Results": [result]} | more  # fmt: skip


def decide(*vulnerabilities, ignore="", **policy):
    policy = Policy(ignores=gate.ignores(ignore), **policy)
    return gate.decide(gate.findings(document(*vulnerabilities)), policy, TODAY)


def test_a_clean_report_passes():
    assert decide().passed
    assert decide(found(severity="MEDIUM"), found(severity="UNKNOWN")).passed


@pytest.mark.parametrize("severity", ["HIGH", "CRITICAL"])
def test_high_and_critical_block(severity):
    decision = decide(found(severity=severity), found("CVE-1-2", "LOW"))
    assert not decision.passed
    assert [one.id for one in decision.blocking] == ["CVE-2022-21797"]
    assert decision.counts == {"CRITICAL": 0, "HIGH": 0, "MEDIUM": 0, "LOW": 1, "UNKNOWN": 0} | {severity: 1}


def test_the_severities_can_be_chosen():
    assert not decide(found(severity="LOW"), severities=(Severity.LOW,)).passed
    assert decide(found(), severities=(Severity.LOW,)).passed


def test_what_has_no_fix_blocks_unless_the_policy_lets_it():
    unfixed = found(fixed="")
    assert not decide(unfixed).passed
    decision = decide(unfixed, ignore_unfixed=True)
    assert decision.passed
    assert len(decision.unfixed) == 1
    assert not decide(found(), ignore_unfixed=True).passed


LINE = "# The argument is ours, no user reaches it.\nCVE-2022-21797 exp:{}\n"


@pytest.mark.parametrize(("until", "passed"), [("2026-06-14", False), ("2026-06-15", True), ("2027-01-01", True)])
def test_an_exception_ends_after_its_day(until, passed):
    decision = decide(found(), ignore=LINE.format(until))
    assert decision.passed is passed
    assert bool(decision.ignored) is passed
    assert bool(decision.expired) is not passed


def test_an_exception_for_another_finding_does_not_help_and_is_listed():
    decision = decide(found("CVE-2021-33503"), ignore=LINE.format("2027-01-01"))
    assert not decision.passed
    assert [one.id for one in decision.unused] == ["CVE-2022-21797"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# why\nCVE-2022-21797\n", "no expiry date"),
        ("CVE-2022-21797 exp:2027-01-01\n", "no reason"),
        ("# why\n\nCVE-2022-21797 exp:2027-01-01\n", "no reason"),
        ("# why\n* exp:2027-01-01\n", "no id"),
        ("# why\nCVE-2022-21797 exp:2027-02-30\n", "no date"),
        ("# why\nCVE-2022-21797 exp:20270101\n", "no date"),
        ("# why\nCVE-2022-21797 until:2027-01-01\n", "not understood"),
        ("# why\nCVE-2022-21797 exp:2027-01-01 exp:2028-01-01\n", "not understood"),
        (LINE.format("2027-01-01") * 2, "listed twice"),
    ],
)
def test_a_malformed_ignore_file_is_refused_with_its_line(text, words):
    with pytest.raises(GateInput, match=rf"line \d+ .*{words}"):
        gate.ignores(text)


ACCEPTS = "CVE-2022-21797 exp:2027-01-01"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"# why\n{ACCEPTS}\n", "why"),
        (f"#why\n{ACCEPTS}\n", "why"),
        (f"  # why\n\t{ACCEPTS}\n", "why"),
        (f"# first line,\n# second line\n{ACCEPTS}\n", "first line, second line"),
        (f"# why\n#\n{ACCEPTS}\n", None),  # an empty comment ends it, as a blank line does
        (f"# why\n# -----\n{ACCEPTS}\n", "why"),
        (f"# why\n{ACCEPTS} # and more\n", "why"),
        (f"# why\r\n{ACCEPTS}\r\n", "why"),
        (f"# CVE-2022-21797: no user reaches it\n{ACCEPTS}\n", "CVE-2022-21797: no user reaches it"),
        (f"# Nur intern erreichbar \u2013 Plattformteam\n{ACCEPTS}\n", "Nur intern erreichbar \u2013 Plattformteam"),
        (f"# \u5185\u90e8\n{ACCEPTS}\n", "\u5185\u90e8"),
        (f"# why\nCVE-2021-33503 exp:2026-07-01\n{ACCEPTS}\n", "why"),  # one reason for a block of two
        (f"{ACCEPTS} # why\n", None),
        (f"{ACCEPTS}\n# why\n", None),
        (f"# why\n\n{ACCEPTS}\n", None),
        (f"# why\n   \n{ACCEPTS}\n", None),
        (f"#\n{ACCEPTS}\n", None),
        (f"# -----\n{ACCEPTS}\n", None),
        (f"# 2026-05-01\n{ACCEPTS}\n", None),
        (f"# {ACCEPTS}\n{ACCEPTS}\n", None),
        (f"# exp:never\n{ACCEPTS}\n", None),
        (f"# ...!\n{ACCEPTS} # why\n", None),
        (f"\n\n{ACCEPTS} #why\n# why\n", None),
    ],
)
def test_a_reason_stands_above_its_line(text, reason):
    if reason is None:
        with pytest.raises(GateInput, match=r"line \d+ .*no reason in a comment above it"):
            gate.ignores(text)
    else:
        assert gate.ignores(text)[-1].reason == reason


def test_trivys_own_rules_for_ignore_files_are_looser():
    found = gate.ignores("CVE-2022-21797\nGHSA-6hrg-qmvc-2xh8 # why\n", strict=False)
    assert [(one.id, one.until, one.reason) for one in found] == [
        ("CVE-2022-21797", None, ""), ("GHSA-6hrg-qmvc-2xh8", None, ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_json_report_is_refused(text, words):
    with pytest.raises(GateInput, match=words):
        gate.report(text)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({}, "SchemaVersion"),
        (document(SchemaVersion=1), "SchemaVersion"),
        (document(Results=None), "no Results"),
        (document(Results=[]), "lists no packages"),
        (document(Results=["x"]), "no Results"),
        (document(Results=[{"Class": "secret", "Target": "x"}]), "lists no packages"),
        (document(Results=[{"Class": "lang-pkgs", "Vulnerabilities": {}}]), "not a list"),
        (document("CVE-1"), "malformed"),
        (document({"VulnerabilityID": "CVE-1"}), "malformed"),
        (document(found(severity="high")), "malformed"),
        (document(found(fixed=["1"])), "malformed"),
        (document(found(PkgName="")), "malformed"),
    ],
)
def test_what_cannot_be_judged_is_refused(report, words):
    with pytest.raises(GateInput, match=words):
        gate.findings(report)


def test_a_report_of_another_image_is_refused():
    assert gate.findings(document(), DIGEST) == ()
    with pytest.raises(GateInput, match="the report is not of"):
        gate.findings(document(), "sha256:" + "b" * 64)
    with pytest.raises(GateInput, match="no digest"):
        gate.findings(document(Metadata={}), DIGEST)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    max_leaves=20,
)


@given(JSON, JSON, JSON)
def test_no_report_opens_the_gate_by_its_shape(results, vulnerabilities, metadata):
    for report in (
        {"SchemaVersion": 2, "Results": results, "Metadata": metadata},
        document(Results=[{"Class": "lang-pkgs", "Vulnerabilities": vulnerabilities}, results], Metadata=metadata),
    ):
        try:
            listed = gate.findings(json.loads(json.dumps(report)))
        except GateInput:
            continue
        assert listed == ()
        assert not vulnerabilities, "findings that cannot be read do not count as none"
