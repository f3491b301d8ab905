"""The formats of what the kit writes to disk or into a zip: a model and a number each, and readers for older numbers.

A :class:`Format` stands beside its model; CONTRIBUTING.md ("Formats") lists them all, and a test holds that list.

- The number stands in the document (``schema``); a document without one has the number 1.
- A reader takes its own number and every older one. A newer number is an error that says so: half-understood points
  would be worse than none.
- Fields that a reader does not know are passed over, so that a newer kit may say more under the same number. Only in
  what people write by hand (``by_hand``) are they errors: there they are slips of the pen.
- A number rises when an older reader would misunderstand the document, never for a field more.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from autograder.errors import CourseError

T = TypeVar("T")
JsonObject = dict[str, JsonValue]
Upgrade = Callable[[JsonObject], JsonObject]
"""Makes the next number's document of a document, which it may change."""

Witness = Literal["student", "grader", "class"]
"""Whose machine saw something: the student's own, the grader's, or one that the class shares. Verdicts have it
(``checks/api.py``); in evidence and headers it is reserved, for services that a class runs."""

MAX_NUMBER = 10**6  # of a schema: a text of thousands of digits may stand there


def is_absent(value: object) -> bool:
    """For ``Field(exclude_if=…)``: a reserved field is not written while it holds nothing."""
    return value is None


class Unreadable(CourseError):
    """A document is damaged, or in no form that this kit understands. ``detail`` says what is wrong in one line."""

    def __init__(self, *, expected: str, detail: str, next_step: str) -> None:
        super().__init__(expected=expected, found=detail, next_step=next_step)
        self.detail = detail


class Newer(Unreadable):
    """A document has a number that only a newer kit knows."""


class Format(Generic[T]):
    """A format of documents.

    Args:
        name: what a document is called in a message ("the verdict file").
        files: where documents are, as CONTRIBUTING.md lists it.
        kind: the model, or another type that pydantic validates.
        number: the number of what this kit writes.
        key: the field that holds the number.
        older: number -> what makes the next number's document of it; one for each older number.
        by_hand: people write it, so an unknown field is an error.
        next_step: what to do about a damaged document.
    """

    def __init__(
        self,
        name: str,
        files: str,
        kind: Any,
        *,
        number: int = 1,
        key: str = "schema",
        older: Mapping[int, Upgrade] | None = None,
        by_hand: bool = False,
        next_step: str = "Put back a copy of it.",
    ) -> None:
        self.name, self.files, self.kind, self.number, self.key = name, files, kind, number, key
        self.older, self.by_hand, self.next_step = dict(older or {}), by_hand, next_step
        if set(self.older) != set(range(1, number)):
            raise ValueError(f"{name}: number {number} needs a reader for each of 1 to {number - 1}")
        self._is_mapping = not (isinstance(kind, type) and issubclass(kind, BaseModel))
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def number_of(self, document: object) -> int:
        """The number of a document.

        Raises:
            Unreadable: what stands there is no number.
            Newer: this kit does not know the number.
        """
        given = document.get(self.key) if isinstance(document, dict) else None
        if given is None or isinstance(given, dict) or (self._is_mapping and not isinstance(given, int)):
            return 1  # without one; or a mapping of names, of which this is one
        if not isinstance(given, int) or isinstance(given, bool) or given < 1:
            raise self._unreadable(f"{self.key} is {given!r:.60}, which is no number of a schema")
        if given > MAX_NUMBER:
            raise self._unreadable(f"{self.key} is a number of more than {len(str(MAX_NUMBER)) - 1} digits")
        if given > self.number:
            known = f"{self.number} and older" if self.number > 1 else "1"
            raise Newer(
                expected=f"{self.name} in a form that this kit knows",
                detail=f"it has the schema {given}; this kit reads {known}",
                next_step="A newer kit wrote it: update this one to that version or a later one, then try again.",
            )
        return given

    def parse(self, document: Any) -> T:
        """A document of any provenance as the model.

        Args:
            document: plain data, as JSON or TOML give it.

        Raises:
            Unreadable: it has another form; names the field.
            Newer: a newer kit wrote it.
        """
        number = self.number_of(document)
        if number < self.number and isinstance(document, dict):
            document = self._upgraded(dict(document), number)
        document = self.without_number(document)
        try:
            return self._adapter.validate_python(document, extra="forbid" if self.by_hand else "ignore")
        except ValidationError as error:
            raise self._unreadable(first_fault(error)) from None
        except RecursionError:
            raise self._unreadable("it is nested too deeply") from None

    def without_number(self, document: Any) -> Any:
        """A mapping of names without its number, which is none of them; anything else as it is."""
        if self._is_mapping and isinstance(document, dict) and isinstance(document.get(self.key), int):
            return {name: value for name, value in document.items() if name != self.key}
        return document

    def _upgraded(self, document: JsonObject, number: int) -> JsonObject:
        try:
            for step in range(number, self.number):
                document = self.older[step](document) | {self.key: step + 1}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._unreadable(
                f"it has not the form of schema {number} ({type(error).__name__}: {error})"
            ) from None
        return document

    def from_json(self, content: bytes) -> T:
        """The bytes of a JSON file as the model; raises as :meth:`parse`."""
        try:
            document = from_json(content)
        except ValueError as error:
            raise self._unreadable(f"it is not valid JSON: {error}") from None
        return self.parse(document)

    def from_toml(self, content: bytes) -> T:
        """The bytes of a TOML file as the model; raises as :meth:`parse`."""
        try:
            document = tomllib.loads(content.decode("utf-8-sig"))  # some editors put a mark in front
        except ValueError as error:  # no TOML, no UTF-8, a number of thousands of digits
            raise self._unreadable(str(error)) from None
        except RecursionError:
            raise self._unreadable("it is nested too deeply") from None
        return self.parse(document)

    def to_json(self, document: T, indent: int | None = None) -> bytes:
        """A document as JSON; a reserved field that holds nothing is left out.

        A mapping has no field for its number: from 2 on it is put in front, unless one of the names is called so.
        """
        if self._is_mapping and self.number > 1:
            names = self._adapter.dump_python(document, mode="json", by_alias=True)
            return to_json({self.key: self.number, **names}, indent=indent)
        return self._adapter.dump_json(document, indent=indent, by_alias=True)

    def _unreadable(self, detail: str) -> Unreadable:
        return Unreadable(expected=f"{self.name} as the kit reads it", detail=detail, next_step=self.next_step)


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong, as ``field.of.field: what``."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
