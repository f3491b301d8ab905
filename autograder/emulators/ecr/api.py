"""The AWS API over HTTP: who calls, may they, and the answer in AWS's form. ECR speaks JSON, STS speaks XML."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from moto.core.exceptions import ServiceException
from moto.core.utils import get_service_model

from autograder.emulators.ecr import policies, problems, validation
from autograder.emulators.ecr.identity import REGION, Identities, Profile, Signed
from autograder.emulators.ecr.operation import Operation, reads
from autograder.emulators.ecr.operations import OPERATIONS
from autograder.emulators.ecr.registry import Registry
from autograder.emulators.ecr.request import ApiRequest
from autograder.emulators.ecr.tokens import LAYERS
from autograder.emulators.interface import RegistryError, StoreProblem
from autograder.oci.manifests import digest_of

TARGET = "AmazonEC2ContainerRegistry_V20150921."
LARGEST_REQUEST = 32 * 1024 * 1024  # bytes; a layer part of 20 MiB in base64
HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9a-fA-F:]+\](:[0-9]{1,5})?")
# Repository URIs always say localhost: Docker keeps a login for each spelling of an address apart.
LOOPBACK = re.compile(r"^(127\.0\.0\.1|\[::1\])(?=:|$)")

log = logging.getLogger(__name__)
Answer = tuple[int, dict[str, str], bytes]


class Api:
    """A WSGI application: ECR's and STS's operations, and links to layers.

    Args:
        registry: the emulator's state.
        identities: the installation's access keys.
    """

    def __init__(self, registry: Registry, identities: Identities) -> None:
        self._registry = registry
        self._identities = identities
        self._model = get_service_model("ecr")
        self._names = frozenset(self._model.operation_names)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        if path.startswith(LAYERS):
            return self._layer(environ, path, start_response)
        status, headers, body = self._answer(environ, path)
        headers = {"Content-Length": str(len(body)), "x-amzn-RequestId": str(uuid.uuid4()), **headers}
        start_response(f"{status} {'OK' if status < 400 else 'Error'}", list(headers.items()))
        return [body]

    def _answer(self, environ: dict[str, Any], path: str) -> Answer:
        try:
            body = _body(environ)
        except RegistryError as error:
            return _json_error(error.code, error.message, error.status)
        request = _signed(environ, path, body)
        form = dict(parse_qsl(body.decode("utf-8", "replace"))) if "x-amz-target" not in request.headers else {}
        as_error = _xml_error if "Action" in form else _json_error
        try:
            if path != "/" or environ["REQUEST_METHOD"] != "POST":
                raise ServiceException("UnknownOperationException", "Send AWS requests to / with POST.")
            profile, service, region = self._identities.caller(request)
            if service == "sts" and form:
                return _sts(profile, form)
            return self._call(request, profile, self._operation(request, service, region))
        except ServiceException as problem:
            return as_error(problem.code, str(problem.message), 400)
        except RegistryError as error:  # the store refused a manifest or a layer
            return as_error("InvalidParameterException", error.message, 400)
        except StoreProblem as problem:
            log.warning("store: %s", problem.found)
            text = "The store behind this registry does not answer; run `python3 course.py start`."
            return as_error("ServerException", text, 503)
        except Exception:
            log.exception("%s failed", request.headers.get("x-amz-target", form.get("Action", path)))
            return as_error("ServerException", "The ECR emulator failed; its log says why.", 500)

    def _operation(self, request: Signed, service: str, region: str) -> str:
        """AWS's name of the operation that is asked for."""
        target = request.headers.get("x-amz-target", "")
        if service != "ecr" or not target.startswith(TARGET):
            raise problems.not_here(f"The service {service!r}" if service != "ecr" else f"The operation {target!r}")
        if region != REGION:
            raise problems.not_here(f"The region {region} (there is only {REGION}; set AWS_DEFAULT_REGION to it)")
        name = target.removeprefix(TARGET)
        if name not in self._names:
            raise ServiceException("UnknownOperationException", f"ECR has no operation {name}.")
        return name

    def _call(self, request: Signed, profile: Profile, name: str) -> Answer:
        """One operation, with its line in the journal if it changed something or was refused to."""
        given = _json(request.body)
        repository = str(given.get("repositoryName", "") if isinstance(given, dict) else "")
        try:
            if name not in OPERATIONS:
                raise problems.not_here(name)
            answer = self._perform(request, profile, OPERATIONS[name], given)
        except ServiceException as problem:
            answer = _json_error(problem.code, str(problem.message), 400)
        if answer[0] == 200:
            if OPERATIONS[name].journal:
                self._registry.journal(profile.name, OPERATIONS[name].journal, repository, operation=name)
        elif not reads(name):
            error = json.loads(answer[2])
            detail = {"operation": name, "code": error["__type"], "message": error.get("message", "")}
            tag, digest = _image_put(given)
            self._registry.journal(profile.name, "refuse", repository, tag, digest, **detail)
        return answer

    def _perform(self, request: Signed, profile: Profile, operation: Operation, given: Any) -> Answer:
        validation.parameters(self._model.operation_model(operation.name), given)
        repository = given.get("repositoryName")
        self._check_registry(profile, operation, given, repository)
        self._authorise(profile, operation, given, repository)
        host = LOOPBACK.sub("localhost", request.headers.get("host", ""))
        call = ApiRequest(self._registry, profile, host, operation.name, given)
        if operation.locks == "itself":
            return _run(operation, call)
        # A change of a repository waits for a push or a night that is under way in it.
        held = self._registry.context.lock(repository) if repository and not operation.reads else nullcontext()
        with held, self._registry.guard:
            answer = _run(operation, call)
            if answer[0] == 200 and not operation.reads:
                self._registry.save()
            return answer

    def _check_registry(self, profile: Profile, operation: Operation, given: dict[str, Any], name: str | None) -> None:
        """A caller from another account means its own registry unless it names this one; it has none here."""
        registry_id = given.get("registryId") or profile.account
        if registry_id == self._registry.moto.account_id or operation.any_account:
            return
        if name and not operation.makes_repository:
            raise problems.repository_missing(name, registry_id)
        if "resourceArn" not in given:
            raise problems.not_here(f"A registry of account {registry_id}")

    def _authorise(self, profile: Profile, operation: Operation, given: dict[str, Any], name: str | None) -> None:
        name = name or operation.resource
        resource = str(given.get("resourceArn") or (self._registry.arn(name) if name else "*"))
        policies.authorise(profile, operation.action, resource, self._registry.policy(resource))

    def _layer(self, environ: dict[str, Any], path: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
        query = dict(parse_qsl(str(environ.get("QUERY_STRING", ""))))
        target = self._registry.tokens.linked(path, query, self._registry.now())
        store = self._registry.context.store
        size = store.blob_size(*target) if target else None
        pieces = store.get_blob(*target) if target and size is not None else None
        if pieces is None:
            body = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            start_response("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        headers = [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))]
        start_response("200 OK", headers)
        return pieces


def _sts(profile: Profile, form: dict[str, str]) -> Answer:
    """GetCallerIdentity: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
    action = form.get("Action", "")
    if action != "GetCallerIdentity":
        raise problems.not_here(f"The STS operation {action}")
    result = f"<Arn>{escape(profile.arn)}</Arn><UserId>{profile.user_id}</UserId><Account>{profile.account}</Account>"
    text = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult>{result}</GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
    return 200, {"Content-Type": "text/xml"}, text.encode()


def _json_error(code: str, message: str, status: int) -> Answer:
    return problems.as_json(ServiceException(code, message), status)


def _xml_error(code: str, message: str, status: int) -> Answer:
    text = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error></ErrorResponse>"
    )
    return status, {"Content-Type": "text/xml"}, text.encode()


def _image_put(given: Any) -> tuple[str, str]:
    """The tag that a request gives an image, and the digest of its manifest; "" for what is missing or no text."""
    tag, manifest = (given.get(key) if isinstance(given, dict) else "" for key in ("imageTag", "imageManifest"))
    text = manifest if isinstance(manifest, str) else ""
    return tag if isinstance(tag, str) else "", digest_of(text.encode("utf-8", "replace")) if text else ""


def _body(environ: dict[str, Any]) -> bytes:
    """The request's body. Raises RegistryError when it is too large or comes without a length."""
    length = str(environ.get("CONTENT_LENGTH") or "0")
    if not length.isdigit() or int(length) > LARGEST_REQUEST or environ.get("HTTP_TRANSFER_ENCODING"):
        raise RegistryError(413, "RequestEntityTooLargeException", f"A request has at most {LARGEST_REQUEST} bytes.")
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


def _signed(environ: dict[str, Any], path: str, body: bytes) -> Signed:
    headers = {key[5:].replace("_", "-").lower(): str(value) for key, value in environ.items() if key[:5] == "HTTP_"}
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = str(environ["CONTENT_TYPE"])
    if environ.get("CONTENT_LENGTH"):
        headers["content-length"] = str(environ["CONTENT_LENGTH"])
    if not HOST.fullmatch(headers.get("host", "")):
        headers["host"] = "localhost"
    return Signed(str(environ["REQUEST_METHOD"]), path, str(environ.get("QUERY_STRING", "")), headers, body)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise ServiceException("SerializationException", "The request body is not JSON.") from None


def _run(operation: Operation, call: ApiRequest) -> Answer:
    """Run an operation; an error of the API is an answer, too."""
    try:
        result = operation.run(call)
    except ServiceException as problem:
        result = problem
    return call.serialize(result)
