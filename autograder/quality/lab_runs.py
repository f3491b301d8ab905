"""Do a lab for real, as a student would: a home of its own, a real registry, notebooks run by a real kernel.

Used by the live part of the content contract, by the tests, and to make the sample class.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder import paths, quick_jsonschema
from autograder.checks.api import Verdict
from autograder.errors import CourseError, EnvironmentProblem
from autograder.labs import cloud_reset, release, students, workspace
from autograder.labs.manifest import Lab
from autograder.labs.students import Student
from autograder.services import endpoint, engine, installation, jupyter, removal

quick_jsonschema.prepare()  # nbclient imports it

CELL_SECONDS = 1800  # for what hangs: a cell may build an image, on a machine that is busy


@dataclass
class LabRun:
    """One student's context.

    Attributes:
        home: folder that stands for COURSE_HOME; its services are up.
        student: who sits there.
    """

    home: Path
    student: Student

    def environment(self) -> dict[str, str]:
        """The environment of everything that is run here."""
        return environment(self.home)

    def folder(self, lab: Lab) -> Path:
        """Where this student works on a lab."""
        return self.home / "work" / lab.slug

    def fresh(self, lab: Lab) -> None:
        """The lab as shipped, for this student."""
        with at(self.home):
            students.write(self.student, paths.work() / "student.toml")
            workspace.prepare()
            if any(self.folder(lab).glob("answers.json")):
                workspace.reset(lab)
            cloud_reset.cleared([lab], self.student)

    def course(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the kit here."""
        return _course(self.home, *arguments)

    def verdicts(self, lab: Lab) -> dict[str, Verdict]:
        """What `course check` says, by check id.

        Raises:
            CourseError: the command failed for another reason than checks that do not pass.
        """
        done = self.course("check", lab.slug, "--json")
        if done.returncode not in (0, 1):
            raise CourseError(expected=f"verdicts of {lab.slug}", found=done.stderr.strip(), next_step="See the error.")
        return {found["check"]: Verdict.model_validate(found) for found in json.loads(done.stdout)}

    def run(self, lab: Lab, notebook: Any) -> Any:
        """Save a notebook as the student's and run all its cells; returns it with its outputs.

        Cells that fail do not stop it, as a person would go on.
        """
        from nbclient import NotebookClient
        from traitlets.config import Config

        self.save(lab, notebook)
        ran = copy.deepcopy(notebook)
        environment = self.environment()
        before = dict(os.environ)
        os.environ.update(environment)
        try:
            client = NotebookClient(
                ran,
                timeout=CELL_SECONDS,
                allow_errors=True,
                kernel_name="python3",
                resources={"metadata": {"path": str(self.folder(lab))}},
                config=Config(KernelManager=jupyter.ENCRYPTED),
            )
            client.execute()
        finally:
            os.environ.clear()
            os.environ.update(before)
        return ran

    def save(self, lab: Lab, notebook: Any) -> None:
        """Write a notebook over the student's.

        A task's cell runs without ``me``, so a master's ``me.NAME`` in it becomes the value, as a student writes it.
        """
        values = self.student.parameters_of(lab)
        for cell in notebook.cells:
            if any(str(tag).startswith("task:") for tag in cell.metadata.get("tags", ())):
                cell.source = re.sub(r"\bme\.(\w+)", lambda found: repr(values[found[1]]), cell.source)
        (self.folder(lab) / f"{lab.slug}.ipynb").write_bytes(release.content(notebook))

    def submit(self, lab: Lab, out: Path) -> Path:
        """Write the submission into ``out``.

        Raises:
            CourseError: `course submit` failed.
        """
        done = self.course("submit", lab.slug, "--out", str(out))
        if done.returncode:
            raise CourseError(expected="a submission", found=done.stderr.strip(), next_step="See the error.")
        return out / f"{lab.slug}-{self.student.student}.zip"


def environment(home: Path) -> dict[str, str]:
    """The environment in which commands, kernels and servers work in ``home``."""
    path = os.pathsep.join([str(paths.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {"COURSE_HOME": str(home), "PYTHONPATH": path, "PYTHONUTF8": "1"}
    return os.environ | own | _docker(home)


def _docker(home: Path) -> dict[str, str]:
    """A configuration of ``docker`` of this home's own: the same engine and plugins, none of the logins.

    So a lab that logs in finds nothing in the configuration of whoever starts the run, and leaves nothing there.
    """
    config, plugins = home / ".docker", endpoint.config_folder() / "cli-plugins"
    if not config.is_dir():
        config.mkdir(parents=True)
        if plugins.is_dir():
            shutil.copytree(plugins, config / "cli-plugins", symlinks=True)
    found = endpoint.find()
    return {"DOCKER_CONFIG": str(config)} | ({} if found.is_default else {"DOCKER_HOST": found.url})


def _course(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "autograder.cli", *arguments],
        cwd=paths.ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@contextmanager
def at(home: Path) -> Iterator[None]:
    """Make ``home`` the COURSE_HOME of this process for a while."""
    before = os.environ.get("COURSE_HOME")
    os.environ["COURSE_HOME"] = str(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["COURSE_HOME"]
        else:
            os.environ["COURSE_HOME"] = before


@contextmanager
def services(home: Path, *, needed: bool = True) -> Iterator[None]:
    """A home whose services are up, as `course start` brings them up; removed with their volumes afterwards.

    Args:
        home: the home's folder.
        needed: False for a home where nothing needs an engine; then nothing is started.

    Raises:
        EnvironmentProblem: they could not be started.
    """
    if not needed:
        yield
        return
    done = _course(home, "start", "--services-only", "--no-browser")
    try:
        if done.returncode:
            raise EnvironmentProblem(
                expected="the services of a lab run up",
                found=(done.stderr or done.stdout).strip(),
                next_step="Run `python3 course.py doctor`.",
            )
        yield
    finally:
        with at(home):  # first, while the registry still holds its port: a name belongs to one home only until then
            _remove()
        _course(home, "stop")


def _remove() -> None:
    """Remove what the current installation has in the engine."""
    state, (_, client) = installation.find(), engine.probe()
    if state is not None and client is not None:
        with closing(client):
            removal.remove(client, state)


def solved(lab: Lab) -> Any:
    """The master with its solutions in place, as a student who did everything would save it."""
    return release.source(lab)


def shipped(lab: Lab) -> Any:
    """The student's notebook as it is handed out."""
    return release.release(release.source(lab))


def mixed(lab: Lab, *solved_ids: str) -> Any:
    """The notebook as handed out, with the named cells solved."""
    notebook, full = shipped(lab), {cell.id: cell for cell in solved(lab).cells}
    for cell in notebook.cells:
        if cell.id in solved_ids:
            cell.source = full[cell.id].source
    return notebook
