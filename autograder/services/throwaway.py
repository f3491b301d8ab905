"""A real ``registry:2`` for one moment: started by testcontainers on a free loopback port, gone with ``stop``.

Its storage is memory. It gets settings and files of the caller's choosing and nothing of the machine: no mount, no
capability, no way to new privileges.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping

import requests

from autograder.services import engine, http, images, orphans
from autograder.services.ports import LOOPBACK

PORT = 5000
PROCESSES = 256
LOG_BYTES = "64k"
START_SECONDS = 300.0  # for one that hangs; one that has ended is noticed at once
SETTINGS = {"REGISTRY_LOG_LEVEL": "error", "OTEL_TRACES_EXPORTER": "none"}


class ProbeFault(Exception):
    """The engine or a throw-away registry failed, not the student's work."""


class ThrowAwayRegistry:
    """A registry of its own, started.

    Args:
        storage: bytes of memory that it may fill; nothing is reserved.
        environment: its settings (``REGISTRY_…``), over :data:`SETTINGS`.
        files: path inside the container -> content; there before it starts.
        port: the port that it listens on inside the container.
        read_only: whether its storage can only be read, as a volume that is mounted so.

    Attributes:
        port: the port on 127.0.0.1.

    Raises:
        ProbeFault: the engine cannot start it.
    """

    def __init__(
        self,
        *,
        storage: int,
        environment: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
        port: int = PORT,
        read_only: bool = False,
    ) -> None:
        from docker.errors import DockerException
        from testcontainers.core.config import ConnectionMode, testcontainers_config
        from testcontainers.core.container import DockerContainer

        # No Ryuk: its image is one more to have, and our labels do its work. Mapped ports, whatever the network.
        # Set here and not by TESTCONTAINERS_… variables, which are read once, at the first import by anybody.
        testcontainers_config.ryuk_disabled = True
        testcontainers_config.connection_mode_override = ConnectionMode.docker_host
        try:
            container = DockerContainer(images.REGISTRY)
            engine.forgiving(container.get_docker_client().client)
        except (DockerException, requests.RequestException, OSError) as error:
            raise ProbeFault(f"the engine does not answer: {http.in_words(error)}") from None
        for name, value in {**SETTINGS, **(environment or {})}.items():
            container.with_env(name, value)
        for path, content in (files or {}).items():
            container.with_copy_into_container(content, path)
        container.with_tmpfs_mount("/var/lib/registry", f"size={storage}" + (",ro" if read_only else ""))
        container.with_kwargs(
            labels=orphans.labels("probe"),
            log_config={"Type": "json-file", "Config": {"max-size": LOG_BYTES, "max-file": "1"}},
            mem_limit=2 * storage,
            pids_limit=PROCESSES,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
        )
        container.ports[f"{port}/tcp"] = (LOOPBACK, None)  # the library's own way publishes on every interface
        self._container = container
        try:
            container.start()
            self.port = self._published(port)
        except (DockerException, requests.RequestException, OSError) as error:
            self.stop()
            raise ProbeFault(f"the throw-away registry did not start: {http.in_words(error)}") from None

    def _published(self, port: int) -> int:
        """The port on 127.0.0.1, or 0 when the registry has ended already: its ports are free again then."""
        found = self._container.get_wrapped_container()
        for _ in range(100):
            found.reload()
            bound = found.attrs["NetworkSettings"]["Ports"].get(f"{port}/tcp")
            if bound:
                return int(bound[0]["HostPort"])
            if found.status not in ("created", "running"):
                return 0
            time.sleep(0.05)
        raise OSError(f"the engine published no port for {port}")

    def ended(self) -> bool:
        """Whether its process has ended.

        Raises:
            ProbeFault: the engine does not say.
        """
        from docker.errors import DockerException

        try:
            self._container.reload()
        except (DockerException, requests.RequestException, OSError) as error:
            raise ProbeFault(f"the throw-away registry is gone: {http.in_words(error)}") from None
        return self._container.status not in ("created", "running")

    def listens(self) -> bool:
        """Wait until something listens on its port; False when it ended instead.

        Raises:
            ProbeFault: neither within :data:`START_SECONDS`.
        """
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.ended():
                return False
            if _accepts(self.port):
                return True
            time.sleep(0.05)
        raise ProbeFault(f"nothing listens on port {self.port} of {LOOPBACK} after {START_SECONDS:.0f} s")

    def log(self) -> str:
        """What it has said."""
        from docker.errors import DockerException

        try:
            return "".join(part.decode("utf-8", errors="replace") for part in self._container.get_logs())
        except (DockerException, requests.RequestException, OSError):
            return ""

    def stop(self) -> None:
        """Remove it; harmless when it is gone already."""
        from docker.errors import DockerException

        try:
            self._container.stop(force=True, delete_volume=True)
        except (DockerException, requests.RequestException, OSError):
            return  # its labels let the next sweep find it


def _accepts(port: int) -> bool:
    """Whether a connection can be made. The engine's own proxy accepts too soon and closes at once: that is a no."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0) as connection:
            connection.settimeout(0.05)
            try:
                return connection.recv(1) != b""
            except TimeoutError:
                return True  # it waits for us to speak, as a server does
    except OSError:
        return False
