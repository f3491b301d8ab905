"""Lab 02, names: eight names read in full, a parser for references, and five broken names repaired."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograder.checks.api import Failure, check, expecting, require_answer, require_cases
from autograder.checks.first_push.data import BIRDS
from autograder.checks.names.data import (
    BROKEN,
    HUB_ADDRESSES,
    MODELS,
    NAMES,
    NO_HOST,
    OTHERS,
    PLACES,
    PLUS,
    VERSION_AS_PATH,
)
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain import references
from autograder.domain.references import InvalidReference, Reference
from autograder.evidence.model import Evidence

HUB = "docker.io"
LIBRARY = "library/"
NO_NAMESPACE = "on Docker Hub a repository has a namespace; one is filled in when the name has none"
SHOWN = 120  # characters of a recorded text inside a table


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, a model, a registry of the team's, eight names to read and five broken ones with what they mean."""
    bird = draw.choice("bird", BIRDS)
    place = draw.choice("place", PLACES)
    values = {
        "team": f"{bird}-{draw.hex('team', 4)}",
        "model": draw.choice("model", MODELS),
        "version": f"{draw.integer('major', 1, 6)}.{draw.integer('minor', 0, 12)}.{draw.integer('patch', 0, 9)}",
        "host": f"{place}.{bird}.example.com",
        "digest": f"sha256:{draw.hex('digest', 64)}",
    }
    filled = _templates(values) | {"account": str(draw.integer("account", 10**11, 10**12 - 1))}
    names = [draw.choice(f"name {n}", group).format_map(filled) for n, group in enumerate(NAMES)]
    broken = [PLUS, NO_HOST, VERSION_AS_PATH, *draw.sample("broken", OTHERS, 2)]
    return values | {
        "names": draw.shuffle("names", names),
        "broken": {
            kind.text.format_map(filled): kind.meant.format_map(filled) for kind in draw.shuffle("order", broken)
        },
    }


@check(
    "full-names",
    trust="recomputed",
    expected="For each name the reference that Docker makes of it: registry, repository, and tag or digest.",
    why="Docker reads a name by rule, from left to right, before it asks anybody: the part before the first slash is a "
    "host or it is not, and what is left out is filled in.",
)
def full_names(e: Evidence) -> None:
    """You know in full what eight names stand for"""
    names = e.texts("names")
    given = _texts(require_answer(e, "full_names", "The eight names in full"), len(names), "full_names", "names")
    _judge(
        names,
        given,
        _misread,
        "Take the first name in the table from left to right: is the part before the first slash a host? What is left "
        "out, of registry, library/ and tag?",
    )


@check(
    "parse",
    trust="recomputed",
    why="Host rule first, then digest, then tag. A colon can belong to a host or begin a tag; only its place tells.",
)
def parse(e: Evidence) -> None:
    """parse_reference takes references apart"""
    require_cases(e, "parse_reference", raises=False)


@check(
    "refuse",
    trust="recomputed",
    needs=["parse"],
    why="A name that breaks a rule never leaves the client. So a fault costs a second here, and a failed deployment "
    "where somebody only glued texts together.",
)
def refuse(e: Evidence) -> None:
    """parse_reference refuses what is no reference"""
    require_cases(e, "parse_reference", raises=True)


@check(
    "repair",
    trust="recomputed",
    expected="For each broken name the reference of the image that was meant.",
    why="Some faults are refused at once. The others are worse: the name is legal, and another image is meant.",
)
def repair(e: Evidence) -> None:
    """You repaired five names so that they mean what was meant"""
    right = repairs(e.parameters)
    given = _texts(require_answer(e, "repaired", "The five names, repaired"), len(right), "repaired", "broken")
    _judge(
        list(right),
        given,
        lambda broken, repaired: _unrepaired(broken, repaired, right[broken]),
        "Read what the first name in the table was meant to be (me.broken), then read your repair as Docker does: "
        "which registry, which repository, which tag?",
    )


# -- the personal values ---------------------------------------------------------------------------------------------


def _templates(values: Mapping[str, Any]) -> dict[str, str]:
    """What the templates of the name kinds are filled with."""
    team, model, digest = str(values["team"]), str(values["model"]), str(values["digest"])
    place = str(values["host"]).partition(".")[0]
    return {
        **{name: str(values[name]) for name in ("team", "model", "version", "host", "digest")},
        "Team": team.capitalize(),
        "Model": model.title(),
        "place": place,
        "short": digest[: len("sha256:") + 12],
    }


def repairs(values: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Each broken name of a student, in order -> the names that are right instead."""
    filled = _templates(values)
    right = {kind.text.format_map(filled): tuple(r.format_map(filled) for r in kind.right) for kind in BROKEN}
    return {text: right[text] for text in values["broken"]}


# -- what is wrong with an entry --------------------------------------------------------------------------------------


def _misread(name: str, given: str) -> str:
    """What is wrong with a name in full; empty when nothing is."""
    right = references.parse(name)
    if given == right.canonical():
        return ""
    if "://" in given:
        return "a name begins with the registry, without http:// or https://"
    try:
        read = references.parse(given)
    except InvalidReference as error:
        return f"no reference: {error}"
    if given.partition("/")[0] in HUB_ADDRESSES and right.registry == HUB:
        return f"Docker Hub's name in a reference is {HUB}"
    if read == right:
        return _left_out(right, given)
    return _other_registry(name, right, read) or _other_path(right, read) or _other_end(right, read)


def _left_out(right: Reference, given: str) -> str:
    """What Docker would still fill in."""
    first, slash, _ = given.partition("/")
    if not given.startswith(f"{right.registry}/"):
        return "the registry is left out" + (f": {first} has not the form of a host" if slash else "")
    if f"/{right.repository}" not in given:
        return NO_NAMESPACE
    return "the tag is left out"


def _other_registry(name: str, right: Reference, read: Reference) -> str:
    if read.registry == right.registry:
        return ""
    first, slash, _ = name.partition("/")
    if right.registry == HUB and not slash:
        return "without a slash there is no host in it"
    if right.registry == HUB and read.registry == first:
        return f"{first} has not the form of a host, so it is no registry"
    if right.registry != HUB and read.registry == HUB:
        return f"{first} has the form of a host, so it is the registry"
    return f"the registry is not {read.registry}"


def _other_path(right: Reference, read: Reference) -> str:
    if read.repository == right.repository:
        return ""
    if LIBRARY + read.repository == right.repository:
        return NO_NAMESPACE
    if read.repository == LIBRARY + right.repository or read.repository.startswith(LIBRARY):
        return f"{LIBRARY} is filled in on Docker Hub only, and only where the name has no namespace"
    return f"the repository is not {read.repository}"


def _other_end(right: Reference, read: Reference) -> str:
    if right.digest != read.digest:
        return "the digest is left out" if read.digest is None else "the digest is another one"
    if right.tag is None:
        return "beside a digest no tag is filled in"
    return f"the tag is not {read.tag}" if read.tag else "the tag is left out"


def _unrepaired(broken: str, given: str, right: Sequence[str]) -> str:
    """What is still wrong with a repaired name; empty when nothing is."""
    wanted = [references.parse(text) for text in right]
    try:
        read = references.parse(given)
    except InvalidReference as error:
        return f"still no reference: {error}"
    if read in wanted or any(_by_digest(read, reference) for reference in wanted):
        return ""
    if given == broken:
        return f"unchanged: Docker reads it as {read.canonical()}"
    first = wanted[0]
    if read.registry != first.registry:
        return f"goes to {read.registry}"
    if read.repository != first.repository:
        return f"names the repository {read.repository}"
    if first.digest is not None:
        return "names no digest" if read.digest is None else "names another digest"
    return f"has the tag {read.tag}" if read.tag else "has no tag"


def _by_digest(read: Reference, wanted: Reference) -> bool:
    """Whether both name one image by its digest; a tag beside a digest is decoration."""
    return wanted.digest is not None and (
        (read.registry, read.repository, read.digest) == (wanted.registry, wanted.repository, wanted.digest)
    )


def _texts(value: object, count: int, answer: str, source: str) -> list[str]:
    """The recorded texts.

    Raises:
        Failure: not a list, not that many, or not texts.
    """
    with expecting(f"A list of {count} texts, in the order of me.{source}."):
        next_step = f'Record it with answer("{answer}", …): one text a name.'
        if isinstance(value, dict):
            raise Failure("You recorded a dict.", next_step)
        if value is None:
            raise Failure("You recorded nothing (None).", next_step)
        if not isinstance(value, list):
            what = "one text" if isinstance(value, str) else f"one value of type {type(value).__name__}"
            raise Failure(f"You recorded {what}.", next_step)
        if len(value) != count:
            raise Failure(f"Your list has {len(value)} {'entry' if len(value) == 1 else 'entries'}.", next_step)
        other = [n for n, text in enumerate(value, 1) if not isinstance(text, str)]
        if other:
            raise Failure(f"Entry {other[0]} is no text.", next_step)
    return [str(text).strip() for text in value]


def _judge(names: Sequence[str], given: Sequence[str], wrong: Callable[[str, str], str], next_step: str) -> None:
    """Each given text is right for its name, as ``wrong`` says (empty: it is).

    Raises:
        Failure: some are not; a table says which and why.
    """
    rows = [(name, text, wrong(name, text)) for name, text in zip(names, given, strict=True)]
    faults = [row for row in rows if row[2]]
    if not faults:
        return
    others = sum(1 for name, text, _ in faults if text in given and _fits_another(name, text, names, wrong))
    if others == len(faults) > 1:
        next_step = "The entries are right, but not in the order in which the names are listed."
    raise Failure(
        f"{len(rows) - len(faults)} of {len(rows)} are right.",
        next_step,
        table=[("name", "yours", "what is wrong"), *((name, _cut(text), why) for name, text, why in faults)],
    )


def _fits_another(name: str, text: str, names: Sequence[str], wrong: Callable[[str, str], str]) -> bool:
    return any(not wrong(other, text) for other in names if other != name)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
