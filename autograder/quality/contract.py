"""The content contract: every lab is whole and honest. Each finding says what to do about it.

The static part needs neither engine nor network; the live part (:mod:`autograder.quality.lab_runs`) does each lab
for real.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from autograder import paths
from autograder.checks.shared.seeded_random import SeededRandom, seed
from autograder.errors import CourseError
from autograder.evidence.model import Case
from autograder.grading.probes import PROBES
from autograder.labs import hidden, release, versions, workspace
from autograder.labs.live import visible_cases
from autograder.labs.manifest import Lab

CLAIMED_SHARE = 0.10  # of a lab's points may rest on what only the student's machine saw
MIN_HINT = 20  # characters
SAMPLE_KEY = b"content contract"
# What a check may see: data, and knowledge about it. A client of a registry is neither.
PURE_PARTS = ("autograder.checks", "autograder.domain", "autograder.evidence", "autograder.oci", "autograder.pipelines")
CLIENT = "autograder.oci.client"
PLAIN_MODULES = {
    *("__future__", "base64", "collections", "dataclasses", "datetime", "fnmatch", "functools", "hashlib", "io"),
    *("itertools", "json", "math", "pydantic", "re", "string", "tarfile", "textwrap", "typing"),
}


@dataclass(frozen=True)
class Finding:
    """One breach of the contract."""

    lab: str
    rule: str
    detail: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.lab}: {self.rule}: {self.detail} ({self.next_step})"


Rule = Callable[[Lab], Iterator[tuple[str, str]]]


def _checks(lab: Lab) -> Iterator[tuple[str, str]]:
    """lab.toml and the lab's module name the same checks, in the same order"""
    declared, written = list(lab.declared_checks()), [part.id for part in lab.checks if not part.by_hand]
    if declared != written:
        yield f"module: {', '.join(declared)}; lab.toml: {', '.join(written)}", "make the lists equal"


def _trust(lab: Lab) -> Iterator[tuple[str, str]]:
    """at most a tenth of the points rests on claimed evidence"""
    claimed = sum(lab.points[id] for id, check in lab.declared_checks().items() if check.trust == "claimed")
    if claimed > CLAIMED_SHARE * lab.total:
        yield f"{claimed:g} of {lab.total:g} points are claimed", "judge something that the grader can recompute"


def _hints(lab: Lab) -> Iterator[tuple[str, str]]:
    """three different hints a check, none of them the command of the solution"""
    solution = {line.strip() for line in _solution_lines(lab)}
    for part in lab.checks:
        if len(set(part.hints)) < 3 or any(len(hint) < MIN_HINT for hint in part.hints):
            yield f"{part.id} has hints that repeat or say nothing", "write concept, place, nearly the command"
        for hint in part.hints:
            told = [line for line in solution if len(line) > 15 and line.lstrip("!") in hint]
            if told:
                yield f"a hint of {part.id} holds the solution's line {told[0]!r}", "say less"


def _why(lab: Lab) -> Iterator[tuple[str, str]]:
    """a passed check says why it works"""
    for id, check in lab.declared_checks().items():
        if len(check.why) < MIN_HINT:
            yield f"{id} has no such sentence", "give check(…, why=…)"


def _lesson(lab: Lab) -> Iterator[tuple[str, str]]:
    """the lesson exists, and the lab's minutes are stated"""
    if not (paths.LESSONS / f"{lab.lesson}.md").is_file():
        yield f"lessons/{lab.lesson}.md is not there", "write it or correct `lesson`"


def _fresh(lab: Lab) -> Iterator[tuple[str, str]]:
    """the student's notebook is what the master gives, byte for byte"""
    try:
        wanted = release.derived(lab)
    except CourseError as error:
        yield error.found, error.next_step
        return
    file = lab.folder / f"{lab.slug}.ipynb"
    if not file.is_file() or file.read_bytes() != wanted:
        yield f"labs/{lab.slug}/{lab.slug}.ipynb differs from its master", "run `python3 course.py release`"


def _version(lab: Lab) -> Iterator[tuple[str, str]]:
    """the lab's versions ask for what they did when they were handed out"""
    for problem in versions.problems(lab):
        yield problem, "see CONTRIBUTING.md, “A lab's version”"


def _no_leak(lab: Lab) -> Iterator[tuple[str, str]]:
    """no line of the solution or of a mark scheme, and no hidden case, in anything a student gets"""
    secrets = [line for line in _solution_lines(lab) if len(line.strip()) >= 24]
    drawn = [json.dumps(list(case.args)) for cases in hidden_cases(lab, "a").values() for case in cases]
    for name, file in workspace.starter_files(lab).items():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if file.suffix == ".ipynb":
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        for secret in secrets:
            if secret.strip() in text:
                yield f"{name} holds the solution's line {secret.strip()!r}", "keep it inside a SOLUTION region"
        for case in drawn:
            if len(case) >= 40 and case in text:
                yield f"{name} holds a hidden case", "draw other hidden cases"


def _solution_lines(lab: Lab) -> list[str]:
    """Lines inside the master's SOLUTION and MARK SCHEME regions, without those that also stand outside one."""
    inside: list[str] = []
    outside: set[str] = set()
    within = False
    for line in lab.source.master.read_text(encoding="utf-8").splitlines():
        bare = re.sub(r"^#\s?", "", line)
        if re.search("### (BEGIN|END) (SOLUTION|MARK SCHEME)", line):
            within = "BEGIN" in line
        elif within:
            inside.append(bare)
        else:
            outside.add(bare.strip())
    return [line for line in inside if line.strip() not in outside]


def _probes(lab: Lab) -> Iterator[tuple[str, str]]:
    """the grader has every probe that the lab asks for, and what it draws differs between students"""
    for name in lab.probes:
        if name not in PROBES:
            yield f"there is no probe {name}", f"lab.toml may name {', '.join(PROBES)}"
    if "hidden" in lab.probes:
        parameters = lab.drawn(seed(SAMPLE_KEY, "student", "a", lab.slug))
        one, other = (SeededRandom(seed(SAMPLE_KEY, "grading", who, lab.slug)) for who in ("a", "b"))
        if hidden.values(lab, one, dict(parameters)) == hidden.values(lab, other, dict(parameters)):
            yield "hidden.py draws the same values for every student", "draw them from the seed"


def _solutions_stay(lab: Lab) -> Iterator[tuple[str, str]]:
    """the folder a student gets holds nothing but what it should"""
    strange = [file.name for file in lab.folder.rglob("*") if file.name in ("hidden.py", f"{lab.slug}.py")]
    for name in strange:
        yield f"labs/{lab.slug}/ holds {name}", f"move it to solutions/{lab.slug}/"


def _cases(lab: Lab) -> Iterator[tuple[str, str]]:
    """each code task has visible and hidden cases, the hidden ones differ between students, and none contradicts"""
    parameters = lab.drawn(seed(SAMPLE_KEY, "student", "a", lab.slug))
    visible, secret, other = visible_cases(lab, parameters), hidden_cases(lab, "a"), hidden_cases(lab, "b")
    for task in lab.tasks:
        if not visible.get(task) or not secret.get(task):
            yield f"{task} lacks visible or hidden cases", "add some"
            continue
        if [case.args for case in secret[task]] == [case.args for case in other.get(task, [])]:
            yield f"{task} draws the same hidden cases for every student", "draw them from the seed"
        known = {json.dumps(list(case.args), sort_keys=True): case.expected for case in visible[task]}
        for case in secret[task]:
            if known.get(json.dumps(list(case.args), sort_keys=True), case.expected) != case.expected:
                yield f"{task}: a hidden case contradicts a visible one ({case.kind})", "correct one"


def _personal(lab: Lab) -> Iterator[tuple[str, str]]:
    """personal parameters differ between students and fill every template of lab.toml"""
    drawn = [lab.drawn(seed(SAMPLE_KEY, "student", who, lab.slug)) for who in ("a", "b", "c")]
    if drawn[0] == drawn[1] == drawn[2]:
        yield "three students have the same parameters", "draw some"
    templates = [part.name for part in lab.repositories] + [i for a in lab.answers.values() for i in a.inputs]
    for template in templates:
        try:
            template.format_map(drawn[0])
        except KeyError as missing:
            yield f"{template!r} uses {missing}, which is no parameter", "return it from parameters()"


def _pure(lab: Lab) -> Iterator[tuple[str, str]]:
    """the lab's checks import only evidence, domain and plain standard modules"""
    for file in sorted((lab.source.checks / lab.module).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:  # a relative one stays in the lab's own folder
                names.append(node.module or "")
            for name in names:
                pure = name.startswith(PURE_PARTS) and not name.startswith(CLIENT)
                if not pure and name.partition(".")[0] not in PLAIN_MODULES:
                    yield f"{file.name} imports {name}", "a check sees nothing but evidence"


RULES: tuple[Rule, ...] = (
    _checks,
    _trust,
    _hints,
    _why,
    _lesson,
    _fresh,
    _version,
    _no_leak,
    _solutions_stay,
    _probes,
    _cases,
    _personal,
    _pure,
)


def hidden_cases(lab: Lab, student: str, key: bytes = SAMPLE_KEY) -> dict[str, list[Case]]:
    """The hidden cases of a student under a key."""
    parameters = lab.drawn(seed(key, "student", student, lab.slug))
    return hidden.cases(lab, SeededRandom(seed(key, "grading", student, lab.slug)), parameters)


def static(lab: Lab) -> list[Finding]:
    """Every breach that can be seen without running the lab."""
    found = []
    for rule in RULES:
        title = (rule.__doc__ or "").strip()
        try:
            found += [Finding(lab.slug, title, detail, todo) for detail, todo in rule(lab)]
        except Exception as error:  # a lab so broken that a rule cannot read it is a finding, not a crash
            found.append(Finding(lab.slug, title, f"{type(error).__name__}: {error}", "repair the lab's files"))
    return found
