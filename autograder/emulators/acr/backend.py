"""Azure Container Registry's rules: token exchange, tokens with scope maps, repositories made by a push, locks.

Sources: the pages named at each rule. What `az acr` would change is in :mod:`autograder.emulators.acr.settings`.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any

from werkzeug.wrappers import Request

from autograder.emulators.acr.images import AcrImages
from autograder.emulators.acr.settings import NOBODY, OWNER, AcrSettings
from autograder.emulators.interface import Action, Call, Caller, Context, Kind, Manifest, RegistryError
from autograder.emulators.registry.bearer import BearerBackend, Identity
from autograder.emulators.registry.catalog import Catalog
from autograder.emulators.registry.catalog_backend import is_locked
from autograder.emulators.registry.reply import Reply, json_reply

# https://learn.microsoft.com/azure/container-registry/container-registry-authentication
REFRESH_LIFETIME = timedelta(hours=3)  # "the token is valid for 3 hours"
EXCHANGE = "/oauth2/exchange"
UNAUTHORIZED = "authentication required, visit https://aka.ms/acr/authorization for more information."
# https://learn.microsoft.com/azure/container-registry/container-registry-image-lock ; Docker adds "unknown:"
DISALLOWED = (
    "The operation is disallowed on this registry, repository or image. View troubleshooting steps at "
    "https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation"
)
# Scope map action -> action of a bearer token.
# https://learn.microsoft.com/azure/container-registry/container-registry-token-based-repository-permissions
ACTIONS = {
    "content/read": "pull",
    "content/write": "push",
    "content/delete": "delete",
    "metadata/read": "metadata_read",
    "metadata/write": "metadata_write",
}
EVERYTHING = frozenset(ACTIONS.values())


class AcrBackend(BearerBackend):
    """One registry of ACR."""

    service = "acr"
    realm_path = "/oauth2/token"
    accepts_basic = True
    unauthorized = UNAUTHORIZED

    def __init__(self, context: Context, catalog: Catalog) -> None:
        super().__init__(context, catalog)
        self.api_paths = (self.realm_path, EXCHANGE)
        self.settings = AcrSettings(context)
        self.images_of = AcrImages(self, self.settings)

    # who

    def identify(self, user: str, password: str) -> Identity | None:
        if user == NOBODY:
            return self.identify_refresh(password)
        if self.settings.is_admin(user, password):
            return Identity(user, {"kind": "admin"})
        scope_map = self.settings.scope_map_of(user, password)
        return Identity(user, {"kind": "token", "scopeMap": scope_map}) if scope_map else None

    def identify_refresh(self, token: str) -> Identity | None:
        claims = self.signer.read(token.strip(), "refresh")
        return Identity(claims["sub"], claims["facts"]) if claims else None

    def refresh_token(self, identity: Identity) -> str:
        return self.signer.issue(identity.name, "refresh", REFRESH_LIFETIME, facts=identity.facts)

    def rights(self, identity: Identity | None, repository: str) -> set[str]:
        if identity is None:
            return {str(Action.PULL), "metadata_read"} if self.settings.anonymous_pull else set()
        if identity.facts["kind"] != "token":
            return set(EVERYTHING)
        granted = self.settings.actions(identity.name, identity.facts["scopeMap"], repository)
        return {ACTIONS[action] for action in granted}

    def registry_rights(self, identity: Identity | None) -> set[str]:
        """Only who may do everything sees the whole catalog."""
        return {"*"} if identity is not None and identity.facts["kind"] != "token" else set()

    def welcomes_anonymous(self) -> bool:
        return self.settings.anonymous_pull

    def refused_login(self) -> RegistryError:
        return RegistryError(401, "UNAUTHORIZED", UNAUTHORIZED)

    def respond(self, request: Request) -> Reply:
        if request.path != EXCHANGE:
            return super().respond(request)
        return self._exchange(request)

    def _exchange(self, request: Request) -> Reply:
        """An Entra token becomes a refresh token of the registry, as `az acr login` does it.

        https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md ("Calling POST /oauth2/exchange")
        """
        given = request.form.get("access_token", "")
        expected = str(self.context.credentials["entra_token"])
        grant = request.form.get("grant_type") == "access_token"
        if request.method != "POST" or not grant or not hmac.compare_digest(given.encode(), expected.encode()):
            raise self.refused_login()
        return json_reply(200, {"refresh_token": self.login(OWNER)})

    def login(self, who: str) -> str:
        """A refresh token for the person at the keyboard, as `az acr login --expose-token` prints it."""
        self.context.journal.record(self.service, who, "login", detail={"kind": "entra"})
        return self.refresh_token(Identity(who, {"kind": "entra"}))

    def _exposed_token(self) -> dict[str, Any]:
        """As `az acr login --expose-token`."""
        return {"accessToken": self.login(OWNER), "username": NOBODY}

    # what

    def authorise(self, caller: Caller, call: Call, action: Action) -> None:
        """Listing tags is reading metadata; a token for pulling will do if its owner may read metadata."""
        if call.kind is Kind.TAGS:
            identity = caller.claims.get("identity") or Identity(caller.name, caller.claims.get("facts", {}))
            known = identity if caller.name else None
            asked = any(self.allows(caller, call.repository, right) for right in ("metadata_read", Action.PULL))
            if not asked or "metadata_read" not in self.rights(known, call.repository):
                raise self.challenge(call, "insufficient_scope")
        else:
            super().authorise(caller, call, action)

    def catalog(self, caller: Caller) -> list[str]:
        identity = caller.claims.get("identity")
        by_password = isinstance(identity, Identity) and "*" in self.registry_rights(identity)
        by_token = any(
            entry["type"] == "registry" and "*" in entry["actions"] for entry in caller.claims.get("access", ())
        )
        if not by_password and not by_token:
            raise self.challenge(Call(method="GET", kind=Kind.CATALOG, host=caller.claims["host"]), "")
        return self.names.repositories()

    def check_push(self, caller: Caller, manifest: Manifest) -> None:
        super().check_push(caller, manifest)
        tag = self.names.tag(manifest.repository, manifest.tag) if manifest.tag else None
        record = self.names.record(manifest.repository, manifest.digest)
        locks = [self.names.attributes(manifest.repository)]
        locks += [tag.attributes] if tag else []
        locks += [record.attributes] if record else []
        if any(entry.get("writeEnabled") is False for entry in locks):
            raise disallowed()

    def check_pull(self, caller: Caller, call: Call, digest: str) -> None:
        tag = self.names.tag(call.repository, call.reference) if ":" not in call.reference else None
        record = self.names.record(call.repository, digest)
        locks = [self.names.attributes(call.repository), tag.attributes if tag else {}]
        locks += [record.attributes] if record else []
        if any(entry.get("readEnabled") is False for entry in locks):
            raise disallowed()

    def check_delete(self, caller: Caller, repository: str, tag: str | None, digest: str) -> None:
        """A lock on the repository, the manifest, or the tag (any of its tags for a whole manifest) forbids it."""
        record = self.names.record(repository, digest)
        locks = [self.names.attributes(repository)]
        if record is not None:
            locks += [entry.attributes for entry in record.tags if tag in (None, entry.name)]
            locks += [record.attributes] if tag is None else []
        if any(is_locked(entry) for entry in locks):
            raise disallowed()

    # the rest

    def overnight(self) -> list[dict[str, Any]]:
        return self.images_of.retain()

    def admin(self, operation: str, arguments: dict[str, Any]) -> Any:
        commands = {"login": self._exposed_token, **self.settings.commands(), **self.images_of.commands()}
        if operation not in commands:
            raise LookupError(operation)
        return commands[operation](**arguments)

    def snapshot(self) -> dict[str, Any]:
        return {**super().snapshot(), **self.settings.snapshot()}


def disallowed() -> RegistryError:
    """The error that a lock causes."""
    return RegistryError(405, "REGISTRY_DISALLOWED_OPERATION", DISALLOWED)
