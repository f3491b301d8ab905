"""The owner's way to read a backend's images: ``/_course/v2/…`` on its port, opened by this installation's secret.

What the kit looks at leaves no trace: no pull is counted, no pull time noted, no journal line written. What keeps a
client out (private repositories, locks, archived images, tokens) does not apply. Nothing can be changed here.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from autograder.emulators.backend import BaseBackend
from autograder.emulators.interface import Action, Backend, Call, Caller, RegistryError

ROOT = "/_course"  # stands before the paths of the distribution API
PATH = f"{ROOT}/v2/"


class OwnersView(BaseBackend):
    """A backend's repositories for whoever holds the installation's secret, to be read only."""

    def __init__(self, backend: Backend, secret: str) -> None:
        self.service, self.index = backend.service, backend.index
        self._expected = f"Bearer {secret}".encode()

    def authenticate(self, call: Call) -> Caller:
        if not hmac.compare_digest(call.headers.get("authorization", "").encode(), self._expected):
            raise RegistryError(401, "UNAUTHORIZED", "this installation's secret is needed")
        return Caller("owner")

    def authorise(self, caller: Caller, call: Call, action: Action) -> None:
        if action is not Action.PULL:
            raise RegistryError(405, "UNSUPPORTED", "The operation is unsupported.", headers={"Allow": "GET, HEAD"})

    def catalog(self, caller: Caller) -> list[str]:
        raise RegistryError(404, "UNSUPPORTED", "the snapshot lists the repositories")


class NoJournal:
    """A journal that writes nothing."""

    def record(
        self,
        service: str,
        who: str,
        what: str,
        *,
        repository: str = "",
        tag: str = "",
        digest: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """Nothing is written."""

    def lines(self, service: str | None = None, last: int | None = None) -> list[dict[str, Any]]:
        """No lines."""
        return []
