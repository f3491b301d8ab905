"""Lab 02's checks: right in several ways, and each way to be wrong with the message it must get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from autograder.checks.api import Verdict
from autograder.checks.names import checks as names
from autograder.checks.shared.seeded_random import SeededRandom, seed
from autograder.domain import references
from autograder.labs import live, manifest
from autograder.quality import contract

from .solved import evidence, failed, run, source_of, verdicts

LAB = manifest.find("02-names")
TASK = "parse_reference"
P: dict[str, Any] = {
    "team": "heron-1a2b",
    "model": "router",
    "version": "2.10.3",
    "host": "mirror.heron.example.com",
    "digest": "sha256:" + "ab" * 32,
    "names": [
        "router",
        "mirror/router:2.10.3",
        "localhost:5001/router",
        "heron-1a2b:5000/router:2.10.3",
        "mirror.heron.example.com/router",
        f"heron-1a2b/router@sha256:{'ab' * 32}",
        "heron-1a2b-a1b2c3.azurecr.io/router:2.10.3",
        "index.docker.io/heron-1a2b/router:2.10.3",
    ],
    "broken": {
        "mirror.heron.example.com/heron-1a2b/router:2.10.3+cu124": "",
        "mirror/router:2.10.3": "",
        "mirror.heron.example.com/heron-1a2b/router/2.10.3": "",
        "https://mirror.heron.example.com/heron-1a2b/router:2.10.3": "",
        f"mirror.heron.example.com/heron-1a2b/router@sha256:{'ab' * 6}": "",
    },
}
FULL = [references.parse(name).canonical() for name in P["names"]]
REPAIRED = [right[0] for right in names.repairs(P).values()]


def judged(**answers: Any) -> dict[str, Verdict]:
    return verdicts(LAB, evidence(LAB, P, answers=answers))


def ran(function: Callable[[str], Any]) -> dict[str, Verdict]:
    done = run(LAB, TASK, source_of(function, TASK), P)
    return verdicts(LAB, evidence(LAB, P, runs={TASK: done}))


# -- eight names -----------------------------------------------------------------------------------------------------


def test_everything_right_passes() -> None:
    found = judged(full_names=[f" {name}\n" for name in FULL], repaired=REPAIRED)
    assert found["full-names"].status == found["repair"].status == "passed"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (dict.fromkeys(FULL, ""), "You recorded a dict."),
        ("router", "You recorded one text."),
        ([], "Your list has 0 entries."),
        (FULL[:1], "Your list has 1 entry."),
        ([*FULL[:7], None], "Entry 8 is no text."),
        (P["names"], "2 of 8 are right."),
    ],
)
def test_what_is_no_list_of_eight_texts_is_told_so(value: Any, said: str) -> None:
    failed(judged(full_names=value)["full-names"], said)


@pytest.mark.parametrize(
    ("number", "given", "why"),
    [
        (0, "router:latest", "the registry is left out"),
        (0, "library/router:latest", "the registry is left out: library has not the form of a host"),
        (0, "docker.io/router:latest", names.NO_NAMESPACE),
        (0, "docker.io/library/router", "the tag is left out"),
        (1, "mirror/router:2.10.3", "the registry is left out: mirror has not the form of a host"),
        (0, "hub.docker.com/library/router:latest", "Docker Hub's name in a reference is docker.io"),
        (0, "localhost/library/router:latest", "without a slash there is no host in it"),
        (0, "docker.io/library/router:2.10.3", "the tag is not 2.10.3"),
        (1, "mirror.io/router:2.10.3", "the registry is not mirror.io"),
        (1, "Mirror/router:2.10.3", "the registry is not Mirror"),
        (1, "docker.io/library/mirror/router:2.10.3", "library/ is filled in on Docker Hub only, and only where the "
         "name has no namespace"),
        (1, "docker.io/library/router:2.10.3", "library/ is filled in on Docker Hub only, and only where the name has "
         "no namespace"),
        (2, "localhost:5001/library/router:latest", "library/ is filled in on Docker Hub only, and only where the name "
         "has no namespace"),
        (2, "docker.io/localhost/router:latest", "localhost:5001 has the form of a host, so it is the registry"),
        (3, "docker.io/heron-1a2b/router:2.10.3", "heron-1a2b:5000 has the form of a host, so it is the registry"),
        (3, "heron-1a2b/router:2.10.3", "heron-1a2b:5000 has the form of a host, so it is the registry"),
        (4, "http://mirror.heron.example.com/router:latest", "a name begins with the registry, without http:// or "
         "https://"),
        (5, f"docker.io/heron-1a2b/router:latest@sha256:{'ab' * 32}", "beside a digest no tag is filled in"),
        (5, "docker.io/heron-1a2b/router:latest", "the digest is left out"),
        (5, f"docker.io/heron-1a2b/router@sha256:{'cd' * 32}", "the digest is another one"),
        (5, "docker.io/heron-1a2b/router@sha256:abab", "no reference: "),
        (6, "heron-1a2b-a1b2c3.azurecr.io/library/router:2.10.3", "library/ is filled in on Docker Hub only, and only "
         "where the name has no namespace"),
        (6, "heron-1a2b-a1b2c3.azurecr.io/models/router:2.10.3", "the repository is not models/router"),
        (7, "index.docker.io/heron-1a2b/router:2.10.3", "Docker Hub's name in a reference is docker.io"),
    ],
)  # fmt: skip
def test_every_misreading_is_named(number: int, given: str, why: str) -> None:
    verdict = judged(full_names=[*FULL[:number], given, *FULL[number + 1 :]])["full-names"]
    failed(verdict, "7 of 8 are right.")
    [_, (name, yours, told)] = verdict.table
    assert (name, yours) == (P["names"][number], given)
    assert told == why or told.startswith("no reference: " if why == "no reference: " else why)
    assert FULL[number] not in told and FULL[number] not in verdict.next_step  # the right one is never shown


def test_right_names_in_another_order_are_told_so() -> None:
    verdict = judged(full_names=FULL[::-1])["full-names"]
    assert "not in the order" in verdict.next_step and verdict.status == "failed"


def test_no_answer_is_told_so() -> None:
    failed(judged()["full-names"], "No such answer is recorded.")
    failed(judged()["repair"], "No such answer is recorded.")


# -- the parser ------------------------------------------------------------------------------------------------------


def with_patterns(text: str) -> Any:
    """One pattern for everything, written with groups."""
    import re

    part = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
    host = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]+)?"
    found = re.fullmatch(
        rf"(?:(?P<h>{host})/)?(?P<r>{part}(?:/{part})*)(?::(?P<t>\w[\w.-]{{0,127}}))?(?:@(?P<d>sha256:[0-9a-f]{{64}}))?",
        text,
        re.ASCII,
    )
    if not found:
        raise ValueError(text)
    registry, repository, tag, digest = found["h"], found["r"], found["t"], found["d"]
    if registry and registry != "localhost" and not re.search(r"[.:A-Z]", registry):
        registry, repository = None, f"{registry}/{repository}"
    if registry is None and "/" in repository and re.search(r"[.]", repository.split("/")[0]):
        raise ValueError(text)  # a host, and none that the pattern knows
    if registry in (None, "index.docker.io", "docker.io"):
        registry = "docker.io"
        repository = repository if "/" in repository else f"library/{repository}"
    return {
        "registry": registry,
        "repository": repository,
        "tag": tag or (None if digest else "latest"),
        "digest": digest,
    }


def from_the_right(text: str) -> Any:
    """Digest first, then the tag behind the last colon that has no slash after it, then the host."""
    import string

    lower, digits = string.ascii_lowercase, string.digits
    name, at, digest = text.partition("@")
    if at and (digest[:7] != "sha256:" or len(digest) != 71 or set(digest[7:]) - set("0123456789abcdef")):
        raise ValueError("digest")
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        head, colon, tag = name, "", ""
    if colon and (not 0 < len(tag) < 129 or tag[0] in ".-" or set(tag) - set(string.ascii_letters + digits + "_.-")):
        raise ValueError("tag")
    first, slash, rest = head.partition("/")
    known = slash and (first == "localhost" or "." in first or ":" in first or first != first.lower())
    host, path = (first, rest) if known else ("docker.io", head)
    if host == "index.docker.io":
        host = "docker.io"
    if host == "docker.io" and "/" not in path:
        path = "library/" + path
    machine, port_colon, port = host.partition(":")
    if (
        (port_colon and not (port and port.isascii() and port.isdigit()))
        or not machine
        or set(machine) - set(string.ascii_letters + digits + ".-")
    ):
        raise ValueError("host")
    for part in path.split("/"):
        if not part or part[0] not in lower + digits or part[-1] not in lower + digits:
            raise ValueError("path")
        if set(part) - set(lower + digits + "._-"):
            raise ValueError("path")
        run = ""
        for sign in part + "a":
            if sign in "._-":
                run += sign
            else:
                if run and run not in (".", "_", "__") and set(run) != {"-"}:
                    raise ValueError("path")
                run = ""
    return {
        "repository": path,
        "registry": host,
        "digest": digest or None,
        "tag": tag if colon else None if at else "latest",
    }


@pytest.mark.parametrize("function", [with_patterns, from_the_right], ids=lambda f: f.__name__)
def test_another_right_parser_passes(function: Callable[[str], Any]) -> None:
    found = ran(function)
    assert (found["parse"].found, found["refuse"].found) == ("", "")


def test_the_labs_own_parser_passes() -> None:
    """The lab's own solution, on the cases of several students."""
    from autograder.labs import release

    [cell] = [cell for cell in release.source(LAB).cells if "task:parse_reference" in cell.metadata.get("tags", [])]
    for student in ("ada", "b", "c"):
        done = run(LAB, TASK, cell.source, P, student)
        assert {r.case.kind: r.value for r in done.results if not r.correct} == {}


def first_colon(text: str) -> Any:
    name, _, tag = text.partition(":")
    host, _, path = name.partition("/")
    return {"registry": host, "repository": path, "tag": tag or "latest", "digest": None}


def dots_only(text: str) -> Any:
    name, _, digest = text.partition("@")
    first, slash, rest = name.partition("/")
    host = first if slash and "." in first else "docker.io"
    path, _, tag = (rest if host == first else name).partition(":")
    if host == "docker.io" and "/" not in path:
        path = "library/" + path
    return {
        "registry": host,
        "repository": path,
        "tag": tag or (None if digest else "latest"),
        "digest": digest or None,
    }


def always_latest(text: str) -> Any:
    host, slash, rest = text.partition("/")
    if not slash or not (host == "localhost" or any(c in ".:" or c.isupper() for c in host)):
        host, rest = "docker.io", text
    host = "docker.io" if host == "index.docker.io" else host
    name, _, digest = rest.partition("@")
    path, _, tag = name.partition(":")
    path = "library/" + path if host == "docker.io" and "/" not in path else path
    return {"registry": host, "repository": path, "tag": tag or "latest", "digest": digest or None}


def lenient(text: str) -> Any:
    """Takes references apart and refuses nothing."""
    host, slash, rest = text.partition("/")
    if not slash or not (host == "localhost" or any(c in ".:" or c.isupper() for c in host)):
        host, rest = "docker.io", text
    host = "docker.io" if host == "index.docker.io" else host
    name, at, digest = rest.partition("@")
    path, _, tag = name.partition(":")
    path = "library/" + path if host == "docker.io" and "/" not in path else path
    return {
        "registry": host, "repository": path, "tag": tag or (None if at else "latest"), "digest": digest or None
    }  # fmt: skip


def dollar(text: str) -> Any:
    """Patterns with match and a dollar sign, which a line end passes."""
    import re

    host, slash, rest = text.partition("/")
    if not slash or not (host == "localhost" or re.search("[.:A-Z]", host)):
        host, rest = "docker.io", text
    host = "docker.io" if host == "index.docker.io" else host
    name, at, digest = rest.partition("@")
    path, colon, tag = name.partition(":")
    path = "library/" + path if host == "docker.io" and "/" not in path else path
    part = r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*"
    if not re.match(rf"{part}(/{part})*$", path) or not re.match(r"[\w.-]+(:\d+)?$", host):
        raise ValueError(text)
    if colon and not re.match(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", tag):
        raise ValueError(text)
    if at and not re.match("sha256:[0-9a-f]{64}$", digest):
        raise ValueError(text)
    return {"registry": host, "repository": path, "tag": tag or (None if at else "latest"), "digest": digest or None}


def key_error(text: str) -> Any:
    raise KeyError(text)


def refuses_all(text: str) -> Any:
    raise ValueError(text)


def as_a_tuple(text: str) -> Any:
    return "docker.io", "library/" + text, "latest", None


def the_kits_own(text: str) -> Any:
    from autograder.domain import references

    found = references.parse(text)
    return {"registry": found.registry, "repository": found.repository, "tag": found.tag, "digest": found.digest}


def an_object(text: str) -> Any:
    class Reference:
        registry, repository, tag, digest = "docker.io", text, "latest", None

    return Reference()


@pytest.mark.parametrize(
    ("function", "check", "visible", "hidden"),
    [
        (first_colon, "parse", "localhost:5001/team/ml-model", "a host with a port, and a tag"),
        (dots_only, "parse", "localhost:5001/team/ml-model", "a host that has a port and no dot"),
        (always_latest, "parse", "@sha256:", "a digest and no tag"),
        (lenient, "refuse", "team/ML-model", "a tag of 129 characters"),
        (dollar, "refuse", "", "a line end at the end"),
        (key_error, "parse", "raises KeyError", "tag and digest"),
        (refuses_all, "parse", "raises ValueError", "tag and digest"),
        (as_a_tuple, "parse", "['docker.io'", "tag and digest"),
        (
            the_kits_own,
            "parse",
            "raises ModuleNotFoundError: a task cannot import the course's own package",
            "tag and digest",
        ),
        (an_object, "parse", "no plain data (type Reference)", "tag and digest"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_wrong_parser_is_told_what_it_gets_wrong(
    function: Callable[[str], Any], check: str, visible: str, hidden: str
) -> None:
    found = ran(function)
    verdict = found[check]
    assert verdict.status == "failed" and hidden in verdict.found and "inputs give the right result" in verdict.found
    assert visible in str(verdict.table)
    secret = [str(case.args[0]) for case in contract.hidden_cases(LAB, "ada")[TASK] if len(str(case.args[0])) > 10]
    assert not [text for text in secret if text in str(verdict)]  # hidden inputs by kind only
    if check == "refuse":
        assert found["parse"].status == "passed"
    else:
        assert found["refuse"].blocked_by == "parse"


@pytest.mark.parametrize("student", ["ada", "b", "c", "d"])
def test_hidden_cases_are_many_and_each_of_its_kind(student: str) -> None:
    cases = contract.hidden_cases(LAB, student)[TASK]
    assert len({case.kind for case in cases}) == len(cases) > 40
    assert sum(case.raises for case in cases) > 20


# -- five broken names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "given", "why"),
    [
        (0, "mirror.heron.example.com/heron-1a2b/router:2.10.3+cu124", "still no reference: "),
        (0, "mirror.heron.example.com/heron-1a2b/router:2.10.3", "has the tag 2.10.3"),
        (1, "mirror/router:2.10.3", "unchanged: Docker reads it as docker.io/mirror/router:2.10.3"),
        (1, "docker.io/mirror/router:2.10.3", "goes to docker.io"),
        (1, "mirror.heron.example.com/mirror/router:2.10.3", "names the repository mirror/router"),
        (2, "mirror.heron.example.com/heron-1a2b/router", "has the tag latest"),
        (3, "heron-1a2b/router:2.10.3", "goes to docker.io"),
        (4, "mirror.heron.example.com/heron-1a2b/router:abababababab", "names no digest"),
        (4, f"mirror.heron.example.com/heron-1a2b/router@sha256:{'cd' * 32}", "names another digest"),
        (2, f"mirror.heron.example.com/heron-1a2b/router@sha256:{'cd' * 32}", "has no tag"),
    ],
)
def test_what_is_still_wrong_with_a_repair_is_named(number: int, given: str, why: str) -> None:
    verdict = judged(repaired=[*REPAIRED[:number], given, *REPAIRED[number + 1 :]])["repair"]
    failed(verdict, "4 of 5 are right.")
    [_, (_, yours, told)] = verdict.table
    assert yours == given and (told == why or (why.endswith(": ") and told.startswith(why)))


@pytest.mark.parametrize("sign", ["-", ".", "_"])
def test_any_legal_sign_may_take_the_plus_signs_place(sign: str) -> None:
    given = [REPAIRED[0].replace("_cu124", f"{sign}cu124"), *REPAIRED[1:]]
    assert judged(repaired=given)["repair"].status == "passed"


def test_a_tag_beside_the_digest_changes_nothing() -> None:
    """A client that has both takes the digest."""
    given = [*REPAIRED[:4], REPAIRED[4].replace("@", ":2.10.3@")]
    assert judged(repaired=given)["repair"].status == "passed"
    given[4] = given[4].replace("ab", "cd")
    assert judged(repaired=given)["repair"].table[1][2] == "names another digest"


# -- what the checks stand on ----------------------------------------------------------------------------------------


def test_parameters_are_personal_and_true() -> None:
    drawn = [names.parameters(SeededRandom(seed(b"k", "student", f"s{n}", LAB.slug))) for n in range(300)]
    assert len({found["team"] for found in drawn}) > 290
    for found in drawn:
        assert len(set(found["names"])) == 8 and len(found["broken"]) == 5
        full = [references.parse(name) for name in found["names"]]
        assert (
            sum(name.registry == "docker.io" for name in full)
            >= 3
            <= sum(name.registry != "docker.io" for name in full)
        )
        repairs = names.repairs(found)
        accepted = [text for text in repairs if not refused(text)]
        assert len(accepted) >= 2, "some broken names must be legal"
        for broken, right in repairs.items():
            assert all(not refused(text) for text in right)
            assert broken not in right
            if broken in accepted:
                assert references.parse(broken) not in [references.parse(text) for text in right]


def refused(text: str) -> bool:
    try:
        references.parse(text)
    except references.InvalidReference:
        return True
    return False


def test_points_and_the_core_path() -> None:
    assert LAB.total == 4 and LAB.minutes == 20 and not LAB.engine and LAB.services == ()
    assert LAB.core_minutes == 0 and not any(part.core for part in LAB.checks)


def test_no_name_of_the_visible_cases_is_in_the_hidden_ones() -> None:
    visible = {case.args for case in live.visible_cases(LAB, P)[TASK]}
    for student in ("ada", "b", "c"):
        assert not visible & {case.args for case in contract.hidden_cases(LAB, student)[TASK]}


def test_hostile_answers_get_a_verdict() -> None:
    hostile: list[Any] = ["\ud800", "x" * 60_000, 10**400, {}, [[]] * 8, ["\ud800"] * 8, ["x" * 9_000] * 5, [""] * 8]
    for value in hostile:
        for verdict in judged(full_names=value, repaired=value).values():
            assert verdict.status in ("failed", "not_graded") and len(str(verdict)) < 5_000
