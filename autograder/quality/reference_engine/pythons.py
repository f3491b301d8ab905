"""The checkout and its Python environment inside the reference engine, under the paths that they have on the host.

The host's environment works inside where its Python does: a Python in a folder of its own (pyenv, uv, conda) is seen
inside as it is; of one that shares a folder with the system (``/usr``, ``/usr/local``) only its own files are.
Libraries that it needs and the tree lacks are taken along. Where it does not work all the same, an environment is made
inside.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.quality.reference_engine import root
from autograder.quality.reference_engine.instance import Instance, Shown

SYSTEM = (Path("/usr"), Path("/usr/local"))
# Parts of the standard library that stand on libraries of the system, then packages of the lock that do.
PARTS = "bz2, ctypes, curses, decimal, hashlib, lzma, readline, sqlite3, ssl, uuid, venv, xml.parsers.expat, zlib"
PACKAGES = "cryptography, docker, psutil, pydantic, pytest, yaml, zmq"
LIBRARIES = "/usr/local/lib/host-python"  # inside: libraries of the host that its Python needs
ENVIRONMENTS = "/var/cache/course-environments"  # inside: environments that were made inside, kept between runs
SETTINGS = ("/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf", "/etc/uv/uv.toml", "~/.config/uv/uv.toml")
# Variables of the host that hold inside as well.
PASSED = ("CI", "TERM", "COLUMNS", "TZ", "PYTEST_ADDOPTS", "HYPOTHESIS_PROFILE", "SOURCE_DATE_EPOCH", "NO_COLOR")
PASSED_CASELESS = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
PASSED_FAMILIES = ("PIP_", "UV_", "COURSE_")
AUTHORITIES = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO"),
    *("AWS_CA_BUNDLE", "HTTPLIB2_CA_CERTS", "NODE_EXTRA_CA_CERTS"),
)


def own_files(executable: Path, base: Path) -> list[Path]:
    """The files of a Python that shares its folder with the system, so far as they are there.

    Args:
        executable: its real path, ``/usr/bin/python3.11``.
        base: the folder, ``/usr``.
    """
    name = executable.name
    libraries = sorted((base / "lib").glob(f"**/lib{name}*.so*")) if base != Path("/usr") else []
    settings = [Path("/etc") / name] if base == Path("/usr") else []  # Debian's sitecustomize
    wanted = [executable, base / "lib" / name, *libraries, *settings]
    return [path for path in wanted if path.exists()]


def shown(tree: Path, reports: Path) -> Shown:
    """What of this host has to be seen inside, so that this checkout's tests run there in this environment.

    Args:
        tree: the file tree of the reference engine; a Python that it has itself is taken from there.
        reports: a folder of the checkout that the tests write to; it is the host's inside too.
    """
    checkout, prefix, base = paths.ROOT, Path(sys.prefix), Path(sys.base_prefix)
    found = Shown(overlays={str(checkout): str(checkout)}, binds={str(reports): str(reports)})
    environments = root.cache() / root.ENVIRONMENTS
    environments.mkdir(parents=True, exist_ok=True)
    found.binds[str(environments)] = ENVIRONMENTS
    if not prefix.is_relative_to(checkout):
        found.overlays[str(prefix)] = str(prefix)
    executable = Path(os.path.realpath(sys.executable))
    if base in SYSTEM:
        if not (tree / executable.relative_to("/")).exists():
            found.binds |= {str(path): str(path) for path in own_files(executable, base)}
        # The environment's python3 points to the system's, which inside is another version.
        for link in sorted((prefix / "bin").glob("python*")):
            if link.is_symlink() and Path(link.readlink()).is_absolute():
                found.links[str(link)] = str(executable)
    else:
        folders = {base, Path(os.path.realpath(base)), *_on_the_way(Path(sys.executable))}
        found.binds |= {str(folder): str(folder) for folder in sorted(folders) if not folder.is_relative_to(checkout)}
    found.binds |= {folder: folder for folder in _package_folders() if folder not in found.binds}
    return found


def _on_the_way(link: Path) -> list[Path]:
    """The installations that a chain of links to a Python goes through (uv's are reached by a link to a folder)."""
    folders = []
    while link.is_symlink():
        link = link.parent / link.readlink()
        if link.parent.name == "bin" and link.parent.parent not in (*SYSTEM, Path("/"), Path(sys.prefix)):
            folders.append(Path(os.path.normpath(link.parent.parent)))
    return folders


def _package_folders() -> list[str]:
    """Folders of this machine from which pip or uv are told to take packages."""
    texts = [value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))]
    texts += [Path(name).expanduser().read_text("utf-8") for name in SETTINGS if Path(name).expanduser().is_file()]
    words = {word.strip("\"',[]") for text in texts for word in re.split(r"[\s=]+", text)}
    return local_folders(words)


def local_folders(words: Iterable[str]) -> list[str]:
    """The folders among words that may be paths or ``file:`` addresses; none inside another one.

    An address is an index, whose pages name files beside it (``../files/…``): the folder above it, too, unless that
    is one of the system's.
    """
    candidates = {Path(word) for word in words if word.startswith("/")}
    indexes = {Path(word.removeprefix("file://")) for word in words if word.startswith("file:///")}
    candidates |= {index.parent if len(index.parts) > 3 else index for index in indexes}
    folders = sorted(path for path in candidates if path.is_dir() and path != Path("/"))
    return [str(path) for path in folders if not any(path != one and path.is_relative_to(one) for one in folders)]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The host's variables that hold inside: proxies, authorities, and where packages come from."""
    return {
        name: value
        for name, value in variables.items()
        if name in PASSED
        or name in AUTHORITIES
        or name.upper() in PASSED_CASELESS
        or (name.startswith(PASSED_FAMILIES) and name != "COURSE_HOME")
    }


def prepare(instance: Instance, suite: str, report: Callable[[str], None], *, own: bool = False) -> str:
    """Have the environment work inside.

    Args:
        instance: a reference engine with :func:`shown`.
        suite: Debian's name of its suite.
        report: called with one line for each step that takes time.
        own: make an environment inside, even where the host's works.

    Returns:
        The path of its Python, inside.

    Raises:
        EnvironmentProblem: the host's environment does not work inside, and none can be made there.
    """
    _settings(instance)
    _libraries(instance)
    problem = _problem(instance, sys.executable)
    if not own and not problem:
        return sys.executable
    if problem:
        report(f"the host's Python does not work inside ({problem})")
    return _made_inside(instance, suite, report)


def _settings(instance: Instance) -> None:
    """pip's and uv's settings, and the certificates that variables point to."""
    files = [(Path(name).expanduser(), name.replace("~", "/root", 1)) for name in SETTINGS]
    files += [(Path(path), path) for path in (os.environ.get(name, "") for name in AUTHORITIES) if path]
    for source, target in files:
        if source.is_file():
            copy = instance.tree / target.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)


def missing_libraries(told: str) -> set[str]:
    """Names of the libraries that ldd(1) did not find."""
    return {line.split()[0] for line in told.splitlines() if line.endswith("=> not found")}


def _libraries(instance: Instance) -> None:
    """Take along the host's libraries that the host's Python needs and the tree lacks."""
    base, name = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    extensions = sorted(map(str, (base / "lib" / name / "lib-dynload").glob("*.so")))
    wanted = [os.path.realpath(sys.executable), *extensions]
    known = _where(subprocess.run(["ldd", *wanted], capture_output=True, text=True, check=False).stdout)
    for _ in range(3):  # a library may need another one
        missing = missing_libraries(instance.ask("ldd", *wanted).stdout) & known.keys()
        if not missing:
            return
        for library in missing:
            copy = instance.tree / LIBRARIES.lstrip("/") / library
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(known[library], copy)
            wanted.append(f"{LIBRARIES}/{library}")
        (instance.tree / "etc/ld.so.conf.d/zz-host-python.conf").write_text(f"{LIBRARIES}\n", encoding="utf-8")
        instance.ask("ldconfig")


def _where(told: str) -> dict[str, str]:
    """Library → path, as ldd(1) tells them."""
    found = re.finditer(r"^\s+(\S+) => (/\S+) \(0x", told, re.MULTILINE)
    return {line[1]: line[2] for line in found}


def _problem(instance: Instance, python: str) -> str:
    """Why a Python does not work inside, or ""."""
    done = instance.ask(python, "-c", f"import {PARTS}\nimport {PACKAGES}")
    lines = (done.stderr or done.stdout).strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1] if lines else f"exit status {done.returncode}")


def key(suite: str, python: str, lock: bytes) -> str:
    """The name of an environment in the cache: a hash of all that it depends on.

    Args:
        suite: Debian's name of the suite.
        python: the version of the suite's Python, "3.13.7": suites move.
        lock: the packages.
    """
    described = (str(paths.ROOT), root.PACKAGES, suite, python, lock)
    return hashlib.sha256(repr(described).encode()).hexdigest()[:16]


def _made_inside(instance: Instance, suite: str, report: Callable[[str], None]) -> str:
    """An environment from the tree's own Python and the lock, at the place of the checkout's own."""
    asked = instance.ask("python3", "-c", "import platform; print(platform.python_version())")
    if asked.returncode:
        raise _broken("the tree's own Python to work", asked.stderr.strip())
    name = key(suite, asked.stdout.strip(), (paths.ROOT / "requirements.txt").read_bytes())
    kept, place = f"{ENVIRONMENTS}/{name}", str(paths.ROOT / ".venv")
    report("an environment is made inside, or taken from the cache (some minutes, once)")
    for command in (("mkdir", "-p", kept, place), ("touch", kept), ("mount", "--bind", kept, place)):
        _checked(instance.ask(*command))
    process = instance.start(
        ["python3", str(paths.ROOT / "course.py"), "test", "--help"],
        environment=environment(os.environ),
        stdout=subprocess.DEVNULL,  # the steps are on standard error
    )
    if process.wait():
        raise _broken("the tree's own Python to make an environment", f"exit status {process.returncode}, see above")
    python = f"{place}/bin/python"
    problem = _problem(instance, python)
    if problem:
        raise _broken("the environment that was made inside to work", problem)
    return python


def _checked(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        raise _broken("to prepare a place for an environment inside", done.stderr.strip())


def _broken(expected: str, found: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        expected=expected, found=found, next_step="Check that this machine reaches a package index, then try again."
    )
