"""Hidden cases of lab 04: releases and branches drawn with the grading seed, judged by the personal specification."""

from __future__ import annotations

import re
from typing import Any

from autograder.checks.shared.seeded_random import SeededRandom
from autograder.checks.tagging.rules import Spec
from autograder.evidence.model import Case

# Kinds of cases that came with a later version of the lab than the first.
SINCE = dict.fromkeys(
    (
        "a patch number of two digits in an older line",
        "a fix of minor number 1 while one of 10 and more is out",
        "a fix of major number 1 while one of 10 and more is out",
        "dots in a run of signs of a branch",
        "a long branch that begins with a sign",
        "a stable release while newer ones called alpha and beta are out",
        "a patch number of five digits in an older line",
    ),
    2,
)


def stable(version: str) -> tuple[int, ...] | None:
    """The numbers of a stable release without build metadata; None for anything else."""
    return None if {"-", "+"} & set(version) else tuple(int(part) for part in version.split("."))


def release_tags(spec: Spec, version: str | None, commit: str, branch: str | None, published: list[str]) -> list[str]:
    """What a right ``release_tags`` returns."""
    if version is None:
        slug = re.sub("[^a-z0-9]+", spec.dash, (branch or "").lower())[: spec.length].strip(spec.dash)
        return sorted([spec.branch + slug, spec.commit + commit[: spec.digits]])
    kinds, mine = ["exact", "commit"], stable(version)
    others = [numbers for numbers in map(stable, published) if numbers is not None]
    if mine is not None:
        for kind, length in (("minor", 2), ("major", 1), ("newest", 0)):
            if all(numbers <= mine for numbers in others if numbers[:length] == mine[:length]):
                kinds.append(kind)
    elif "+" not in version:
        kinds.append("pre-release")
    return sorted(spec.tags(kinds, version, commit))


def cases(draw: SeededRandom, parameters: dict[str, Any]) -> dict[str, list[Case]]:
    """Cases of ``release_tags``; each kind is a way to be wrong that the visible ones leave open."""
    spec, found = Spec.of(parameters), []

    def case(kind: str, version: str | None, *published: str, branch: str | None = None, commit: str = "") -> None:
        commit = commit or draw.hex(f"commit {kind}", 40)
        expected: Any = release_tags(spec, version, commit, branch, list(published))
        found.append(Case(kind=kind, args=(version, commit, branch, list(published)), expected=expected))

    x, y, z = (draw.integer(name, 2, 7) for name in ("major", "minor", "patch"))
    cuda, rc = draw.integer("cuda", 110, 129), draw.integer("rc", 2, 9)
    case("the newest release, built again", f"{x}.{y}.{z}", f"{x}.{y}.{z - 1}", f"{x}.{y}.{z}")
    case("a fix of an older major version", f"{x}.{y}.{z}", f"{x}.{y}.{z - 1}", f"{x + 1}.0.0")
    case("a fix that is older than the newest of its line", f"{x}.{y}.{z}", f"{x}.{y}.{z + 1}", f"{x}.{y}.{z - 1}")
    case("a patch number of two digits", f"{x}.{y}.10", f"{x}.{y}.9")
    case("a patch number of one digit, after ten", f"{x}.{y}.9", f"{x}.{y}.10")
    case("a minor number of one digit, after ten", f"{x}.9.{z}", f"{x}.10.0", f"{x}.9.{z - 1}")
    case("a major number of two digits", "10.0.0", f"9.{y}.{z}")
    case("a first release in a new line, while an older one goes on", f"{x + 1}.0.0", f"{x}.{y}.{z}")
    case("a stable release while a newer pre-release is out", f"{x}.{y}.{z}", f"{x}.{y + 1}.0-rc.{rc}")
    case("a stable release after its own pre-release", f"{x}.{y}.0", f"{x}.{y}.0-rc.{rc}")
    case("a stable release while a newer one has build metadata", f"{x}.{y}.{z}", f"{x}.{y}.{z + 1}+cu{cuda}")
    case("a stable release, published in no order", f"{x}.{y}.{z}", f"{x}.{y + 1}.0", f"{x - 1}.0.0", f"{x}.{y}.0")
    case("a pre-release called alpha or beta", f"{x}.{y}.0-{draw.choice('name', ('alpha', 'beta'))}.{rc}", f"{x}.0.0")
    case("a pre-release without a dot in its name", f"{x}.{y}.0-rc{rc}")
    case("a pre-release of an older line", f"{x}.{y}.{z}-rc.{rc}", f"{x + 1}.0.0")
    case("a pre-release with build metadata", f"{x}.{y}.0-rc.{rc}+cu{cuda}", f"{x}.{y - 1}.0")
    case("build metadata with a dash in it", f"{x}.{y}.{z}+cu-{cuda}", f"{x}.{y}.0")
    case("build metadata with a dot in it", f"{x}.{y}.{z}+cu{cuda}.py311")
    case("version 0, a fix of an older line", f"0.{y}.{z}", f"0.{y}.{z - 1}", f"0.{y + 1}.0")
    case("version 0 beside version 1", f"0.{y}.{z}", "1.0.0")
    case("a commit id of 64 digits", f"{x}.{y}.{z}", commit=draw.hex("long commit", 64))
    words = draw.sample("words", ("queue", "tokenizer", "weights", "returns", "language", "drift", "cache"), 3)
    case("a branch of one word", None, f"{x}.0.0", branch=words[0])
    case("capitals and several slashes in a branch", None, branch=f"Team/{words[0].title()}/{words[1].upper()}")
    case("runs of signs in a branch", None, branch=f"{words[0]}__{words[1]}--#{rc}")
    case("signs at both ends of a branch", None, branch=f"_{words[0]}/{words[1]}!")
    case("letters beyond a to z in a branch", None, branch=f"{words[0]}-für-größe-{rc}")
    case("a long branch", None, branch=f"feature/{words[0]}-{words[1]}-{words[2]}-{draw.hex('end', 20)}")
    case("a branch that is cut at a sign", None, branch="b" * (spec.length - 1) + f"/{words[0]}")
    case("a branch called like a version", None, f"{x}.{y}.0", branch=f"release/{x}.{y}")
    case("a patch number of two digits in an older line", f"{x}.{y}.1{z}", f"{x}.{y}.{z}", f"{x + 1}.0.0")
    case("a fix of minor number 1 while one of 10 and more is out", f"{x}.1.{z}", f"{x}.1.{z - 1}", f"{x}.1{y}.0")
    case("a fix of major number 1 while one of 10 and more is out", f"1.{y}.{z}", f"1.{y}.{z - 1}", f"1{x}.0.0")
    case("dots in a run of signs of a branch", None, branch=f"{words[1]}../{words[2]}._{rc}")
    case("a long branch that begins with a sign", None, branch=f"_{words[0]}-{draw.hex('tail', 30)}")
    newer = f"{x}.{y + 1}.0-beta.{rc}", f"{x}.{y + 2}.0-alpha{rc}"
    case("a stable release while newer ones called alpha and beta are out", f"{x}.{y}.{z}", *newer)
    case("a patch number of five digits in an older line", f"{x}.{y}.1{z}{cuda}", f"{x}.{y}.999", f"{x}.{y + 1}.0")
    return {"release_tags": draw.shuffle("order", found)}
