"""What of a compose file the kit runs: one registry, with settings from a closed list. Everything else is refused.

The same rules hold for `course compose up` on a student's machine and for the grader, so what starts here is judged
there. No command, network, build, capability or foreign image is ever taken from the file.
Sources: https://docs.docker.com/reference/compose-file/services/ ,
https://docs.docker.com/reference/compose-file/volumes/ and
https://distribution.github.io/distribution/about/configuration/ (REGISTRY_A_B overrides a.b of the configuration).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from autograder.domain import references
from autograder.errors import CourseError
from autograder.services.compose import readonly

NAME = "compose.yaml"
# Where the image keeps what was pushed. Its Dockerfile names it as a volume, so without a mount at this very path the
# engine puts a new one there, also over a mount further up: https://github.com/distribution/distribution-library-image
DATA = "/var/lib/registry"
# What the image itself needs to be as it is: its configuration file, its start and its program.
OF_THE_IMAGE = ("/etc/docker/registry/config.yml", "/entrypoint.sh", "/bin/registry")
LISTENS = 5000  # the image's own http.addr
ADDRESS, CERTIFICATE, KEY = "REGISTRY_HTTP_ADDR", "REGISTRY_HTTP_TLS_CERTIFICATE", "REGISTRY_HTTP_TLS_KEY"
AUTH, REALM, PASSWORDS = "REGISTRY_AUTH", "REGISTRY_AUTH_HTPASSWD_REALM", "REGISTRY_AUTH_HTPASSWD_PATH"
DELETE = "REGISTRY_STORAGE_DELETE_ENABLED"
ROOT = "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"

_FLAG = (r"true|false", "true or false")
_PATH = (r"/[A-Za-z0-9._/-]{1,200}", "an absolute path inside the container")
# Setting -> (pattern of its whole value, the same in words). The registry reads a value as YAML, so a free text could
# smuggle in a structure.
ENVIRONMENT: dict[str, tuple[str, str]] = {
    ADDRESS: (
        r"(0\.0\.0\.0|\[::\])?:[0-9]{1,5}",
        "a colon and a port, as in :5000, for all the container's addresses",
    ),
    CERTIFICATE: _PATH,
    KEY: _PATH,
    "REGISTRY_HTTP_TLS_MINIMUMTLS": (r"tls1\.[23]", "tls1.2 or tls1.3"),
    "REGISTRY_HTTP_SECRET": (r"[A-Za-z0-9_-]{1,128}", "letters and digits"),
    "REGISTRY_HTTP_HOST": (r"https://[A-Za-z0-9.-]{1,200}(:[0-9]{1,5})?/?", "https:// and the registry's name"),
    "REGISTRY_HTTP_RELATIVEURLS": _FLAG,
    "REGISTRY_HTTP_DRAINTIMEOUT": (r"[0-9]{1,4}(s|m)", "a number and s or m"),
    AUTH: (r"htpasswd", "htpasswd"),
    REALM: (r"[A-Za-z0-9._@/()-][A-Za-z0-9 ._@/()-]{0,99}", "plain words: letters, digits, blanks, dots, dashes"),
    PASSWORDS: _PATH,
    DELETE: _FLAG,
    ROOT: _PATH,
    "REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR": (r"inmemory", "inmemory"),
    "REGISTRY_LOG_LEVEL": (r"error|warn|info|debug", "error, warn, info or debug"),
    "REGISTRY_LOG_FORMATTER": (r"text|json", "text or json"),
    "REGISTRY_LOG_ACCESSLOG_DISABLED": _FLAG,
    "OTEL_TRACES_EXPORTER": (r"none", "none"),
}
TOP = {"services", "volumes", "name", "version"}  # version is obsolete, and ignored by Compose as well
USED = {"image", "environment", "ports", "volumes", "restart"}
# Nothing that is judged depends on these, so they may stand there; `course compose` passes over them.
IGNORED = {
    *("container_name", "hostname", "labels", "healthcheck", "logging", "stop_grace_period", "pull_policy", "init"),
    *("mem_limit", "cpus", "expose", "annotations", "platform", "read_only", "stop_signal", "attach"),
}
# Behind a short mount; all but ro say how, not what: https://docs.docker.com/reference/compose-file/services/#volumes
MODES = {"ro", "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent"}
RESTART = ("no", "always", "on-failure", "unless-stopped")
_SERVICE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}\Z")
_VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}\Z")
_PORT = re.compile(r"(?:(?P<middle>.*):)?(?P<target>[0-9]{1,5})(?:/(?P<protocol>[a-z]+))?\Z")


@dataclass(frozen=True)
class Published:
    """A published port: the host's address ("" for all of them) and port (None: the engine chooses), and the target."""

    address: str
    port: int | None
    target: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class Mount:
    """Something mounted at ``target``: a file or folder of the lab (``./certs``), a named volume, or ("") neither."""

    source: str
    target: str
    read_only: bool = False

    @property
    def named(self) -> bool:
        """Whether it is a named volume."""
        return bool(self.source) and not self.source.startswith(".")


@dataclass(frozen=True)
class Settings:
    """A compose file that the kit can run."""

    service: str
    image: str
    environment: dict[str, str]
    published: tuple[Published, ...]
    mounts: tuple[Mount, ...]
    restart: str = "no"

    @property
    def listens(self) -> int:
        """The port that the registry listens on inside the container."""
        return int(self.environment.get(ADDRESS, f":{LISTENS}").rpartition(":")[2])

    def mount_at(self, path: str) -> Mount | None:
        """The mount that a path inside the container lies in; the deepest one counts."""
        mounts = [Mount("", DATA), *self.mounts]  # the last of two at one path counts
        inside = [mount for mount in reversed(mounts) if (path + "/").startswith(mount.target.rstrip("/") + "/")]
        return max(inside, key=lambda mount: len(mount.target), default=None)

    def file_at(self, path: str) -> str | None:
        """The lab's file that the registry finds under a path of its own ("certs/domain.crt"); None without one."""
        mount = self.mount_at(path)
        if mount is None or not mount.source.startswith("."):
            return None
        rest = path.removeprefix(mount.target.rstrip("/")).strip("/")
        return str(PurePosixPath(mount.source) / rest) if rest else str(PurePosixPath(mount.source))

    @property
    def root(self) -> str:
        """Where the registry keeps its content, inside the container."""
        return self.environment.get(ROOT, DATA)

    @property
    def data(self) -> Mount | None:
        """What the registry keeps its content in; None when that is the container itself."""
        return self.mount_at(self.root)

    @property
    def stores(self) -> bool:
        """Whether the registry may write there: what is mounted there, or further down in it, is not read-only."""
        below = [mount for mount in self.mounts if (mount.target + "/").startswith(self.root.rstrip("/") + "/")]
        return not any(mount.read_only for mount in [*below, *([self.data] if self.data else [])])


def read(text: str) -> Settings:
    """The settings in a compose file.

    Raises:
        CourseError: it is no such file, or holds what the kit does not run; says what, and what to do.
    """
    document = readonly.load(text, NAME)
    if not isinstance(document, dict) or not isinstance(document.get("services"), dict):
        raise _wrong("a mapping with the key services", "it has none", "Begin with `services:`; see lesson 05.")
    strange = [key for key in document if key not in TOP and not key.startswith("x-")]
    if strange:
        raise _refused(strange[0], f"the top-level keys {', '.join(sorted(TOP - {'version'}))}")
    if len(document["services"]) != 1:
        found = f"it describes {len(document['services'])} services"
        raise _wrong("one service, the registry", found, "Describe the registry and nothing else.")
    [(service, parts)] = document["services"].items()
    if not _SERVICE.match(service):
        raise _wrong("a service name of letters, digits, dots, dashes", repr(service[:60]), "Call it registry.")
    if not isinstance(parts, dict):
        raise _wrong(
            f"settings below {service}", "there are none", "Indent image, environment, ports and volumes below it."
        )
    for key in parts:
        if key not in USED | IGNORED and not key.startswith("x-"):
            raise _refused(f"services.{service}.{key}", f"the keys {', '.join(sorted(USED))} of a service")
    return Settings(
        service=service,
        image=_image(parts.get("image")),
        environment=_environment(parts.get("environment")),
        published=tuple(_published(entry) for entry in _list(parts.get("ports"), "ports")),
        mounts=_mounts(parts.get("volumes"), document.get("volumes")),
        restart=_restart(parts.get("restart")),
    )


def _wrong(expected: str, found: str, next_step: str) -> CourseError:
    return CourseError(expected=f"{NAME}: {expected}.", found=f"{NAME}: {found}.", next_step=next_step)


def _refused(what: str, allowed: str) -> CourseError:
    return CourseError(
        expected=f"{NAME} uses {allowed}: that is what the kit runs, here and in grading.",
        found=f"{NAME}: it holds {what[:80]}, which the kit does not run.",
        next_step="Remove it, and say with the others what the registry needs.",
    )


def _text(value: Any, where: str) -> str:
    """A plain value. Compose fills in $NAME from the shell; a file that is handed in has to stand by itself."""
    if not isinstance(value, str):
        raise _wrong(
            f"{where} is a plain value", f"{where[:60]} is a list or mapping", "Write the value behind the colon."
        )
    bare = value.replace("$$", "")
    if "$" in bare:
        raise _wrong(
            f"{where} without variables of the shell",
            f"{where[:60]} holds {value[:60]!r}, which Compose would fill in from the shell",
            "Write the value itself; a dollar sign that is meant is written $$.",
        )
    return value.replace("$$", "$")


def _list(value: Any, where: str) -> list[Any]:
    if value is None or value == "":
        return []
    if not isinstance(value, list):
        raise _wrong(f"{where} is a list", "it is none", f"Begin each line below {where} with a dash.")
    if len(value) > 20:
        raise _wrong(f"a short list of {where}", f"{len(value)} entries", "Keep what the registry needs.")
    return value


def _image(value: Any) -> str:
    expected = "image: registry:2, the official image with its version"
    if not isinstance(value, str):
        raise _wrong(expected, "the service names no image", "Write `image: registry:2` below the service.")
    text = _text(value, "image")
    try:
        reference = references.parse(text)
    except references.InvalidReference as error:
        raise _wrong(expected, f"{text[:80]!r} is no image reference ({error})", "Write registry:2.") from None
    if (reference.registry, reference.repository) != ("docker.io", "library/registry"):
        raise _wrong(expected, f"{text[:80]!r} is another image", "The kit runs the official image only: registry:2.")
    if reference.tag is None or reference.tag == "latest":
        raise _wrong(expected, f"{text[:80]!r} does not say which version", "Write registry:2.")
    return text


def _environment(value: Any) -> dict[str, str]:
    if value is None or value == "":
        return {}
    pairs: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    else:
        for entry in _list(value, "environment"):
            name, equals, rest = _text(entry, "environment").partition("=")
            if not equals:
                raise _wrong("NAME=VALUE in environment", f"{name[:60]!r} has no value", "Write the value behind an =.")
            pairs.append((name, rest.replace("$", "$$")))  # _text has undone the doubling once
    found: dict[str, str] = {}
    for name, given in pairs:
        if name in found:
            raise _wrong("each setting once", f"{name[:60]} is there twice", "Remove one of the two lines.")
        if name not in ENVIRONMENT:
            raise _refused(f"environment.{name}", "these settings: " + ", ".join(ENVIRONMENT))
        pattern, words = ENVIRONMENT[name]
        text = _text(given, name)
        if not re.fullmatch(pattern, text):
            quoted = text[:1] in ("'", '"') and text[-1:] == text[:1]
            next_step = "In a list, quotes behind the = are part of the value: leave them out." if quoted else ""
            raise _wrong(f"{name} is {words}", f"{name} is {text[:80]!r}", next_step or "Correct the value.")
        if ".." in PurePosixPath(text).parts:
            raise _wrong(f"{name} without ..", f"{name} is {text[:80]!r}", "Write the path as it is in the container.")
        found[name] = text
    port = int(found.get(ADDRESS, f":{LISTENS}").rpartition(":")[2])
    if not 0 < port < 65536:
        raise _wrong("a port between 1 and 65535", f"{ADDRESS} has {port}", "Leave it out, or write :5000.")
    return found


def _published(entry: Any) -> Published:
    expected = 'ports as "127.0.0.1:PORT:5000": address and port of this machine, then the container\'s port'
    if isinstance(entry, dict):
        entry = _own(entry)
        strange = set(entry) - {"target", "published", "host_ip", "protocol", "mode", "name", "app_protocol"}
        if strange:
            raise _refused(f"ports.{min(strange)}", "target, published and host_ip for a port")
        values = {key: _text(value, f"ports.{key}") for key, value in entry.items()}
        address, port, target = values.get("host_ip", ""), values.get("published", ""), values.get("target", "")
        protocol = values.get("protocol", "tcp")
    else:
        text = _text(entry, "ports")
        match = _PORT.match(text)
        if match is None:
            raise _wrong(expected, f"{text[:60]!r}", "Write one port, without a range, in quotes.")
        middle, target, protocol = match["middle"] or "", match["target"], match["protocol"] or "tcp"
        address, _, port = middle.rpartition(":")
        address = address.removeprefix("[").removesuffix("]")
    if protocol != "tcp":
        raise _wrong(expected, f"the protocol {protocol[:20]}", "A registry speaks TCP: leave the protocol out.")
    if not target.isascii() or not target.isdigit() or (port and not (port.isascii() and port.isdigit())):
        raise _wrong(expected, f"{port[:20]!r} to {target[:20]!r}", "Write one number for each port, in quotes.")
    if not all(len(digits) <= 5 and 0 < int(digits) < 65536 for digits in (target, port or target)):
        raise _wrong(
            expected, f"{port[:20] or 'a free port'} to {target[:20]}", "A port lies between 1 and 65535."
        )  # Python reads no number of thousands of digits
    if address:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise _wrong(
                expected, f"the address {address[:40]!r}", "An address is written in digits: 127.0.0.1."
            ) from None
    return Published(address, int(port) if port else None, int(target))


def _mounts(entries: Any, declared: Any) -> tuple[Mount, ...]:
    if declared is None or declared == "":
        declared = {}
    if not isinstance(declared, dict):
        raise _wrong(
            "volumes is a mapping of names", "it is none", "Write the volume's name and a colon below volumes."
        )
    for name, options in declared.items():
        if not _VOLUME.match(name):
            raise _wrong("a volume name of letters, digits, dots, dashes", repr(name[:60]), "Call it registry-data.")
        if not _plain_volume(options):
            raise _refused(f"volumes.{name} with options", "a volume's name and a colon")
    found = tuple(_mount(entry) for entry in _list(entries, "volumes"))
    for number, mount in enumerate(found):
        covered = [path for path in OF_THE_IMAGE if (path + "/").startswith(mount.target.rstrip("/") + "/")]
        if covered:
            raise CourseError(
                expected=f"{NAME} leaves the image as it is, and says in environment what is set: that is handed in, "
                "run and judged.",
                found=f"{NAME}: it mounts {mount.source or 'a volume'} over {covered[0]} of the image.",
                next_step="Remove that line. A setting of a configuration file is REGISTRY_ and its keys in capitals: "
                f"{DELETE} is storage, delete, enabled.",
            )
        if mount.target in [other.target for other in found[:number]]:
            raise _wrong(
                "one mount for each path inside the container", f"{mount.target} is there twice", "Remove one of them."
            )
        if mount.named and mount.source not in declared:
            raise _wrong(
                f"the named volume {mount.source} below the top-level key volumes",
                f"{mount.source} is not declared there",
                f"Write `volumes:` at the left edge, and `{mount.source}:` below it. "
                f"If a folder is meant, write ./{mount.source}.",
            )
    return found


def _own(parts: dict[str, Any]) -> dict[str, Any]:
    """A mapping without extensions, which Compose passes over wherever no key is the user's own choice."""
    return {key: value for key, value in parts.items() if not key.startswith("x-")}


def _plain_volume(options: Any) -> bool:
    """Whether a volume is a new one of the engine's own kind: nothing says more than its driver, local, and labels."""
    if options in (None, ""):
        return True
    told = _own(options) if isinstance(options, dict) else None
    return told is not None and set(told) <= {"driver", "labels"} and told.get("driver", "local") in ("", "local")


def _mount(entry: Any) -> Mount:
    expected = "volumes as SOURCE:TARGET, with a folder ./NAME beside compose.yaml or a named volume as source"
    if isinstance(entry, dict):
        entry = _own(entry)
        strange = set(entry) - {"type", "source", "target", "read_only", "consistency"}
        kind = entry.get("type")
        # How a folder is bound or a new volume filled changes nothing of what the registry finds and may do.
        about = entry.get(kind) if kind in ("bind", "volume") else None
        if isinstance(about, dict) and set(about) <= {"create_host_path", "selinux", "nocopy"}:
            strange -= {kind}
        if strange or kind not in ("bind", "volume"):
            what = f"volumes.{min(strange)}" if strange else f"a volume of type {kind!r}"
            raise _refused(what, "type (bind or volume), source, target and read_only for a volume")
        source, target = (_text(entry.get(key, ""), f"volumes.{key}") for key in ("source", "target"))
        read_only = _text(entry.get("read_only", ""), "volumes.read_only").lower() in (
            "true",
            "yes",
            "on",
            "y",
            "1",
            "t",
        )
        if kind == "bind" and not source.startswith((".", "/", "~")):
            source = f"./{source}"
    else:
        text = _text(entry, "volumes")
        if re.match(r"[A-Za-z]:[\\/]", text):
            raise _outside(text)
        source, colon, rest = text.partition(":")
        if not colon:
            source, rest = "", text
        target, _, mode = rest.partition(":")
        modes = set(filter(None, mode.split(",")))
        if not modes <= MODES or modes >= {"ro", "rw"}:
            raise _wrong(expected, f"the mode {mode[:20]!r}", "The mode is ro, or nothing.")
        read_only = "ro" in modes
    if (
        source.startswith(("/", "~"))
        or "\\" in source
        or (source.startswith(".") and ".." in PurePosixPath(source).parts)
    ):
        raise _outside(source)
    if source and not source.startswith(".") and not _VOLUME.match(source):
        raise _wrong(expected, f"the source {source[:60]!r}", "Begin a path with ./")
    if not re.fullmatch(_PATH[0], target) or ".." in PurePosixPath(target).parts:
        raise _wrong(expected, f"the target {target[:60]!r}", "The target is an absolute path inside the container.")
    if source.startswith("."):
        source = "./" + str(PurePosixPath(source)) if PurePosixPath(source).parts else "."
    return Mount(source, str(PurePosixPath(target)), read_only)


def _outside(source: str) -> CourseError:
    return CourseError(
        expected=f"{NAME} mounts only what lies beside it, as ./certs, and named volumes.",
        found=f"{NAME}: it mounts {source[:80]!r} of this machine.",
        next_step="Put the file into the lab's folder and write the path from there, beginning with ./",
    )


def _restart(value: Any) -> str:
    text = "no" if value is None else _text(value, "restart")
    if text not in RESTART:
        raise _wrong(f"restart is one of {', '.join(RESTART)}", f"restart is {text[:40]!r}", "Write `restart: always`.")
    return text
