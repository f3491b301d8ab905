"""Signed tokens of this installation: JSON Web Tokens with HMAC-SHA-256, issued and read by the same process.

The form is that of the registry token specification: https://distribution.github.io/distribution/spec/auth/jwt/
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import timedelta
from typing import Any

from autograder.emulators.interface import Clock

HEADER = {"alg": "HS256", "typ": "JWT"}


class TokenSigner:
    """Issues and verifies tokens of one service; a token of another service or kind does not verify."""

    def __init__(self, secret: bytes, service: str, clock: Clock) -> None:
        self._key = hmac.new(secret, service.encode(), hashlib.sha256).digest()
        self._service = service
        self._clock = clock

    def issue(self, subject: str, kind: str, lifetime: timedelta, **claims: object) -> str:
        """A token for ``subject`` that is good for ``lifetime`` on the emulators' clock."""
        now = int(self._clock.now().timestamp())
        body = {
            "iss": self._service,
            "aud": self._service,
            "sub": subject,
            "kind": kind,
            "iat": now,
            "exp": now + int(lifetime.total_seconds()),
            "jti": secrets.token_hex(8),
            **claims,
        }
        signed = f"{_encode(HEADER)}.{_encode(body)}"
        return f"{signed}.{self._signature(signed)}"

    def read(self, token: str, kind: str) -> dict[str, Any] | None:
        """The claims of a token of this kind, or None if it is forged, foreign, of another kind or expired."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(signed).encode(), signature.encode()):
            return None
        claims: dict[str, Any] = json.loads(_decode(signed.partition(".")[2]))
        if claims["kind"] != kind or claims["exp"] <= self._clock.now().timestamp():
            return None
        return claims

    def _signature(self, text: str) -> str:
        return _text(hmac.new(self._key, text.encode(), hashlib.sha256).digest())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _encode(value: object) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
