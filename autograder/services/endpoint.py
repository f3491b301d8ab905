"""Which engine the ``docker`` command would talk to: DOCKER_HOST, the current context, or the default socket.

The kit follows exactly the command's own rules, so that both always mean the same engine
(https://docs.docker.com/engine/manage-resources/contexts/). Standard library only; nothing is contacted here.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_SOCKET = "/var/run/docker.sock"
WINDOWS_PIPE = "npipe:////./pipe/docker_engine"


@dataclass(frozen=True)
class Endpoint:
    """Where an engine is expected.

    Attributes:
        url: ``unix://…``, ``npipe://…`` or ``tcp://…``; empty when the context it should come from is not defined.
        source: what named it, as a phrase: "DOCKER_HOST", "context desktop-linux", "the default socket".
        context: the context's name, or None.
        certificates: folder with ca.pem, cert.pem and key.pem, when TLS is asked for.
        verify: whether the engine's certificate must be right for its name.
    """

    url: str
    source: str
    context: str | None = None
    certificates: Path | None = None
    verify: bool = True

    @property
    def is_default(self) -> bool:
        """Whether neither a variable nor a context chose it."""
        return self.source == "the default socket"

    @property
    def is_local(self) -> bool:
        """Whether the engine runs on this machine, as far as its address tells."""
        scheme, host = urlsplit(self.url).scheme, urlsplit(self.url).hostname
        if scheme in ("unix", "npipe"):
            return True
        if scheme not in ("tcp", "http", "https"):
            return False
        try:
            return not host or host == "localhost" or ip_address(host).is_loopback
        except ValueError:  # a name
            return False

    @property
    def socket(self) -> Path | None:
        """The socket's path of a ``unix://`` address."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None


def config_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The ``docker`` command's configuration folder."""
    return Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _default(platform: str) -> Endpoint:
    return Endpoint(WINDOWS_PIPE if platform == "win32" else f"unix://{DEFAULT_SOCKET}", "the default socket")


def current_context(environment: Mapping[str, str], folder: Path) -> str:
    """The name of the context in use; ``default`` when none was chosen."""
    if environment.get("DOCKER_CONTEXT"):
        return environment["DOCKER_CONTEXT"]
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(config.get("currentContext") or "default")
    except (OSError, ValueError, AttributeError):
        return "default"


def contexts(folder: Path) -> dict[str, Endpoint]:
    """All contexts of a configuration folder, by name."""
    found = {}
    for file in sorted((folder / "contexts" / "meta").glob("*/meta.json")):
        try:
            meta = json.loads(file.read_text(encoding="utf-8"))
            name, docker = str(meta["Name"]), meta["Endpoints"]["docker"]
            tls = folder / "contexts" / "tls" / hashlib.sha256(name.encode()).hexdigest() / "docker"
            found[name] = Endpoint(
                url=str(docker["Host"]),
                source=f"context {name}",
                context=name,
                certificates=tls if tls.is_dir() else None,
                verify=not docker.get("SkipTLSVerify", False),
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def find(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Endpoint:
    """The endpoint that the ``docker`` command would use.

    Args:
        environment: the variables; DOCKER_HOST wins over DOCKER_CONTEXT, that over the configuration file.
        platform: as ``sys.platform``.
    """
    folder = config_folder(environment)
    if environment.get("DOCKER_HOST"):
        certificates = None
        if environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_TLS"):
            certificates = Path(environment.get("DOCKER_CERT_PATH") or folder)
        host = environment["DOCKER_HOST"]
        return Endpoint(
            host if "://" in host else f"tcp://{host}",
            "DOCKER_HOST",
            certificates=certificates,
            verify=bool(environment.get("DOCKER_TLS_VERIFY")),
        )
    name = current_context(environment, folder)
    if name == "default":
        return _default(platform)
    return contexts(folder).get(name, Endpoint("", f"context {name}", context=name))


def others(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> list[Endpoint]:
    """Places on this machine where another engine may answer: other contexts, and the sockets of known engines."""
    if platform == "win32":
        named = [_default(platform), *contexts(config_folder(environment)).values()]
    else:
        home, runtime = Path.home(), environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        sockets = {
            "Docker Desktop": [home / ".docker/run/docker.sock", home / ".docker/desktop/docker.sock"],
            "rootless Docker": [Path(runtime) / "docker.sock"],
            "Colima": [home / ".colima/default/docker.sock"],
        }
        named = [_default(platform), *contexts(config_folder(environment)).values()]
        named += [Endpoint(f"unix://{path}", program) for program, files in sockets.items() for path in files]
        named = [endpoint for endpoint in named if endpoint.socket is None or endpoint.socket.exists()]
    used, seen, found = find(environment, platform).url, set[str](), []
    for endpoint in named:
        if endpoint.url not in (used, "") and endpoint.url not in seen and endpoint.is_local:
            seen.add(endpoint.url)
            found.append(endpoint)
    return found
