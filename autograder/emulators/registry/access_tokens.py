"""Access tokens that a person made with a command: named, scoped, perhaps expiring; shown once, stored as a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from autograder.emulators.clock import moment, stamp
from autograder.emulators.interface import Clock, RegistryError
from autograder.emulators.json_store import read_json, write_json

REMEMBERED = 100  # revoked tokens


@dataclass(frozen=True)
class AccessToken:
    """A token as it is stored.

    Attributes:
        id: short public name, also what revokes it.
        name: the description its maker gave.
        owner: the account it speaks for.
        scopes: what it may do, in the cloud's words.
        created, expires: ISO 8601 UTC; ``expires`` is "" for a token without end.
        digest: SHA-256 of the secret. A plain hash is enough: the secret has 160 random bits, so no one guesses it.
        revoked: ISO 8601 UTC of when it was taken back; "" for one that was not.
    """

    id: str
    name: str
    owner: str
    scopes: list[str]
    created: str
    expires: str
    digest: str
    revoked: str = ""

    def public(self) -> dict[str, Any]:
        """Everything but the hash, and that it was revoked."""
        return {key: value for key, value in asdict(self).items() if key not in ("digest", "revoked")}

    @property
    def fingerprint(self) -> str:
        """The beginning of the hash: enough to recognise a secret, not to have it."""
        return self.digest[:12]


class AccessTokens:
    """The tokens of one service, in one JSON file."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = [AccessToken(**entry) for entry in read_json(path, [])]

    def create(
        self, owner: str, name: str, scopes: list[str], lifetime: timedelta | None, prefix: str
    ) -> tuple[AccessToken, str]:
        """A new token and its secret, which is not kept. ``lifetime`` None is a token without end."""
        secret = prefix + secrets.token_urlsafe(20)
        now = self._clock.now()
        token = AccessToken(
            id=secrets.token_hex(4),
            name=name,
            owner=owner,
            scopes=scopes,
            created=stamp(now),
            expires=stamp(expiry(now, lifetime)) if lifetime is not None else "",
            digest=_digest(secret),
        )
        with self._lock:
            self._save([*self._tokens, token])
        return token, secret

    def find(self, secret: str) -> AccessToken | None:
        """The valid token with this secret, or None if there is none or it has expired."""
        digest = _digest(secret)
        for token in self.all():
            if hmac.compare_digest(token.digest, digest) and not self.expired(token):
                return token
        return None

    def all(self) -> list[AccessToken]:
        """Every token that was not revoked, the expired ones too, oldest first."""
        return [token for token in self._tokens if not token.revoked]

    def gone(self) -> list[AccessToken]:
        """The tokens that were revoked last, at most :data:`REMEMBERED` of them, oldest first."""
        return [token for token in self._tokens if token.revoked]

    def expired(self, token: AccessToken) -> bool:
        """Whether its time is over."""
        return bool(token.expires) and moment(token.expires) <= self._clock.now()

    def revoke(self, id_or_name: str) -> AccessToken:
        """Take a token back. Raises RegistryError 404 if no token has this id or name, 409 if a name fits several."""
        with self._lock:
            matching = [token for token in self.all() if id_or_name in (token.id, token.name)]
            if len(matching) != 1:
                count = "no token is" if not matching else f"{len(matching)} tokens are"
                raise RegistryError(409 if matching else 404, "NOT_FOUND", f"{count} called {id_or_name}")
            dead = replace(matching[0], revoked=stamp(self._clock.now()))
            self._save(
                [*(token for token in self.all() if token is not matching[0]), *self.gone()[1 - REMEMBERED :], dead]
            )
            return matching[0]

    def forget(self, owner: str) -> None:
        """Drop every token of an owner, revoked ones too."""
        with self._lock:
            self._save([token for token in self._tokens if token.owner != owner])

    def _save(self, tokens: list[AccessToken]) -> None:
        write_json(self._path, [asdict(token) for token in tokens])
        self._tokens = tokens


def expiry(now: datetime, lifetime: timedelta) -> datetime:
    """``now`` plus a lifetime. Raises RegistryError 400 if that leaves the calendar."""
    try:
        return now + lifetime
    except OverflowError:
        raise RegistryError(400, "UNSUPPORTED", "the lifetime is too long") from None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
