"""The text form of a retention preview: readable for 60 images, one line each, with totals and bytes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.domain.retention.durations import age_text
from autograder.domain.retention.model import Action, Image, PolicyError, Preview, Result

ORDER = {Action.EXPIRE: 0, Action.ARCHIVE: 1, Action.KEEP: 2}
STYLES = {Action.EXPIRE: "bold red", Action.ARCHIVE: "bold yellow", Action.KEEP: "bold green"}
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
WIDTH = 120  # where there is no terminal to ask
MANY_TAGS = 3

Row = tuple[Result, Image, str, str]  # with what holds for the whole group, and what holds for this image


def print_preview(
    dialect: str, preview: Preview, images: Sequence[Image], totals: Mapping[str, object], now: datetime
) -> None:
    """Print what happens to which image, grouped by action and reason, the totals, and what is open.

    Args:
        dialect: the cloud's name.
        preview: the outcome of evaluating ``images``.
        images: the same images in the same order.
        totals: from :func:`autograder.domain.retention.summary`.
        now: the time of the evaluation.
    """
    console = _console()
    repositories = sorted({image.repository for image in images})
    several = len(repositories) > 1
    named = f"{repositories[0]} in " if len(repositories) == 1 and repositories[0] else ""
    console.print(Text(f"{named}{dialect}, evaluated at {now.isoformat()}"))
    names = {id(image): _name(image, with_repository=several) for image in images}
    width = min(max(map(len, names.values()), default=0), console.width // 2)
    for (action, rule, reason), group in groupby(_rows(preview.results, images), key=_group):
        rows = list(group)
        size = size_text(sum(image.size or 0 for _, image, _, _ in rows))
        heading = reason or (f"rule {rule}" if rule is not None else "no rule concerns these")
        console.print()
        console.print(
            Text(f"{action} {_count(len(rows))}, {size}: ", style=STYLES[action]) + Text(heading, style="bold")
        )
        table = Table.grid(padding=(0, 2))
        for column_width, justify in ((1, "left"), (width, "left"), (10, "right"), (9, "right")):
            table.add_column(width=column_width, justify=justify, overflow="fold")  # type: ignore[arg-type]
        table.add_column(overflow="fold")
        for result, image, _, own in rows:
            bytes_text = "-" if image.size is None else size_text(image.size)
            cells = ("?" if result.undecided else "", names[id(image)], age_text(now, image.pushed), bytes_text, own)
            table.add_row(*map(Text, cells))
        console.print(table)
    console.print()
    _print_totals(console, preview, totals)


def print_errors(dialect: str, errors: Sequence[PolicyError]) -> None:
    """Print every error of an invalid policy: where, what, and the cloud's own words where they are known."""
    console = _console()
    console.print(Text(f"This policy is not valid for {dialect}: {len(errors)} error{'s' * (len(errors) != 1)}."))
    for error in errors:
        console.print(Text(f"  {error.path}: {error.message}"), soft_wrap=True)
        if error.cloud_message:
            console.print(Text(f"    the cloud says: {error.cloud_message}"), soft_wrap=True)


def size_text(size: int) -> str:
    """A number of bytes for people: ``512 bytes``, ``1.5 kB``, ``2.0 GB`` (powers of 1000)."""
    amount = float(size)
    for unit in UNITS:
        if amount < 999.95 or unit == UNITS[-1]:
            break
        amount /= 1000
    return f"{size} bytes" if unit == UNITS[0] else f"{amount:.1f} {unit}"


def _rows(results: Sequence[Result], images: Sequence[Image]) -> list[Row]:
    """The results in order of display: by action, rule and reason, then oldest first."""
    frequent = Counter(result.why for result in results)
    rows = [
        (result, image, *_parts(result.why, frequent[result.why]))
        for result, image in zip(results, images, strict=True)
    ]
    return sorted(rows, key=lambda row: (_sort_key(row[0]), row[2], row[1].pushed))


def _parts(why: str, times: int) -> tuple[str, str]:
    """What of a reason is common to many images, and what is an image's own."""
    common, divided, own = why.rpartition("; ")
    if divided:
        return common, own
    return (why, "") if times > 1 else ("", why)


def _sort_key(result: Result) -> tuple[int, bool, str]:
    """By action; then by rule, numbers as numbers, none last."""
    rule = f"{result.rule:09}" if isinstance(result.rule, int) else str(result.rule)
    return ORDER[result.action], result.rule is None, rule


def _group(row: Row) -> tuple[Action, int | str | None, str]:
    return row[0].action, row[0].rule, row[2]


def _print_totals(console: Console, preview: Preview, totals: Mapping[str, object]) -> None:
    sizes = totals["bytes"]
    assert isinstance(sizes, dict)
    for line in _total_lines(totals, sizes):
        console.print(Text(line))
    for note, times in Counter(result.note for result in preview.results if result.note).items():
        undecided = any(result.undecided for result in preview.results if result.note == note)
        console.print(Text(f"{'? undecided' if undecided else 'Note'} ({_count(times)}): {note}."))
    for note in preview.notes:
        console.print(Text(f"Note: {note}."))


def _total_lines(totals: Mapping[str, object], sizes: Mapping[str, int]) -> Iterator[str]:
    yield f"{'total':<8}{totals['images']:>6}  {size_text(sum(sizes.values())):>10}"
    for action in Action:
        yield f"{action:<8}{totals[action]:>6}  {size_text(sizes[action]):>10}"
    yield "Sizes are as the registry reports them; a layer that several images share counts in each."
    if totals["sizes_unknown"]:
        yield f"Sizes not known: {totals['sizes_unknown']}."
    if totals["tags_removed"]:
        yield f"Tags removed: {totals['tags_removed']}."


def _name(image: Image, *, with_repository: bool) -> str:
    """What a person knows an image by: its tags, or the beginning of its digest."""
    if not image.tags:
        name = f"{image.digest.partition(':')[2][:12]} (untagged)"
    elif len(image.tags) > MANY_TAGS:
        name = f"{', '.join(image.tags[:MANY_TAGS])}, +{len(image.tags) - MANY_TAGS}"
    else:
        name = ", ".join(image.tags)
    return f"{image.repository}: {name}" if with_repository else name


def _count(number: int) -> str:
    return f"{number} image{'s' * (number != 1)}"


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console = Console(highlight=False, width=WIDTH)
    return console
