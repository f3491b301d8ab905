"""Handlebars templates, as far as tag rules use them: reading a template into a tree.

Source: the lexer and grammar of Handlebars 4.7, https://github.com/handlebars-lang/handlebars.js/tree/4.x/src
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.metadata_action.template_tree import Block, Call, Expression, Literal, Node, Output, Path, Text

_ID_END: Final = r"(?=[=~}\s/.)|\]])"
_LITERAL_END: Final = r"(?=[~}\s)\]])"
_TOKEN: Final = re.compile(
    rf"""\s+
    | (?P<open>\() | (?P<close>\)) | (?P<equals>=)
    | (?P<up>\.\.) | (?P<dot>\.{_ID_END}) | (?P<separator>[/.])
    | "(?P<double>(?:\\["]|[^"])*)" | '(?P<single>(?:\\[']|[^'])*)'
    | (?P<at>@)
    | (?P<constant>(?:true|false|undefined|null){_LITERAL_END})
    | (?P<number>-?[0-9]+(?:\.[0-9]+)?{_LITERAL_END})
    | (?P<as>as\s+\|)
    | (?P<id>[^\s!"#%-,./;->@\[-^`{{-~]+{_ID_END})
    | \[(?P<segment>(?:\\\]|[^\]])*)\]
    """,
    re.VERBOSE,
)
_CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "undefined": None, "null": None}

_END: Final = re.compile(r"~?\}\}")
_CALL_END: Final = re.compile(r"(?!\}~?\}\})~?\}\}")  # three braces in a row close a triple only
_TRIPLE_END: Final = re.compile(r"(?!\}\}\}\})\}~?\}\}")

# A tag's opening, in the lexer's order.
_OPENINGS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("raw", r"\{\{\{\{"),
        ("partial", r"\{\{~?#?>"),
        ("decorator", r"\{\{~?#?\*"),
        ("block", r"\{\{~?#"),
        ("end", r"\{\{~?/"),
        ("else", r"\{\{~?(?:\^\s*|\s*else\s*)(?=~?\}\})"),
        ("inverse", r"\{\{~?\^"),
        ("chain", r"\{\{~?\s*else\b"),
        ("triple", r"\{\{~?\{"),
        ("unescaped", r"\{\{~?&"),
        ("comment", r"\{\{~?!--[\s\S]*?--(?=~?\}\})"),
        ("short comment", r"\{\{~?!(?!--)[\s\S]*?(?=\}\})"),
        ("output", r"\{\{~?"),
    )
)


@dataclass(slots=True)
class _Tag:
    kind: str
    call: Call | None
    strip_left: bool
    strip_right: bool


def parse(template: str) -> list[Node]:
    """Read a template.

    Raises:
        WorkflowError: where Handlebars would refuse it.
        NotKnownHere: for partials, decorators, raw blocks and block parameters, and for blocks over several lines,
            which Handlebars reads by rules that tag inputs never need.
    """
    reader = _Reader(template)
    nodes, end = reader.nodes()
    if end is not None:
        raise WorkflowError(f"'{{{{{'else' if end.kind != 'end' else '/'}' stands outside a block in: {template}")
    return nodes


class _Reader:
    def __init__(self, template: str) -> None:
        self.template = template
        self.position = 0
        self.strip_next = False

    def nodes(self) -> tuple[list[Node], _Tag | None]:
        """The nodes up to the end of the template or the tag that ends the surrounding block."""
        found: list[Node] = []
        while self.position < len(self.template):
            for value in self._texts():
                text = value.lstrip() if self.strip_next else value
                self.strip_next = False
                if text:
                    found.append(Text(text))
            if self.position >= len(self.template):
                break
            tag = self._tag()
            if tag.strip_left and found and isinstance(last := found[-1], Text):
                last.value = last.value.rstrip()
            self.strip_next = tag.strip_right
            if tag.kind in ("end", "else", "chain"):
                return found, tag
            if tag.call is not None:
                if tag.kind in ("block", "inverse"):
                    found.append(self._block(tag.call, inverted=tag.kind == "inverse"))
                else:
                    found.append(Output(tag.call, escaped=tag.kind == "output"))
        return found, None

    def _texts(self) -> list[str]:
        r"""The texts before the next tag. ``\{{`` is text up to the tag after it, ``\\{{`` a backslash and a tag."""
        texts = []
        while True:
            at = self.template.find("{{", self.position)
            if at < 0:
                texts.append(self.template[self.position :])
                self.position = len(self.template)
                return texts
            text = self.template[self.position : at]
            self.position = at
            if text.endswith("\\\\"):
                return [*texts, text[:-1]]
            if not text.endswith("\\"):
                return [*texts, text]
            texts.append(text[:-1])
            literal = re.compile(r"[\s\S]{2,}?(?=\{\{|\\\{\{|\\\\\{\{|\Z)").match(self.template, at)
            assert literal is not None  # at least the two braces are there
            texts.append(literal.group())
            self.position = literal.end()

    def _tag(self) -> _Tag:
        matches = ((kind, pattern.match(self.template, self.position)) for kind, pattern in _OPENINGS)
        kind, opening = next((kind, found) for kind, found in matches if found)  # the last one always matches
        if kind in ("raw", "partial", "decorator"):
            raise NotKnownHere(f"Handlebars {kind}s, which the preview does not evaluate: {self.template}")
        standalone = kind not in ("triple", "unescaped", "output")
        if standalone and "\n" in self.template:
            raise NotKnownHere(f"Handlebars' rules for blocks over several lines: {self.template}")
        strip_left = self.template.startswith("{{~", self.position)
        self.position = opening.end()
        has_call = kind not in ("else", "comment", "short comment")
        call = self._call(inside=False) if has_call else None
        closing = (_TRIPLE_END if kind == "triple" else _CALL_END if has_call else _END).match(
            self.template, self.position
        )
        strip_right = closing is not None and "~" in self.template[closing.start() - 1 : closing.end()]
        if closing is None:
            raise WorkflowError(f"a tag is not closed, or holds something unexpected, in: {self.template}")
        self.position = closing.end()
        return _Tag(kind, call, strip_left, strip_right)

    def _block(self, call: Call, *, inverted: bool) -> Block:
        body, end = self.nodes()
        inverse: list[Node] = []
        if end is not None and end.kind == "chain":
            if inverted:
                raise WorkflowError(f"an inverted block takes no 'else if': {self.template}")
            assert end.call is not None
            inverse = [self._block_chain(end.call, call)]
        elif end is not None:
            if end.kind == "else":
                inverse, end = self.nodes()
            self._check_end(end, call)
        else:
            self._check_end(end, call)
        return Block(call, inverse, body) if inverted else Block(call, body, inverse)

    def _block_chain(self, call: Call, outer: Call) -> Block:
        """``{{else if x}}``: a block of its own that ends where the outer one ends."""
        body, end = self.nodes()
        inverse: list[Node] = []
        if end is not None and end.kind == "chain":
            assert end.call is not None
            return Block(call, body, [self._block_chain(end.call, outer)])
        if end is not None and end.kind == "else":
            inverse, end = self.nodes()
        self._check_end(end, outer)
        return Block(call, body, inverse)

    def _check_end(self, end: _Tag | None, call: Call) -> None:
        if end is None or end.kind != "end" or end.call is None:
            raise WorkflowError(f"a block is not closed in: {self.template}")
        if end.call.target.original != call.target.original:
            raise WorkflowError(f"{call.target.original} doesn't match {end.call.target.original}")

    def _next(self) -> re.Match[str] | None:
        """The next token that is no white space, without taking it."""
        while token := _TOKEN.match(self.template, self.position):
            if not token.group().isspace():
                return token
            self.position = token.end()
        return None

    def _call(self, *, inside: bool) -> Call:
        target = self._simple()
        arguments: list[Expression] = []
        options: list[tuple[str, Expression]] = []
        while (token := self._next()) and token.lastgroup != "close":
            if token.lastgroup == "as":
                raise NotKnownHere(
                    f"Handlebars' block parameters, which the preview does not evaluate: {self.template}"
                )
            name = re.compile(r"\s*=").match(self.template, token.end()) if token["id"] else None
            if name is not None:
                self.position = name.end()
                options.append((token["id"], self._argument()))
            elif options:
                raise WorkflowError(f"a plain argument stands behind a named one in: {self.template}")
            else:
                arguments.append(self._argument())
        if inside:
            if token is None:
                raise WorkflowError(f"a parenthesis is not closed in: {self.template}")
            self.position = token.end()
        elif token is not None:
            raise WorkflowError(f"a parenthesis too many in: {self.template}")
        return Call(target, tuple(arguments), tuple(options))

    def _argument(self) -> Expression:
        token = self._next()
        if token is not None and token["open"]:
            self.position = token.end()
            return self._call(inside=True)
        return self._simple()

    def _simple(self) -> Path | Literal:
        token = self._next()
        if token is None:
            raise WorkflowError(f"a tag is empty or holds something unexpected in: {self.template}")
        if token["double"] is not None or token["single"] is not None:
            self.position = token.end()
            double = token["double"]
            text = double.replace('\\"', '"') if double is not None else token["single"].replace("\\'", "'")
            return Literal(text, text)
        if token["constant"] or token["number"]:
            self.position = token.end()
            word = token.group()
            return Literal(float(word) if token["number"] else _CONSTANTS[word], word)
        return self._path()

    def _path(self) -> Path:
        data = False
        token = self._next()
        if token is not None and token["at"]:
            data = True
            self.position = token.end()
        original, depth = "@" if data else "", 0
        parts: list[str] = []
        while True:
            token = _TOKEN.match(self.template, self.position)
            segment = token["segment"] if token else None
            word = segment if segment is not None else token and (token["id"] or token["up"] or token["dot"])
            if token is None or word is None:
                raise WorkflowError(f"a name is missing in: {self.template}")
            self.position = token.end()
            original += word
            if segment is None and word in ("..", ".", "this"):
                if parts:
                    raise WorkflowError(f"Invalid path: {original}")
                depth += word == ".."
            else:
                parts.append(re.sub(r"\\([\\\]])", r"\1", word) if segment is not None else word)
            separator = _TOKEN.match(self.template, self.position)
            if separator is None or not separator["separator"]:
                return Path(tuple(parts), depth, data, original)
            self.position = separator.end()
            original += separator.group()
