"""What lab 05-private-registry drew in version 0.1.0; see the package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autograder.checks.frozen.words import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom


@dataclass(frozen=True)
class Break:
    """A break.

    Attributes:
        task: what to do, with parameters in braces.
        pattern: what its error says, in lower case, whichever program tells it.
        means: the error in words.
    """

    task: str
    pattern: str
    means: str


ASKED = {
    "other-name": Break(
        "ask your registry under the name {other}, while you trust your certificate",
        r"no alternative certificate subject name|subject name does not match|hostname mismatch|doesn't match"
        r"|certificate is valid for .* not|not valid for|wrong_principal|0x80090322|principal name is incorrect",
        "the certificate is trusted, but it is for another name",
    ),
    "unknown-authority": Break(
        "ask your registry under its right name, without naming your certificate to the client",
        r"self[- ]signed certificate|unable to get local issuer|unknown authority|untrusted_?root|0x80090325"
        r"|not trusted",
        "nobody that the client trusts has signed the certificate",
    ),
}
REFUSED = {
    "plain-http": Break(
        "ask your registry with http:// in the place of https://",
        r"http request to an https server|\b400\b",
        "the registry got plain HTTP on a port where it speaks TLS",
    ),
    "no-deletion": Break(
        "run a copy with deletion switched off, and delete there any digest, say sha256: and 64 zeros",
        r"unsupported|\b405\b",
        "a registry whose deletion is off refuses the method",
    ),
}
BROKEN = {
    "foreign-key": Break(
        "run a copy with a new private key that does not belong to the certificate, and read what it says",
        r"private key does not match public key",
        "the registry does not even start with somebody else's key",
    ),
    "other-hash": Break(
        "run a copy whose password file holds a SHA-1 or MD5 hash in the place of bcrypt, and log in with the right "
        "password",
        r"unauthorized|authentication required|\b401\b",
        "the registry knows bcrypt alone, so the user does not exist for it",
    ),
}
BREAKS = ASKED | REFUSED | BROKEN


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
