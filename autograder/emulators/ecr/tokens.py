"""What opens ``/v2/``: the twelve-hour authorization token, and links to one layer for a short while.

Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html ("valid for 12 hours",
user name AWS). The token is opaque to clients; here it is signed JSON, so nothing about it has to be stored.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

from autograder.emulators.interface import RegistryError

LIFETIME = 12 * 3600  # seconds
LINK_LIFETIME = 3600  # seconds
USER = "AWS"
LAYERS = "/layers/"  # where links to layers begin; in AWS they lead to S3


@dataclass(frozen=True)
class Tokens:
    """Makes and reads tokens of this installation.

    Attributes:
        secret: the installation's signing key.
    """

    secret: bytes

    def issue(self, profile: str, now: float) -> tuple[str, float]:
        """A token for a profile and the moment it expires (seconds since the epoch)."""
        expires = int(now) + LIFETIME
        payload = json.dumps({"who": profile, "expiration": expires}, separators=(",", ":"))
        token = {"payload": payload, "signature": self._sign(payload), "type": "DATA_KEY", "version": "2"}
        return base64.b64encode(json.dumps(token).encode("ascii")).decode("ascii"), float(expires)

    def profile(self, authorization: str, host: str, now: float) -> str:
        """The profile a Basic ``Authorization`` header speaks for.

        Raises:
            RegistryError: 401 without credentials, 400 for a token that was never issued (what `docker login` shows for
                a mistyped one, https://github.com/aws/aws-cli/issues/5317), 403 for one that has expired.
        """
        kind, _, encoded = authorization.partition(" ")
        if kind.lower() != "basic":
            raise challenge(host)
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
            token = json.loads(base64.b64decode(password, validate=True))
            payload, signature = str(token["payload"]), str(token["signature"])
            genuine = hmac.compare_digest(signature, self._sign(payload))
        except (ValueError, KeyError, TypeError, RecursionError):
            genuine, user, payload = False, "", ""
        if not genuine or user != USER:
            raise RegistryError(400, "UNAUTHORIZED", "The authorization token is not valid for this registry.")
        claims = json.loads(payload)
        if now >= claims["expiration"]:
            raise RegistryError(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
        return str(claims["who"])

    def link(self, repository: str, digest: str, now: float) -> str:
        """Path and query of a link to one layer, good for an hour without further credentials."""
        expires = str(int(now) + LINK_LIFETIME)
        query = urlencode({"Expires": expires, "Signature": self._sign(f"{repository}@{digest}@{expires}")})
        return f"{LAYERS}{repository}@{digest}?{query}"

    def linked(self, path: str, query: Mapping[str, str], now: float) -> tuple[str, str] | None:
        """Repository and digest that a link is for; None if it is not genuine or has expired."""
        target, expires = path.removeprefix(LAYERS), query.get("Expires", "")
        expected = self._sign(f"{target}@{expires}")
        if not hmac.compare_digest(query.get("Signature", "").encode(), expected.encode()) or now >= int(expires):
            return None
        repository, _, digest = target.partition("@")
        return repository, digest

    def _sign(self, text: str) -> str:
        return hmac.new(self.secret, b"ecr-token:" + text.encode("utf-8"), sha256).hexdigest()


def challenge(host: str) -> RegistryError:
    """What ECR answers without credentials; `docker push` then says "no basic auth credentials"."""
    header = f'Basic realm="http://{host}/",service="ecr.amazonaws.com"'
    return RegistryError(401, "UNAUTHORIZED", "Not Authorized", headers={"WWW-Authenticate": header})
