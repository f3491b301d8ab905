"""Every address, in one place: what ``course env`` prints and what notebooks import. Needs no engine."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from autograder import paths
from autograder.domain.services import SERVICES
from autograder.errors import EnvironmentProblem
from autograder.services import installation
from autograder.services.ports import LOOPBACK

# Service (as lab.toml and evidence name it) -> variable in shells and notebooks. What has no port yet is left out.
VARIABLES = {service.name: service.variable for service in SERVICES}

TRIVY_DB = "course/trivy-db"  # repository of the course's advisory database in the local registry
TRIVY_DB_TAG = "2"  # the schema's number, which Trivy asks for
TRIVY_VARIABLES = ("TRIVY_DB_REPOSITORY", "TRIVY_CACHE_DIR")


@dataclass(frozen=True)
class Addresses:
    """The addresses of an installation.

    Attributes:
        services: service -> ``localhost:PORT``, as it stands in image names.
        jupyter: address of JupyterLab with its token, or None before it was started once.
        site: address of the lessons, or None before they were served once.
    """

    services: dict[str, str]
    jupyter: str | None
    site: str | None

    def of(self, service: str) -> str:
        """``localhost:PORT`` of a service.

        Raises:
            EnvironmentProblem: this installation has no such service yet.
        """
        if service not in self.services:
            raise EnvironmentProblem(
                expected=f"an address of the service {service}",
                found="it was never started here" if service in VARIABLES else "there is no service of that name",
                next_step="Run: python3 course.py start",
            )
        return self.services[service]

    def variables(self) -> dict[str, str]:
        """The variables of ``course env``, and the names that notebooks import."""
        found = {name: self.services[service] for service, name in VARIABLES.items() if service in self.services}
        return found | self.for_trivy()

    def for_trivy(self) -> dict[str, str]:
        """Variables that Trivy itself reads: the course's database instead of its own, in a cache of its own.

        Of its own, because Trivy looks at the repository only when the database in its cache is due.
        https://trivy.dev/docs/latest/guide/configuration/#environment-variables
        """
        if "registry" not in self.services:
            return {}
        values = (f"{self.services['registry']}/{TRIVY_DB}:{TRIVY_DB_TAG}", str(trivy_cache()))
        return dict(zip(TRIVY_VARIABLES, values, strict=True))


def trivy_cache() -> Path:
    """Trivy's cache folder for the course's database, apart from the user's own."""
    return paths.state() / "trivy"


def of_installation(state: installation.Installation) -> Addresses:
    """The addresses that follow from an installation's ports."""
    jupyter, site = state.ports.get("jupyter"), state.ports.get("site")
    return Addresses(
        services={service: f"localhost:{state.ports[service]}" for service in VARIABLES if service in state.ports},
        jupyter=f"http://localhost:{jupyter}/lab?token={state.token}" if jupyter else None,
        site=f"http://localhost:{site}/" if site else None,
    )


def load() -> Addresses:
    """The addresses of this installation.

    Raises:
        EnvironmentProblem: nothing was started here yet.
    """
    return of_installation(installation.load())


def url(port: int, path: str = "/") -> str:
    """The HTTP address of something of ours on this machine, for the kit's own requests."""
    return f"http://{LOOPBACK}:{port}{path}"


def without_proxy(variables: Mapping[str, str]) -> dict[str, str]:
    """NO_PROXY with this machine in it, where a proxy is set; else nothing.

    Python and curl would ask the proxy even for localhost.
    """
    if not any(variables.get(name) for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")):
        return {}
    have = [part for part in (variables.get("NO_PROXY") or variables.get("no_proxy") or "").split(",") if part.strip()]
    full = ",".join([*have, *(host for host in ("localhost", LOOPBACK, "::1") if host not in have)])
    return {"NO_PROXY": full, "no_proxy": full}


def as_text(variables: Mapping[str, str | None], shell: str) -> str:
    """Variables as lines for a shell.

    Args:
        variables: name -> value; None takes the variable away.
        shell: ``bash`` (any POSIX shell), ``fish``, ``powershell`` or ``json`` (there None is null).
    """
    if shell == "json":
        return json.dumps(dict(variables), indent=2)
    return "\n".join(_line(name, value, shell) for name, value in variables.items())


def _line(name: str, value: str | None, shell: str) -> str:
    if shell == "powershell":
        if value is None:
            return f"Remove-Item Env:{name} -ErrorAction SilentlyContinue"
        return f"$env:{name} = {_powershell(value)}"
    if shell == "fish":  # without -g, a variable of all of the person's shells could be erased
        return f"set -eg {name}" if value is None else f"set -gx {name} {quoted_for_fish(value)}"
    return f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"


def _powershell(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def quoted_for_fish(value: str) -> str:
    """A value in fish's single quotes (https://fishshell.com/docs/current/language.html#quotes)."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def as_path(folder: PurePath, shell: str, *, last: bool = False) -> str:
    """A line for a shell that lets it find the programs of a folder: before all others, or after them.

    Args:
        folder: absolute; with a drive letter it is written as Git Bash writes it.
        shell: ``bash`` (any POSIX shell), ``fish`` or ``powershell``.
        last: after all others. Either way nothing changes where the folder stands there already.
    """
    if shell == "powershell":
        quoted, separator = str(folder).replace("'", "''"), ";" if folder.drive else ":"
        if last:
            return f"if (-not $env:PATH.EndsWith('{separator}{quoted}')) {{ $env:PATH += '{separator}{quoted}' }}"
        return (
            f"if (-not $env:PATH.StartsWith('{quoted}{separator}')) {{ $env:PATH = '{quoted}{separator}' + $env:PATH }}"
        )
    if shell == "fish":
        quoted, place = quoted_for_fish(str(folder)), "$PATH[-1]" if last else "$PATH[1]"
        whole = f"$PATH {quoted}" if last else f"{quoted} $PATH"
        return f'test "{place}" = {quoted}; or set -gx PATH {whole}'
    written = folder.as_posix().removeprefix(folder.drive)
    quoted = shlex.quote((f"/{folder.drive[0].lower()}" if folder.drive else "") + written)
    pattern, whole = (f"*:{quoted}", f'"$PATH":{quoted}') if last else (f"{quoted}:*", f'{quoted}:"$PATH"')
    return f'case "$PATH" in {pattern}) ;; *) export PATH={whole} ;; esac'
