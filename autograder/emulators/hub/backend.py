"""Docker Hub's rules: accounts and access tokens, namespaces, privacy, immutable tags, pull limits.

Sources: the pages named at each rule.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from autograder.domain.dockerhub import USERNAME
from autograder.emulators.hub import tag_rules
from autograder.emulators.hub.limits import PullLimits
from autograder.emulators.interface import Action, Call, Caller, Context, Headers, Manifest, RegistryError
from autograder.emulators.json_store import read_json, write_json
from autograder.emulators.registry.access_tokens import AccessToken, AccessTokens
from autograder.emulators.registry.bearer import BearerBackend, Identity
from autograder.emulators.registry.catalog import Catalog
from autograder.oci import manifests

LIBRARY = "library"  # https://docs.docker.com/docker-hub/repos/manage/trusted-content/official-images/
FREE_PRIVATE_REPOSITORIES = 1  # Personal plan, https://docs.docker.com/docker-hub/usage/
DENIED = "requested access to the resource is denied"

# What a personal access token may do, https://docs.docker.com/security/access-tokens/personal-access-tokens/
# scope -> (actions on repositories of its owner, whether private ones are included)
SCOPES: dict[str, tuple[set[str], bool]] = {
    "repo:admin": ({"pull", "push", "delete"}, True),
    "repo:write": ({"pull", "push"}, True),
    "repo:read": ({"pull"}, True),
    "repo:public_read": ({"pull"}, False),
}
FULL = "repo:admin"

# The text behind "denied:", as seen in https://github.com/kimai/kimai/issues/5791
IMMUTABLE = (
    f"{DENIED} - This tag is already assigned to an image in this repository and cannot be updated due to "
    "immutability settings. To push this image, use a different tag."
)


class HubBackend(BearerBackend):
    """Docker Hub on the free plan."""

    service = "dockerhub"
    realm_path = "/token"

    def __init__(self, context: Context, catalog: Catalog, limits: PullLimits) -> None:
        super().__init__(context, catalog)
        self.accounts: dict[str, str] = dict(context.credentials["accounts"])  # with their passwords
        self._signed_up = context.state / "accounts.json"
        # Accounts come and go one at a time. Taken before any lock of the context; a repository's is taken before "".
        self._changing_accounts = threading.Lock()
        self._leaving: set[str] = set()  # accounts that are being removed; read and changed under lock("")
        self.publisher: str = context.credentials["publisher"]  # pushes the course's base images to library/
        self.tokens = AccessTokens(context.state / "tokens.json", context.clock)
        self.limits = limits

    # who

    def service_name(self, host: str) -> str:
        return "registry.docker.io"

    def identify(self, user: str, password: str) -> Identity | None:
        token = self.tokens.find(password)
        if token is not None and token.owner == user:
            return Identity(user, {"token": token.id, "scope": token.scopes[0]})
        secret = self.accounts.get(user)
        if secret is not None and hmac.compare_digest(secret.encode(), password.encode()):
            return Identity(user, {"scope": FULL})
        return None

    def rights(self, identity: Identity | None, repository: str) -> set[str]:
        """A repository has exactly two parts. One that the caller may not see does not exist for the caller."""
        namespace, _, name = repository.partition("/")
        if not name or "/" in name:
            return set()
        public = self.names.exists(repository) and not self.names.attributes(repository).get("private")
        allowed = {str(Action.PULL)} if public else set()
        if identity is None:
            return allowed
        owner = LIBRARY if identity.name == self.publisher else identity.name
        actions, private_too = SCOPES[identity.facts["scope"]]
        if namespace == owner and (public or private_too):
            allowed |= actions
        return allowed

    # what

    def check_push(self, caller: Caller, manifest: Manifest) -> None:
        super().check_push(caller, manifest)
        if manifest.tag is None:
            return
        before = self.names.resolve(manifest.repository, manifest.tag)
        if before not in (None, manifest.digest) and self.is_immutable(manifest.repository, manifest.tag):
            raise RegistryError(403, "DENIED", IMMUTABLE)

    def commit_push(self, caller: Caller, manifest: Manifest) -> Headers:
        """Look at the account again: it may have gone with all that it had while the store took the bytes."""
        namespace = manifest.repository.partition("/")[0]
        with self.context.lock(""):
            if namespace != LIBRARY:
                self._account(namespace)
            return super().commit_push(caller, manifest)

    def check_delete(self, caller: Caller, repository: str, tag: str | None, digest: str) -> None:
        """Immutable tags can be neither overwritten nor deleted.

        https://docs.docker.com/docker-hub/repos/manage/hub-images/immutable-tags/
        """
        record = self.names.record(repository, digest)
        tags = [tag] if tag else [entry.name for entry in record.tags] if record else []
        if any(self.is_immutable(repository, name) for name in tags):
            raise RegistryError(403, "DENIED", f"{DENIED} - an immutable tag cannot be deleted")

    def is_immutable(self, repository: str, tag: str) -> bool:
        """Whether a rule of the repository covers the tag."""
        rules = self.names.attributes(repository).get("immutable", [])
        return any(tag_rules.covers(rule, tag) for rule in rules)

    # pull limits

    def check_pull(self, caller: Caller, call: Call, digest: str) -> None:
        if call.method == "GET" and self.counts(call, digest):
            self.limits.check(caller.name, call.client)

    def commit_pull(self, caller: Caller, call: Call, digest: str, media_type: str) -> Headers:
        super().commit_pull(caller, call, digest, media_type)
        if call.method == "GET" and self.counts(call, digest):
            self.limits.count(caller.name, call.client)
        return self.limits.headers(caller.name, call.client)

    def counts(self, call: Call, digest: str) -> bool:
        """A GET of a platform's manifest is a pull; an index is not, since each platform pulled from it counts.

        https://docs.docker.com/docker-hub/usage/pulls/ ("Pull definition")
        """
        record = self.names.record(call.repository, digest)
        return record is not None and record.media_type not in manifests.INDEX_TYPES

    # helper commands

    def admin(self, operation: str, arguments: dict[str, Any]) -> Any:
        handlers: dict[str, Callable[..., Any]] = {
            "account-create": self._account_create,
            "account-list": self._account_list,
            "account-forget": self._account_forget,
            "token-create": self._token_create,
            "token-list": self._token_list,
            "token-revoke": self._token_revoke,
            "repository-create": self._repository_create,
            "repository-list": self._repository_list,
            "repository-delete": self._repository_delete,
            "repository-privacy": self._repository_privacy,
            "repository-immutable": self._repository_immutable,
        }
        if operation not in handlers:
            raise LookupError(operation)
        return handlers[operation](**arguments)

    def _account_list(self) -> list[str]:
        """Every account; those that signed up here have no password, and log in with access tokens alone."""
        return sorted({*self.accounts, *read_json(self._signed_up, [])})

    def _account_create(self, name: str) -> dict[str, Any]:
        """Create an account; nothing happens where it exists already."""
        if not USERNAME.match(name):
            raise RegistryError(
                400, "NAME_INVALID", "a Docker ID has 4 to 30 characters, digits and lower-case letters"
            )
        if name == LIBRARY:
            raise RegistryError(409, "CONFLICT", f"{name} is reserved")
        with self._changing_accounts, self.context.lock(""):
            new = name not in self._account_list()
            if new:
                write_json(self._signed_up, [*read_json(self._signed_up, []), name])
        if new:
            self._configured(name, "account-create")
        return {"name": name, "created": new}

    def _account_forget(self, name: str) -> dict[str, Any]:
        """Remove an account that signed up here, with its repositories and tokens.

        From the first moment on it gets nothing new. Its name leaves the list last: where the process is killed on the
        way, the account is still there, and whoever removes it again removes the rest.
        """
        with self._changing_accounts:
            with self.context.lock(""):
                if name not in read_json(self._signed_up, []):
                    return {"name": name, "gone": False}
                self._leaving.add(name)
            try:
                for repository in self.names.repositories():
                    if repository.partition("/")[0] == name:
                        self.forget(repository)
                with self.context.lock(""):
                    self.tokens.forget(name)
                    write_json(self._signed_up, [other for other in read_json(self._signed_up, []) if other != name])
            finally:
                with self.context.lock(""):
                    self._leaving.discard(name)
        self._configured(name, "account-forget")
        return {"name": name, "gone": True}

    def _token_create(self, owner: str, name: str, scope: str, days: float | None) -> dict[str, Any]:
        with self.context.lock(""):
            self._account(owner)
            if scope not in SCOPES:
                raise RegistryError(400, "UNSUPPORTED", f"a token's scope is one of {', '.join(SCOPES)}")
            lifetime = None if days is None else timedelta(days=days)
            token, secret = self.tokens.create(owner, name, [scope], lifetime, "dckr_pat_")
        self._configured(owner, "token-create", token=token.id, name=name, scope=scope)
        return {**self._shown(token), "secret": secret}

    def _token_list(self) -> list[dict[str, Any]]:
        return [self._shown(token) for token in self.tokens.all()]

    def _token_revoke(self, token: str) -> dict[str, Any]:
        gone = self.tokens.revoke(token)
        self._configured(gone.owner, "token-revoke", token=gone.id, name=gone.name)
        return self._shown(gone)

    def _shown(self, token: AccessToken) -> dict[str, Any]:
        return {**token.public(), "expired": self.tokens.expired(token), "fingerprint": token.fingerprint}

    def _repository_create(self, name: str, private: bool) -> dict[str, Any]:
        with self.context.lock(""):  # the account, the count and the creation belong together
            self._own(name)
            if private:
                self._room_for_private(name)
            if not self.names.create(name, {"private": private}):
                raise RegistryError(409, "CONFLICT", f"the repository {name} exists already")
        self._configured(name.partition("/")[0], "repository-create", repository=name, private=private)
        return self._described(name)

    def _repository_list(self) -> list[dict[str, Any]]:
        return [self._described(name) for name in self.names.repositories()]

    def _repository_delete(self, name: str) -> dict[str, Any]:
        with self.context.lock(name):
            self._existing(name)
            described = self._described(name)
            self.names.remove_repository(name)
        self.reconcile()
        self._configured(name.partition("/")[0], "repository-delete", repository=name)
        return described

    def _repository_privacy(self, name: str, private: bool) -> dict[str, Any]:
        with self.context.lock(name), self.context.lock(""):
            self._existing(name)
            if private and not self.names.attributes(name).get("private"):
                self._room_for_private(name)
            self.names.change_attributes(name, {"private": private})
        self._configured(name.partition("/")[0], "repository-privacy", repository=name, private=private)
        return self._described(name)

    def _repository_immutable(self, name: str, rules: list[str]) -> dict[str, Any]:
        with self.context.lock(name):  # a push that was allowed to move a tag ends before the tag is told to stay
            self._existing(name)
            for rule in rules:
                fault = tag_rules.fault(rule)
                if fault:
                    raise RegistryError(400, "UNSUPPORTED", fault)
            self.names.change_attributes(name, {"immutable": rules})
        self._configured(name.partition("/")[0], "repository-immutable", repository=name, rules=rules)
        return self._described(name)

    def _described(self, name: str) -> dict[str, Any]:
        attributes = self.names.attributes(name)
        private, rules = bool(attributes.get("private")), attributes.get("immutable", [])
        return {"name": name, "private": private, "immutable": rules, "tags": self.names.tags(name) or []}

    def _room_for_private(self, name: str) -> None:
        namespace = name.partition("/")[0]
        taken = [
            other
            for other in self.names.repositories()
            if other.partition("/")[0] == namespace and self.names.attributes(other).get("private")
        ]
        if len(taken) >= FREE_PRIVATE_REPOSITORIES:
            text = f"the Personal plan has {FREE_PRIVATE_REPOSITORIES} private repository, and {taken[0]} is it"
            raise RegistryError(402, "DENIED", text)

    def _account(self, name: str) -> None:
        if name in self._leaving or name not in self._account_list():
            raise RegistryError(404, "NOT_FOUND", f"there is no account {name}")

    def _own(self, name: str) -> None:
        namespace, _, rest = name.partition("/")
        self._account(namespace)
        if not rest or "/" in rest:
            raise RegistryError(400, "NAME_INVALID", "a Docker Hub repository is called NAMESPACE/NAME")

    def _existing(self, name: str) -> None:
        self._own(name)
        if not self.names.exists(name):
            raise RegistryError(404, "NAME_UNKNOWN", f"there is no repository {name}")

    def _configured(self, who: str, operation: str, repository: str = "", **detail: object) -> None:
        self.context.journal.record(
            self.service, who, "configure", repository=repository, detail={"operation": operation, **detail}
        )

    def snapshot(self) -> dict[str, Any]:
        return {
            **super().snapshot(),
            "accounts": self._account_list(),
            "tokens": self._token_list(),
            "revoked": [{**self._shown(token), "revoked": token.revoked} for token in self.tokens.gone()],
        }
