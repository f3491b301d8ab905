"""Where labs are: a search path of folders, in each of which a lab has all its parts.

The kit's own folder is on it, and ``COURSE_LABS`` puts others there: folders separated as in ``PATH``, where the word
``kit`` stands for the kit's own labs. A folder holds, for a lab ``NN-slug`` whose lab.toml names ``MODULE``::

    labs/NN-slug/        lab.toml, cases.json, the notebook: what a student gets, and what says what the lab is
    solutions/NN-slug/   the master notebook, hidden.py, students.py, samples/: what only instructors have
    checks/MODULE/       checks.py (a package, so that it may have more files; inside, imports are relative)

Of two folders that hold a lab of the same name the first on the path counts.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from autograder import paths
from autograder.errors import CourseError

VARIABLE = "COURSE_LABS"
KIT = "kit"  # on the search path: the labs that come with the kit
KIT_CHECKS = "autograder.checks"


@dataclass(frozen=True)
class LabSource:
    """Where the parts of one lab lie.

    Attributes:
        folder: lab.toml, cases.json and the notebook.
        solution: master notebook, hidden.py, students.py and samples/; a student's copy of the kit may lack it.
        checks: the folder of packages, of which the lab's ``module`` is one.
        root: what the paths in lab.toml (``starter``) are relative to.
    """

    folder: Path
    solution: Path
    checks: Path
    root: Path

    @property
    def slug(self) -> str:
        """The lab's name: that of its folder."""
        return self.folder.name

    @property
    def manifest(self) -> Path:
        """The lab's lab.toml."""
        return self.folder / "lab.toml"

    @property
    def master(self) -> Path:
        """The master notebook (jupytext percent)."""
        return self.solution / f"{self.slug}.py"

    @property
    def hidden(self) -> Path:
        """Hidden cases and values."""
        return self.solution / "hidden.py"

    @property
    def students(self) -> Path:
        """The scripted students of the sample class."""
        return self.solution / "students.py"

    @property
    def samples(self) -> Path:
        """The folder of their submissions."""
        return self.solution / "samples"

    @property
    def cases(self) -> Path:
        """Visible cases of the code tasks."""
        return self.folder / "cases.json"

    def code(self, module: str) -> ModuleType:
        """The module with the checks.

        Args:
            module: what lab.toml calls it.

        Raises:
            CourseError: there is none.
        """
        name = f"{_package(self.checks)}.{module}.checks"
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if not error.name or not f"{name}.".startswith(f"{error.name}."):
                raise  # something that the checks import
            raise CourseError(
                expected=f"the checks of {self.slug} in {self.checks / module / 'checks.py'}",
                found="no such file",
                next_step=f"Write them there, or correct `module` in {self.manifest}.",
            ) from None


def _package(checks: Path) -> str:
    """The package that a folder of checks is imported as: ``autograder.checks``, or one of its own elsewhere."""
    if checks == _kit().checks:
        return KIT_CHECKS
    name = f"course_labs_{hashlib.sha256(str(checks).encode()).hexdigest()[:12]}"
    if name not in sys.modules:
        package = ModuleType(name, f"The checks of {checks}.")
        package.__path__ = [str(checks)]
        sys.modules[name] = package
    return name


@dataclass(frozen=True)
class _Root:
    """A folder on the search path."""

    labs: Path
    solutions: Path
    checks: Path
    root: Path

    def sources(self) -> Iterator[LabSource]:
        for file in self.labs.glob("*/lab.toml"):
            slug = file.parent.name
            yield LabSource(file.parent, self.solutions / slug, self.checks, self.root)


def _kit() -> _Root:
    return _Root(paths.LABS, paths.SOLUTIONS, paths.ROOT / "autograder" / "checks", paths.ROOT)


def kit_checks() -> Path:
    """The folder of checks that comes with the kit."""
    return _kit().checks


def _roots() -> list[_Root]:
    """The search path.

    Raises:
        CourseError: no folder is on it, or one that is not there or holds no labs.
    """
    found = []
    for entry in os.environ.get(VARIABLE, "").split(os.pathsep) if os.environ.get(VARIABLE) else [KIT]:
        if entry == KIT:
            found.append(_kit())
        elif entry:
            root = Path(entry).resolve()
            if not (root / "labs").is_dir():
                raise CourseError(
                    expected=f"folders with labs in {VARIABLE}: each with labs/, solutions/ and checks/",
                    found=f"no folder labs in {root}",
                    next_step=f"Correct {VARIABLE}; {KIT!r} in it stands for the labs that come with the kit.",
                )
            found.append(_Root(root / "labs", root / "solutions", root / "checks", root))
    if not found:
        raise CourseError(
            expected=f"folders with labs in {VARIABLE}, or no such variable",
            found="no folder in it",
            next_step=f"Correct {VARIABLE}; {KIT!r} in it stands for the labs that come with the kit.",
        )
    return found


def every() -> dict[str, LabSource]:
    """Slug -> where the lab is, in the order of the slugs.

    Raises:
        CourseError: a folder on the search path is not there.
    """
    found: dict[str, LabSource] = {}
    for root in _roots():
        for source in root.sources():
            found.setdefault(source.slug, source)
    return dict(sorted(found.items()))


def beside(file: Path) -> LabSource:
    """The source of a lab.toml that is not on the search path: the other parts lie where they would on it."""
    root = file.parent.parent.parent
    return LabSource(file.parent, root / "solutions" / file.parent.name, root / "checks", root)
