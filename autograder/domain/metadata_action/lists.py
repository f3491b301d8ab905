"""The action's list inputs: how csv-parse splits them into lines and fields, quirks included."""

from __future__ import annotations

from typing import Final

from autograder.domain.github_actions.errors import WorkflowError
from autograder.domain.github_actions.javascript import trim

_QUOTE: Final = '"'
_DELIMITER: Final = ","
_COMMENT: Final = "#"
_NEWLINES: Final = ("\r\n", "\n", "\r")  # the first one met counts from then on


def input_lines(text: str) -> list[str]:
    """The entries of a list input: one per line, full-line comments dropped, quotes taken off, trimmed.

    Raises:
        WorkflowError: where a quote is not closed.

    Source: ``getList`` of https://github.com/docker/actions-toolkit/blob/main/src/util.ts, called with
    ``ignoreComma``, ``comment: '#'`` and ``commentNoInfix`` by the action's src/context.ts (6.0 and later; before,
    a ``#`` anywhere in a line began a comment).
    """
    lines = [_DELIMITER.join(record) for record in _Csv(trim(text), relax_quotes=True, comments=True).records()]
    return [trim(line) for line in lines if line]


def fields(line: str) -> list[str]:
    """The comma-separated fields of one entry; commas in double quotes do not separate.

    Raises:
        WorkflowError: where a quote stands in the wrong place, or nothing is left.

    Source: ``parse(s, {relaxColumnCount: true, skipEmptyLines: true})[0]`` in the action's src/tag.ts
    """
    records = _Csv(line, relax_quotes=False, comments=False).records()
    if not records:
        raise WorkflowError("an entry is empty")
    return records[0]


class _Csv:
    """csv-parse with the options in use. Source: https://github.com/adaltas/node-csv, lib/api/index.js, ``parse``."""

    def __init__(self, text: str, *, relax_quotes: bool, comments: bool) -> None:
        self.text = text
        self.relax_quotes = relax_quotes
        self.comments = comments
        self.newline: str | None = None
        self.done: list[list[str]] = []
        self.record: list[str] = []
        self.field = ""
        self.was_quoted = False

    def records(self) -> list[list[str]]:
        quoting = commenting = False
        position = 0
        while position < len(self.text):
            char = self.text[position]
            newline = "" if quoting else self._newline_at(position)
            if quoting and self.text.startswith('""', position):
                self.field += _QUOTE
                position += 2
                continue
            if char == _QUOTE and not commenting:
                if not quoting and not self.field:
                    quoting = True
                    position += 1
                    continue
                if quoting:
                    quoting = False
                    self.was_quoted = True
                    if self._ends_field(position + 1):
                        position += 1
                        continue
                    if not self.relax_quotes:
                        raise WorkflowError(f"a closing quote is followed by text in: {self.text}")
                    self.field = _QUOTE + self.field
                elif not self.relax_quotes:
                    raise WorkflowError(f"a quote stands inside a field in: {self.text}")
            if quoting:
                self.field += char
            elif newline:
                if not (commenting and self._is_blank()):
                    self._end_record()
                commenting = False
                position += len(newline) - 1
            elif commenting:
                pass
            elif self.comments and char == _COMMENT and not self.record and not self.field:
                commenting = True
            elif char == _DELIMITER:
                self._end_field()
            else:
                self.field += char
            position += 1
        if quoting:
            raise WorkflowError(f"a quote is not closed in: {self.text}")
        self._end_record()
        return self.done

    def _newline_at(self, position: int) -> str:
        for newline in (self.newline,) if self.newline else _NEWLINES:
            if self.text.startswith(newline, position):
                self.newline = newline
                return newline
        return ""

    def _ends_field(self, position: int) -> bool:
        after = self.text[position : position + 1]
        comment = self.comments and after == _COMMENT
        return after in ("", _DELIMITER) or comment or bool(self._newline_at(position))

    def _is_blank(self) -> bool:
        return not self.was_quoted and not self.record and not self.field

    def _end_field(self) -> None:
        self.record.append(self.field)
        self.field = ""
        self.was_quoted = False

    def _end_record(self) -> None:
        if not self._is_blank():
            self._end_field()
            self.done.append(self.record)
            self.record = []
