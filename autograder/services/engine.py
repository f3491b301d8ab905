"""The container engine: found as the ``docker`` command finds it, connected to, or refused with the reason."""

from __future__ import annotations

import contextlib
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from autograder.errors import EnvironmentProblem
from autograder.services import endpoint as endpoints
from autograder.services import http
from autograder.services.endpoint import Endpoint

if TYPE_CHECKING:
    from docker import DockerClient

MINIMUM_API = (1, 41)  # Docker 20.10; https://docs.docker.com/reference/api/engine/version-history/
DROPPED = 4  # times that a request is sent again after its connection was refused or closed
TIMEOUT = 300  # seconds for one request; a build's or pull's stream may pause that long


class Trouble(StrEnum):
    """Why an engine cannot be used."""

    NO_CONTEXT = "the chosen context is not defined"
    REMOTE = "the engine is on another machine"
    NO_DAEMON = "no engine answers"
    NO_PERMISSION = "no permission"
    TOO_OLD = "the engine is too old"
    PODMAN = "Podman answers, and not Docker"
    OTHER = "the engine answered something unexpected"


@dataclass(frozen=True)
class Engine:
    """What was found out about the engine; plain data, so that every diagnosis can be tested.

    Attributes:
        endpoint: where it was looked for.
        trouble: why it cannot be used, or None when it can.
        detail: the error as the system told it.
        version: the engine's version, "20.10.24".
        api: its API version, "1.41".
        elsewhere: another local endpoint that does answer, when this one does not.
        client: path of the ``docker`` command, or None.
    """

    endpoint: Endpoint
    trouble: Trouble | None = None
    detail: str = ""
    version: str = ""
    api: str = ""
    elsewhere: Endpoint | None = None
    client: str | None = None


def _client(endpoint: Endpoint, timeout: float) -> DockerClient:
    import docker
    from docker.tls import TLSConfig

    tls: Any = False
    if endpoint.certificates is not None:
        certificate, key, authority = (endpoint.certificates / f"{name}.pem" for name in ("cert", "key", "ca"))
        tls = TLSConfig(
            client_cert=(str(certificate), str(key)) if certificate.exists() else None,
            ca_cert=str(authority) if authority.exists() else None,
            verify=endpoint.verify,
        )
    url = endpoint.url
    if tls and url.startswith("tcp://"):
        url = "https://" + url.removeprefix("tcp://")
    # As version="auto" does it, which would ask once and take a dropped connection for no engine.
    asking = docker.DockerClient(base_url=url, version=".".join(map(str, MINIMUM_API)), tls=tls, timeout=int(timeout))
    with contextlib.closing(asking):
        forgiving(asking)
        api = str(asking.version(api_version=False).get("ApiVersion") or "")
    if not api:
        raise ValueError("it tells no version of its API")
    client = docker.DockerClient(base_url=url, version=api, tls=tls, timeout=int(timeout))
    forgiving(client)
    return client


def _classify(error: BaseException) -> tuple[Trouble, str]:
    """Trouble and text of whatever the SDK raised; the operating system's error is buried in its arguments."""
    seen = http.causes(error)
    systems = [part for part in seen if isinstance(part, OSError) and part.errno]
    codes = [part.args[0] for part in seen if type(part).__name__ == "error" and part.args]  # pywintypes.error
    if any(isinstance(part, PermissionError) for part in systems) or 5 in codes:
        return Trouble.NO_PERMISSION, _text(systems, error)
    if systems or 2 in codes or any(type(part).__name__ in ("ConnectionError", "ConnectTimeout") for part in seen):
        return Trouble.NO_DAEMON, _text(systems, error)
    if any("TLS" in type(part).__name__ or "SSL" in type(part).__name__ for part in seen):
        return Trouble.NO_DAEMON, str(error)
    if "version" in str(error).lower() and "old" in str(error).lower():
        return Trouble.TOO_OLD, str(error)
    return Trouble.OTHER, str(error)


def _text(systems: list[OSError], error: BaseException) -> str:
    return str(systems[0].strerror or systems[0]) if systems else str(error)


def _version(api: str) -> tuple[int, ...]:
    return tuple(int(part) for part in api.split(".") if part.isdigit())


def _open(endpoint: Endpoint, timeout: float) -> tuple[Engine, DockerClient | None]:
    if not endpoint.url:
        return Engine(endpoint, Trouble.NO_CONTEXT), None
    if not endpoint.is_local:
        return Engine(endpoint, Trouble.REMOTE), None
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        client = _client(endpoint, timeout)
        told = client.version()
    except (DockerException, RequestException, OSError, ValueError) as error:
        trouble, detail = _classify(error)
        return Engine(endpoint, trouble, detail), None
    except Exception as error:  # pywintypes.error on Windows derives from Exception alone
        if type(error).__name__ != "error":
            raise
        trouble, detail = _classify(error)
        return Engine(endpoint, trouble, detail), None
    api, version = str(told.get("ApiVersion", "")), str(told.get("Version", ""))
    if _is_podman(told):
        client.close()
        return Engine(endpoint, Trouble.PODMAN, f"version {version}", version, api), None
    if _version(api) < MINIMUM_API:
        client.close()
        return Engine(endpoint, Trouble.TOO_OLD, f"version {version}, API {api}", version, api), None
    client.api.timeout = TIMEOUT
    return Engine(endpoint, None, "", version, api), client


def _is_podman(told: dict[str, Any]) -> bool:
    """Whether Podman's service answered, which speaks Docker's API as well; by its answer to ``GET /version``.

    Source: `components[0].Name` in podman's pkg/api/handlers/compat/version.go is "Podman Engine".
    """
    components = told.get("Components")
    names = [str(part.get("Name", "")) for part in components if isinstance(part, dict)] if components else []
    return any(name.lower().startswith("podman") for name in names)


def probe(timeout: float = 10.0) -> tuple[Engine, DockerClient | None]:
    """Look for the engine.

    Args:
        timeout: seconds for it to answer.

    Returns:
        What was found, and a client (to be closed by the caller) when the engine can be used.
    """
    found, client = _open(endpoints.find(), timeout)
    elsewhere = None
    if found.trouble in (Trouble.NO_DAEMON, Trouble.NO_CONTEXT, Trouble.REMOTE, Trouble.PODMAN):
        for other in endpoints.others():
            engine, second = _open(other, min(timeout, 3.0))
            if second is not None:
                second.close()
                elsewhere = engine.endpoint
                break
    command = shutil.which("docker")
    return (
        Engine(found.endpoint, found.trouble, found.detail, found.version, found.api, elsewhere, command),
        client,
    )


def forgiving(client: DockerClient) -> None:
    """Have a client ask again when the engine refuses a connection, or closes it before it answers.

    A request that the engine did get may be repeated by that: what is made twice has labels, and a sweep finds it. One
    that takes too long is not repeated.
    """
    from urllib3.exceptions import NewConnectionError, ProtocolError
    from urllib3.util import Retry

    class Dropped(Retry):
        def increment(self, method: Any = None, url: Any = None, *given: Any, **more: Any) -> Any:
            error = more.get("error")
            if error is not None and not isinstance(error, (NewConnectionError, ProtocolError)):
                raise error
            return super().increment(method, url, *given, **more)

    wanted = Dropped(
        DROPPED, redirect=False, status=0, allowed_methods=None, backoff_factor=0.05, respect_retry_after_header=False
    )
    for adapter in client.api.adapters.values():
        if hasattr(adapter, "max_retries"):
            adapter.max_retries = wanted


def connect(timeout: float = 10.0) -> DockerClient:
    """A client of the engine that the ``docker`` command uses.

    Raises:
        EnvironmentProblem: there is none that can be used; says why and what to do.
    """
    engine, client = probe(timeout)
    if client is None:
        raise problem(engine)
    return client


def problem(engine: Engine, platform: str = sys.platform) -> EnvironmentProblem:
    """The error for an engine that cannot be used; pure."""
    where = f"{engine.endpoint.url} (from {engine.endpoint.source})" if engine.endpoint.url else engine.endpoint.source
    expected = "a container engine on this machine (Docker 20.10 or newer)"
    switch = switch_to(engine.elsewhere, engine.endpoint) if engine.elsewhere else ""
    detail = f": {engine.detail}" if engine.detail else ""
    match engine.trouble:
        case Trouble.NO_CONTEXT:
            found = f"{engine.endpoint.source} is chosen, but it is not defined"
            step = switch or "Run: docker context use default"
        case Trouble.REMOTE:
            found = f"the engine at {where} is on another machine, where `localhost` means that machine, not this one"
            step = switch or (
                "Unset DOCKER_HOST, then try again."
                if engine.endpoint.context is None
                else "docker context use default"
            )
        case Trouble.NO_PERMISSION:
            found = f"no permission to use the engine at {where}"
            step = (
                "Start Docker Desktop as the same user as this terminal."
                if platform in ("win32", "darwin")
                else 'Run: sudo usermod -aG docker "$USER", then log out and in again.'
            )
        case Trouble.TOO_OLD:
            found = f"the engine at {where} is too old{detail}"
            step = "Update it: https://docs.docker.com/engine/install/"
        case Trouble.PODMAN:
            found = (
                f"Podman{detail and ' (' + engine.detail + ')'} at {where}: the labs are not tested with it; it wants "
                "TLS of a registry on localhost, and what it builds has other labels and digests than Docker's images"
            )
            step = switch or _instead_of_podman(engine, platform)
        case Trouble.NO_DAEMON if engine.elsewhere:
            found = f"no engine answers at {where}, but one does at {engine.elsewhere.url}"
            step = switch
        case Trouble.NO_DAEMON:
            found = f"no engine answers at {where}{detail}"
            step = _start_it(engine, platform)
        case _:
            found = f"the engine at {where} answered something unexpected{detail}"
            step = "Restart the engine, then try again."
    return EnvironmentProblem(expected=expected, found=found, next_step=step)


def switch_to(other: Endpoint, used: Endpoint) -> str:
    """How to make the ``docker`` command (and so the kit) use another endpoint."""
    if used.source == "DOCKER_HOST" and other.is_default:
        return "Unset DOCKER_HOST, then try again."
    first = "Unset DOCKER_HOST, then run" if used.source == "DOCKER_HOST" else "Run"
    if other.is_default:
        return f"{first}: docker context use default"
    if other.context is not None:
        return f"{first}: docker context use {other.context}"
    return f"{first}: docker context create course --docker host={other.url} && docker context use course"


def _instead_of_podman(engine: Engine, platform: str) -> str:
    """Podman may stay for everything else: its socket is only not the one to use for the course."""
    if platform in ("win32", "darwin"):
        install = "Install Docker Desktop (https://docs.docker.com/get-started/get-docker/) and start it"
    else:
        install = "Install Docker Engine (https://docs.docker.com/engine/install/; Podman can stay)"
    used = engine.endpoint
    if used.source == "DOCKER_HOST":
        return f"{install}; unset DOCKER_HOST, then try again."
    if used.context is not None:
        return f"{install}; run: docker context use default; then try again."
    return f"{install}, and remove the package podman-docker if it is there (its socket is Docker's), then try again."


def _start_it(engine: Engine, platform: str) -> str:
    if platform in ("win32", "darwin"):
        if engine.client:
            return "Start Docker Desktop, wait until it says that the engine runs, then try again."
        return "Install Docker Desktop (https://docs.docker.com/get-started/get-docker/) and start it, then try again."
    if engine.client:
        return "Start it: sudo systemctl start docker, or `python3 course.py start` as root where there is no systemd."
    return (
        "Install one: `python3 course.py start` does it on Debian and Ubuntu with root or sudo; "
        "elsewhere see https://docs.docker.com/engine/install/"
    )
