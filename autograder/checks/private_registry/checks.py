"""Lab 05, a private registry: certificate, password file and settings of one's own, run by whoever checks them."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from typing import Any

from autograder.checks.api import Failure, NotGraded, check, require_answer, require_probe, shown
from autograder.checks.first_push.data import BIRDS
from autograder.checks.private_registry.data import ASKED, BREAKS, BROKEN, REFUSED
from autograder.checks.shared import garbage_collection
from autograder.checks.shared.images import image, listed
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain import instants
from autograder.evidence.model import Evidence, Repository
from autograder.oci.manifests import ImageManifest

SERVICE = "private"
COMPOSE, CERTIFICATE, KEY, PASSWORDS = "compose.yaml", "certs/domain.crt", "certs/domain.key", "auth/htpasswd"
MAX_COST = 12  # of bcrypt, as in the grader's probe
VERSION_LABEL, OWNER_LABEL = "org.opencontainers.image.version", "course.owner"
DELETE, REALM = "REGISTRY_STORAGE_DELETE_ENABLED", "REGISTRY_AUTH_HTPASSWD_REALM"
FILE_SETTINGS = {
    "REGISTRY_HTTP_TLS_CERTIFICATE": CERTIFICATE,
    "REGISTRY_HTTP_TLS_KEY": KEY,
    "REGISTRY_AUTH_HTPASSWD_PATH": PASSWORDS,
}


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, its registry's name, port, realm and login, two releases, and three things to break."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    major, minor = draw.integer("major", 1, 4), draw.integer("minor", 0, 8)
    port = draw.integer("port", 2700, 2999) * 2  # even; the next one is for the copy that is broken
    drawn = [draw.choice(name, sorted(group)) for name, group in (("a", ASKED), ("b", REFUSED), ("c", BROKEN))]
    other = f"other.{team}.test"
    return {
        "team": team,
        "host": f"registry.{team}.test",  # .test is nobody's: https://www.rfc-editor.org/rfc/rfc6761
        "port": port,
        "spare_port": port + 1,
        "realm": f"Images of {team}",
        "user": f"ci-{draw.hex('user', 3)}",
        "password": draw.hex("password", 20),
        "repository": f"{team}/ml-model",
        "v1": f"{major}.{minor}.0",
        "v2": f"{major}.{minor + 1}.0",
        "breaks": {name: BREAKS[name].task.format(other=other) for name in drawn},
    }


@check(
    "certificate",
    trust="recomputed",
    expected="certs/domain.crt: a certificate whose subjectAltName holds {host}, valid now; certs/domain.key: its "
    "private key.",
    why="A client compares the name it asked for with the certificate's subjectAltName. That the registry can show the "
    "certificate and use its key proves that it is the one meant.",
)
def certificate(e: Evidence) -> None:
    """Your certificate is for your registry's name, valid now, and its key fits"""
    host, facts = e.text("host"), _facts(e)
    own, key = facts["certificate"], facts["key"]
    for name, told in ((CERTIFICATE, own), (KEY, key)):
        if told is None:
            raise Failure(f"There is no {name}.", "Make certificate and key, and save them under these names.")
    for name, told in ((CERTIFICATE, own), (KEY, key)):
        if "error" in told:
            raise Failure(
                f"{name} cannot be used: {told['error']}.",
                "Make certificate and key anew, in one go and without a passphrase.",
            )
    names = [str(name) for name in own["names"]]
    if not any(_covers(name, host) for name in names):
        raise Failure(*_other_names(names, own, host))
    moment = _moment(e.collected_at)
    if moment is not None and datetime.fromisoformat(own["ends"]) < moment:
        raise Failure(f"It expired on {own['ends'][:10]}.", "Make a new one that is valid for some weeks.")
    if moment is not None and datetime.fromisoformat(own["begins"]) > moment:
        raise Failure(f"It is not valid before {own['begins'][:16]} (UTC).", "Let it begin now, or a little earlier.")
    if key["fits_another"]:
        raise Failure(
            "The key belongs to a later certificate in the file.", "The registry's own comes first, its issuers after."
        )
    if not key["fits"]:
        raise Failure("The key does not belong to the certificate.", "Make both in one go, and keep both results.")


@check(
    "passwords",
    trust="recomputed",
    expected="auth/htpasswd: a line for {user} with the bcrypt hash of me.password.",
    why="The file holds a bcrypt hash: slow to try out, new each time it is made, and no way back to the password.",
)
def passwords(e: Evidence) -> None:
    """Your password file lets your user in, with bcrypt, and no file holds the password itself"""
    user, password, facts = e.text("user"), e.text("password"), _facts(e)["passwords"]
    if facts is None:
        raise Failure(f"There is no {PASSWORDS}.", "Write the user, a colon and the hash into it.")
    if "error" in facts:
        raise Failure(
            f"{PASSWORDS} cannot be used: {facts['error']}.",
            'Save it as UTF-8 without that mark: write_text(…, encoding="utf-8") in Python does.'
            if "byte-order" in facts["error"]
            else "Write one line: user, colon, hash.",
        )
    _no_plain_secret(e, user, password)
    mine = facts["users"].get(user)
    if mine is None:
        others = f", but one for {listed(map(repr, facts['users']))}" if facts["users"] else ""
        raise Failure(f"It has no line for {user}{others}.", "The user is me.user, letter by letter.")
    # Earlier kits named no lines, and refused a file with two for one user.
    last = f"It has {mine['lines']} lines for {user}, and the last one counts. " if "lines" in mine else ""
    if mine["scheme"] != "bcrypt":
        file = e.files.get(PASSWORDS)
        text = (file.text if file else None) or ""
        if f"{user}:b'$2" in text or f'{user}:b"$2' in text:
            raise Failure(
                "The hash is there as Python shows bytes, with a b and quotes around it.",
                "bcrypt.hashpw gives bytes, and a file holds text: decode() makes one of the other.",
            )
        what = f"a {mine['scheme']} hash" if mine["scheme"] != "none" else "nothing that is a hash"
        raise Failure(
            f"{last}Behind {user} stands {what}. The registry passes over every entry that is not bcrypt.",
            "Make the hash with bcrypt: it begins with $2b$ or $2y$.",
        )
    expensive = sorted(name for name, entry in facts["users"].items() if entry.get("cost", 0) > MAX_COST)
    if expensive:
        cost = facts["users"][expensive[0]]["cost"]
        raise Failure(
            f"The hash of {expensive[0]} has the cost {cost}: each login would take {2 ** (cost - MAX_COST)} times as "
            f"long as with {MAX_COST}.",
            "Take a cost (rounds) of 10.",
        )
    if not mine.get("matches"):
        raise Failure(
            f"{last}The hash is of another password.", "Hash me.password itself, without a line end behind it."
        )


@check(
    "settings",
    trust="recomputed",
    expected="compose.yaml: registry:2, published on 127.0.0.1 alone, with certs/domain.crt, certs/domain.key and "
    "auth/htpasswd, the realm “{realm}”, deletion on, and a volume for the data.",
    why="Everything the registry needs stands in one file that can be read, compared and started anywhere. The "
    "loopback address keeps it to your machine, and the volume keeps what was pushed when the container goes.",
)
def settings(e: Evidence) -> None:
    """compose.yaml describes your registry: on loopback, with TLS, a login, deletion and a volume"""
    facts = _facts(e)["compose"]
    if facts is None:
        raise Failure(f"There is no {COMPOSE}.", "Write it beside the notebook; lesson 05 shows one.")
    if "problem" in facts:
        raise Failure(**facts["problem"])
    fault = _wrong_image(facts) or _wrong_ports(facts) or _wrong_files(facts)
    if fault:
        raise Failure(*fault)
    values = facts["environment"]
    if values.get("REGISTRY_AUTH") != "htpasswd":
        raise Failure(
            "REGISTRY_AUTH is not set, so nobody is asked for a login.",
            "Set REGISTRY_AUTH to htpasswd, with path and realm.",
        )
    if values.get(REALM) != e.text("realm"):
        what = f"{REALM} is {shown(values[REALM])}." if REALM in values else f"{REALM} is not set."
        raise Failure(what, "The realm is what a client shows when it asks for the password: me.realm.")
    if values.get(DELETE) != "true":
        what = f"{DELETE} is false." if DELETE in values else f"{DELETE} is not set."
        raise Failure(what, f"Set {DELETE} to true yourself: what holds without it differs between versions.")
    if facts["data"] is None:
        raise Failure(
            "Nothing is mounted where the registry keeps its data, so everything goes when the container is removed.",
            "Mount a named volume at /var/lib/registry, and declare it below volumes.",
        )
    if not facts.get("stores", True):  # earlier kits did not look
        raise Failure(
            "What is mounted where the registry keeps its data is read-only (ro), so it can store nothing.",
            "Certificates and passwords are only read; the data is written: mount its volume without ro.",
        )


@check(
    "runs",
    trust="recomputed",
    needs=["certificate", "passwords", "settings"],
    expected="A registry with your settings: TLS for {host}, 401 without login and with a wrong password, 200 with "
    "yours, 201 for a push, 202 for a deletion.",
    why="A registry was started with your settings, certificate and passwords, asked, and thrown away. It did what "
    "your files promise.",
)
def runs(e: Evidence) -> None:
    """A registry with your settings shows the right certificate, wants a login, and deletes"""
    seen = _facts(e)["run"]
    if not isinstance(seen, dict):
        raise NotGraded("A registry with these settings was not run.")
    if seen["ended"]:
        raise Failure(f"It ended at once and said: {seen['said']}", "Correct what it complains about.")
    if seen["tls"]:
        raise Failure(f"The TLS handshake failed: {seen['tls']}.", "Make certificate and key anew; look at its names.")
    if seen["anonymous"] != 401:
        raise Failure(f"Without a login it answers {seen['anonymous']}.", "Set the three REGISTRY_AUTH settings.")
    if seen["wrong"] != 401:
        raise Failure(f"With a wrong password it answers {seen['wrong']}.", "Set the three REGISTRY_AUTH settings.")
    if seen["right"] != 200:
        raise Failure(f"With your password it answers {seen['right']}.", "Make the line of the password file anew.")
    if seen.get("stored", 201) != 201:
        raise Failure(f"A push is answered with {seen['stored']}.", "The registry must be able to write its data.")
    if seen["deleted"] != 202:
        raise Failure(f"A deletion is answered with {seen['deleted']}.", f"Set {DELETE} to true.")


@check(
    "challenge",
    trust="recomputed",
    expected="The value of WWW-Authenticate in your registry's answer to a request without login.",
    why="401 comes with a challenge: how to log in (Basic) and where one is (the realm). A client shows it to you, or "
    "answers it with the login that it has stored.",
)
def challenge(e: Evidence) -> None:
    """You saw how your registry asks for a login"""
    value = require_answer(e, "challenge", "The value of the header WWW-Authenticate")
    seen = _facts(e)["run"]
    if not isinstance(seen, dict) or not seen.get("challenge"):
        raise Failure(
            "A registry with your files asks for no login yet, so there is nothing to compare with.",
            'Finish the settings first: check("runs").',
        )
    said = str(seen["challenge"])
    if not isinstance(value, str):
        raise Failure(f"You recorded {shown(value)}.", "Record the header's value as a text.")
    given = re.sub(r"^\s*www-authenticate\s*:\s*", "", value, flags=re.IGNORECASE)
    if " ".join(given.split()) == " ".join(said.split()):
        return
    what, next_step = f"You recorded “{value[:120]}”.", "Ask /v2/ without a login and look at the answer's headers."
    if e.text("realm") == given.strip().strip('"'):
        what, next_step = "That is the realm alone.", "Record the whole value: it begins with the kind of login."
    elif given.lower().startswith("bearer"):
        what = "That is the challenge of a registry with tokens, such as Docker Hub."
    elif "UNAUTHORIZED" in given or "authentication required" in given:
        what, next_step = "That is the body of the answer.", "The challenge is a header: curl -i shows them."
    elif given.strip().lower() == "basic":
        what, next_step = "That is the kind of login alone.", "Record the whole value: the realm is a part of it."
    elif " ".join(given.split()) == said.replace('"', ""):
        next_step = "The quotation marks around the realm are part of the value."
    elif "basic" in given.lower():
        next_step = "That is another realm, or it was recorded before you changed it: ask again and record again."
    raise Failure(what, next_step)


@check(
    "pushed",
    trust="proved",
    why="A registry of your own is a registry like any other: the same names, the same push, the same manifests.",
)
def pushed(e: Evidence) -> None:
    """The second release is in your registry"""
    held, manifest = _release(e)
    v2, team, labels = e.text("v2"), e.text("team"), held.labels(manifest)
    for label, wanted in ((VERSION_LABEL, v2), (OWNER_LABEL, team)):
        if labels.get(label) != wanted:
            there = f"The label says {labels[label]}." if label in labels else "The image has no such label."
            raise Failure(
                there,
                "Give the build its two arguments, MODEL_VERSION and OWNER, then push again.",
                expected=f"An image under {v2} whose label {label} says {wanted}.",
            )


@check(
    "freed",
    trust="claimed",  # that the manifest was ever in this registry is told by the answer alone
    needs=["pushed"],
    expected="{v2} in {repository}, and {v1} no more.",
    why="Deleting a manifest only says that nobody needs it any more. The collector removes the blobs that no other "
    "manifest lists: what both releases share stays.",
)
def freed(e: Evidence) -> None:
    """The first release is gone, and you know how many bytes that gave back"""
    held, _ = _release(e)
    v1 = e.text("v1")
    if v1 in held.tags:
        raise Failure(
            f"{v1} is still there.",
            "Delete its manifest, by digest, with a login.",
        )
    removed = garbage_collection.removed_texts(require_answer(e, "removed", f"The manifest of {v1}, as text"), v1, held)
    garbage_collection.require_bytes(
        require_answer(e, "freed", "The bytes that the collection gave back"), v1, removed, held
    )


@check(
    "breaks",
    trust="claimed",
    expected=lambda e: (
        f"The error that each of {listed(e.parameter('breaks'))} gives: a dict from that name to the text you saw."
    ),
    why="Each layer fails in its own words: the client's about trust and names, the registry's about methods and "
    "logins, and its log's about what keeps it from starting. Knowing whose words they are is half the repair.",
)
def breaks(e: Evidence) -> None:
    """You broke three things and know each error when you see it"""
    wanted = e.parameter("breaks")
    value = require_answer(e, "errors", "The errors of your three breaks")
    if not isinstance(value, dict):
        raise Failure(f"You recorded {shown(value)}.", "Record a dict whose keys are the names in me.breaks.")
    for name in wanted:
        if name not in value:
            raise Failure(f"{name} is missing.", f"Do this: {wanted[name]}. Record its error.")
    table = [("break", "you recorded", "what is wrong")]
    for name in wanted:
        given = value[name]
        text = given if isinstance(given, str) else json.dumps(given)
        table.append((name, text[:120], _judged(name, text)))
    wrong = [row[0] for row in table[1:] if row[2]]
    if wrong:
        raise Failure(
            f"The error of {listed(wrong)} reads otherwise.",
            "Do it once more, and record the line in which the program says what is wrong.",
            table=table,
        )


# -- what the rules ask ----------------------------------------------------------------------------------------------


def _facts(e: Evidence) -> dict[str, Any]:
    """What the settings probe found."""
    return require_probe(e, "settings", "The settings were not looked at.")


def _covers(name: str, host: str) -> bool:
    """Whether a name of a certificate covers a host: a star stands for one whole first part (RFC 9525, 6.3)."""
    name, host = name.lower().rstrip("."), host.lower()
    return name == host or (name.startswith("*.") and name[2:] == host.partition(".")[2])


def _other_names(names: list[str], own: dict[str, Any], host: str) -> tuple[str, str]:
    """What the certificate's names are instead, and what to do."""
    again = "Make it anew with the name in a subjectAltName extension, as DNS:NAME."
    if not names and own["common_name"] == host:
        return f"{host} is its common name (CN) alone, and there is no subjectAltName. Go clients ignore the CN.", again
    if not names:
        return "It has no DNS name in a subjectAltName.", again
    near = [name for name in names if host in name]
    if near:
        return f"Its subjectAltName holds {near[0]}.", "A name in a certificate has no port, no path and no https://."
    return f"Its subjectAltName holds {listed(names)}, and not {host}.", "Use me.host, letter by letter."


def _moment(text: str) -> datetime | None:
    """When the evidence was taken; None for a submission that does not say it usably."""
    moment = instants.read(text)
    return moment if moment is not None and moment.tzinfo else None


def _no_plain_secret(e: Evidence, user: str, password: str) -> None:
    """No file holds the password itself.

    Raises:
        Failure: one does.
    """
    forms = (password, base64.b64encode(f"{user}:{password}".encode()).decode().rstrip("="))
    for name, file in sorted(e.files.items()):
        if file.text is not None and any(form in file.text for form in forms):
            raise Failure(
                f"{name} holds it.",
                "Keep the hash in the password file, and the password nowhere near the settings.",
                expected="No file that you hand in holds the password itself, written out or in base64.",
            )


def _wrong_image(facts: dict[str, Any]) -> tuple[str, str] | None:
    """What is wrong with the image, and what to do; None when nothing is."""
    tag = str(facts["image"]).partition("@")[0].rpartition(":")[2]
    if re.fullmatch(r"2(\.[0-9]+)*", tag):
        return None
    return f"The image is {facts['image']}.", "Write registry:2. Version 3 has other defaults, and other file names."


def _wrong_ports(facts: dict[str, Any]) -> tuple[str, str] | None:
    """What is wrong with the published ports, and what to do; None when nothing is."""
    published, listens = facts["published"], facts["listens"]
    if not published:
        return "It publishes no port, so nothing outside the container reaches it.", "Add a port, on 127.0.0.1."
    for entry in published:
        port = "" if entry["port"] is None else f" (port {entry['port']})"
        if entry["loopback"] and entry["address"] != "127.0.0.1":
            return (
                f"It is published on {entry['address']}{port}, which is another address of this machine.",
                "Write 127.0.0.1: before the port. A client that is told that address finds nothing at another one.",
            )
        if not entry["loopback"]:
            where = entry["address"] or "every address of your machine"
            return f"It is published on {where}{port}: your network reaches it.", "Write 127.0.0.1: before the port."
    if not any(entry["target"] == listens for entry in published):
        return (
            f"It publishes the container's port {published[0]['target']}, and the registry listens on {listens} there.",
            "The last number of a published port is the one that the registry listens on: 5000, or what "
            "REGISTRY_HTTP_ADDR says.",
        )
    return None


def _wrong_files(facts: dict[str, Any]) -> tuple[str, str] | None:
    """What is wrong with the mounted files, and what to do; None when nothing is."""
    for name, wanted in FILE_SETTINGS.items():
        if name not in facts["environment"]:
            return f"{name} is not set.", f"Set it to the path under which the container finds {wanted}."
        leads = facts["files"].get(name)
        if leads is None:
            where = facts["environment"][name]
            return (
                f"{name} is {where}, and no file of yours is mounted there.",
                "Mount the folder at the path that the setting begins with.",
            )
        if leads != wanted:
            return f"{name} leads to {leads}, not to {wanted}.", "Correct the path, or the folder that is mounted."
    return None


def _release(e: Evidence) -> tuple[Repository, ImageManifest]:
    """The second release in the student's registry."""
    known = e.services.get(SERVICE)
    problem = known.settings.get("problem") if known is not None else "there is no snapshot of it"
    if problem:
        raise Failure(
            f"It could not be read: {str(problem)[:300]}.",
            "Start it (compose up) and check again. When you submit, it has to run as well.",
            expected=f"Your registry runs and holds {e.text('repository')}:{e.text('v2')}.",
        )
    return image(e, SERVICE, e.text("repository"), e.text("v2"))


def _judged(name: str, text: str) -> str:
    """What is wrong with a recorded error; "" when it is the break's own."""
    if re.search(BREAKS[name].pattern, text.lower()):
        return ""
    if not text.strip():
        return "nothing recorded"
    other = next((known for id, known in BREAKS.items() if id != name and re.search(known.pattern, text.lower())), None)
    return f"this one means: {other.means}" if other else "none of the errors that this break gives"
