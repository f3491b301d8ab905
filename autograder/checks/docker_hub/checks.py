"""Lab 03, Docker Hub: tokens that can do no more than they must, public and private images, and the pull limit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from autograder.checks.api import Failure, check, expecting, require_answer, shown
from autograder.checks.first_push.data import BIRDS
from autograder.checks.shared.http_status import status
from autograder.checks.shared.images import image, listed
from autograder.checks.shared.pointers import images_of
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain.dockerhub import ANONYMOUS_PULLS, PERSONAL_PULLS, account_id
from autograder.evidence import emulator_state
from autograder.evidence.model import Evidence

SERVICE = "dockerhub"
READ, WRITE = "repo:read", "repo:write"
SCOPES = {
    "repo:admin": "read, write and delete",
    WRITE: "read and write",
    READ: "read",
    "repo:public_read": "read public images",
}
VERSION_LABEL, OWNER_LABEL = "org.opencontainers.image.version", "course.owner"
# What docker, containerd, skopeo and the registry itself say to a stranger who asks for a private image.
REFUSED = re.compile(
    r"pull access denied|access to the resource is denied|authentication required|unauthorized|insufficient_scope"
    rf"|{status(401)}"
)
# A login that failed, and a push to somebody else's repository, are denied as well.
OTHER_REFUSALS = {
    "incorrect username or password": "That is a login that failed, and no pull.",
    "push access denied": "That is the refusal of a push.",
}
FINGERPRINT = re.compile(r"[0-9a-f]{12}\Z")
MONTH = 31  # days
ADDRESS = re.compile(r"[0-9a-f.:]+\Z")  # of a network
# The second sentence was measured: the next pull of Docker 20.10 sent a HEAD alone, with no image left. Docker 28.5
# with the containerd image store asked with GET for the index, and had kept what the index lists since the build.
ONLY_ASKS = (
    "A pull of an image that your engine has only asks whether it is new, so remove the image under every name first. "
    "An engine that built or pulled it before may have kept its manifest all the same: then ask for that yourself, "
    "with GET. If the tag points at an index, ask for the manifest of the image in it, by its digest: an index only "
    "lists images, so to read it is no pull."
)
LIMITS = (
    "A dict with limit, before and after (numbers) and source (a text), read from the ratelimit headers with your "
    "account's login."
)


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team with an account, a public and a private repository, a release, and the names of two tokens."""
    bird, digits = draw.choice("bird", BIRDS), draw.hex("team", 4)
    namespace = f"{bird}{digits}"
    major, minor = draw.integer("major", 1, 4), draw.integer("minor", 0, 9)
    return {
        "team": f"{bird}-{digits}",
        "namespace": namespace,
        "repository": f"{namespace}/ml-model",
        "internal": f"{namespace}/ml-model-{draw.choice('internal', ('internal', 'next', 'lab', 'draft'))}",
        "version": f"{major}.{minor}.{draw.integer('patch', 0, 9)}",
        "moving": f"{major}.{minor}",
        "laptop": f"laptop-{draw.hex('laptop', 3)}",
        "server": f"server-{draw.hex('server', 3)}",
    }


@check(
    "token",
    trust="recomputed",
    expected="An access token {laptop} of the account {namespace} that may read and write, and ends in a month or "
    "sooner.",
    why="Whoever gets hold of this token can push to your repositories until it ends, and nothing else: not delete, "
    "not change your account, not go on for years.",
)
def token(e: Evidence) -> None:
    """Your laptop has a token of its own that may push, no more, and that ends"""
    name, namespace = e.text("laptop"), e.text("namespace")
    alive, revoked = _tokens(e, name, which="tokens"), _tokens(e, name, which="revoked")
    tokens = alive or revoked[-1:]  # after the last task it is revoked
    if not tokens:
        _require_no_other_owner(e, name)
        mine = [token["name"] for token in _hub(e)["tokens"] if token["owner"] == namespace]
        if mine:
            raise Failure(f"Your account has the token {listed(mine)}.", "The name of the token is me.laptop.")
        raise Failure("Your account has no token.", "Make one: python3 course.py hub token create --help")
    told = f"The token {name}" if alive else f"No token {name} is good, and the last one"
    for token in reversed(tokens):
        if len(alive) > 1:
            told = f"There are {len(alive)} tokens {name}. The one with the id {token['id']}"
        fault = _unfit(token)
        if fault:
            wrong, instead = fault
            raise Failure(f"{told} {wrong}.", f"{'Revoke it and make' if alive else 'Make'} one that {instead}.")


@check(
    "tags",
    trust="proved",
    expected="A public repository {repository} in which {version} and {moving} are one and the same image of your "
    "team.",
    why="Both tags point at one manifest. The second push sent no blob: it added a name.",
)
def tags(e: Evidence) -> None:
    """One image, public, under its version and under a tag that moves with it"""
    name, version, moving = e.text("repository"), e.text("version"), e.text("moving")
    held, manifest = image(e, SERVICE, name, version)
    if moving not in held.tags:
        near = f" It has {listed(held.tags)}." if len(held.tags) > 1 else ""
        raise Failure(
            f"The tag {moving} is not there.{near}", "Give the image its second name, then push that as well."
        )
    if images_of(held, held.tags[moving]) != images_of(held, held.tags[version]):
        raise Failure(
            f"{version} and {moving} point at two different images.",
            "Do not build twice: docker tag gives an image that you have a second name. Then push that name.",
        )
    labels = held.labels(manifest)
    for label, wanted in ((VERSION_LABEL, version), (OWNER_LABEL, e.text("team"))):
        if labels.get(label) != wanted:
            there = f"The label {label} says {labels[label]}." if label in labels else f"It has no label {label}."
            raise Failure(
                there,
                "Give the build its two arguments, MODEL_VERSION with me.version and OWNER with me.team, each letter "
                "by letter, and push both tags again.",
            )
    if _private(e, name):
        raise Failure(
            "The repository is private.", "Make it public: python3 course.py hub repository visibility --help"
        )


@check(
    "own-namespace",
    trust="recomputed",
    needs=["tags"],
    why="On Docker Hub the first part of a name says whose it is. A push to anyone else's is denied, whatever the name "
    "after it.",
)
def own_namespace(e: Evidence) -> None:
    """Nothing of yours lies in anybody else's namespace"""
    namespace, images = e.text("namespace"), emulator_state.images(SERVICE, _hub(e))
    mine = {digest for name, held in images.items() if name.startswith(f"{namespace}/") for digest in held}
    strays = [
        name for name, held in images.items() if not name.startswith((f"{namespace}/", "library/")) and mine & set(held)
    ]
    if strays:
        raise Failure(
            f"The same image is in {listed(strays)}.",
            "You pushed there with another login. Delete it: python3 course.py hub repository delete --help",
            expected=f"Your images in {namespace}/ and nowhere else.",
        )
    extra = [
        name
        for name in images
        if name.startswith(f"{namespace}/") and name not in (e.text("repository"), e.text("internal"))
    ]
    if extra:
        raise Failure(
            f"There is also {listed(extra)}.",
            "A push under a mistyped name made it. Delete it: python3 course.py hub repository delete --help",
            expected=f"In {namespace}/ the two repositories of this lab.",
        )


@check(
    "stored",
    trust="recomputed",
    expected="fingerprint(…) of the secret that Docker keeps for the emulator after the login with {laptop}.",
    why="Docker needs the secret itself again for each push, so it keeps it where it can read it. So can you, and "
    "so can any program that runs as you.",
)
def stored(e: Evidence) -> None:
    """You found the secret of your login where Docker keeps it"""
    name = e.text("laptop")
    value = require_answer(e, "stored", "The fingerprint of the secret that Docker stored")
    given = value.strip().lower() if isinstance(value, str) else ""
    if not isinstance(value, str) or not FINGERPRINT.match(given):
        what = "the secret itself" if str(value).startswith("dckr_pat_") else shown(value, 60)
        raise Failure(f"You recorded {what}.", "Record what fingerprint(secret) returns: 12 hexadecimal digits.")
    state = _hub(e)
    known = {token["fingerprint"]: token for token in [*state["revoked"], *state["tokens"]]}
    token = known.get(given)
    if token is None:
        raise Failure(
            "That is the fingerprint of no token.",
            "Take the secret alone: base64 hides user, colon and secret together, and a line end is no part of it.",
        )
    if token["name"] != name or token["owner"] != e.text("namespace"):
        raise Failure(
            f"That is the token {token['name']} of {token['owner']}.", f"Log in with {name} first, then look once more."
        )


@check(
    "limit",
    trust="recomputed",
    expected=LIMITS,
    why="Every answer with a manifest's headers tells what the limit is and who is counted. With a login that is your "
    "account, wherever you are; without one it is everybody behind your address together.",
)
def limit(e: Evidence) -> None:
    """You read your account's pull limit and who is counted, and pulled your image"""
    allowed, _, _, source = _limits(e)
    address = ADDRESS.match(source) and "-" not in source
    if allowed == ANONYMOUS_PULLS or address:
        raise Failure(
            "That is the limit of an address without a login."
            if allowed == ANONYMOUS_PULLS
            else f"The source {source[:60]} is an address: that is who is counted without a login.",
            "Ask for the bearer token as your account: with user and access token.",
        )
    if allowed != PERSONAL_PULLS:
        raise Failure(f"limit is {allowed}.", "It is the number in ratelimit-limit; the window (w=…) is in seconds.")
    if source != account_id(e.text("namespace")):
        raise Failure(
            f"The source {source[:60]} is not your account.",
            f"Record docker-ratelimit-source of an answer that you got as {e.text('namespace')}.",
        )
    name = e.text("repository")
    images = [image for held in _hub(e)["repositories"] if held["name"] == name for image in held["images"]]
    if all(image["pulled"] is None for image in images):
        raise Failure(
            "Nobody has pulled an image from there yet.",
            f"{ONLY_ASKS} Then read again, and record all four values anew.",
            expected=f"A pull of {name}, counted between before and after.",
        )


@check(
    "counted",
    trust="claimed",  # what was left at two moments is nowhere but in the answer
    needs=["limit"],
    expected="after is one less than before: one pull between.",
    why="HEAD asks for the headers of a manifest and not for the manifest, so it tells the limit without being a pull. "
    "GET on an image's manifest is what counts, and not GET on an index, which only lists images.",
)
def counted(e: Evidence) -> None:
    """You saw one pull count, and your looking did not"""
    allowed, before, after, _ = _limits(e)
    if before - after == 1 and after >= 0 and before <= allowed:
        return
    used = before - after
    if used == 0:
        raise Failure("Nothing was used between before and after.", ONLY_ASKS)
    if used == 2:
        raise Failure(
            "Two were used between before and after.",
            "One was the pull. The other was your own look, if it was a GET: ask with HEAD. Or you pulled twice.",
        )
    raise Failure(
        f"before is {before} and after is {after}.", "Read, pull once, read again, and record everything in one go."
    )


@check(
    "private",
    trust="recomputed",
    expected="A private repository {internal} that holds {version}.",
    why="A private repository is a setting of Docker Hub, made before the first push. To everybody else it does not "
    "exist.",
)
def private(e: Evidence) -> None:
    """The private repository holds the image, and is private"""
    name, version = e.text("internal"), e.text("version")
    is_private = _private(e, name)
    if is_private is None:
        raise Failure(
            "There is no such repository.", "Make it before you push: python3 course.py hub repository create --help"
        )
    if not is_private:
        raise Failure(
            "The repository is public: a push without a repository makes a public one.",
            "Make it private: python3 course.py hub repository visibility --help",
        )
    held, _ = image(e, SERVICE, name, version)
    public = e.repository(SERVICE, e.text("repository"))
    there = held.tags[version]
    # The task before removes and pulls the image, so an attestation may have stayed behind: the image is the same.
    if public is not None and images_of(held, there) != images_of(public, public.tags.get(version, "")):
        raise Failure(
            "It holds another image.",
            "Give the image that you pushed a second name in the other repository, and push that.",
            expected=f"A private repository {name} that holds {version}, the same image as in {public.name}.",
        )


@check(
    "refused",
    trust="claimed",
    needs=["private"],
    expected="The error that a pull of your private image gives without a login.",
    why="The answer does not tell a private repository from one that does not exist. Otherwise it would tell strangers "
    "what you have.",
)
def refused(e: Evidence) -> None:
    """You saw what a stranger is told who pulls your private image"""
    value = require_answer(e, "refusal", "What a stranger is told")
    text = value if isinstance(value, str) else json.dumps(value)
    name = e.text("internal")
    # Docker repeats the name that it was given; without an address in front that was a name on the real Docker Hub.
    real = "registry-1.docker.io" in text or f"denied for {name}" in text
    other = next((what for words, what in OTHER_REFUSALS.items() if words in text.lower()), "")
    if REFUSED.search(text.lower()) and not real and not other:
        return
    if real:
        raise Failure(
            "That pull went to the real Docker Hub.",
            f"The name begins with the emulator's address: DOCKERHUB, a slash, {name}. Pull that.",
        )
    what = other or f"You recorded {shown(value, 120)}."
    if "manifest unknown" in text.lower() or "not found" in text.lower():
        what = "That is the answer to a tag that does not exist, to someone who may look."
    elif "status:" in text.lower() or "digest:" in text.lower() or "up to date" in text.lower():
        what = "That pull went well, so you were still logged in, or the repository was public then."
    elif "toomanyrequests" in text.lower():
        what = "That is the pull limit."
    raise Failure(what, "Log out, remove the image from the engine, pull, and record the error.")


@check(
    "revoked",
    trust="recomputed",
    expected="{laptop} revoked; {server} still good, for reading only, with a day on which it ends.",
    why="Each machine had a token of its own, so one could be taken back while the other goes on.",
)
def revoked(e: Evidence) -> None:
    """The laptop's token is dead, and the server's goes on and can only read"""
    laptop, server = e.text("laptop"), e.text("server")
    alive = _tokens(e, server, which="tokens")
    if not alive:
        gone = _tokens(e, server, which="revoked")
        if not gone:
            _require_no_other_owner(e, server)
        raise Failure(
            f"{server} was revoked." if gone else f"There is no token {server}.",
            "The server is to go on: make it a token of its own, which can read and no more.",
        )
    able = [token for token in alive if _scope(token) != READ]
    if able:
        may = SCOPES.get(_scope(able[-1]), _scope(able[-1]))
        raise Failure(f"{server} may {may}.", "A server that runs a private image reads it, no more and no less.")
    if any(not token["expires"] for token in alive):
        raise Failure(f"{server} never ends.", "Revoke it and make one that ends.")
    if all(token["expired"] for token in alive):
        raise Failure(f"{server} has expired.", "Make it anew; the emulators' clock says which day it is there.")
    left = _tokens(e, laptop, which="tokens")
    if left:
        dead = all(token["expired"] for token in left)
        raise Failure(
            f"{laptop} has expired, and was never revoked." if dead else f"{laptop} still logs in.",
            "Revoke it, by its name or id: python3 course.py hub token revoke --help",
        )
    if not _tokens(e, laptop, which="revoked"):
        raise Failure(
            f"There never was a token {laptop}, so none was taken back.",
            "Make the laptop's token (task 1), log in with it, and revoke it at the end.",
        )


# -- what the rules ask ----------------------------------------------------------------------------------------------


def _hub(e: Evidence) -> Mapping[str, Any]:
    """The emulator's state; :class:`autograder.evidence.emulator_state.Hub` says its form.

    Raises:
        Failure: it is not there.
    """
    state = e.settings(SERVICE)
    if not state:
        raise Failure(
            "It is not there, or not in the form that the emulator gives it.",
            "Start the services with `python3 course.py start`, then check or submit again.",
            expected="The state of the Docker Hub emulator.",
        )
    return state


def _tokens(e: Evidence, name: str, *, which: str) -> list[dict[str, Any]]:
    """The student's tokens of a name: ``which`` is "tokens" (those that still log in) or "revoked"; newest last."""
    mine = [token for token in _hub(e)[which] if token["owner"] == e.text("namespace")]
    return sorted((token for token in mine if token["name"] == name), key=lambda token: str(token["created"]))


def _scope(token: dict[str, Any]) -> str:
    return str(token["scopes"][0]) if token["scopes"] else ""


def _require_no_other_owner(e: Evidence, name: str) -> None:
    """No account has a token of that name, since the student's has none.

    Raises:
        Failure: another account has it.
    """
    state = _hub(e)
    others = [token for token in [*state["tokens"], *state["revoked"]] if token["name"] == name]
    if others:
        raise Failure(f"A token {name} exists, but of the account {others[-1]['owner']}.", "Say whose it is: --user.")


def _unfit(token: dict[str, Any]) -> tuple[str, str] | None:
    """What is wrong with a token for a laptop that pushes, and what another one does instead."""
    if _scope(token) in (READ, "repo:public_read"):
        return f"may {SCOPES[_scope(token)]}, so it cannot push", "may write"
    if _scope(token) != WRITE:
        return f"may {SCOPES.get(_scope(token), _scope(token))}, more than a push needs", "may write"
    days = _days(token)
    if days is None:
        return "never ends", "ends, in thirty days for example"
    if days > MONTH:
        return f"ends {days:,} days after it was made, and who finds it has it for so long", "ends in a month or sooner"
    return None


def _days(token: dict[str, Any]) -> int | None:
    """Whole days from a token's making to its end; None for one without an end that can be read."""
    try:
        return (datetime.fromisoformat(str(token["expires"])) - datetime.fromisoformat(str(token["created"]))).days
    except (ValueError, TypeError):  # TypeError: a time without a zone, which the emulator never writes
        return None


def _private(e: Evidence, name: str) -> bool | None:
    """Whether a repository is private; None when it does not exist."""
    for repository in _hub(e)["repositories"]:
        if repository["name"] == name:
            return bool(repository["attributes"].get("private"))
    return None


def _limits(e: Evidence) -> tuple[int, int, int, str]:
    """The recorded limit, before, after and source.

    Raises:
        Failure: there is none, or not in that form.
    """
    value = require_answer(e, "limits", "The limit, what was left before and after one pull, and who is counted")
    with expecting(LIMITS):
        if not isinstance(value, dict):
            raise Failure(f"You recorded {shown(value)}.", "Record a dict with these four keys.")
        missing = [key for key in ("limit", "before", "after", "source") if key not in value]
        if missing:
            raise Failure(f"It lacks {listed(missing)}.", "Record a dict with these four keys.")
        numbers = {key: _number(value[key]) for key in ("limit", "before", "after")}
        for key, number in numbers.items():
            if number is None:
                raise Failure(f"{key} is {shown(value[key], 60)}.", "The number stands before the semicolon.")
    allowed, before, after = (int(number or 0) for number in numbers.values())
    return allowed, before, after, str(value["source"]).strip()


def _number(value: JsonValue) -> int | None:
    """A number, or a header's value that begins with one: ``200;w=21600``."""
    if isinstance(value, str):
        digits = re.match(r"\s*([0-9]{1,6})\s*(;|\Z)", value)
        return int(digits[1]) if digits else None
    return (
        int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value) else None
    )
