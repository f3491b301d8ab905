"""A backend with no rules of its own: the defaults that every cloud starts from."""

from __future__ import annotations

from typing import Any

from autograder.domain.services import BY_NAME
from autograder.emulators.interface import (
    Action,
    Call,
    Caller,
    Context,
    Headers,
    ImageIndex,
    Manifest,
    RegistryError,
    WSGIApp,
)

DENIED = "requested access to the resource is denied"


class BaseBackend:
    """Defaults for :class:`interface.Backend`: nobody gets in, and whoever does may do anything."""

    service: str
    index: ImageIndex
    api: WSGIApp | None = None
    api_paths: tuple[str, ...] = ()

    def __init__(self, context: Context) -> None:
        self.context = context

    @property
    def prefix(self) -> str:
        return BY_NAME[self.service].prefix

    def authenticate(self, call: Call) -> Caller:
        raise RegistryError(401, "UNAUTHORIZED", "authentication required")

    def authorise(self, caller: Caller, call: Call, action: Action) -> None:
        return None

    def may_pull(self, caller: Caller, repository: str) -> bool:
        return False

    def check_push(self, caller: Caller, manifest: Manifest) -> None:
        return None

    def commit_push(self, caller: Caller, manifest: Manifest) -> Headers:
        return {}

    def check_pull(self, caller: Caller, call: Call, digest: str) -> None:
        return None

    def commit_pull(self, caller: Caller, call: Call, digest: str, media_type: str) -> Headers:
        return {}

    def check_delete(self, caller: Caller, repository: str, tag: str | None, digest: str) -> None:
        return None

    def commit_delete(self, caller: Caller, repository: str, tag: str | None, digest: str) -> None:
        return None

    def commit_blob(self, caller: Caller, repository: str, digest: str) -> None:
        return None

    def referrers(self, caller: Caller, repository: str, digest: str) -> list[dict[str, Any]] | None:
        return None

    def catalog(self, caller: Caller) -> list[str]:
        raise RegistryError(401, "UNAUTHORIZED", "authentication required")

    def reconcile(self) -> list[str]:
        return []

    def overnight(self) -> list[dict[str, Any]]:
        return []

    def snapshot(self) -> dict[str, Any]:
        return {}

    def forget(self, repository: str) -> bool:
        return False

    def admin(self, operation: str, arguments: dict[str, Any]) -> Any:
        raise LookupError(operation)
