"""The advisory database: the same bytes each time, damage is named, and Trivy reads back every advisory."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from autograder.domain import advisories
from autograder.domain.advisories import Advisory, debian
from autograder.errors import CourseError
from autograder.scanning import bolt, boltcheck, database, inventory, rescan, trivy
from tests.scanning.built import image, package


def test_the_same_advisories_give_the_same_bytes():
    backwards = tuple(reversed(advisories.load()))
    assert database.build(backwards, reversed(debian.load())) == database.build()


def test_everything_is_read_back():
    content = database.read(database.build().db)
    assert {(name, key) for name, entries in content.items() for key in entries} == {
        (one.package, one.id) for one in advisories.load()
    }
    joblib = content["joblib"]["CVE-2022-21797"]
    assert joblib["VulnerableVersions"] == ["<1.2.0"]
    assert joblib["PatchedVersions"] == ["1.2.0"]
    assert joblib["meaning"]["VendorSeverity"] == {"ghsa": 4}
    assert joblib["meaning"]["CVSS"]["ghsa"]["V3Score"] == 9.8
    unknown = content["pyarrow"]["CVE-2023-47248"]["meaning"]
    assert unknown["Severity"] == "UNKNOWN"
    assert "CVSS" not in unknown


def test_an_advisory_that_is_listed_twice_is_refused():
    one = advisories.load()[0]
    with pytest.raises(ValueError, match="listed twice"):
        database.build([one, one])


def test_a_written_database_is_held_against_the_advisories(tmp_path):
    made = database.write(tmp_path)
    assert database.require(tmp_path) == made
    assert json.loads((tmp_path / "db" / "metadata.json").read_bytes())["Version"] == 2
    assert sorted(file.name for file in (tmp_path / "db").iterdir()) == ["metadata.json", "trivy.db"]


@pytest.mark.parametrize(
    ("at", "new", "words"),
    [
        (16 + 56, b"\0\0", "meta page 0: its checksum"),
        (3 * 4096, b"\x99", "page 3 says that it is page"),
        (-1, None, "the file ends too early"),
        (0, b"SQLite format 3\0" * 3, "not a bbolt file"),
    ],
)
def test_a_damaged_page_or_checksum_is_named(tmp_path, at, new, words):
    content = bytearray(database.write(tmp_path).db)
    if new is None:
        del content[-4096:]
    else:
        content[at : at + len(new)] = new
    (tmp_path / "db" / "trivy.db").write_bytes(content)
    with pytest.raises(CourseError, match=words) as caught:
        database.require(tmp_path)
    assert "python3 course.py advisories build" in caught.value.next_step


def test_a_changed_value_is_found_although_bbolt_has_no_checksum_for_it(tmp_path):
    made = database.write(tmp_path)
    (tmp_path / "db" / "trivy.db").write_bytes(made.db.replace(b"<1.2.0", b"<0.2.0"))
    with pytest.raises(CourseError, match=r"from page \d+ on it is not what the advisories give"):
        database.require(tmp_path)


def test_a_missing_database_is_named(tmp_path):
    with pytest.raises(CourseError, match="cannot be read"):
        database.require(tmp_path)


@pytest.mark.parametrize(
    "tree", [{}, {b"vulnerability": {}, database.BUCKET.encode(): {b"p": {b"CVE-1": b"{}"}}},
             {b"vulnerability": {b"CVE-1": b"{}"}, database.BUCKET.encode(): {b"p": {b"CVE-1": b"no json"}}}],
)  # fmt: skip
def test_a_sound_file_of_another_layout_is_refused(tree):
    with pytest.raises(CourseError, match="an entry is missing or unreadable"):
        database.read(bolt.write(tree))


def scanned(folder, known, versions, program):
    """What Trivy finds for (package, version) pairs, with the database in ``folder``."""
    files = {}
    for name, version in versions:
        files |= package(name, version)
    built = image(files)
    held, source = built.snapshot()
    parsed = held.parsed(built.digest)
    layers = inventory.layers(parsed, held.config(parsed), source, ())
    report = rescan.scan_layers(trivy.Local(program), layers, folder)
    return {(one.id, one.package, one.version) for one in rescan.findings_of(report, known)}


def expected(known, versions):
    return {
        (one.id, one.package, version)
        for name, version in versions
        for one in advisories.affecting(name, version, known)
    }


def bounds(one):
    """Versions at and around the edges of an advisory's ranges."""
    return {spec.version for each in one.affected for spec in SpecifierSet(each)} | {"0.0.1", "999"} | set(one.fixed)


@pytest.mark.engine
def test_trivy_reads_every_advisory_and_agrees_at_every_edge(cache, program):
    known = advisories.load()
    versions = {(one.package, version) for one in known for version in bounds(one)}
    found = scanned(cache, known, versions, program)
    assert found == expected(known, versions)
    assert {(id, name) for id, name, _ in found} == {(one.id, one.package) for one in known}


VERSION = st.lists(st.integers(0, 30), min_size=2, max_size=3).map(lambda parts: ".".join(map(str, parts)))
VECTOR = st.sampled_from(
    [None, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.0/AV:L/AC:L/PR:L/UI:R/S:U/C:L/I:L/A:N"]
)


@st.composite
def known_lists(draw):
    """Up to a few hundred advisories, enough for several pages and for branches."""
    size = draw(st.integers(1, 300))
    fixed = [draw(VERSION) for _ in range(min(size, 8))]
    vector = draw(VECTOR)
    return [
        Advisory(
            id=f"CVE-2020-{10000 + n}",
            package=f"package-{n % 90}",
            title="t" * (n % 200),
            affected=(f"<{fixed[n % len(fixed)]}",) if n % 3 else (f">=0.1, <{fixed[n % len(fixed)]}", "==777"),
            fixed=(fixed[n % len(fixed)],),
            cvss=vector,
            rated=None,
            cwe=(),
            published=date(2020, 1, 1),
            source="s",
            reference="r",
        )
        for n in range(size)
    ]


@settings(max_examples=25, deadline=None)
@given(known_lists())
def test_random_databases_are_read_back(known):
    made = database.build(known)
    assert database.build(known[::-1]).db == made.db
    content = database.read(made.db)
    for one in known:
        entry = content[one.package][one.id]
        assert entry["VulnerableVersions"] == list(one.affected)
        assert entry["PatchedVersions"] == list(one.fixed)
        assert entry["meaning"]["Severity"] == one.severity
    assert boltcheck.read(made.db)[b"data-source"]


@pytest.mark.engine
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known_lists())
def test_trivy_reads_random_databases(tmp_path_factory, program, known):
    folder = tmp_path_factory.mktemp("db")
    database.write(folder, database.build(known))
    versions = {(one.package, version) for one in known for version in ("0.0.1", "777", one.fixed[0])}
    assert scanned(folder, known, versions, program) == expected(known, versions)
