"""Every lab keeps the content contract, and the contract notices when a lab does not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from autograder.labs import manifest
from autograder.quality import contract


@pytest.mark.parametrize("slug", manifest.slugs())
def test_static(slug):
    assert [str(finding) for finding in contract.static(manifest.find(slug))] == []


# The labs whose images, pushes and pulls look different on an engine with the containerd store.
ENGINES_DIFFER = {"01", "03", "05", "06", "08", "09", "11", "12"}


by_lab = pytest.mark.parametrize(
    "slug",
    [
        pytest.param(slug, marks=[pytest.mark.both_engines] if slug[:2] in ENGINES_DIFFER else [])
        for slug in manifest.slugs()
    ],
)


@pytest.mark.engine
@pytest.mark.timeout(4000)  # the first of these does every lab, twice
@by_lab
def test_as_shipped_solved_solved_again_and_reset(slug, done):
    assert [str(finding) for finding in done.findings if finding.lab == slug] == []


@pytest.mark.engine
@pytest.mark.timeout(4000)
@by_lab
def test_the_solution_passes_under_nbval(slug, done):
    ended = done.nbval[slug]
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-1000:]
    assert "passed" in ended.stdout and "failed" not in ended.stdout


def test_only_the_labs_that_the_chosen_tests_ask_for_are_done(request, wanted_labs):
    def asking(name, **parameters):
        more = {"callspec": SimpleNamespace(params=parameters)} if parameters else {}
        item = pytest.Function.from_parent(request.node.parent, name=name, callobj=lambda done: None)
        item.__dict__.update(more)
        return item

    others = [item for item in request.session.items if "done" not in item.fixturenames]
    one, other = (asking("a_lab", slug=slug) for slug in ("12-multi-registry", "03-docker-hub"))
    assert wanted_labs(others) == []
    assert wanted_labs([*others, one, other]) == ["03-docker-hub", "12-multi-registry"]
    assert wanted_labs([one, asking("the_course")]) == manifest.slugs()
    assert wanted_labs([one, asking("the_course", engine="old")]) == manifest.slugs(), "parametrized, but not by lab"


def broken(lab, **changes):
    return lab.model_copy(update=changes)


def rules(lab):
    return {finding.rule for finding in contract.static(lab)}


def with_hint(lab, text):
    first, *rest = lab.checks
    return broken(lab, checks=(first.model_copy(update={"hints": (text, *first.hints[1:])}), *rest))


LAB = manifest.find("01")
SECRET = 'code = Path("ml-model/app/answer.py")'


@pytest.mark.parametrize(
    ("lab", "noticed"),
    [
        (broken(LAB, checks=LAB.checks[1:]), "the same checks"),
        (with_hint(LAB, "Too short."), "three different hints"),
        (with_hint(LAB, f"Write {SECRET} and go on."), "three different hints"),
        (broken(LAB, lesson="99-nowhere"), "the lesson exists"),
        (broken(LAB, checks=(LAB.checks[0].model_copy(update={"points": 3.0}), *LAB.checks[1:])), "byte for byte"),
        (broken(LAB, answers={"x": LAB.answers["v1_digest"].model_copy(update={"inputs": ("registry/{no}:1",)})}),
         "fill every template"),
    ],
)  # fmt: skip
def test_a_breach_is_noticed(lab, noticed):
    assert any(noticed in rule for rule in rules(lab)), rules(lab)


def test_checks_of_a_lab_of_ones_own_are_held_to_the_same_imports(tmp_path):
    package = tmp_path / LAB.module
    package.mkdir()
    (package / "checks.py").write_text("import os\nfrom . import data\nfrom .data import other\n", encoding="utf-8")
    lab = SimpleNamespace(source=replace(LAB.source, checks=tmp_path), module=LAB.module)
    assert [text for text, _ in contract._pure(lab)] == ["checks.py imports os"]


def test_a_solution_in_what_students_get_is_noticed(tmp_path):
    folder = tmp_path / LAB.slug
    folder.mkdir()
    for file in LAB.folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "notes.md").write_text(f"Try this:\n{SECRET}\n", encoding="utf-8")
    (folder / "hidden.py").write_text("", encoding="utf-8")
    lab = manifest.read(folder / "lab.toml", replace(LAB.source, folder=folder))
    found = [str(finding) for finding in contract.static(lab)]
    assert any("notes.md holds the solution's line" in finding for finding in found), found
    assert any("holds hidden.py" in finding for finding in found), found


def test_more_than_a_tenth_on_claims_is_noticed(monkeypatch):
    checks = LAB.declared_checks()
    checks["digest"] = replace(checks["digest"], trust="claimed")
    monkeypatch.setattr(type(LAB), "declared_checks", lambda self: checks)
    assert any("claimed" in rule for rule in rules(LAB))
