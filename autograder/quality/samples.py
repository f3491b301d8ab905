"""The sample class: scripted students who really do a lab, with what each must get, point by point.

The scripts are ``solutions/NN-slug/students.py``; the submissions they made are ``solutions/NN-slug/samples/*.zip``,
used by the tests and by `course demo`. `course samples` makes them anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.errors import CourseError
from autograder.evidence import submission_zip
from autograder.evidence.submission_zip import Header
from autograder.formats import Unreadable
from autograder.labs import manifest, signing, students
from autograder.labs.hidden import load_module
from autograder.labs.manifest import Lab, Parameters
from autograder.quality import lab_runs
from autograder.quality.lab_runs import LabRun
from autograder.services import engine, images

# The key of the sample class. Like the public key it protects nothing: the class exists to be looked at.
KEY = b"registry-course sample class"
COURSE = "sample-class"

Act = Callable[["Stage"], None]


@dataclass(frozen=True)
class Scripted:
    """A scripted student of one lab.

    Attributes:
        student: the id.
        story: what this student does, in one sentence.
        act: does it.
        passes: ids of the checks that must pass, or "all".
        refused: the submission as a whole must be refused (points do not exist then).
        says: a text that must stand in the verdict of a check (check id -> text), or in the remarks ("" -> text).
        after: ids of students whose submissions must exist before.
    """

    student: str
    story: str
    act: Act
    passes: tuple[str, ...] | str = ()
    refused: bool = False
    says: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()

    def points(self, lab: Lab) -> float:
        """The points that this student must get from checks; what people grade by hand is not in them."""
        return sum(lab.points[id] for id in self.passing(lab))

    def passing(self, lab: Lab) -> set[str]:
        """Ids of the checks that must pass."""
        return set(lab.declared_checks()) if self.passes == "all" else set(self.passes)


@dataclass
class Stage:
    """What a script works with: the student's run of the lab, the lab, and the folder that submissions go to."""

    lab_run: LabRun
    lab: Lab
    out: Path

    @property
    def me(self) -> dict[str, Any]:
        """The student's personal parameters."""
        return self.lab_run.student.parameters_of(self.lab)

    @property
    def folder(self) -> Path:
        """The student's folder of the lab."""
        return self.lab_run.folder(self.lab)

    def solved(self) -> Any:
        """The notebook with every solution in place."""
        return lab_runs.solved(self.lab)

    def shipped(self) -> Any:
        """The notebook as handed out."""
        return lab_runs.shipped(self.lab)

    def mixed(self, *solved_ids: str) -> Any:
        """The notebook as handed out, with the named cells solved."""
        return lab_runs.mixed(self.lab, *solved_ids)

    def run(self, notebook: Any) -> Any:
        """Save and run a notebook."""
        return self.lab_run.run(self.lab, notebook)

    def submit(self) -> Path:
        """Write the submission."""
        return self.lab_run.submit(self.lab, self.out)


def load(lab: Lab) -> list[Scripted]:
    """The scripted students of a lab, those that others need first."""
    file = lab.source.students
    if not file.is_file():
        return []
    module = load_module(file, f"students_{lab.module}")
    listed: list[Scripted] = module.STUDENTS
    return sorted(listed, key=lambda one: bool(one.after))


def folder(lab: Lab) -> Path:
    """Where the sample submissions of a lab lie."""
    return lab.source.samples


def make(lab: Lab, out: Path, report: Callable[[str], None], only: tuple[str, ...] = ()) -> list[Path]:
    """Have every scripted student do the lab for real and write the submissions into ``out``.

    Raises:
        EnvironmentProblem: no engine, or the services cannot be started.
        CourseError: a student's `course submit` failed.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for one in load(lab):
        if only and one.student not in only:
            continue
        report(f"{lab.slug}: {one.student}: {one.story}")
        with (
            tempfile.TemporaryDirectory(prefix="course-sample-") as place,
            lab_runs.services(Path(place), needed=lab.engine),
        ):
            lab_run = LabRun(Path(place), students.issue(KEY, COURSE, one.student, [lab.slug]))
            lab_run.fresh(lab)
            one.act(Stage(lab_run, lab, out))
        made.append(out / f"{lab.slug}-{one.student}.zip")
    return made


def remake(lab: Lab, report: Callable[[str], None]) -> list[Path]:
    """Replace the sample submissions that come with the kit; the old ones stay when something fails.

    Raises:
        CourseError: the lab's images would bring their base along, ten times: the kit does not know it.
        EnvironmentProblem: see :func:`make`.
    """
    if any(part.layers == "above-base" for part in lab.repositories):
        _check_base()
    with tempfile.TemporaryDirectory(prefix="course-samples-") as place:
        made = make(lab, Path(place), report)
        shutil.rmtree(folder(lab), ignore_errors=True)
        folder(lab).mkdir(parents=True)
        return [Path(shutil.copy(file, folder(lab))) for file in made]


def _check_base() -> None:
    """Raise CourseError unless the engine's Python base is one that the kit knows."""
    with closing(engine.connect()) as client:
        images.ensure(client, images.PYTHON_BASE)
        image = client.images.get(images.PYTHON_BASE)
        if not images.is_known(image):
            raise CourseError(
                expected=f"{images.PYTHON_BASE} in this engine to be one of autograder/domain/bases.toml, so that its "
                "layers stay out of the samples",
                found=f"one with the diff_ids {', '.join(image.attrs['RootFS']['Layers'])}",
                next_step="Add an entry with these diff_ids, the image's source and its date; then try again.",
            )


def rewrite(file: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Change the content of a submission as someone with a zip tool would.

    Args:
        file: the zip; replaced.
        change: gets name -> bytes of all members and changes them in place.
    """
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    change(content)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)


def header(content: dict[str, bytes], **changes: Any) -> None:
    """Change fields of submission.json, with all hashes made right again, and sign it as the student whom it names."""
    document = json.loads(content[submission_zip.HEADER_FILE])
    document |= changes
    own = (submission_zip.HEADER_FILE, submission_zip.SIGNATURE_FILE)
    document["files"] = {n: hashlib.sha256(d).hexdigest() for n, d in content.items() if n not in own}
    written = content[submission_zip.HEADER_FILE] = json.dumps(document, indent=1).encode()
    seed = students.seed(KEY, document["student"], document["lab"])
    content[submission_zip.SIGNATURE_FILE] = signing.sign(seed, written)


def perfect(s: Stage) -> None:
    """Does everything as the solution does."""
    s.run(s.solved())
    s.submit()


def nothing(s: Stage) -> None:
    """Runs the notebook as it came."""
    s.run(s.shipped())
    s.submit()


def copied(s: Stage) -> None:
    """Takes ada's zip and writes an own name into it."""
    mine = s.out / f"{s.lab.slug}-{s.lab_run.student.student}.zip"
    shutil.copyfile(s.out / f"{s.lab.slug}-ada.zip", mine)
    rewrite(mine, lambda content: header(content, student=s.lab_run.student.student))


def roster() -> str:
    """The sample class as a roster file."""
    ids = sorted({one.student for lab in _labs() for one in load(lab)})
    return "id\n" + "".join(f"{id}\n" for id in ids)


def set_up(home: Path) -> list[Path]:
    """Make the sample class in ``home``: course, key and roster.

    Returns:
        the zips that the class has handed in.
    """
    from autograder.grading import people

    classroom, zips = home / "class", [file for lab in _labs() for file in sorted(folder(lab).glob("*.zip"))]
    people.write_course(classroom / people.COURSE_FILE, COURSE, KEY)
    with lab_runs.at(home):
        people.register(people.parse_roster(roster().encode(), "roster"), given=handed_out(), versions=versions())
    return zips


def handed_out() -> dict[str, dict[str, Parameters]]:
    """Student -> lab -> the values that the scripts worked under; a kit with other lists would draw others."""
    found: dict[str, dict[str, Parameters]] = {}
    for lab in _labs():
        for one in load(lab):
            file, seed = folder(lab) / f"{lab.slug}-{one.student}.zip", students.seed(KEY, one.student, lab.slug)
            seen = _seen(file)
            found.setdefault(one.student, {})[lab.slug] = (seen and seen.parameters) or students.first_drawn(lab, seed)
    return found


def versions() -> dict[str, dict[str, int]]:
    """Student -> lab -> the version of the lab that the scripts worked on; of damaged samples it is not known."""
    found: dict[str, dict[str, int]] = {}
    for lab in _labs():
        for one in load(lab):
            seen = _seen(folder(lab) / f"{lab.slug}-{one.student}.zip")
            if seen is not None:
                found.setdefault(one.student, {})[lab.slug] = seen.lab_version
    return found


def _seen(file: Path) -> Header | None:
    """A sample's header; None where it is damaged on purpose."""
    try:
        with zipfile.ZipFile(file) as archive:
            return submission_zip.HEADER.from_json(archive.read(submission_zip.HEADER_FILE))
    except (OSError, KeyError, zipfile.BadZipFile, Unreadable):
        return None


def _labs() -> list[Lab]:
    return [manifest.find(slug) for slug in manifest.slugs()]


def stories() -> dict[str, dict[str, str]]:
    """Lab -> student -> what they do there."""
    return {lab.slug: {one.student: one.story for one in load(lab)} for lab in _labs()}


def differences(home: Path) -> list[str]:
    """Where the graded class in ``home`` is not what the scripts intended, check by check; empty when it all is."""
    return [line for lab in _labs() for one in load(lab) for line in _difference(home, lab, one)]


def _difference(home: Path, lab: Lab, one: Scripted) -> list[str]:
    file = home / "class" / "verdicts" / one.student / f"{lab.slug}.json"
    who = f"{one.student}, {lab.slug}"
    if not file.is_file():
        return [] if one.refused else [f"{who}: no verdict"]
    graded = json.loads(file.read_text(encoding="utf-8"))
    verdicts = {verdict["check"]: verdict for verdict in graded["verdicts"]}
    wrong = []
    if one.refused != (graded["status"] != "graded"):
        wrong.append(f"{who}: {graded['status']}")
    if not one.refused:
        passes = one.passing(lab)
        for id in lab.declared_checks():
            status = verdicts[id]["status"] if id in verdicts else "absent"
            if status != ("passed" if id in passes else "failed"):
                wrong.append(f"{who}: {id} {status}: {verdicts.get(id, {}).get('found', '')}")
        if graded["score"] != one.points(lab):
            wrong.append(f"{who}: {graded['score']} points, not {one.points(lab)}")
    remarks = json.dumps([graded["identity"], graded["problems"], graded["notes"]], ensure_ascii=False)
    for id, text in one.says.items():
        told = remarks if not id else json.dumps(verdicts.get(id, {}), ensure_ascii=False)
        if text not in told:
            wrong.append(f"{who}: {id or 'the remarks'} do not say {text!r}")
    return wrong
