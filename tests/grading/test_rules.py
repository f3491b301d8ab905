"""The fingerprint of the rules: it changes with what decides a verdict, and with nothing else."""

from __future__ import annotations

import shutil

import pytest

from autograder import paths
from autograder.grading import rules
from autograder.labs import manifest
from tests.test_layers import MODULES, imports, module_of, part_of


def test_it_sees_every_room_that_checks_are_made_of():
    """What checks import, and what that imports: a room more belongs into rules.ROOMS."""
    waiting, seen = [name for name in MODULES if part_of(name) == "checks"], set()
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += [target for name, _ in imports(MODULES[module]) if (target := module_of(name))]
    assert {part_of(module) for module in seen} - {"checks", "errors", "formats", "paths", ""} == set(rules.ROOMS)


def changed(kit, lab, name, text="\n# changed\n"):
    """Whether the fingerprint changes with a file of the kit."""
    before = rules.fingerprint(lab)
    file = kit / name
    file.write_text(file.read_text("utf-8") + text, encoding="utf-8")
    return rules.fingerprint(lab) != before


@pytest.mark.parametrize(("name", "matters"), [
    ("checks/tiny/checks.py", True), ("labs/90-tiny/lab.toml", True), ("labs/90-tiny/cases.json", True),
    ("solutions/90-tiny/hidden.py", True), ("solutions/90-tiny/90-tiny.py", False), ("ruff.toml", False),
])  # fmt: skip
def test_what_it_changes_with(kit, lab, name, matters):
    assert changed(kit, lab, name) is matters


def test_it_changes_with_points_and_not_with_line_ends(kit, lab):
    before = rules.fingerprint(lab)
    assert rules.fingerprint(lab.with_points({"double": 5})) != before
    assert rules.fingerprint(lab.with_points({"double": 2})) == before
    for file in (kit / "checks/tiny/checks.py", kit / "labs/90-tiny/lab.toml"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert rules.fingerprint(lab) == before


def test_each_lab_has_its_own_and_sees_the_packages_it_imports():
    prints = {slug: rules.fingerprint(manifest.find(slug)) for slug in manifest.slugs()}
    assert len(set(prints.values())) == len(prints)
    packages = rules._packages(manifest.find("03"))
    assert packages >= {"docker_hub", "first_push"} and "ecr" not in packages


IMPORTS = {
    "checks/tiny/checks.py": "from ..common import LIMIT",
    "checks/common/__init__.py": "from .limits import LIMIT",
    "checks/common/limits.py": "from autograder.checks.first_push.data import BIRDS\n\nLIMIT = len(BIRDS)",
}


@pytest.fixture
def two_packages(kit, lab):
    """The lab's checks import another package beside theirs, and that one the kit's."""
    for name, line in IMPORTS.items():
        file = kit / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(line + "\n" + (file.read_text("utf-8") if file.is_file() else ""), encoding="utf-8")
    return lab


@pytest.mark.parametrize("name", IMPORTS)
def test_a_lab_outside_the_kit_sees_all_that_lies_with_its_checks(kit, two_packages, name):
    assert changed(kit, two_packages, name)


@pytest.mark.parametrize("line", [
    "from autograder.checks.first_push.data import BIRDS", "from autograder.checks import ecr, first_push",
    "from autograder.checks import (\n    first_push as birds,\n)", "import autograder.checks.first_push.data",
])  # fmt: skip
def test_what_a_lab_outside_the_kit_imports_of_the_kits_checks_is_the_kits(kit, lab, tmp_path, monkeypatch, line):
    (kit / "checks/tiny/more.py").write_text(line + "\n", encoding="utf-8")
    (kit / "checks/first_push").mkdir()  # another package of that name, which is not meant
    shutil.copytree(paths.ROOT / "autograder/checks", tmp_path / "checks")
    monkeypatch.setattr(rules, "_checks", lambda: tmp_path / "checks")
    assert "first_push" in rules._packages(lab)
    before = rules.fingerprint(lab)
    (tmp_path / "checks/first_push/data.py").write_text("BIRDS = ()\n", encoding="utf-8")
    changed_now = rules.fingerprint(lab)
    assert changed_now != before
    (tmp_path / "checks/lifecycle/fleet.py").write_text("", encoding="utf-8")  # not imported
    assert rules.fingerprint(lab) == changed_now


def test_what_editors_and_caches_leave_does_not_count(kit, lab):
    before = rules.fingerprint(lab)
    for name in (".ipynb_checkpoints/checks.py", "tiny/.checks.py.swp", "tiny/__pycache__/checks.pyc"):
        (kit / "checks" / name).parent.mkdir(exist_ok=True)
        (kit / "checks" / name).write_bytes(b"x")
    assert rules.fingerprint(lab) == before
