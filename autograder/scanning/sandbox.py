"""Run Trivy on somebody else's image in a container: no network, nothing to write but its report, nothing to gain.

Trivy unpacks archives that a stranger made; should one ever get the better of it, it holds nothing. The program comes
from the machine (it is statically linked), any small image serves as its root.
Source of the options: https://docs.docker.com/engine/containers/run/#runtime-constraints-on-resources
"""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import CourseError, EnvironmentProblem
from autograder.scanning import trivy
from autograder.scanning.trivy import Trivy
from autograder.services import bounded, http

if TYPE_CHECKING:
    from docker import DockerClient

MEMORY = 1 << 30  # bytes; the layers are mapped, not copied
PROCESSES = 128
SCRATCH = 256 << 20  # bytes of /tmp
ROLE = {"org.course.scanner": "rescan"}  # label: what a sweep may remove


class Sandbox:
    """Starts one container a scan.

    Args:
        client: the engine.
        image: an image that the engine has; only its name matters, nothing in it runs.
        program: the Trivy of this machine, for Linux.
        labels: further labels of the containers, for whoever sweeps up after a killed process.
    """

    def __init__(
        self, client: DockerClient, image: str, program: Trivy, labels: Mapping[str, str] | None = None
    ) -> None:
        self._client, self._image, self._program = client, image, program
        self._labels = dict(labels or {}) | ROLE

    def run(self, arguments: Sequence[str], *, target: Path, cache: Path) -> bytes:
        """Run Trivy with ``/target`` and ``/cache`` mounted read-only, and give back its report.

        Args:
            arguments: subcommand and options; what is scanned is below ``/target``.
            target: folder with what is scanned.
            cache: Trivy's cache folder, with the database in ``db``.

        Raises:
            CourseError: Trivy failed; carries its last words.
            EnvironmentProblem: the engine failed, or the time is up.
        """
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        container: Any = None
        with tempfile.TemporaryDirectory(prefix="course-scan-") as name:
            out = Path(name)
            out.chmod(0o777)  # the container's user is nobody
            try:
                container = self._create(arguments, target, cache, out)
                container.start()
                status = bounded.wait(self._client, container, trivy.SECONDS)
                if status != 0:
                    raise CourseError(
                        expected="Trivy to give a report",
                        found=trivy.last_words(container.logs(stdout=False)) or f"exit status {status}",
                        next_step="The image may be damaged; the engine's memory may be short.",
                    )
                return (out / "report").read_bytes()
            except bounded.TooLong as error:
                raise EnvironmentProblem(
                    expected=f"Trivy to end within {trivy.SECONDS:.0f} s of CPU time",
                    found=f"it {error}",
                    next_step="Try again.",
                ) from None
            except (DockerException, RequestException, OSError) as error:
                raise EnvironmentProblem(
                    expected="the engine to run Trivy in a container",
                    found=http.in_words(error),
                    next_step="Run: python3 course.py doctor",
                ) from None
            finally:
                if container is not None:
                    with contextlib.suppress(DockerException, RequestException):
                        container.remove(force=True)

    def _create(self, arguments: Sequence[str], target: Path, cache: Path, out: Path) -> Any:
        from docker.types import LogConfig

        return self._client.containers.create(
            self._image,
            name=f"course-scan-{uuid.uuid4().hex[:12]}",
            entrypoint=["/trivy"],
            command=[*arguments, "--cache-dir", "/cache", "--output", "/out/report"],
            environment={"HOME": "/tmp", "TMPDIR": "/tmp"},
            working_dir="/tmp",
            user="65534:65534",
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=MEMORY,
            memswap_limit=MEMORY,
            pids_limit=PROCESSES,
            tmpfs={"/tmp": f"size={SCRATCH},mode=1777,noexec,nosuid,nodev"},
            volumes={
                str(self._program.path.resolve()): {"bind": "/trivy", "mode": "ro"},
                str(target.resolve()): {"bind": "/target", "mode": "ro"},
                str(cache.resolve()): {"bind": "/cache", "mode": "ro"},
                str(out.resolve()): {"bind": "/out", "mode": "rw"},
            },
            labels=self._labels,
            log_config=LogConfig(type="json-file", config={"max-size": "1m"}),
        )
