"""Command blocks of a lesson: which fence is run, which is validated, which is expected output, which is marked.

How an author writes them:

==============================  ======================================================================================
fence                           what happens in the tests
==============================  ======================================================================================
``sh``                          run by bash, in order, in one session: folder, variables and functions carry over;
                                every variable is exported
``python``                      run by Python in the session's folder, with the session's variables
a fence with ``title="NAME"``   saved under that name in the session's folder, and validated
``json`` ``yaml`` ``toml``      validated, with or without a name: by their language, and by the rules of what they are
``dockerfile``                  (:mod:`autograder.content.filekinds`), told by title or content: Compose file, GitHub
                                workflow, GitLab pipeline, Kubernetes manifest, registry configuration, policy …
``title="Output"``              what the block directly before it prints, in any language; the title may go on
``text`` ``powershell``         an illustration; nothing is tested
==============================  ======================================================================================

A comment on the line above a fence, ``<!-- test: … -->``, changes that. Its words:

``exit=N``        the block ends with this status (default 0); every earlier command in it succeeds. ``exit=254,255``
                  takes either: the versions of a client differ
``timeout=S``     seconds before the block counts as hanging (default 240)
``retry=S``       tried again for up to S seconds until it succeeds: what it needs is still starting, and a test types
                  faster than a reader
``skip="why"``    cannot run here; the reason is printed in the report. The block is still parsed and validated. Blocks
                  with ``gcloud`` or ``az`` are counted apart, and each such command is compared with what a helper
                  command of the kit printed in this lesson (:mod:`autograder.content.cloudcli`)
``as=KIND``       what a file is, where title and content do not tell; ``plain`` for its language alone
``invalid``       the file is wrong on purpose: its language accepts it, its kind's rules must not
``any-order``     the lines of the expected output may come in any order (on the output's fence), such as the rows of a
                  push; digests that the lesson shows elsewhere tell them apart
``exact``         nothing in the expected output is masked (on the output's fence)
``local``         emulators are shown by their local addresses, localhost:5001 to 5005 (on the output's fence)

In expected output a line ``…`` stands for any number of lines and ``…`` inside a line for any text;
what changes from run to run is masked (:mod:`autograder.content.expect`). Ports, ``my-…`` names, the clouds' hosts and
folders are translated (:mod:`autograder.content.names`): a container, volume or network that a lesson makes is called
``my-…``. Images may have names without a host; these are given back to the reader's images afterwards.

What a lesson needs besides Docker, curl and Python stands in its front matter (``needs``,
:mod:`autograder.content.lessons`). A lesson that needs ``clouds`` finds the variables of ``course env`` set, and the
emulators as earlier lessons left them, or empty. Its logins are kept apart from the reader's.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from autograder.content import cloudcli, filekinds, markdown
from autograder.content.markdown import Fence, at

RUN = ("sh", "python")
VALIDATE = ("json", "yaml", "toml", "dockerfile")
ILLUSTRATION = ("text", "powershell")
Kind = Literal["run", "validate", "marked"]


@dataclass(frozen=True)
class Expected:
    """The output that a lesson shows under a block."""

    text: str
    line: int
    any_order: bool = False
    exact: bool = False
    local: bool = False


@dataclass(frozen=True)
class Block:
    """A block that the tests care for.

    ``exit`` holds each status that is right; ``timeout`` and ``retry`` are in seconds; ``reason`` says why a marked
    block is not run; ``what`` is the kind of a file (:mod:`autograder.content.filekinds`), and ``invalid`` says that
    its rules must refuse it.
    """

    kind: Kind
    language: str
    code: str
    line: int
    file: str | None = None
    exit: tuple[int, ...] = (0,)
    timeout: float = 240.0
    retry: float = 0.0
    reason: str | None = None
    what: str = filekinds.PLAIN
    invalid: bool = False
    expected: Expected | None = None

    @property
    def cloud(self) -> bool:
        """Whether it is marked and calls a cloud's own tool."""
        return self.kind == "marked" and self.language == "sh" and bool(cloudcli.cloud_commands(self.code))


def parse(path: Path) -> list[Block]:
    """The blocks of a page, in order.

    Raises:
        CourseError: an unknown language or directive, an expected output without its block, a marker without a reason.
    """
    blocks: list[Block] = []
    last_was_run = False
    for fence in markdown.fences(path, markdown.read(path)):
        words = _directive(path, fence)
        if (fence.title or "").startswith("Output"):
            if not last_was_run:
                raise at(
                    path,
                    fence.line,
                    expected="a block that is run directly before its output",
                    found="an output that follows something else",
                    next_step="Put it under its block, or give it another title.",
                )
            blocks[-1] = _with_output(path, fence, words, blocks[-1])
            last_was_run = False
            continue
        last_was_run = False
        if fence.language in ILLUSTRATION:
            continue
        block = _block(path, fence, words)
        last_was_run = block.kind == "run" or block.kind == "marked"
        blocks.append(block)
    return blocks


def local_images(blocks: Iterable[Block]) -> set[str]:
    """The repositories without a host under which blocks build and tag images: ``ml-model``, ``student/ml-model``."""
    text = "\n".join(block.code for block in blocks if block.kind == "run").replace("\\\n", " ")
    names = re.findall(r"docker (?:build|buildx build)[^|;&\n]*? (?:-t|--tag)[ =]([^\s$\"']+)", text)
    names += re.findall(r"docker (?:image )?tag +\S+ +([^\s$\"']+)", text)
    repositories = {re.sub(r"[:@][^/]*$", "", name) for name in names}
    return {name for name in repositories if not re.match(r"(localhost|[^/]*[.:][^/]*)(/|$)", name)}


def _block(path: Path, fence: Fence, words: dict[str, str]) -> Block:
    kind: Kind
    if "skip" in words:
        kind = "marked"
        if not words["skip"].strip():
            raise at(path, fence.line, expected='skip="why"', found="no reason", next_step="Say why it cannot run.")
    elif fence.language in RUN:
        kind = "validate" if fence.title else "run"
    elif fence.language in VALIDATE:
        kind = "validate"
    else:
        raise at(
            path,
            fence.line,
            expected=f"one of {', '.join((*RUN, *VALIDATE, *ILLUSTRATION))}",
            found=f"a block of {fence.language or 'no language'}",
            next_step="Name its language; use text for what is only shown.",
        )
    _only(path, fence, words, {"skip", "exit", "timeout", "retry", "as", "invalid"})
    what = filekinds.kind(fence.language, fence.title, fence.body, words.get("as"))
    if what not in filekinds.KINDS:
        raise at(
            path,
            fence.line - 1,
            expected=f"as= with one of {', '.join(filekinds.KINDS)}",
            found=f"as={what}",
            next_step="Correct the comment above the fence.",
        )
    return Block(
        kind,
        fence.language,
        fence.body,
        fence.line,
        file=fence.title,
        exit=tuple(int(status) for status in words.get("exit", "0").split(",")),
        timeout=float(words.get("timeout", "240")),
        retry=float(words.get("retry", "0")),
        reason=words.get("skip"),
        what=what,
        invalid="invalid" in words,
    )


def _with_output(path: Path, fence: Fence, words: dict[str, str], block: Block) -> Block:
    flags = {"any-order", "exact", "local"}
    _only(path, fence, words, flags)
    given = {flag.replace("-", "_"): flag in words for flag in flags}
    return replace(block, expected=Expected(fence.body, fence.line, **given))


def _directive(path: Path, fence: Fence) -> dict[str, str]:
    if fence.comment is None or not fence.comment.startswith("test:"):
        return {}
    try:
        words = shlex.split(fence.comment.removeprefix("test:"))
    except ValueError as error:
        raise at(path, fence.line - 1, expected="words", found=str(error), next_step="Close the quotes.") from error
    pairs = (word.partition("=") for word in words)
    return {name: value for name, _, value in pairs}


def _only(path: Path, fence: Fence, words: dict[str, str], known: set[str]) -> None:
    for name in words.keys() - known:
        raise at(
            path,
            fence.line - 1,
            expected=f"one of {', '.join(sorted(known))}",
            found=f"the directive {name!r}",
            next_step="Correct the comment above the fence.",
        )
