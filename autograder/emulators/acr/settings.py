"""What `az acr` shows and changes of a registry as a whole: admin user, scope maps, tokens, retention policy."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from autograder.domain.retention.acr_policy import Retention
from autograder.emulators.clock import moment, stamp
from autograder.emulators.interface import Context, RegistryError
from autograder.emulators.json_store import read_json, write_json
from autograder.emulators.registry.access_tokens import AccessToken, AccessTokens

# https://learn.microsoft.com/azure/container-registry/container-registry-token-based-repository-permissions
CONTENT = ("content/read", "content/write", "content/delete", "metadata/read", "metadata/write")
SYSTEM_SCOPE_MAPS = {
    "_repositories_admin": [f"repositories/*/{action}" for action in CONTENT],
    "_repositories_push": ["repositories/*/content/read", "repositories/*/content/write"],
    "_repositories_pull": ["repositories/*/content/read"],
}
ACTION = re.compile(r"repositories/(?P<name>[a-z0-9._/*-]+?)/(?P<action>(?:content|metadata)/[a-z]+)")
NAME = re.compile(r"[a-zA-Z0-9_-]{5,50}")
NOBODY = "00000000-0000-0000-0000-000000000000"  # the user name that goes with a registry token
OWNER = "owner"  # the person who signed in with `az login`
DEFAULTS: dict[str, Any] = {
    "adminUserEnabled": False,  # off until someone turns it on
    "anonymousPullEnabled": False,
    "scopeMaps": {},
    "retentionPolicy": {"status": "disabled", "days": 7, "lastUpdatedTime": None},
}


class AcrSettings:
    """The registry's configuration in one JSON file, its tokens in another, and the commands that change them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._file = context.state / "settings.json"
        self._values: dict[str, Any] = {**DEFAULTS, **read_json(self._file, {})}
        self.tokens = AccessTokens(context.state / "tokens.json", context.clock)

    # what the rules ask

    @property
    def anonymous_pull(self) -> bool:
        """Whether anyone may pull. https://learn.microsoft.com/azure/container-registry/anonymous-pull-access"""
        return bool(self._values["anonymousPullEnabled"])

    def is_admin(self, user: str, password: str) -> bool:
        """Whether these are the admin user's credentials, and it is turned on. Its name is the registry's."""
        secret = str(self._context.credentials["admin_password"])
        right = hmac.compare_digest(secret.encode(), password.encode())
        return bool(self._values["adminUserEnabled"]) and user == self._context.credentials["registry"] and right

    def scope_map_of(self, token_name: str, password: str) -> str | None:
        """The scope map of the token with this name and password, or None."""
        token = self.tokens.find(password)
        return token.scopes[0] if token is not None and token.name == token_name else None

    def actions(self, token_name: str, scope_map: str, repository: str) -> set[str]:
        """The actions a token has on a repository; none once it is gone. ``*`` at the end covers what follows.

        https://learn.microsoft.com/azure/container-registry/container-registry-token-based-repository-permissions
        """
        if not any(token.name == token_name for token in self.tokens.all()):
            return set()
        actions = set()
        for entry in self._scope_map(scope_map):
            match = ACTION.fullmatch(entry)
            if match is None:
                continue
            name = match["name"]
            if name == repository or (name.endswith("*") and repository.startswith(name[:-1])):
                actions.add(match["action"])
        return actions

    def retention(self) -> Retention | None:
        """The retention policy for untagged manifests, or None while it is off."""
        policy = self._values["retentionPolicy"]
        if policy["status"] != "enabled":
            return None
        return Retention(days=policy["days"], since=moment(policy["lastUpdatedTime"]))

    # helper commands

    def commands(self) -> dict[str, Callable[..., Any]]:
        """The helper commands of this module. They raise RegistryError."""
        return {
            "show": self._show,
            "update": self._update,
            "credential": self._credential,
            "scope-map-create": self._scope_map_create,
            "scope-map-list": self._scope_map_list,
            "token-create": self._token_create,
            "token-list": self._token_list,
            "token-delete": self._token_delete,
            "retention-update": self._retention_update,
        }

    def _show(self) -> dict[str, Any]:
        shown = {key: self._values[key] for key in ("adminUserEnabled", "anonymousPullEnabled", "retentionPolicy")}
        credentials = self._context.credentials
        return {"name": credentials["registry"], "loginServer": credentials["host"], **shown}

    def _update(self, admin_enabled: bool | None, anonymous_pull_enabled: bool | None) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        if admin_enabled is not None:
            changed["adminUserEnabled"] = admin_enabled
        if anonymous_pull_enabled is not None:
            changed["anonymousPullEnabled"] = anonymous_pull_enabled
        self._save(changed)
        self._configured("update", **changed)
        return self._show()

    def _credential(self) -> dict[str, Any]:
        if not self._values["adminUserEnabled"]:
            raise RegistryError(403, "UNAUTHORIZED", "the admin user is off (acr update --admin-enabled)")
        credentials = self._context.credentials
        return {"username": credentials["registry"], "password": credentials["admin_password"]}

    def _scope_map_create(self, name: str, actions: list[str]) -> dict[str, Any]:
        if not NAME.fullmatch(name) or name.startswith("_"):
            raise RegistryError(400, "INVALID_ARGUMENT", "a scope map's name is 5 to 50 of letters, digits, - and _")
        self._check_actions(actions)
        with self._context.lock(""):
            self._save({"scopeMaps": {**self._values["scopeMaps"], name: sorted(set(actions))}})
        self._configured("scope-map-create", name=name, actions=sorted(set(actions)))
        return {"name": name, "actions": sorted(set(actions))}

    def _scope_map_list(self) -> list[dict[str, Any]]:
        known = {**SYSTEM_SCOPE_MAPS, **self._values["scopeMaps"]}
        return [{"name": name, "actions": actions} for name, actions in sorted(known.items())]

    def _token_create(
        self, name: str, scope_map: str | None, repositories: list[list[str]], days: float | None
    ) -> dict[str, Any]:
        """``repositories`` are lists of a name and its actions, as after ``--repository``."""
        if not NAME.fullmatch(name):
            raise RegistryError(400, "INVALID_ARGUMENT", "a token's name is 5 to 50 of letters, digits, - and _")
        if (scope_map is None) == (not repositories):
            raise RegistryError(400, "INVALID_ARGUMENT", "give either --scope-map or --repository")
        with self._context.lock(""):
            if any(token.name == name for token in self.tokens.all()):
                raise RegistryError(409, "CONFLICT", f"the token {name} exists already")
            if scope_map is None:  # az then makes a scope map of its own for the token
                actions = [f"repositories/{entry[0]}/{action}" for entry in repositories for action in entry[1:]]
                scope_map = self._scope_map_create(f"{name[:41]}-scope-map", actions)["name"]
            self._scope_map(scope_map)
            lifetime = None if days is None else timedelta(days=days)
            token, secret = self.tokens.create("token", name, [scope_map], lifetime, "")
        self._configured("token-create", token=name, scopeMap=scope_map)
        return {**self._shown(token), "password": secret}

    def _token_list(self) -> list[dict[str, Any]]:
        return [self._shown(token) for token in self.tokens.all()]

    def _token_delete(self, name: str) -> dict[str, Any]:
        gone = self._shown(self.tokens.revoke(name))
        self._configured("token-delete", token=name)
        return gone

    def _shown(self, token: AccessToken) -> dict[str, Any]:
        name = token.scopes[0]
        times = {"created": token.created, "expires": token.expires, "expired": self.tokens.expired(token)}
        return {"name": token.name, "scopeMap": name, "actions": self._scope_map(name), **times}

    def _scope_map(self, name: str) -> list[str]:
        known = {**SYSTEM_SCOPE_MAPS, **self._values["scopeMaps"]}
        if name not in known:
            raise RegistryError(404, "NOT_FOUND", f"there is no scope map {name}")
        return list(known[name])

    def _check_actions(self, actions: Iterable[str]) -> None:
        for action in actions:
            match = ACTION.fullmatch(action)
            if match is None or match["action"] not in CONTENT:
                text = f"{action!r} is not repositories/NAME/ACTION with an action of {', '.join(CONTENT)}"
                raise RegistryError(400, "INVALID_ARGUMENT", text)

    def _retention_update(self, status: str, days: int) -> dict[str, Any]:
        """https://learn.microsoft.com/azure/container-registry/container-registry-retention-policy (0 to 365 days)"""
        if status not in ("enabled", "disabled") or not 0 <= days <= 365:
            raise RegistryError(400, "INVALID_ARGUMENT", "status is enabled or disabled, days are 0 to 365")
        policy: dict[str, Any] = {"status": status, "days": days, "lastUpdatedTime": stamp(self._context.clock.now())}
        self._save({"retentionPolicy": policy})
        self._configured("retention-update", policy=policy)
        return policy

    # plumbing

    def _save(self, changed: dict[str, Any]) -> None:
        with self._context.lock(""):
            values = {**self._values, **changed}
            write_json(self._file, values)
            self._values = values

    def _configured(self, operation: str, repository: str = "", **detail: object) -> None:
        self._context.journal.record(
            "acr", "owner", "configure", repository=repository, detail={"operation": operation, **detail}
        )

    def snapshot(self) -> dict[str, Any]:
        """Settings, scope maps and tokens, without secrets."""
        settings = {key: value for key, value in self._show().items() if key != "loginServer"}  # it holds a port
        return {"settings": settings, "scopeMaps": self._scope_map_list(), "tokens": self._token_list()}
