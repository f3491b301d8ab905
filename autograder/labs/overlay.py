"""What a class changes of the labs: it leaves some out, and gives other points.

An instructor writes it into ``class/course.toml``; a student's ``student.toml`` repeats it::

    [labs."03-docker-hub"]
    omit = true

    [labs."01-first-push".points]
    digest = 3
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from autograder.errors import CourseError
from autograder.labs import manifest
from autograder.labs.manifest import Lab

MAX_POINTS = 1000


class LabChange(BaseModel):
    """What a class changes of one lab.

    Attributes:
        omit: the class does not do the lab.
        points: check id -> its points in this class; the others stay as in lab.toml.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    omit: bool = False
    points: dict[str, Annotated[float, Field(ge=0, le=MAX_POINTS)]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Overlay:
    """The labs as a class has them.

    Attributes:
        changes: slug -> what is changed. What this kit does not know changes nothing; see :meth:`checked`.
    """

    changes: Mapping[str, LabChange] = field(default_factory=dict)

    def slugs(self) -> list[str]:
        """The labs that the class does, in order."""
        return [slug for slug in manifest.slugs() if not self.omits(slug)]

    def every(self) -> list[Lab]:
        """The labs that the class does, with its points."""
        return [self.applied(manifest.find(slug)) for slug in self.slugs()]

    def omits(self, slug: str) -> bool:
        """Whether the class leaves a lab out."""
        return slug in self.changes and self.changes[slug].omit

    def applied(self, lab: Lab) -> Lab:
        """A lab with the points that it has in this class."""
        change = self.changes.get(lab.slug)
        return lab.with_points(change.points) if change and change.points else lab

    def find(self, name: str) -> Lab:
        """A lab of the class, with its points; found as :func:`autograder.labs.manifest.find` does.

        Raises:
            CourseError: no such lab, or the class leaves it out.
        """
        lab = manifest.find(name)
        if self.omits(lab.slug):
            raise CourseError(
                expected="one of " + ", ".join(self.slugs()),
                found=f"{lab.slug}, which this class leaves out",
                next_step=f'Choose another one, or take [labs."{lab.slug}"] omit out of class/course.toml.',
            )
        return self.applied(lab)

    def checked(self, where: str) -> Overlay:
        """This overlay, if there is a lab and a check for every entry.

        Args:
            where: the file, for a message.

        Raises:
            CourseError: there is none; names the entry.
        """
        for slug, change in self.changes.items():
            if slug not in manifest.slugs():
                raise _unknown(where, f'[labs."{slug}"]', manifest.slugs())
            points = manifest.find(slug).points
            for id in change.points:
                if id not in points:
                    raise _unknown(where, f'{id} in [labs."{slug}".points]', points)
        if not self.slugs():
            raise CourseError(
                expected=f"in {where} at least one lab that the class does",
                found="omit = true for each of them",
                next_step="Remove one of these entries.",
            )
        return self


def _unknown(where: str, found: str, known: Iterable[str]) -> CourseError:
    return CourseError(
        expected=f"in {where} one of {', '.join(known)}",
        found=found,
        next_step="Correct that entry, or remove it.",
    )
