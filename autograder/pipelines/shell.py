"""Scripts of a pipeline: the commands that a POSIX shell would run, as far as this can be told without running them.

Variables, quotes, lists with ``&&`` and ``||``, pipes and ``for`` loops over known words are followed. Commands inside
``if``, ``while``, ``case`` or a function are listed with the word that decides about them.
Source: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from autograder.domain.limits import VARIABLES, Budget
from autograder.domain.regex.globs import shell_pattern
from autograder.domain.regex.program import Positions

MAX_COMMANDS: Final = 500  # of one script, loops written out
MAX_NESTED: Final = 8  # loops in loops
MAX_PATTERN: Final = 200  # characters of what is cut from a variable's value ...
MAX_VALUE: Final = 2_000  # ... and of the value
_OPERATORS: Final = re.compile(r"&&|\|\||;;|\|&|<<<|<<-?|>>|>&|<&|&>|>\||[;|&()<>\n]")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_OPENS: Final = {"if": "if", "while": "while", "until": "until", "case": "case", "select": "select", "{": ""}
_CLOSES: Final = {"fi", "done", "esac", "}"}
_PARTS: Final = {"then", "else", "elif", "do"}


class NotReadable(ValueError):
    """A script that cannot be read: a quote without an end, or too long."""


@dataclass(frozen=True)
class Command:
    """A simple command.

    Attributes:
        words: the program and its arguments, expanded.
        variables: name -> value, as the command sees them.
        group: number of its list; commands joined by ``&&``, ``||`` or ``|`` have the same one.
        joint: what stands before it in its list: nothing, ``&&``, ``||`` or ``|``.
        decides: the word that decides whether it runs (``if``, ``while`` ...), or nothing.
        files: files that its output goes to.
        reads: the text or the file that it reads from, as written behind ``<<<`` or ``<``.
        errexit: whether the shell ends at a failure.
        pipefail: whether a failure inside a pipe counts.
    """

    words: tuple[str, ...]
    variables: Mapping[str, str]
    group: int
    joint: str = ""
    decides: str = ""
    files: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    errexit: bool = True
    pipefail: bool = False


@dataclass(frozen=True)
class _Token:
    text: str
    operator: bool = False


def unknown(what: str) -> str:
    """The sign for a value that only a run has."""
    return f"⟨{what}⟩"


def is_known(text: str) -> bool:
    """Whether a text holds no value that only a run has."""
    return "⟨" not in text


def commands(
    script: str,
    variables: Mapping[str, str],
    *,
    errexit: bool = True,
    pipefail: bool = False,
    budget: Budget | None = None,
) -> list[Command]:
    """The commands of a script, in order.

    Args:
        script: its text.
        variables: name -> value, as it finds them.
        errexit: whether the shell ends at a failure.
        pipefail: whether a failure inside a pipe counts.
        budget: what the run may still come to, written out; without it the script is counted on its own.

    Raises:
        NotReadable: an open quote, or more than :data:`MAX_COMMANDS` commands.
        ValueError: of the budget's kind: words and loops are too long written out.
    """
    budget = budget or Budget(error=NotReadable)
    budget.spend(len(script))
    try:
        tokens = list(_tokens(script.replace("\r\n", "\n")))
        reader = _Reader(tokens, dict(variables), errexit, pipefail, budget)
        reader.run(0, len(reader.tokens), 0)
    except RecursionError:
        raise NotReadable("quotes and brackets are nested too deeply") from None
    return reader.found


def _tokens(text: str) -> Iterator[_Token]:
    position, waiting = 0, []
    while position < len(text):
        char = text[position]
        operator = _OPERATORS.match(text, position)
        if char in " \t":
            position += 1
        elif text.startswith("\\\n", position):
            position += 2
        elif char == "#":
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        elif operator is not None:
            position = operator.end()
            yield _Token(operator.group(), operator=True)
            if operator.group() in ("<<", "<<-"):
                waiting.append(position)
            elif operator.group() == "\n" and waiting:
                position, waiting = _after_documents(text, position, waiting), []
        else:
            end = _word_end(text, position)
            word = text[position:end]
            if not (word.isdigit() and end < len(text) and text[end] in "<>"):  # the 2 of 2>&1
                yield _Token(word)
            position = end


def _after_documents(text: str, position: int, waiting: list[int]) -> int:
    """Where the script goes on behind its here-documents."""
    for start in waiting:
        begin = start
        while text.startswith((" ", "\t"), begin):
            begin += 1
        ending = text[begin : _word_end(text, begin)].strip("'\"")
        while position < len(text):
            end = text.find("\n", position)
            line, position = (text[position:], len(text)) if end < 0 else (text[position:end], end + 1)
            if line.strip() == ending:
                break
    return position


def _word_end(text: str, position: int) -> int:
    while position < len(text) and text[position] not in " \t\n;|&()<>":
        char = text[position]
        if char == "\\":
            position += 2
        elif char in "'\"`":
            position = _quote_end(text, position)
        elif text.startswith(("$(", "${"), position):
            position = _bracket_end(text, position + 1)
        else:
            position += 1
    return min(position, len(text))


def _quote_end(text: str, position: int) -> int:
    quote, start = text[position], position
    position += 1
    while position < len(text):
        if text[position] == quote:
            return position + 1
        if quote == '"' and text.startswith(("$(", "${"), position):
            position = _bracket_end(text, position + 1)
        else:
            position += 2 if text[position] == "\\" and quote != "'" else 1
    raise NotReadable(f"a quote is never closed: {text[start : start + 40]}")


def _bracket_end(text: str, position: int) -> int:
    opening, start = text[position], position
    closing = ")" if opening == "(" else "}"
    depth = 0
    while position < len(text):
        char = text[position]
        if char in "'\"":
            position = _quote_end(text, position)
            continue
        if char == "\\":
            position += 1
        depth += (char == opening) - (char == closing)
        position += 1
        if depth == 0:
            return position
    raise NotReadable(f"a bracket is never closed: {text[start - 1 : start + 40]}")


class _Reader:
    def __init__(
        self, tokens: list[_Token], variables: dict[str, str], errexit: bool, pipefail: bool, budget: Budget
    ) -> None:
        self.tokens, self.variables, self.errexit, self.pipefail = tokens, variables, errexit, pipefail
        self.spend = budget.spend
        self.bodies = _bodies(tokens)
        self.found: list[Command] = []
        self.group = 0
        self.open: list[str] = []
        self.joint = ""

    def run(self, position: int, end: int, nested: int) -> None:
        """Read the commands between two tokens."""
        while position < end:
            self.spend(1)
            token = self.tokens[position]
            if token.operator:
                position += 1
                self._operator(token.text)
            elif token.text == "for":
                position = self._loop(position, end, nested)
            elif token.text in _OPENS:
                self.open.append(_OPENS[token.text])
                position += 1
            elif token.text in _CLOSES:
                if self.open:
                    self.open.pop()
                position += 1
            elif token.text in _PARTS:
                position += 1
            elif [t.text for t in self.tokens[position + 1 : position + 3]] == ["(", ")"]:
                self.open.append("function")  # until its closing brace
                position += 4
            else:
                position = self._simple(position, end)

    def _operator(self, sign: str) -> None:
        if sign in ("&&", "||", "|", "|&"):
            self.joint = "|" if sign == "|&" else sign
        elif sign == "(":
            self.open.append("")
        elif sign == ")":
            if self.open and self.open[-1] != "case":
                self.open.pop()
        else:
            if sign == "&":  # its failure ends nothing
                self.found = [
                    replace(one, decides=one.decides or "&") if one.group == self.group else one for one in self.found
                ]
            self.joint = ""
            self.group += 1

    def _loop(self, position: int, end: int, nested: int) -> int:
        """``for NAME in WORDS; do …; done``: its body, once for each word."""
        if nested >= MAX_NESTED:
            raise NotReadable("loops are nested too deeply")
        begin, stop = self.bodies[position]
        if begin >= end or end - position < 3 or not _NAME.fullmatch(self.tokens[position + 1].text):
            self.open.append("for")
            return position + 1
        stop = min(stop, end)
        name, second = self.tokens[position + 1].text, self.tokens[position + 2].text
        texts = [token.text for token in self.tokens[position + 3 : begin]]
        words = [word for text in texts if text not in (";", "\n") for word in self.expand(text)]
        for word in words if second == "in" else [unknown("$@")]:
            self.spend(1)
            self.variables[name] = word
            self.group += 1
            self.joint = ""
            self.run(begin + 1, stop, nested + 1)
        return stop + 1

    def _simple(self, position: int, end: int) -> int:
        words: list[str] = []
        files: list[str] = []
        reads: list[str] = []
        own: dict[str, str] = {}
        decides = next((word for word in self.open if word), "")
        while position < end:
            token = self.tokens[position]
            if token.operator and token.text in ("<", ">", ">>", "<<<", ">&", "<&", "&>", ">|", "<<", "<<-"):
                target = self.expand(self.tokens[position + 1].text) if position + 1 < end else []
                if token.text in (">", ">>", ">|", "&>"):
                    files += target
                elif token.text in ("<", "<<<"):
                    reads += target
                position += 2
                continue
            if token.operator:
                break
            assigned = _ASSIGNMENT.fullmatch(token.text) if not words else None
            if assigned is not None:
                own[assigned[1]] = " ".join(self.expand(assigned[2], split=False))
            elif token.text == "!" and not words:
                decides = decides or "!"
            else:
                words += self.expand(token.text)
            position += 1
        self._add(words, own, files, reads, decides)
        return position

    def _add(self, words: list[str], own: dict[str, str], files: list[str], reads: list[str], decides: str) -> None:
        if words[:1] in (["export"], ["readonly"], ["local"], ["declare"]):
            own |= {found[1]: found[2] for word in words[1:] if (found := _ASSIGNMENT.fullmatch(word))}
            words = []
        if len(self.variables) + len(own) > VARIABLES.most:
            raise NotReadable(f"the script has more than {VARIABLES.most} {VARIABLES.unit}")
        if not words:
            self.variables |= own
            return
        if words[0] == "set":
            self._set(words[1:])
        if len(self.found) >= MAX_COMMANDS:
            raise NotReadable(f"the script has more than {MAX_COMMANDS} commands")
        seen = {**self.variables, **own}
        self.found.append(
            Command(
                tuple(words), seen, self.group, self.joint, decides, tuple(files), tuple(reads), self.errexit,
                self.pipefail,
            )
        )  # fmt: skip
        self.joint = ""

    def _set(self, options: list[str]) -> None:
        for number, option in enumerate(options):
            if re.fullmatch(r"[-+][a-z]*e[a-z]*", option):
                self.errexit = option.startswith("-")
            if option == "pipefail" and number:
                self.pipefail = options[number - 1].startswith("-")
            if option == "errexit" and number:
                self.errexit = options[number - 1].startswith("-")

    def expand(self, word: str, *, split: bool = True) -> list[str]:
        """The fields that a word becomes."""
        self.spend(1 + len(word))
        fields: list[str] = []
        current: str | None = None
        position = 0
        while position < len(word):
            char = word[position]
            if char == "\\":
                current = (current or "") + word[position + 1 : position + 2]
                position += 2
            elif char == "'":
                end = _quote_end(word, position)
                current = (current or "") + word[position + 1 : end - 1]
                position = end
            elif char == '"':
                end = _quote_end(word, position)
                current = (current or "") + self._inside(word[position + 1 : end - 1])
                position = end
            elif char in "$`":
                value, position = self._value(word, position)
                if not split:
                    current = (current or "") + value
                    continue
                parts = value.split()
                if value[:1].isspace() and current is not None:
                    fields.append(current)
                    current = None
                for number, part in enumerate(parts):
                    if number:
                        fields.append(current or "")
                        current = None
                    current = (current or "") + part
                if value[-1:].isspace() and current is not None:
                    fields.append(current)
                    current = None
            else:
                current = (current or "") + char
                position += 1
        return fields if current is None else [*fields, current]

    def _inside(self, text: str) -> str:
        """A text in double quotes."""
        parts: list[str] = []
        position = 0
        while position < len(text):
            if text[position] == "\\" and text[position + 1 : position + 2] in ("$", "`", '"', "\\", "\n"):
                parts.append(text[position + 1].replace("\n", ""))
                position += 2
            elif text[position] in "$`":
                value, position = self._value(text, position)
                parts.append(value)
            else:
                parts.append(text[position])
                position += 1
        return "".join(parts)

    def _value(self, text: str, position: int) -> tuple[str, int]:
        """The value of ``$…`` or of a command in backquotes, and where the text goes on."""
        if text[position] == "`":
            end = _quote_end(text, position)
            return unknown(text[position:end]), end
        if text.startswith("$(", position):
            end = _bracket_end(text, position + 1)
            return unknown(text[position:end]), end
        if text.startswith("${", position):
            end = _bracket_end(text, position + 1)
            return self._spent(parameter(text[position + 2 : end - 1], self.variables, self.spend)), end
        name = _NAME.match(text, position + 1)
        if name is not None:
            return self._spent(self.variables.get(name.group(), unknown(f"${name.group()}"))), name.end()
        if text[position + 1 : position + 2] in tuple("@*#?$!-0123456789"):
            return unknown(text[position : position + 2]), position + 2
        return "$", position + 1

    def _spent(self, value: str) -> str:
        self.spend(len(value))
        return value


def _bodies(tokens: list[_Token]) -> dict[int, tuple[int, int]]:
    """Of each ``for``: where its ``do`` stands and where its ``done``; the end of the script where none does."""
    end = len(tokens)
    done: dict[int, int] = {}
    opened: list[int] = []
    for number, token in enumerate(tokens):
        if token.text == "do":
            opened.append(number)
        elif token.text == "done" and opened:
            done[opened.pop()] = number
    found, following = {}, end
    for number in range(end - 1, -1, -1):
        if tokens[number].text == "do":
            following = number
        elif tokens[number].text == "for":
            found[number] = following, done.get(following, end)
    return found


def parameter(inside: str, variables: Mapping[str, str], spend: Callable[[int], None] = lambda _: None) -> str:
    """The value of ``${inside}``; ``spend`` counts what it takes to find."""
    name = _NAME.match(inside)
    if name is None:
        return unknown(f"${{{inside}}}")
    value, rest = variables.get(name.group()), inside[name.end() :]
    if not rest:
        return unknown(f"${name.group()}") if value is None else value
    default = re.fullmatch(r"(:?)([-?+=])(.*)", rest, re.DOTALL)
    if default is not None:
        there = value is not None and (bool(value) or not default[1])
        if default[2] == "+":
            return default[3] if there else ""
        return value or "" if there else (default[3] if default[2] in "-=" else unknown(f"${name.group()}"))
    if value is None:
        return unknown(f"${name.group()}")
    cut = re.fullmatch(r"(##?|%%?)(.*)", rest, re.DOTALL)
    if cut is not None and len(cut[2]) <= MAX_PATTERN and len(value) <= MAX_VALUE:
        spend(len(cut[2]) * (1 + len(value) // 64))
        return _cut(value, cut[1], cut[2].strip("\"'").replace("\\", ""))
    if rest in (",,", "^^"):
        return value.lower() if rest == ",," else value.upper()
    part = re.fullmatch(r":(\d{1,3})(?::(\d{1,3}))?", rest)
    if part is not None:
        start = int(part[1])
        return value[start : start + int(part[2])] if part[2] else value[start:]
    return unknown(f"${{{inside}}}")


def _cut(value: str, sign: str, pattern: str) -> str:
    """A value without the shortest (``#``, ``%``) or longest (``##``, ``%%``) beginning or end that a pattern takes."""
    regex, positions, length = shell_pattern(pattern), Positions(value), len(value)
    if sign[0] == "#":
        ends = positions.ends(regex, 1)
        return value if not ends else value[_lowest(ends) if sign == "#" else _highest(ends) :]
    begins = positions.begins(regex, 1 << length)
    return value if not begins else value[: _highest(begins) if sign == "%" else _lowest(begins)]


def _lowest(positions: int) -> int:
    return (positions & -positions).bit_length() - 1


def _highest(positions: int) -> int:
    return positions.bit_length() - 1


def ran(found: list[Command], fails: Callable[[Command], bool]) -> tuple[list[Command], bool]:
    """The commands that run when some of them fail, and whether the script fails.

    Args:
        found: of one script.
        fails: whether a command fails.

    Source: ``set -e`` in https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_26
    """
    done: list[Command] = []
    good, at = True, 0
    while at < len(found):
        end = at
        while end < len(found) and found[end].group == found[at].group:
            end += 1
        pipes = _pipes(found[at:end])
        good = True
        for number, pipe in enumerate(pipes):
            if (pipe[0].joint == "&&" and not good) or (pipe[0].joint == "||" and good and number):
                continue
            done += pipe
            results = [command.words[0] != "false" and not fails(command) for command in pipe]
            good = all(results) if pipe[-1].pipefail else results[-1]
            if pipe[-1].words[0] == "exit" and not (pipe[-1].decides and pipe[-1].words[1:2] not in ((), ("0",))):
                return done, pipe[-1].words[1:2] != ("0",)
            last = number == len(pipes) - 1
            if not good and last and pipe[-1].errexit and pipe[-1].decides not in ("!", "&"):
                return done, True
        at = end
    return done, not good


def _pipes(group: list[Command]) -> list[list[Command]]:
    pipes: list[list[Command]] = []
    for command in group:
        if command.joint == "|" and pipes:
            pipes[-1].append(command)
        else:
            pipes.append([command])
    return pipes


_PACKS: Final = ("gzip", "pigz", "zstd", "xz", "bzip2", "cat", "pv")
_UNPACKS: Final = ("gunzip", "zcat", "pigz", "unpigz", "zstd", "zstdcat", "xzcat", "unxz", "gzip", "cat", "pv")


def joined(found: list[Command], budget: Budget | None = None) -> list[list[Command]]:
    """What each command of a script amounts to, once pipes are seen.

    ``… | xargs COMMAND`` is the command with what ``echo`` or ``printf`` before it says. What goes through a packer
    into a file is written by the command before the packer, and what comes out of one is read from its file.
    """
    budget = budget or Budget(error=NotReadable)
    plain: list[list[Command]] = []
    for number, command in enumerate(found):
        before = found[number - 1] if number and command.joint == "|" else None
        behind = found[number + 1] if number + 1 < len(found) and found[number + 1].joint == "|" else None
        if behind is not None and behind.words[0] in _PACKS and behind.files and not command.files:
            command = replace(command, files=behind.files)
        if before is not None and before.words[0] in _UNPACKS and not command.reads:
            command = replace(command, reads=tuple(word for word in before.words[1:] if not word.startswith("-")))
        plain.append(_of_xargs(command, before, budget))
    return plain


def _of_xargs(command: Command, before: Command | None, budget: Budget) -> list[Command]:
    """``xargs``: one command, or one a word with ``-n 1``, ``-L 1`` and ``-I``; any other command as it is."""
    if command.words[0] != "xargs":
        return [command]
    rest, one, sign = list(command.words[1:]), False, ""
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        value = option[2:] if len(option) > 2 else rest.pop(0) if option in ("-n", "-I", "-L", "-P") and rest else ""
        one = one or (option[:2] in ("-n", "-L") and value == "1") or option[:2] == "-I"
        sign = value if option[:2] == "-I" else sign
    if not rest:
        return [command]
    said: tuple[str, ...] = (unknown("what xargs reads"),)
    if before is not None and before.words[0] in ("echo", "printf"):
        said = tuple(word for text in before.words[1:] for word in text.split() if "%s" not in text and text != "-e")
    longest, again = max(map(len, said), default=0), len(said) if one else 1
    budget.spend(again * sum(1 + len(part) + (part.count(sign) * longest if sign else 0) for part in rest))
    if sign:
        return [replace(command, words=tuple(part.replace(sign, word) for part in rest)) for word in said]
    return [replace(command, words=(*rest, *words)) for words in ([(word,) for word in said] if one else [said])]
