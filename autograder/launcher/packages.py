"""Installing a lock with uv, which pip fetches; where uv cannot, with pip. Hashes are checked, nothing is resolved.

uv reads none of pip's settings, so :func:`uv_settings` gives it those that say where packages come from and how they
are reached. What it is told by its own settings does not count: a lock is installed the same on every machine.
https://docs.astral.sh/uv/pip/compatibility and https://docs.astral.sh/uv/reference/environment
"""

from __future__ import annotations

import ast
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

# Settings of the user's pip that would put packages elsewhere or hide what it does.
UNWANTED = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_QUIET", "PIP_VERBOSE", "PIP_REQUIRE_VIRTUALENV")
# Settings of the user's uv that hold: they say where its cache is and how it goes about, not what is installed.
WANTED = ("UV_CACHE_DIR", "UV_NO_CACHE", "UV_LINK_MODE", "UV_CONCURRENT_DOWNLOADS", "UV_CONCURRENT_INSTALLS")
# pip's setting → uv's variable, where both take the same value.
SAME = {
    "index-url": "UV_DEFAULT_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
    "client-cert": "SSL_CLIENT_CERT",
}
YES = {"1", "on", "t", "true", "y", "yes"}  # as pip reads them
WIDTH = 78  # columns that the moving line takes at most
_SETTING = re.compile(r"^(?P<part>:env:|[\w-]+)\.(?P<name>[\w-]+)=(?P<value>.*)$")


class Installer:
    """Puts packages into an environment.

    Attributes:
        python: the environment's Python; it has pip.
        held: a file descriptor that the programs started here keep open as well: the lock on the environment, which
            so outlives this process where a program that it started does.
    """

    def __init__(self, python: Path, held: int) -> None:
        self.python = python
        self.held = held

    def fetch_uv(self, lock: Path) -> str:
        """Have the uv that a lock pins. No source is built: that would need a Rust compiler and long.

        Returns:
            "" when it is there, else why not.
        """
        return self._pip("--only-binary=:all:", "--requirement", str(lock))

    def sync(self, lock: Path) -> str:
        """Have uv make the environment hold the packages of a lock and no others but pip, setuptools and uv.

        Returns:
            "" when all went well, else what uv said.
        """
        options, variables = uv_settings(self._pip_settings(), os.environ)
        uv = self.python.with_name("uv.exe" if os.name == "nt" else "uv")
        call = [str(uv), "pip", "sync", "--no-config", "--color=never", "--require-hashes", "--python"]
        return self._run([*call, str(self.python), *options, str(lock)], variables)

    def pip_install(self, lock: Path) -> str:
        """Have pip install a lock into a fresh environment.

        Returns:
            "" when all went well, else what pip said.
        """
        return self._pip("--requirement", str(lock))

    def _pip(self, *arguments: str) -> str:
        call = [str(self.python), "-I", "-m", "pip", "install", "--require-hashes", "--no-deps", "--progress-bar=off"]
        return self._run([*call, "--no-warn-script-location", *arguments], _pip_variables())

    def _pip_settings(self) -> dict[str, str]:
        call = [str(self.python), "-I", "-m", "pip", "config", "list"]
        variables = _pip_variables()
        done = subprocess.run(call, capture_output=True, env=variables, check=False)
        return pip_settings(done.stdout.decode("utf-8", "replace"))

    def _run(self, call: Sequence[str], variables: Mapping[str, str]) -> str:
        """Run a program; its newest line is shown where a line can move. Returns what went wrong, or ""."""
        lines: list[str] = []
        moving = sys.stderr.isatty()
        try:
            with subprocess.Popen(
                call,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=variables,
                text=True,
                encoding="utf-8",
                errors="replace",
                pass_fds=() if os.name == "nt" else (self.held,),
            ) as process:
                assert process.stdout is not None
                for line in filter(None, map(str.strip, process.stdout)):
                    lines.append(line)
                    if moving:
                        sys.stderr.write(f"\r\033[K  {line}"[: WIDTH + 4])
                        sys.stderr.flush()
        except OSError as error:  # not for this machine, not to be run from this disk
            return str(error)
        finally:  # also after Ctrl+C
            if moving:
                sys.stderr.write("\r\033[K")
                sys.stderr.flush()
        if process.returncode == 0:
            return ""
        first = next((number for number, line in enumerate(lines) if line.lower().startswith("error")), -4)
        return " / ".join(lines[first:][:4])[:400] or f"{Path(call[0]).name} ended with status {process.returncode}"


def _pip_variables() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in UNWANTED}
    return {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONUTF8": "1"}


def pip_settings(told: str) -> dict[str, str]:
    """What holds for ``pip install`` by ``pip config list``: variables win over ``install``, that over ``global``.

    https://pip.pypa.io/en/stable/topics/configuration/#precedence-override-order
    """
    parts: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in told.splitlines():
        read = _SETTING.match(line)
        if read and read["part"] in parts:
            parts[read["part"]][read["name"]] = str(ast.literal_eval(read["value"]))
    return {**parts["global"], **parts["install"], **parts[":env:"]}


def uv_settings(pip: Mapping[str, str], variables: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """What makes uv take packages from where pip takes them, in the way that pip does.

    Args:
        pip: pip's settings, as :func:`pip_settings` gives them.
        variables: the environment.

    Returns:
        Options for the command line, and the variables to call uv with. Addresses of indexes are among the variables,
        since they may hold a password and other users see command lines.
    """
    given = {key: value for key, value in variables.items() if not key.startswith("UV_") or key in WANTED}
    given |= {uv: pip[name] for name, uv in SAME.items() if pip.get(name)}
    # A lock names one version with its hashes, so that all indexes may be asked, as pip does.
    given["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    indexes = [one for one in pip.get("extra-index-url", "").split() if _is_there(one)]
    if indexes:
        given["UV_INDEX"] = " ".join(indexes)
    if pip.get("keyring-provider") == "subprocess":  # the only one that uv has
        given["UV_KEYRING_PROVIDER"] = "subprocess"
    if pip.get("no-cache-dir", "").lower() in YES:
        given["UV_NO_CACHE"] = "1"
    if pip.get("proxy"):
        caseless = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
        given = {key: value for key, value in given.items() if key.upper() not in caseless}
        given["ALL_PROXY"] = pip["proxy"]
    _trust(given, pip.get("cert", ""))
    if "PYTHONDONTWRITEBYTECODE" in variables:  # else the first import compiles, and only what is imported
        given |= {"UV_COMPILE_BYTECODE": "1", "UV_COMPILE_BYTECODE_TIMEOUT": "600"}
    options = [f"--find-links={_home(one)}" for one in pip.get("find-links", "").split() if _is_there(one)]
    return options + ["--no-index"] * (pip.get("no-index", "").lower() in YES), given


def _trust(given: dict[str, str], cert: str) -> None:
    """Have uv trust the authorities that pip trusts: those it is told, else the system's (pip from 24.2 on)."""
    told = cert or next((given[name] for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if given.get(name)), "")
    if told:
        given.pop("SSL_CERT_FILE", None)
        given.pop("SSL_CERT_DIR", None)
        given["SSL_CERT_DIR" if Path(told).is_dir() else "SSL_CERT_FILE"] = told
    elif not (given.get("SSL_CERT_FILE") or given.get("SSL_CERT_DIR")):
        system = ssl.get_default_verify_paths()
        if sys.platform in ("darwin", "win32") or system.cafile or system.capath:  # else uv has Mozilla's, as pip has
            given["UV_SYSTEM_CERTS"] = "1"


def _is_there(location: str) -> bool:
    """Whether a location is not a folder of this machine that is absent; pip passes over those, and uv gives up."""
    address = urlsplit(location)
    if address.scheme == "file":
        return Path(url2pathname(address.path)).exists()
    return "://" in location or Path(_home(location)).exists()


def _home(location: str) -> str:
    return str(Path(location).expanduser()) if location.startswith("~") else location
