"""What a command of a pipeline does to images: builds, scans, copies, logs in, pushes.

Sources: https://docs.docker.com/reference/cli/docker/ ,
https://trivy.dev/docs/latest/references/configuration/cli/trivy_image/ ,
https://github.com/anchore/grype , https://github.com/google/go-containerregistry/blob/main/cmd/crane/doc/crane.md ,
https://github.com/containers/skopeo/tree/main/docs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from autograder.pipelines.shell import Command, unknown

Kind = Literal["build", "tag", "load", "save", "pull", "login", "push", "scan", "engine"]
ALL_TAGS: Final = "*"
HUB: Final = "docker.io"
PASSWORD: Final = "gives the password on the command line, where the list of processes shows it"
# The programs whose effects on images are followed, with what they are taken for.
FOLLOWED: Final[Mapping[str, str]] = {
    "docker": "build, tag, push, pull, save, load, login, run, buildx build, buildx imagetools create, scout cves",
    "podman": "as docker, without a daemon",
    "buildah": "build, tag, push, login",
    "executor": "kaniko: builds and pushes",
    "trivy": "scans an image, or an archive of one",
    "grype": "scans an image, or an archive of one",
    "crane": "copy, tag, push, pull, auth login",
    "skopeo": "copy, login",
    "regctl": "image copy, registry login",
    "oras": "copy, tag, login",
}
# What may stand alone; every other option of these tools takes the next word as its value.
_ALONE: Final = {
    *("-q", "--quiet", "-a", "--all-tags", "--push", "--load", "--no-cache", "--pull", "--password-stdin", "--force"),
    *("--disable-content-trust", "--rm", "--force-rm", "--debug", "-d", "--dry-run", "--append", "--insecure"),
    *("--ignore-unfixed", "--no-progress", "--offline-scan", "--skip-db-update", "--skip-java-db-update"),
    *("--list-all-pkgs", "--skip-version-check", "--disable-telemetry", "--show-suppressed", "--dependency-tree"),
    *("--no-push", "--all", "--preserve-digests", "--only-fixed", "--privileged", "--amend", "--purge"),
}
_NO_ENGINE: Final = {"login", "logout", "version", "context", "manifest", "trust", "search", "scout", "help"}
_SEVERITIES: Final = ("negligible", "low", "medium", "high")  # a threshold of grype that HIGH findings pass


@dataclass(frozen=True)
class Effect:
    """What one command, or one action, does.

    Attributes:
        kind: what it is; ``engine`` is any other call of the daemon.
        where: the place, for messages.
        images: the names it makes, scans or pushes; :data:`ALL_TAGS` behind a name stands for all its tags.
        source: where a copy comes from.
        file: the archive that is read or written.
        host: the registry of a login.
        engine: it needs a container engine.
        copies: a push that goes from registry to registry.
        loads: a build whose image is then in the engine.
        fault: why it does not do what it is there for.
        decides: see :class:`~autograder.pipelines.shell.Command`.
    """

    kind: Kind
    where: str
    images: tuple[str, ...] = ()
    source: str = ""
    file: str = ""
    host: str = ""
    engine: bool = False
    copies: bool = False
    loads: bool = False
    fault: str = ""
    decides: str = ""


@dataclass(frozen=True)
class Options:
    """A command line taken apart: values by option, and what is no option."""

    values: Mapping[str, list[str]]
    rest: tuple[str, ...]

    def all(self, *names: str) -> list[str]:
        """Every value of an option under any of its names."""
        return [value for name in names for value in self.values.get(name, ())]

    def last(self, *names: str) -> str | None:
        """The last value, None where the option is not there."""
        found = self.all(*names)
        return found[-1] if found else None

    def has(self, *names: str) -> bool:
        """Whether an option is there, and not switched off."""
        return any(value.lower() != "false" for value in self.all(*names))


def options(words: Sequence[str], alone: frozenset[str] = frozenset()) -> Options:
    """Take a command line apart; an option takes the next word unless it is known to stand alone."""
    values: dict[str, list[str]] = {}
    rest: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            return Options(values, (*rest, *waiting))
        if not word.startswith("-") or word == "-":
            rest.append(word)
        elif equals:
            values.setdefault(name, []).append(value)
        elif len(word) > 2 and word[1] != "-" and word not in _ALONE and word[:2] in ("-t", "-u", "-p", "-f", "-o"):
            values.setdefault(word[:2], []).append(word[2:])
        elif word in _ALONE or word in alone or not waiting:
            values.setdefault(word, []).append("")
        else:
            values.setdefault(word, []).append(waiting.pop(0))
    return Options(values, tuple(rest))


def effects(command: Command, where: str) -> list[Effect]:
    """What a command does; nothing for a command that has nothing to do with images."""
    words = _unwrapped(list(command.words))
    if not words:
        return []
    program, *rest = words
    name = program.rpartition("/")[2]
    reader = _READERS.get(name)
    if reader is None or not rest:
        return []
    return [_placed(effect, command) for effect in reader(rest, command, where)]


def _placed(effect: Effect, command: Command) -> Effect:
    return replace(effect, decides=command.decides) if command.decides else effect


def _unwrapped(words: list[str]) -> list[str]:
    """Without ``sudo``, ``time``, ``timeout 60`` and the like."""
    while words and words[0] in ("sudo", "time", "exec", "command", "env", "nice", "nohup", "timeout", "retry"):
        first = words.pop(0)
        while words and (words[0].startswith("-") or (first == "env" and "=" in words[0])):
            words.pop(0)
        if first == "timeout" and words:
            words.pop(0)
    return words


# -- docker, and what takes its commands -----------------------------------------------------------------------------


def _docker(rest: list[str], command: Command, where: str) -> list[Effect]:
    while rest and rest[0].startswith("-"):  # docker's own options
        option = rest.pop(0)
        if option in ("--config", "-H", "--host", "-c", "--context", "-l", "--log-level") and rest:
            rest.pop(0)
    if not rest:
        return []
    verb, words = rest[0], rest[1:]
    if verb == "image" and words:
        verb, words = words[0], words[1:]
    if verb == "buildx":
        return _buildx(words, command, where)
    if verb == "manifest":
        given = options(words[1:])
        pushes = words[:1] == ["push"] and given.rest
        return [Effect("push", where, given.rest[:1], copies=True, source=unknown("a manifest list"))] if pushes else []
    if verb == "scout":
        return _scout(words, where)
    if verb == "compose":
        kind: Kind = "push" if "push" in words or "--push" in words else "engine"
        images = (unknown("what the Compose file names"),) if kind == "push" else ()
        return [Effect(kind, where, images, engine=True)]
    return _verbs(verb, words, command, where, engine=True)


def _engineless(rest: list[str], command: Command, where: str) -> list[Effect]:
    """podman and buildah: docker's verbs without a daemon."""
    verb, words = rest[0], rest[1:]
    if verb == "push":
        given = options(words)
        source, target = given.rest[:1], given.rest[1:2] or given.rest[:1]
        kind, _, path = "".join(target).partition(":")
        if kind in ("docker-archive", "oci-archive"):
            return [Effect("save", where, source, file=path.partition(":")[0])]
        made = tuple(name.removeprefix("docker://") for name in target)
        return [Effect("tag", where, made, source="".join(source)), Effect("push", where, made)]
    return _verbs("build" if verb == "bud" else verb, words, command, where, engine=False)


def _verbs(verb: str, words: list[str], command: Command, where: str, *, engine: bool) -> list[Effect]:
    given = options(words)
    if verb == "build":
        return [Effect("build", where, tuple(given.all("-t", "--tag")), engine=engine, loads=True)]
    if verb == "push":
        names = given.rest[:1]
        if given.has("-a", "--all-tags"):
            names = tuple(f"{name}:{ALL_TAGS}" for name in names)
        return [Effect("push", where, names, engine=engine)]
    if verb == "tag":
        return [Effect("tag", where, given.rest[1:2], source="".join(given.rest[:1]), engine=engine)]
    if verb == "pull":
        return [Effect("pull", where, given.rest[:1], engine=engine)]
    if verb == "load":
        file = given.last("-i", "--input") or "".join(command.reads[:1]) or unknown("a pipe")
        return [Effect("load", where, file=file, engine=engine)]
    if verb == "save":
        file = given.last("-o", "--output") or "".join(command.files[:1])
        return [Effect("save", where, given.rest, file=file or unknown("a pipe"), engine=engine)]
    if verb == "login":
        return [_login(words, where)]
    if verb in ("run", "create"):
        return [Effect("engine", where, engine=engine), *_contained(words, command, where)]
    return [Effect("engine", where, engine=engine)] if verb not in _NO_ENGINE else []


def _login(words: list[str], where: str, host: str | None = None) -> Effect:
    given = options(words)
    fault = ""
    if given.has("-p", "--password"):
        fault = PASSWORD
    elif not given.has("--password-stdin"):
        fault = "waits for somebody who types a password"
    elif not given.all("-u", "--username"):
        fault = "names no user"
    return Effect("login", where, host=host or "".join(given.rest[:1]) or HUB, fault=fault)


def _buildx(words: list[str], command: Command, where: str) -> list[Effect]:
    if words[:2] == ["imagetools", "create"]:
        given = options(words[2:], frozenset({"--prefer-index"}))
        if given.has("--dry-run"):
            return []
        made = tuple(given.all("-t", "--tag"))
        return [Effect("push", where, made, source="".join(given.rest[:1]), copies=True)]
    if words[:1] == ["bake"]:
        kind: Kind = "push" if "--push" in words else "engine"
        return [Effect(kind, where, (unknown("what the bake file names"),) if kind == "push" else (), engine=True)]
    if words[:1] not in (["build"], ["b"]):
        return []
    given = options(words[1:])
    outputs = [*given.all("-o", "--output")]
    return built(
        where,
        tuple(given.all("-t", "--tag")),
        push=given.has("--push"),
        load=given.has("--load"),
        outputs=outputs,
    )


def built(where: str, tags: tuple[str, ...], *, push: bool, load: bool, outputs: Sequence[str]) -> list[Effect]:
    """What a build with Buildx does.

    Source: https://docs.docker.com/build/exporters/
    """
    found: list[Effect] = []
    archives: list[Effect] = []
    for output in outputs:
        parts = dict(part.partition("=")[::2] for part in output.split(","))
        kind = parts.get("type", "")
        if kind == "registry" or (kind == "image" and parts.get("push") == "true"):
            push = True
            tags = tags or tuple(name for name in (parts.get("name", ""),) if name)
        elif kind in ("docker", "oci") and "dest" in parts:
            archives.append(Effect("save", where, tags, file=parts["dest"]))
        elif kind == "docker":
            load = True
    # An archive is written by the builder, from the image that it has: known for that one step.
    found.append(Effect("build", where, tags, engine=True, loads=load or bool(archives)))
    found += archives
    if push:
        found.append(Effect("push", where, tags, engine=True, source="build"))
    return found


def _contained(words: list[str], command: Command, where: str) -> list[Effect]:
    """``docker run IMAGE …``, where the image is a scanner."""
    for number, word in enumerate(words):
        tail = word.partition("@")[0].rpartition("/")[2].partition(":")[0]
        if not word.startswith("-") and tail in ("trivy", "grype"):
            inner = words[number + 1 :]
            return (_trivy if tail == "trivy" else _grype)(inner, command, where) if inner else []
    return []


# -- scanners --------------------------------------------------------------------------------------------------------


def scan(
    where: str,
    target: str,
    *,
    archive: bool,
    stops: bool,
    severities: str,
    scanners: str = "",
    packages: str = "",
) -> Effect:
    """A scan of an image, and whether it is a gate.

    Args:
        where: the place.
        target: the image, or the archive.
        archive: whether it is an archive.
        stops: whether it fails on findings.
        severities: those it looks at, with commas; nothing for all.
        scanners: Trivy's, with commas; nothing for its own choice.
        packages: the kinds of packages that it looks at, with commas; nothing for all.
    """
    wanted, kinds, found = (
        {part.strip().upper() for part in text.split(",") if part.strip()} for text in (severities, scanners, packages)
    )
    fault = ""
    if not stops:
        fault = "prints a table and ends well whatever it finds: no exit code is asked for"
    elif wanted and not {"HIGH", "CRITICAL"} <= wanted:
        fault = f"looks at {', '.join(sorted(wanted))} only, not at HIGH and CRITICAL"
    elif kinds and "VULN" not in kinds:
        fault = f"looks for {', '.join(sorted(kinds)).lower()} only, not for vulnerabilities"
    elif found and not {"OS", "LIBRARY"} <= found:
        fault = f"looks at packages of the kind {', '.join(sorted(found)).lower()} only"
    elif not target:
        fault = "names no image"
    return Effect("scan", where, () if archive else (target,), file=target if archive else "", fault=fault)


def _stops(code: str | None) -> bool:
    return code is not None and code.strip() not in ("", "0")


def _trivy(rest: list[str], command: Command, where: str) -> list[Effect]:
    given = options(rest)
    verb = given.rest[0] if given.rest else ""
    if given.has("--download-db-only") or verb not in ("image", "i", "fs", "filesystem", "rootfs", "repo", "config"):
        return []
    if verb not in ("image", "i"):
        return [Effect("scan", where, fault=f"scans files (trivy {verb}), not the image")]
    code = given.last("--exit-code") or command.variables.get("TRIVY_EXIT_CODE")
    severities = given.last("--severity", "-s") or command.variables.get("TRIVY_SEVERITY") or ""
    file = given.last("--input")
    target = file if file is not None else (given.rest[-1] if len(given.rest) > 1 else "")
    env = command.variables
    scanners = given.last("--scanners", "--security-checks") or env.get("TRIVY_SCANNERS", "")
    packages = given.last("--pkg-types", "--vuln-type") or env.get("TRIVY_PKG_TYPES", "")
    archive, stops = file is not None, _stops(code)
    return [
        scan(where, target, archive=archive, stops=stops, severities=severities, scanners=scanners, packages=packages)
    ]


def _grype(rest: list[str], command: Command, where: str) -> list[Effect]:
    given = options(rest)
    if not given.rest or given.rest[0] in ("db", "version", "config"):
        return []
    limit = given.last("--fail-on", "-f") or command.variables.get("GRYPE_FAIL_ON_SEVERITY") or ""
    target = given.rest[0].removeprefix("docker:").removeprefix("registry:")
    archive = target.startswith("docker-archive:") or target.endswith(".tar")
    stops = limit.lower() in (*_SEVERITIES, "critical")
    severities = "" if limit.lower() in _SEVERITIES else "CRITICAL"
    target = target.removeprefix("docker-archive:")
    return [scan(where, target, archive=archive, stops=stops, severities=severities if stops else "")]


def _scout(words: list[str], where: str) -> list[Effect]:
    if words[:1] != ["cves"]:
        return []
    given = options(words[1:], frozenset({"--exit-code", "-e"}))
    target = given.rest[-1] if given.rest else ""
    severities = given.last("--only-severity") or ""
    return [scan(where, target, archive=False, stops=given.has("--exit-code", "-e"), severities=severities)]


# -- copies without a daemon -----------------------------------------------------------------------------------------


def _crane(rest: list[str], command: Command, where: str) -> list[Effect]:
    verb, given = rest[0], options(rest[1:])
    if rest[:2] == ["auth", "login"]:
        return [_login(rest[2:], where)]
    if verb in ("copy", "cp") and len(given.rest) == 2:
        return [Effect("push", where, given.rest[1:], source=given.rest[0], copies=True)]
    if verb == "tag" and len(given.rest) == 2:
        source = given.rest[0]
        return [Effect("push", where, (f"{_without_tag(source)}:{given.rest[1]}",), source=source, copies=True)]
    if verb == "push" and len(given.rest) == 2:
        return [Effect("load", where, file=given.rest[0]), Effect("push", where, given.rest[1:], source="file")]
    if verb == "pull" and len(given.rest) == 2:
        return [Effect("pull", where, given.rest[:1]), Effect("save", where, given.rest[:1], file=given.rest[1])]
    return []


def _without_tag(name: str) -> str:
    name = name.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name


def _skopeo(rest: list[str], command: Command, where: str) -> list[Effect]:
    given = options(rest[1:])
    if rest[0] == "login":
        return [_login(rest[1:], where)]
    if rest[0] != "copy" or len(given.rest) != 2:
        return []
    source, target = given.rest
    found: list[Effect] = []
    if target.startswith("docker://"):
        name = target.removeprefix("docker://")
        if given.has("--dest-creds", "--dest-password"):
            host = name.partition("/")[0]
            found.append(Effect("login", where, host=host, fault=PASSWORD))
        kind, _, path = source.partition(":")
        if kind in ("docker-archive", "oci-archive", "dir", "oci"):
            found += [Effect("load", where, file=path), Effect("push", where, (name,), source="file")]
        else:
            found.append(Effect("push", where, (name,), source=source.removeprefix("docker://"), copies=True))
    return found


def _regctl(rest: list[str], command: Command, where: str) -> list[Effect]:
    if rest[:2] == ["registry", "login"]:
        words = ["--password-stdin" if word == "--pass-stdin" else word for word in rest[2:]]
        return [_login(["--password" if word == "--pass" else word for word in words], where)]
    given = options(rest[2:])
    if rest[0] == "image" and rest[1:2] in (["copy"], ["cp"]) and len(given.rest) == 2:
        return [Effect("push", where, given.rest[1:], source=given.rest[0], copies=True)]
    return []


def _oras(rest: list[str], command: Command, where: str) -> list[Effect]:
    given = options(rest[1:])
    if rest[0] == "login":
        return [_login(rest[1:], where)]
    if rest[0] in ("cp", "copy") and len(given.rest) == 2:
        return [Effect("push", where, given.rest[1:], source=given.rest[0], copies=True)]
    if rest[0] == "tag" and len(given.rest) > 1:
        source, *tags = given.rest
        made = tuple(f"{_without_tag(source)}:{tag}" for tag in tags)
        return [Effect("push", where, made, source=source, copies=True)]
    return []


def _kaniko(rest: list[str], command: Command, where: str) -> list[Effect]:
    given = options(rest)
    made = tuple(given.all("--destination", "-d"))
    build = Effect("build", where, made, loads=True)
    return [build] if given.has("--no-push") else [build, Effect("push", where, made)]


_READERS: Final = {
    "docker": _docker,
    "podman": _engineless,
    "buildah": _engineless,
    "trivy": _trivy,
    "grype": _grype,
    "crane": _crane,
    "skopeo": _skopeo,
    "regctl": _regctl,
    "oras": _oras,
    "executor": _kaniko,
}
