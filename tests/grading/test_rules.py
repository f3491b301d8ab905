"""The fingerprint of the rules: it changes with what decides a verdict, and with nothing else."""

from __future__ import annotations

import pytest

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
    lab = manifest.find("03")
    assert rules._packages(lab.source.checks, lab.module) >= {"docker_hub", "first_push"}
    assert "ecr" not in rules._packages(lab.source.checks, lab.module)
