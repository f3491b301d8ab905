"""What a Handlebars template consists of: texts, outputs, blocks, and the expressions in them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Path:
    """``a.b``, ``../a``, ``this``, ``@index``: where a value is looked up."""

    parts: tuple[str, ...]
    depth: int = 0
    data: bool = False
    original: str = ""


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, true, false, null or undefined (both None)."""

    value: str | float | bool | None
    original: str


@dataclass(frozen=True, slots=True)
class Call:
    """A path or literal in call position with its arguments: ``date 'YYYY' tz='UTC'``."""

    target: Path | Literal
    arguments: tuple[Expression, ...] = ()
    options: tuple[tuple[str, Expression], ...] = ()

    @property
    def bare(self) -> bool:
        """Whether there are no arguments at all."""
        return not self.arguments and not self.options


Expression = Path | Literal | Call


@dataclass(slots=True)
class Text:
    """Characters between tags."""

    value: str


@dataclass(slots=True)
class Output:
    """``{{call}}`` (escaped) or ``{{{call}}}``."""

    call: Call
    escaped: bool


@dataclass(slots=True)
class Block:
    """``{{#call}} body {{else}} inverse {{/call}}``; with ``{{^call}}`` body and inverse change places."""

    call: Call
    body: list[Node] = field(default_factory=list)
    inverse: list[Node] = field(default_factory=list)


Node = Text | Output | Block
