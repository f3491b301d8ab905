"""The bearer-token flow that Docker Hub, Artifact Registry and ACR share: challenge, token endpoint, access claims.

Sources: https://distribution.github.io/distribution/spec/auth/token/ (GET with Basic),
https://distribution.github.io/distribution/spec/auth/oauth/ (POST, refresh tokens) and
https://distribution.github.io/distribution/spec/auth/scope/ (``repository:NAME:ACTIONS``).
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from werkzeug.wrappers import Request

from autograder.emulators.interface import Action, Call, Caller, Context, Kind, RegistryError
from autograder.emulators.registry.body import RequestBody
from autograder.emulators.registry.catalog import Catalog
from autograder.emulators.registry.catalog_backend import CatalogBackend
from autograder.emulators.registry.reply import Reply, error_reply, json_reply
from autograder.emulators.registry.tokens import TokenSigner
from autograder.emulators.routes import HOST, is_name

# Docker assumes that a token lives at least 60 seconds; a shorter one breaks pushes half-way.
ACCESS_LIFETIME = timedelta(seconds=300)
BODY_LIMIT = 64 * 1024


@dataclass(frozen=True)
class Identity:
    """Who proved to be who: the account's name and what the backend needs to know of the credential used."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """One requested scope: ``repository:NAME:ACTION,ACTION`` or ``registry:catalog:*``."""

    kind: str
    name: str
    actions: tuple[str, ...]


class BearerBackend(CatalogBackend):
    """Authentication for backends with a token endpoint; subclasses say who is who and who may what."""

    realm_path = "/token"
    accepts_basic = False  # whether /v2/ also takes user and password directly
    unauthorized = "authentication required"

    def __init__(self, context: Context, catalog: Catalog) -> None:
        super().__init__(context, catalog)
        self.signer = TokenSigner(context.secret, self.service, context.clock)
        self.api = self._app
        self.api_paths: tuple[str, ...] = (self.realm_path,)

    # what a cloud says

    def identify(self, user: str, password: str) -> Identity | None:
        """The identity behind user name and password, or None."""
        raise NotImplementedError

    def rights(self, identity: Identity | None, repository: str) -> set[str]:
        """The actions allowed on a repository; None is an anonymous caller."""
        raise NotImplementedError

    def registry_rights(self, identity: Identity | None) -> set[str]:
        """The actions allowed on ``registry:catalog``."""
        return set()

    def service_name(self, host: str) -> str:
        """What the challenge calls the service."""
        return host

    def welcomes_anonymous(self) -> bool:
        """Whether a token is given without credentials."""
        return True

    def refused_login(self) -> RegistryError:
        """What a wrong password meets; Docker prints the message."""
        return RegistryError(401, "UNAUTHORIZED", "incorrect username or password")

    def refused_scope(self, identity: Identity | None, scope: Scope) -> RegistryError | None:
        """What a token request for one repository meets; None where the token merely carries less than was asked for.

        A client that looks by HEAD first sees no body there, so only here can it be told why.
        """
        return None

    # /v2/

    def authenticate(self, call: Call) -> Caller:
        kind, _, credentials = call.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            claims = self.signer.read(credentials.strip(), "access")
            if claims is not None:
                return Caller(claims["sub"], {**claims, "host": call.host})
        elif kind.lower() == "basic" and self.accepts_basic:
            identity = self.identify(*basic_credentials(credentials))
            if identity is not None:
                return Caller(identity.name, {"identity": identity, "host": call.host})
        raise self.challenge(call, "")

    def authorise(self, caller: Caller, call: Call, action: Action) -> None:
        if not self.allows(caller, call.repository, action):
            raise self.challenge(call, "insufficient_scope")

    def allows(self, caller: Caller, repository: str, action: str) -> bool:
        """Whether the caller's token (or password) carries the right."""
        identity = caller.claims.get("identity")
        if isinstance(identity, Identity):
            return action in self.rights(identity, repository)
        return any(
            entry["type"] == "repository" and entry["name"] == repository and action in entry["actions"]
            for entry in caller.claims.get("access", ())
        )

    def may_pull(self, caller: Caller, repository: str) -> bool:
        return self.allows(caller, repository, Action.PULL)

    def challenge(self, call: Call, error: str) -> RegistryError:
        """The 401 that sends a client to the token endpoint."""
        wanted = wanted_scope(call)
        parts = [f'realm="http://{call.host}{self.realm_path}"', f'service="{self.service_name(call.host)}"']
        parts += [f'scope="{wanted}"'] if wanted else []
        parts += [f'error="{error}"'] if error else []
        detail = None
        if wanted:
            kind, name, actions = wanted.split(":", 2)
            detail = [{"Type": kind, "Class": "", "Name": name, "Action": action} for action in actions.split(",")]
        header = {"WWW-Authenticate": "Bearer " + ",".join(parts)}
        return RegistryError(401, "UNAUTHORIZED", self.unauthorized, detail, header)

    # the token endpoint

    def _app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        method = str(environ["REQUEST_METHOD"])
        try:
            return self.respond(small_request(environ)).send(start_response)
        except RegistryError as error:
            return error_reply(error, method).send(start_response)

    def respond(self, request: Request) -> Reply:
        """Answer a request outside ``/v2/``. Raises RegistryError."""
        if request.path != self.realm_path:
            raise RegistryError(404, "UNSUPPORTED", "page not found")
        if request.method == "GET":
            return self._token_by_get(request)
        if request.method == "POST":
            return self._token_by_post(request)
        raise RegistryError(405, "UNSUPPORTED", "The operation is unsupported.", headers={"Allow": "GET, POST"})

    def _token_by_get(self, request: Request) -> Reply:
        kind, _, credentials = request.headers.get("Authorization", "").partition(" ")
        identity = None
        if kind.lower() == "basic":
            identity = self._login(*basic_credentials(credentials), bool(request.args.getlist("scope")))
        elif not self.welcomes_anonymous():
            raise self.refused_login()
        scopes = parse_scopes(request.args.getlist("scope"))
        return self._grant(identity, scopes, request.args.get("offline_token") == "true")

    def _token_by_post(self, request: Request) -> Reply:
        form = request.form
        grant, scopes = form.get("grant_type"), parse_scopes(form.getlist("scope"))
        if grant == "password":
            identity = self._login(form.get("username", ""), form.get("password", ""), bool(scopes))
        elif grant == "refresh_token":
            known = self.identify_refresh(form.get("refresh_token", ""))
            if known is None:
                raise self.refused_login()
            identity = known
        else:
            raise RegistryError(400, "UNSUPPORTED", "grant_type must be password or refresh_token")
        return self._grant(identity, scopes, form.get("access_type") == "offline")

    def identify_refresh(self, token: str) -> Identity | None:
        """The identity behind a refresh token, or None; None too where the cloud gives out no such tokens."""
        return None

    def refresh_token(self, identity: Identity) -> str | None:
        """A refresh token for an offline login, or None where the cloud gives out none."""
        return None

    def _login(self, user: str, password: str, for_scope: bool) -> Identity:
        identity = self.identify(user, password)
        if identity is None:
            self.context.journal.record(self.service, user[:100], "refuse", detail={"what": "login"})
            raise self.refused_login()
        if not for_scope:  # `docker login` asks for no scope; every later push and pull does
            self.context.journal.record(self.service, identity.name, "login", detail=identity.facts)
        return identity

    def _grant(self, identity: Identity | None, scopes: list[Scope], offline: bool) -> Reply:
        """What is allowed of what was asked for; less than asked is no error (token specification), unless the cloud
        makes one of it. Raises RegistryError then."""
        self._refuse(identity, scopes)
        access = []
        for scope in scopes:
            if scope.kind == "repository":
                allowed = self.rights(identity, scope.name)
            elif (scope.kind, scope.name) == ("registry", "catalog"):
                allowed = self.registry_rights(identity)
            else:
                continue
            everything = scope.kind == "repository" and "*" in scope.actions  # `skopeo delete` asks so
            actions = sorted(allowed) if everything else [one for one in scope.actions if one in allowed]
            access.append({"type": scope.kind, "name": scope.name, "actions": actions})
        name, facts = (identity.name, identity.facts) if identity else ("", {})
        token = self.signer.issue(name, "access", ACCESS_LIFETIME, access=access, facts=facts)
        seconds = int(ACCESS_LIFETIME.total_seconds())
        answer: dict[str, object] = {"token": token, "access_token": token, "expires_in": seconds}
        refresh = self.refresh_token(identity) if identity and offline else None
        if refresh is not None:
            answer["refresh_token"] = refresh
        return json_reply(200, answer)

    def _refuse(self, identity: Identity | None, scopes: list[Scope]) -> None:
        """Raise the cloud's RegistryError if it gives no token for this.

        A client that would mount a layer asks for that source, too, and for each scope that a challenge named: what a
        request is about is what it would push to, or else all that it would read.
        """
        named = [scope for scope in scopes if scope.kind == "repository" and is_name(scope.name)]
        changes = [scope for scope in named if {"push", "delete", "*"} & set(scope.actions)]
        errors = [self.refused_scope(identity, scope) for scope in changes or named]
        if not errors or errors[0] is None or not all(errors):
            return
        error = errors[0]
        if changes:  # as the proxy notes a change that is refused there
            detail = {"what": "token", "status": error.status, "code": error.code, "message": error.message}
            who = identity.name if identity else ""
            self.context.journal.record(self.service, who, "refuse", repository=changes[0].name, detail=detail)
        raise error


def parse_scopes(values: Iterable[str]) -> list[Scope]:
    """Scopes of a token request: GET repeats the parameter, POST joins by blanks. What is malformed is left out."""
    scopes = []
    for text in " ".join(values).split()[:50]:
        kind, _, rest = text.partition(":")
        name, _, actions = rest.rpartition(":")
        if name and kind.partition("(")[0] in ("repository", "registry"):
            scopes.append(Scope(kind.partition("(")[0], name, tuple(actions.split(","))))
    return scopes


def wanted_scope(call: Call) -> str:
    """The scope a challenge names for a call; "" for the base."""
    if call.kind is Kind.BASE:
        return ""
    if call.kind is Kind.CATALOG:
        return "registry:catalog:*"
    if call.kind is Kind.UPLOAD or call.method == "PUT":
        return f"repository:{call.repository}:pull,push"
    return f"repository:{call.repository}:{'delete' if call.method == 'DELETE' else 'pull'}"


def basic_credentials(encoded: str) -> tuple[str, str]:
    """User name and password of a Basic header; two empty texts if it is malformed."""
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def small_request(environ: dict[str, Any]) -> Request:
    """A request with its body read, at most 64 KiB. Raises RegistryError."""
    body = RequestBody(environ).whole(BODY_LIMIT)
    if not HOST.fullmatch(str(environ.get("HTTP_HOST", ""))):
        raise RegistryError(400, "UNSUPPORTED", "the Host header is missing or malformed")
    framing = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "wsgi.input_terminated": False}
    return Request({**environ, **framing})
