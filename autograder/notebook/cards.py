"""How results look: a card in a notebook, the same words as plain text everywhere else.

Status is told by a word and a sign, never by colour alone. Colours are JupyterLab's own variables, so that they fit
its light and dark themes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from autograder import paths
from autograder.checks.api import Verdict
from autograder.errors import CourseError
from autograder.labs.manifest import Lab

Kind = Literal["passed", "failed", "not_begun", "not_graded", "problem", "hint", "recorded"]

SIGNS: dict[Kind, tuple[str, str, str]] = {  # sign, word, colour
    "passed": ("✓", "Passed", "var(--jp-success-color1, #2e7d32)"),
    "failed": ("✗", "Not yet", "var(--jp-error-color1, #b71c1c)"),
    "not_begun": ("○", "Not begun", "var(--jp-ui-font-color2, #616161)"),
    "not_graded": ("?", "Could not be judged", "var(--jp-warn-color1, #8a5300)"),
    "problem": ("!", "Needs your attention", "var(--jp-warn-color1, #8a5300)"),
    "hint": ("→", "Hint", "var(--jp-brand-color1, #1565c0)"),
    "recorded": ("•", "Recorded", "var(--jp-brand-color1, #1565c0)"),
}

LONG_ROW = 100  # characters of a table's row; in plain text a longer one is shown cell by cell
LONG_CELL = 200  # characters; in a notebook a longer one is opened with a click


def number(points: float) -> str:
    """Points without a trailing .0."""
    return f"{points:g}"


@dataclass(frozen=True)
class Card:
    """One result: a heading, labelled lines, and perhaps a table whose first row is its header.

    ``name`` is what a terminal shows in brackets behind the heading: what other commands call this check.
    """

    kind: Kind
    title: str
    aside: str = ""
    lines: tuple[tuple[str, str], ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    name: str = ""

    @classmethod
    def of(cls, verdict: Verdict) -> Card:
        """The card of a verdict."""
        lines = (
            [("", verdict.why)]
            if verdict.status == "passed"
            else [("Expected", verdict.expected), ("Found", verdict.found), ("Next", verdict.next_step)]
        )
        if verdict.points is None:
            aside = f"costs no points, {number(verdict.max_points)} still to earn"
        else:
            unit = "point" if verdict.max_points == 1 else "points"
            aside = f"{number(verdict.points)} of {number(verdict.max_points)} {unit}"
        kept = tuple((label, text) for label, text in lines if text)
        kind: Kind = "not_begun" if verdict.not_begun else verdict.status
        return cls(kind, verdict.title, aside, kept, verdict.table)

    @classmethod
    def not_begun(cls, name: str, found: str, next_step: str) -> Card:
        """The card of an answer whose value is still the ``...`` of the task as it was handed out."""
        return cls("not_begun", name, lines=(("Found", found), ("Next", next_step)))

    @classmethod
    def problem(cls, error: CourseError) -> Card:
        """The card of an error that the person can act on."""
        lines = (("Expected", error.expected), ("Found", error.found), ("Next", error.next_step))
        return cls("problem", "This could not be done", lines=lines)

    @classmethod
    def hint(cls, which: int, text: str) -> Card:
        """The card of a hint."""
        return cls("hint", f"{which} of 3", lines=(("", text),))

    @classmethod
    def recorded(cls, name: str, value: Any) -> Card:
        """The card of an answer, as Python writes it: that is how it was typed, and how messages show it."""
        shown = repr(value)
        return cls("recorded", name, lines=(("", shown if len(shown) <= 200 else shown[:199] + "…"),))

    def _lines_here(self) -> list[tuple[str, str]]:
        """The lines, with the course's commands named so that they work where the card is read."""
        return [(label, paths.as_typed_here(text)) for label, text in self.lines]

    def text(self) -> str:
        """Plain text, for a terminal or a screen reader."""
        sign, word, _ = SIGNS[self.kind]
        aside, name = f" ({self.aside})" if self.aside else "", f" [{self.name}]" if self.name else ""
        out = [f"{sign} {word}: {self.title}{aside}{name}"]
        width = max((len(label) for label, _ in self.lines), default=0)
        out += [
            f"    {label + ':':<{width + 1}} {text}" if label else f"    {text}" for label, text in self._lines_here()
        ]
        return "\n".join([*out, *_plain(self.table)])

    def html(self) -> str:
        """A card whose words are those of :meth:`text`."""
        sign, word, colour = SIGNS[self.kind]
        body = "".join(
            f'<div style="margin-top:4px">{f"<strong>{escape(label)}:</strong> " if label else ""}{escape(text)}</div>'
            for label, text in self._lines_here()
        )
        if self.table:
            head, *rows = self.table
            cells = "".join(f'<th scope="col" style="text-align:left">{escape(c)}</th>' for c in head)
            mono = "font-family:var(--jp-code-font-family, monospace);text-align:left;vertical-align:top"
            listed = "".join(
                "<tr>" + "".join(f'<td style="{mono}">{_cell(c)}</td>' for c in row) + "</tr>" for row in rows
            )
            body += f'<table style="margin:8px 0 0 0"><thead><tr>{cells}</tr></thead><tbody>{listed}</tbody></table>'
        aside = f' <span style="opacity:.85;white-space:nowrap">({escape(self.aside)})</span>' if self.aside else ""
        return (
            f'<div style="border-left:4px solid {colour};padding:6px 12px;margin:6px 0;max-width:60em">'
            f'<div><strong><span aria-hidden="true" style="color:{colour}">{sign}</span> {word}: '
            f"{escape(self.title)}</strong>{aside}</div>{body}</div>"
        )


def _plain(table: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table: a row a line, or a cell a line where that would be too long to read."""
    if all(len(" | ".join(row)) <= LONG_ROW for row in table):
        return ["    " + " | ".join(row) for row in table]
    head, *rows = table
    width = max(map(len, head)) + 1
    out = []
    for row in rows:
        for label, cell in zip(head, row, strict=False):
            first, *more = textwrap.wrap(cell, LONG_ROW, break_on_hyphens=False) or [""]
            out += [f"    {label + ':':<{width}} {first}", *(" " * (width + 5) + line for line in more)]
        out.append("")
    return out[:-1]


def _cell(text: str) -> str:
    """A table's cell in HTML: all of its text, a long one behind its beginning."""
    whole = f'<span style="white-space:pre-wrap;overflow-wrap:anywhere">{escape(text)}</span>'
    if len(text) <= LONG_CELL:
        return whole
    begins = f"{escape(text[:80])} … (all {len(text):,} characters)"
    return f'<details><summary style="overflow-wrap:anywhere">{begins}</summary>{whole}</details>'


class Cards:
    """Results, shown by whatever displays the value of a cell.

    Args:
        cards: the results.
        notes: sentences below them.
        total: what all of them come to, in lines; the last that is shown.
    """

    def __init__(self, cards: Sequence[Card], notes: Sequence[str] = (), total: Sequence[str] = ()) -> None:
        self.cards, self.notes, self.total = tuple(cards), tuple(notes), tuple(total)

    def __repr__(self) -> str:
        out = [*(card.text() for card in self.cards), *(f"    Note: {note}" for note in self.notes)]
        return "\n".join([*out, "", *self.total] if self.total else out)

    def _repr_html_(self) -> str:
        notes = "".join(f'<p style="margin:4px 16px">Note: {escape(note)}</p>' for note in self.notes)
        lines = "<br>".join(map(escape, self.total))
        total = f'<p style="margin:12px 16px 4px 16px"><strong>{lines}</strong></p>' if lines else ""
        return "".join(card.html() for card in self.cards) + notes + total


def earned(lab: Lab, verdicts: Sequence[Verdict]) -> str:
    """Points in words: earned, of all, and how many of these a person gives."""
    by_hand = sum(lab.points[id] for id in lab.by_hand)
    rest = f"; {number(by_hand)} of these are given by a person ({', '.join(lab.by_hand)})" if by_hand else ""
    got = sum(verdict.points or 0 for verdict in verdicts)
    return f"{number(got)} of {number(lab.total)} points{rest}"


def total(lab: Lab, verdicts: Sequence[Verdict]) -> list[str]:
    """What the verdicts on a whole lab come to: points got and possible, and which checks are open."""
    kinds = {verdict.check: Card.of(verdict).kind for verdict in verdicts}
    words: dict[Kind, str] = {"failed": "Not yet", "not_begun": "Not begun", "not_graded": "Could not be judged"}
    ids = {word: [id for id, kind in kinds.items() if kind == which] for which, word in words.items()}
    open_ones = ". ".join(f"{word}: {', '.join(found)}" for word, found in ids.items() if found)
    return [f"Total: {earned(lab, verdicts)}", f"{open_ones}." if open_ones else "Nothing is open."]


Line = tuple[str, str]  # a name or value, and what it means (empty for a value alone)


def _lines(value: Any) -> list[Line]:
    """A personal value for a table: one line per entry of a list or dict."""
    if isinstance(value, dict):
        return [(str(key), str(part)) for key, part in value.items()]
    if not isinstance(value, list):
        return [(str(value), "")]
    return [
        (", ".join(f"{k}: {v}" for k, v in part.items()) if isinstance(part, dict) else str(part), "") for part in value
    ]


class Me:
    """The student's personal values, as attributes: ``me.repository``, ``me.student``, …

    A parameter whose name begins with ``_`` is for checks only; students read it in words.
    """

    def __init__(self, source: Callable[[], tuple[str, dict[str, Any]]]) -> None:
        self.__source = source

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        student, parameters = self.__source()
        if name == "student":
            return student
        if name in parameters:
            return parameters[name]
        raise AttributeError(f"me has no {name!r}; it has {', '.join(dir(self))}")

    def __dir__(self) -> list[str]:
        return [name for name, _ in self.__rows()]

    def __rows(self) -> list[tuple[str, list[Line]]]:
        student, parameters = self.__source()
        shown = {name: value for name, value in parameters.items() if not name.startswith("_")}
        return [(name, _lines(value)) for name, value in {"student": student, **shown}.items()]

    def __repr__(self) -> str:
        rows = self.__rows()
        width = max(len(name) for name, _ in rows)
        between = "\n" + " " * (len("me.") + width + 2)
        return "\n".join(
            f"me.{name:<{width}}  {between.join('  →  '.join(filter(None, line)) for line in lines)}"
            for name, lines in rows
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left;vertical-align:top"><code>me.{escape(name)}</code></th>'
            f'<td style="text-align:left">{"".join(_html(*line) for line in lines)}</td></tr>'
            for name, lines in self.__rows()
        )
        return f"<table><tbody>{rows}</tbody></table>"


def _html(value: str, meaning: str) -> str:
    """A line of a personal value; a long one hangs, so that its entries stay apart."""
    text = f" → {escape(meaning)}" if meaning else ""
    return f'<div style="padding:1px 0 1px 2em;text-indent:-2em"><code>{escape(value)}</code>{text}</div>'
