"""Models of the programs that a pipeline calls: what each does to the images, archives and registries of a machine.

Sources: https://docs.docker.com/reference/cli/docker/ , https://docs.docker.com/build/exporters/ ,
https://trivy.dev/docs/latest/references/configuration/cli/trivy_image/ , https://github.com/anchore/grype ,
https://github.com/google/go-containerregistry/blob/main/cmd/crane/doc/crane.md ,
https://github.com/containers/skopeo/tree/main/docs , https://oras.land/docs/commands/oras_copy ,
https://regclient.org/cli/regctl/image/copy/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from autograder.pipelines import runners, tools
from autograder.pipelines.job_state import Image, canonical, repository
from autograder.pipelines.machine import (
    PASSWORD,
    Machine,
    ScanSettings,
    identity,
    report,
    upper,
)
from autograder.pipelines.shell import PLACED, Answer, Call, joined, unknown
from autograder.pipelines.tools import Options

FINE: Final = Answer()
_HARMLESS_VERBS: Final = tools.words("""
    version info ps images inspect history logs stop start restart rm rmi kill network volume system builder context
    search events stats top port wait exec cp logout prune ls df help du
""")
_NO_ENGINE: Final = frozenset({"login", "logout", "version", "context", "manifest", "search", "help", "--version"})
_SOCKET: Final = "/var/run/docker.sock"
_PROGRAMS: Final = re.compile(r"/(?:usr|s?bin|lib\w*)?(?:/(?:local|s?bin|lib\w*)[^\n]*)?/?\Z")  # where programs lie
_BELOW: Final = ("negligible", "low", "medium", "high", "critical")  # Grype's severities
_AROUND: Final = {"i": "image", "fs": "filesystem", "repo": "repository", "conf": "config"}
NOW: Final = datetime(2026, 9, 1, 12, tzinfo=UTC)  # nothing that is judged looks at the clock

Model = Callable[[Machine, Call], Answer]


def read(m: Machine, command: str, words: Sequence[str], *, first_word_ends: bool = False) -> Options:
    """Take a command line apart, and note the options that the table does not know."""
    found = tools.options(command, words, first_word_ends=first_word_ends)
    for option in found.strange:
        table = tools.tables().get(command)
        about = f" ({table.source}, {table.seen})" if table else ""
        m.record.doubt(f"{m.where} has the option {option}, which is not in the table of {command}{about}")
    return found


def _failed(text: str, code: int = 1) -> Answer:
    return Answer("", code, text + "\n")


# -- docker, and what takes its commands -----------------------------------------------------------------------------


def docker(m: Machine, call: Call) -> Answer:
    """The client of a daemon."""
    given = read(m, "docker", call.words, first_word_ends=True)
    if not given.rest or given.has("help", "version"):
        return FINE
    verb, words = given.rest[0], given.rest[1:]
    if verb in ("image", "container") and words:
        verb, words = words[0], words[1:]
    if verb not in _NO_ENGINE and (verb, words[:1]) != ("buildx", ["imagetools"]):
        m.needs_engine()
    if verb == "buildx":
        return _buildx(m, call, words)
    if verb == "manifest":
        return _manifest(m, words)
    if verb == "compose":
        if not {"version", "config", "ps", "logs", "down"} & set(words):
            m.record.doubt(f"{m.where} does what a Compose file says, which is not followed")
        return FINE
    return _verbs(m, call, "docker", verb, words)


def podman(m: Machine, call: Call) -> Answer:
    """Docker's commands without a daemon; buildah as well."""
    if not call.words:
        return FINE
    verb, words = call.words[0], list(call.words[1:])
    if verb in ("image", "container") and words:
        verb, words = words[0], words[1:]
    if verb == "push":
        given = read(m, "buildah push", words)
        if given.has("creds"):
            m.record.lacks("login", f"{m.where} {PASSWORD}.")
        return _push_to(m, call, given.rest)
    if verb in ("from", "commit", "config", "run") and call.name == "buildah":
        m.record.doubt(f"{m.where} changes an image step by step, which is not followed")
        return FINE
    return _verbs(m, call, call.name, "build" if verb == "bud" else verb, words)


def _push_to(m: Machine, call: Call, rest: Sequence[str]) -> Answer:
    """``buildah push NAME [DESTINATION]``."""
    if not rest:
        return _failed("an image name must be specified", 125)
    image = m.wanted(rest[0], "pushes" if len(rest) < 2 else "copies")
    target = rest[1] if len(rest) > 1 else rest[0]
    return _write_to(m, call, target, image, rest[0])


def _verbs(m: Machine, call: Call, program: str, verb: str, words: list[str]) -> Answer:
    reader = _VERBS.get(verb)
    if reader is not None:
        return reader(m, call, program, words)
    if verb in _HARMLESS_VERBS:
        return _told(m, verb, words)
    if verb.startswith("-") or verb in ("scout", "sbom", "scan", "trust", "init", "debug"):
        return _failed(f"{program}: unknown command: {program} {verb}")
    m.record.doubt(f"{m.where} is a command of {program} that is not followed")
    return FINE


def _told(m: Machine, verb: str, words: Sequence[str]) -> Answer:
    """What commands print that change nothing."""
    command = {"inspect": "docker inspect", "images": "docker images", "ls": "docker images"}.get(verb)
    given = tools.options(command, words) if command else Options(rest=[w for w in words if not w.startswith("-")])
    name = given.rest[0] if given.rest else ""
    image = m.held(name) if name else None
    if verb == "inspect" and name and image is None and not given.has("type"):
        return _failed(f"Error: No such object: {name}")
    if verb in ("inspect", "images", "ls") and image is not None:
        form = given.last("format") or ""
        digest = f"sha256:{image.id}"
        if "RepoDigests" in form:
            return Answer(f"{repository(name)}@{digest}\n")
        if ".Id" in form or given.has("quiet"):
            return Answer(f"{digest if verb == 'inspect' else image.id[:12]}\n")
    if verb == "rmi":
        for one in given.rest:
            m.images.pop(canonical(one), None)
        return FINE
    return Answer(unknown(f"what docker {verb} prints") + "\n")


def _build(m: Machine, call: Call, program: str, words: list[str]) -> Answer:
    given = read(m, "docker build" if program == "docker" else "buildah build", words)
    return built(m, call, given, classic=True)


def built(m: Machine, call: Call, given: Options, *, classic: bool) -> Answer:
    """A build, by its options.

    Args:
        m: the machine.
        call: the command.
        given: its options.
        classic: whether it is ``docker build``, whose image is always in the engine afterwards.
    """
    caches = [value for value in given.all("cache-to") if value]
    several = len(given.listed("platform")) > 1
    if call.name == "docker" and not m.builder and (several or any("inline" not in value for value in caches)):
        _no_builder(m, several)
    image = m.build(
        context=given.rest[0] if given.rest else "",
        file=given.last("file") or "",
        target=given.last("target") or "",
        arguments=given.all("build-arg"),
        folder=call.folder,
        stdin=call.stdin,
        fresh=given.has("no-cache"),
        reads_cache=bool(given.all("cache-from")),
        writes_cache=bool(caches) or "BUILDKIT_INLINE_CACHE=1" in given.all("build-arg"),
    )
    if image is None:
        return _failed("ERROR: failed to build: there is nothing to build from")
    written = outputs(m, call, given.all("output"), given.all("tag"), image)
    push = given.has("push") or "push" in written
    if classic or given.has("load") or "load" in written or (not m.builder and not written):
        m.keep(given.all("tag"), image)
        m.images[f"sha256:{image.id}"] = image
    for file in given.all("iidfile"):
        m.shell.write(joined(call.folder, file), f"sha256:{image.id}")
    for file in given.all("metadata-file"):
        m.shell.write(joined(call.folder, file), json.dumps({"containerimage.digest": f"sha256:{image.id}"}))
    if push:
        for name in given.all("tag") or [name for name in written if name not in ("push", "load", "file")]:
            m.push(name, image)
    return Answer(f"sha256:{image.id}\n" if given.has("quiet") else "")


def _no_builder(m: Machine, several: bool) -> None:
    what = "for several platforms" if several else "with cache-to"
    m.record.lacks(
        "builder", f"{m.where} builds {what}, and the engine's own builder cannot: nothing has set Buildx up."
    )


def outputs(m: Machine, call: Call, given: Sequence[str], tags: Sequence[str], image: Image) -> list[str]:
    """Write what a build's outputs ask for: words of what was done (``push``, ``load``, ``file``), and names."""
    done: list[str] = []
    for output in given:
        parts = dict(part.partition("=")[::2] for part in output.split(","))
        kind = parts.get("type", "")
        if kind == "registry" or (kind == "image" and parts.get("push") == "true"):
            done += ["push", *(name for name in (parts.get("name", ""),) if name and not tags)]
        elif kind in ("docker", "oci") and "dest" in parts:
            _save(m, joined(call.folder, parts["dest"]), {canonical(tag): image for tag in tags} or {"": image},
                  layout=parts.get("tar") == "false")  # fmt: skip
            done.append("file")
        elif kind == "docker":
            done.append("load")
        else:
            done.append("file")
    return done


def _save(m: Machine, path: str, images: Mapping[str, Image], *, layout: bool = False) -> None:
    if layout:
        m.shell.write(f"{path}/oci-layout", "{}")
    m.shell.write(f"{path}/index.json" if layout else path, m.archive(images))


def _push(m: Machine, call: Call, program: str, words: list[str]) -> Answer:
    given = read(m, "docker push", words)
    names = given.rest[:1]
    if given.has("all-tags") and names:
        names = [name for name in m.images if repository(name) == repository(names[0])]
    if not names:
        m.record.lacks("image", f"{m.where} pushes, and names no image.")
        return _failed("no image to push")
    image = None
    for name in names:
        image = m.wanted(name, "pushes")
        m.push(name, image)
    digest = f"sha256:{image.id}" if image else ""
    return Answer(f"{canonical(names[0])}: digest: {digest} size: 1\n")


def _tag(m: Machine, call: Call, program: str, words: list[str]) -> Answer:
    given = read(m, "docker tag", words)
    if len(given.rest) < 2:
        return _failed("docker tag requires 2 arguments")
    m.keep(given.rest[1:], m.wanted(given.rest[0], "tags"))
    return FINE


def _pull(m: Machine, call: Call, program: str, words: list[str]) -> Answer:
    given = read(m, "docker pull", words)
    for name in given.rest:
        m.keep([name], m.remote(name))
    return FINE


def _load(m: Machine, call: Call, program: str, words: list[str]) -> Answer:
    given = read(m, "docker load", words)
    file = given.last("input")
    found = m.archived(joined(call.folder, file)) if file else m.opened(call.stdin)
    if found is None:
        m.no_file(file or "its standard input")
        return _failed(f"open {file or 'stdin'}: no such file or directory")
    m.images |= found
    return Answer("".join(f"Loaded image: {name}\n" for name in found))


def _saved(m: Machine, call: Call, program: str, words: list[str]) -> Answer:
    given = read(m, "docker save", words)
    images = {canonical(name): m.wanted(name, "saves") for name in given.rest}
    file = given.last("output")
    if not file:
        return Answer(m.archive(images))
    _save(m, joined(call.folder, file), images)
    return FINE


def _login(m: Machine, call: Call, program: str, words: list[str]) -> Answer:
    return logged_in(m, call, read(m, f"{program} login" if program != "podman" else "buildah login", words))


def logged_in(m: Machine, call: Call, given: Options, host: str = "", piped: str = "password-stdin") -> Answer:
    """A login by its options."""
    fault = ""
    if given.has("password", "pass", "p"):
        fault = PASSWORD
    elif not given.has(piped) and not given.has("identity-token-stdin"):
        fault = "waits for somebody who types a password"
    elif not given.all("username", "user") and not given.has("identity-token-stdin"):
        fault = "names no user"
    elif not call.stdin.strip():
        fault = "gets no password on its standard input"
    m.login(m.where, host or (given.rest[0] if given.rest else "docker.io"), fault)
    return Answer("Login Succeeded\n")


def _run(m: Machine, call: Call, program: str, words: list[str]) -> Answer:
    given = read(m, "docker run", words, first_word_ends=True)
    if given.has("help"):
        return FINE
    if not given.rest:
        return _failed("docker run requires at least 1 argument")
    env = dict(m.env)
    kept = {}
    for setting in given.all("env"):
        name, equals, value = setting.partition("=")
        kept[name] = value if equals else env.get(name, "")
    mounts = []
    for volume in given.all("volume"):
        source, _, rest = volume.partition(":")
        mounts.append((joined(call.folder, source), rest.partition(":")[0] or source))
    for mount in given.all("mount"):
        parts = dict(part.partition("=")[::2] for part in mount.split(","))
        source = parts.get("source") or parts.get("src") or ""
        target = parts.get("target") or parts.get("dst") or parts.get("destination") or ""
        mounts.append((joined(call.folder, source), target))
    inside = given.last("workdir") or "/"
    entry = given.last("entrypoint")
    if given.has("detach") and re.search(r"(^|/)registry:", given.rest[0]):
        m.local_registry = True
    if given.has("detach") or call_creates(call):
        return _left_running(m, given.rest)
    return contained(m, given.rest[0], given.rest[1:], kept, mounts, inside, call.stdin, entry)


def call_creates(call: Call) -> bool:
    """Whether a command makes a container and does not start it."""
    words = [word for word in call.words if not word.startswith("-")]
    return "create" in words[:2] and "run" not in words[:1]


def _left_running(m: Machine, words: Sequence[str]) -> Answer:
    """A container that nobody waits for: its exit code ends no step."""
    place = runners.place(words[0])
    if m.held(words[0]) is None and place is not None and {place.entry, *words[1:2]} & MODELS.keys():
        m.record.doubt(f"{m.where} does not wait for what the container does, so that it is not followed")
    return Answer(unknown("the id of a container") + "\n")


@dataclass
class _Inside:
    """A container's view: what it sees of the machine.

    Attributes:
        mounts: paths of the machine, and where they are inside.
        engine: whether it can talk to the daemon.
    """

    mounts: Sequence[tuple[str, str]]
    engine: bool

    def outside(self, path: str) -> str:
        """A path of the machine for one inside."""
        for source, target in sorted(self.mounts, key=lambda mount: -len(mount[1])):
            plain = target.rstrip("/")
            if path == plain or path.startswith(f"{plain}/"):
                return source + path[len(plain) :]
        return f"/inside{path}"


def contained(
    m: Machine,
    image: str,
    words: Sequence[str],
    env: Mapping[str, str],
    mounts: Sequence[tuple[str, str]],
    folder: str = "/",
    stdin: str = "",
    entry: str | None = None,
    *,
    with_logins: bool = False,
) -> Answer:
    """A container is run.

    Args:
        m: the machine.
        image: its image.
        words: its command.
        env: its variables.
        mounts: paths of the machine, and where they are inside.
        folder: its working directory.
        stdin: its standard input.
        entry: its entry point, where it is not the image's own.
        with_logins: whether the machine's logins are there without a mount.
    """
    engine = any(source == _SOCKET and target == _SOCKET for source, target in mounts)
    held = m.held(image)
    if held is not None and not held.origin:
        return Answer(unknown("what the built image prints") + "\n")  # a trial run of what was built
    if held is not None and canonical(held.origin) != canonical(image):
        m.record.doubt(f"{m.where} runs what another image's name was given to, {held.origin}, which is not followed")
    if runners.is_copy(image):
        m.record.doubt(f"{m.where} runs {image}, which is not the image of the scanner's makers and may hold anything")
    place = runners.place(image)
    program = (entry.rpartition("/")[2] if entry else None) if entry is not None else place.entry if place else ""
    rest = list(words)
    if not program and rest:
        program, rest = rest[0].rpartition("/")[2], rest[1:]
    model = MODELS.get(program or "")
    there = place is None or (program in place.programs) or program == place.entry
    if model is None or not there:
        if engine:
            m.record.doubt(
                f"{m.where} runs {program or image} in a container that has the engine, which is not followed"
            )
        return Answer(unknown(f"what {image} prints") + "\n")
    m.changes_programs(env)
    over = next((target for _, target in mounts if _PROGRAMS.match(target) or target.endswith(f"/{program}")), "")
    if over or "PATH" in env:
        m.record.doubt(f"{m.where} sets {over or 'PATH'} in its container, so that another program may run there")
    inside = _Inside(mounts, engine)
    hosts, home, isolated = m.hosts, m.home, m.inside
    if not with_logins and not any(".docker" in source or "auth" in source for source, _ in mounts):
        m.hosts, m.home = set(), "/inside/root"
    m.inside = inside
    try:
        return model(m, Call(program or "", tuple(rest), stdin, env, folder))
    finally:
        m.hosts, m.home, m.inside = hosts, home, isolated


def path_of(m: Machine, call: Call, path: str) -> str:
    """A path of the machine, as the program that runs now writes it."""
    plain = joined(call.folder, path)
    return m.inside.outside(plain) if isinstance(m.inside, _Inside) else plain


def sees_engine(m: Machine) -> bool:
    """Whether the program that runs now can talk to a daemon."""
    return m.inside.engine if isinstance(m.inside, _Inside) else m.no_engine is None


_VERBS: Final[Mapping[str, Callable[[Machine, Call, str, list[str]], Answer]]] = {
    "build": _build,
    "push": _push,
    "tag": _tag,
    "pull": _pull,
    "load": _load,
    "save": _saved,
    "login": _login,
    "run": _run,
    "create": _run,
}


def _manifest(m: Machine, words: list[str]) -> Answer:
    verb, rest = (words[0], words[1:]) if words else ("", [])
    given = read(m, f"docker manifest {verb}", rest)
    if verb == "create" and given.rest:
        made = [m.remote(name) for name in given.rest[1:]]
        image = made[0] if len(made) == 1 else _several(made)
        m.manifests[canonical(given.rest[0])] = image
    elif verb == "push" and given.rest:
        known = m.manifests.get(canonical(given.rest[0]))
        if known is None:
            return _failed(f"No such manifest: {given.rest[0]}")
        m.push(given.rest[0], known)
    elif verb == "inspect":
        return Answer(unknown("what docker manifest inspect prints") + "\n")
    return FINE


def _several(images: Sequence[Image]) -> Image:
    """A list of images: it is what its parts are, and as good as known only where each is."""
    if len({image.id for image in images}) == 1:
        return images[0]
    words = " and ".join(image.words for image in images) or "nothing"
    origin = next((image.origin for image in images if image.origin), "")
    return Image(identity("list", [image.id for image in images]), words, origin, tuple(image.id for image in images))


def _buildx(m: Machine, call: Call, words: list[str]) -> Answer:
    if words[:2] == ["imagetools", "create"]:
        given = read(m, "docker buildx imagetools create", words[2:])
        if given.has("dry-run"):
            return FINE
        image = _several([m.remote(name) for name in given.rest])
        for name in given.all("tag"):
            m.push(name, image)
        return FINE
    if words[:1] in (["build"], ["b"]):
        return built(m, call, read(m, "docker buildx build", words[1:]), classic=False)
    if words[:1] == ["create"]:
        given = read(m, "docker buildx create", words[1:])
        m.builder = m.builder or given.has("use")
    elif words[:1] == ["use"]:
        m.builder = True
    elif words[:1] == ["bake"]:
        m.record.doubt(f"{m.where} bakes, and what it makes stands in a bake file that this lab does not have")
    return FINE


# -- scanners --------------------------------------------------------------------------------------------------------


def trivy(m: Machine, call: Call) -> Answer:
    """Trivy; its options may stand in variables as well."""
    first = tools.options("trivy image", call.words)
    verb = first.rest[0] if first.rest else ""
    verb = _AROUND.get(verb, verb)
    if first.has("version") or verb in ("version", "help", "clean", "plugin", "registry", "module", ""):
        return FINE
    if verb not in ("image", "filesystem", "rootfs", "repository", "config", "sbom"):
        m.record.doubt(f"{m.where} is a command of trivy that is not followed")
        return FINE
    given = read(m, f"trivy {verb}", call.words)
    env = call.env or {}
    if given.has("help", "generate-default-config", "download-db-only", "download-java-db-only"):
        return FINE
    _leaves_out(m, given, env)

    def value(name: str, *others: str) -> list[str]:
        found = given.listed(name, *others)
        return found or [part for part in env.get(f"TRIVY_{name.replace('-', '_').upper()}", "").split(",") if part]

    for path in (given.last("config") or "trivy.yaml", ".trivyignore", ".trivyignore.yaml"):
        if m.shell.files.exists(path_of(m, call, path)):
            m.record.doubt(f"{m.where} reads {path}, and what stands there is not followed")
    code = "".join(value("exit-code")[-1:])
    settings = ScanSettings(
        stops=code.strip() not in ("", "0"),
        severities=upper(value("severity")),
        scanners=upper(value("scanners", "security-checks")),
        packages=upper(value("pkg-types", "vuln-type")),
        kind="" if verb == "image" else f"trivy {first.rest[0]}",
        hides="the status fixed" if {"FIXED", "AFFECTED"} & upper(value("ignore-status")) else "",
    )
    files = value("input")
    rest = given.rest[1:]
    if verb != "image":
        m.scan("files", [], settings)
        seen = False
    elif files:
        found = m.archived(path_of(m, call, files[-1]))
        if found is None:
            m.no_file(files[-1])
            return _failed(f"FATAL Fatal error: unable to open {files[-1]}: no such file or directory")
        seen = m.scan(files[-1], list(found.values()), settings)
    elif rest:
        targets = _scannable(m, rest[-1])
        if targets is None:
            return _failed(f"FATAL Fatal error: unable to find the image {rest[-1]}")
        seen = m.scan(rest[-1], targets, settings)
    else:
        return _failed("FATAL Fatal error: no image is named")
    return _reported(m, call, given, env, settings, seen, int(code) % 256 if re.fullmatch("[0-9]{1,9}", code) else 0)


def _leaves_out(m: Machine, given: Options, env: Mapping[str, str]) -> None:
    """Doubt a scan by Trivy that passes over more than this model follows: by options, by variables, by a file."""
    if given.has("ignore-policy", "vex"):
        m.record.doubt(f"{m.where} leaves out what a policy or a VEX document says, which is not followed")
    found = [name for name in ("skip-dirs", "skip-files", "ignorefile", "pkg-relationships") if given.all(name)]
    if found:
        m.record.doubt(f"{m.where} leaves out what --{found[0]} says, which is not followed")
    for name, value in env.items():
        if name.startswith("TRIVY_") and value and name.removeprefix("TRIVY_") not in _FOLLOWED:
            m.record.doubt(f"{m.where} has the variable {name[:60]}, and what that changes is not followed")


# Of Trivy's options as variables: those that are followed, and those that change nothing of what is found.
# Source: https://trivy.dev/docs/latest/configuration/#environment-variables
_FOLLOWED: Final = tools.words("""
    EXIT_CODE SEVERITY SCANNERS SECURITY_CHECKS PKG_TYPES VULN_TYPE IGNORE_STATUS INPUT FORMAT OUTPUT IGNORE_UNFIXED
    CACHE_DIR CACHE_BACKEND CACHE_TTL DB_REPOSITORY JAVA_DB_REPOSITORY CHECKS_BUNDLE_REPOSITORY NO_PROGRESS QUIET DEBUG
    TIMEOUT USERNAME PASSWORD REGISTRY_TOKEN AUTH_URL GITHUB_TOKEN SKIP_DB_UPDATE SKIP_JAVA_DB_UPDATE SKIP_CHECK_UPDATE
    SKIP_VERSION_CHECK DISABLE_TELEMETRY INSECURE NON_SSL OFFLINE_SCAN LIST_ALL_PKGS DEPENDENCY_TREE TEMPLATE PARALLEL
    PLATFORM IMAGE_SRC VERSION
""")


def _scannable(m: Machine, name: str) -> list[Image] | None:
    """What a scanner gets for a name; None where it finds nothing, which is noted."""
    held = m.held(name)
    if held is not None and sees_engine(m):
        return [held]
    remote = m.remote(name)
    if held is not None and not held.origin and remote.origin:
        m.record.lacks(
            "image",
            f"{m.where} looks for {name} in registries, since it cannot see the engine that holds it: the engine's "
            f"socket ({_SOCKET}) is not handed in.",
        )
        return None
    return [remote]


def _reported(
    m: Machine, call: Call, given: Options, env: Mapping[str, str], settings: ScanSettings, seen: bool, code: int
) -> Answer:
    form = given.last("format") or env.get("TRIVY_FORMAT", "table")
    finding = m.state.finding
    if form == "json":
        text = json.dumps(report(finding, seen))
    else:
        text = f"Total: 1 ({finding.severity}: 1)\n" if finding is not None and seen else "Report Summary\n"
    return Answer(_printed(m, call, given.last("output") or env.get("TRIVY_OUTPUT", ""), text), code if seen else 0)


STANDARD_OUTPUT: Final = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def _printed(m: Machine, call: Call, file: str, text: str) -> str:
    """What of a report is printed; the rest is written into the file that was asked for."""
    if not file or file in STANDARD_OUTPUT:
        return text
    m.shell.write(path_of(m, call, file), text)
    return ""


_GRYPE_LEAVES_OUT: Final = tools.words(
    "GRYPE_CONFIG GRYPE_EXCLUDE GRYPE_IGNORE_STATES GRYPE_VEX_DOCUMENTS GRYPE_ONLY_NOTFIXED"
)


def grype(m: Machine, call: Call) -> Answer:
    """Grype."""
    given = read(m, "grype", call.words)
    if given.has("help") or given.rest[:1] in (["db"], ["version"], ["config"], ["help"], ["completion"]):
        return FINE
    told = [f"--{name}" for name in ("config", "exclude", "vex") if given.all(name)]
    there = [f for f in (".grype.yaml", ".grype/config.yaml") if m.shell.files.exists(path_of(m, call, f))]
    names = [name for name, value in (call.env or {}).items() if name in _GRYPE_LEAVES_OUT and value]
    for one in (*told, *there, *names):
        m.record.doubt(f"{m.where} leaves out what {one} says, which is not followed")
    limit = (given.last("fail-on") or (call.env or {}).get("GRYPE_FAIL_ON_SEVERITY", "")).lower()
    stops = limit in _BELOW
    from_there = frozenset(one.upper() for one in _BELOW[_BELOW.index(limit) :]) if stops else frozenset()
    hidden = upper(given.listed("ignore-states")) & {"FIXED"} or given.has("only-notfixed")
    settings = ScanSettings(stops, from_there, hides="the status fixed" if hidden else "")
    target = given.rest[0] if given.rest else ""
    kind, colon, path = target.partition(":")
    if not target and call.stdin:
        found = m.opened(call.stdin)
        images = list(found.values()) if found is not None else None
    elif kind in ("docker-archive", "oci-archive", "oci-dir", "singularity") or (not colon and target.endswith(".tar")):
        file = path if colon else target
        found = m.archived(path_of(m, call, file))
        images = list(found.values()) if found is not None else None
        if found is None:
            m.no_file(file)
    elif kind in ("dir", "file", "sbom", "purl"):
        images, settings = [], replace(settings, kind=f"grype {kind}:")
    else:
        if kind in ("docker", "podman", "registry"):
            target = path
        images = [m.remote(target)] if kind == "registry" else _scannable(m, target)
    if images is None:
        return _failed("failed to catalog: could not find the image")
    seen = m.scan(target, images, settings)
    text = json.dumps(report(m.state.finding, seen)) if (given.last("output") or "").startswith("json") else ""
    text = _printed(m, call, given.last("file") or "", text)
    return Answer(text or ("" if seen else "No vulnerabilities found\n"), 2 if seen and settings.stops else 0)


# -- copies without a daemon -----------------------------------------------------------------------------------------


def without_tag(name: str) -> str:
    """A name without its tag and digest."""
    name = name.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name


def _digest(m: Machine, name: str) -> Answer:
    return Answer(f"sha256:{m.remote(name).id}\n")


def crane(m: Machine, call: Call) -> Answer:
    """crane."""
    if not call.words:
        return FINE
    words = list(call.words)
    if words[:2] == ["auth", "login"]:
        return logged_in(m, call, read(m, "crane auth login", words[2:]))
    verb = {"cp": "copy"}.get(words[0], words[0])
    given = read(m, f"crane {verb}", words[1:]) if f"crane {verb}" in tools.tables() else Options(rest=words[1:])
    rest = given.rest
    if verb == "copy" and len(rest) == 2:
        m.push(rest[1], m.remote(rest[0]))
    elif verb == "tag" and len(rest) == 2:
        m.push(f"{without_tag(rest[0])}:{rest[1]}", m.remote(rest[0]))
    elif verb == "push" and len(rest) == 2:
        found = m.archived(path_of(m, call, rest[0]))
        if not found:
            m.no_file(rest[0])
            return _failed(f"Error: loading {rest[0]} as tarball: no such file")
        m.push(rest[1], next(iter(found.values())))
        return Answer(f"{without_tag(rest[1])}@sha256:{next(iter(found.values())).id}\n")
    elif verb == "pull" and len(rest) >= 2:
        images = {canonical(name): m.remote(name) for name in rest[:-1]}
        _save(m, path_of(m, call, rest[-1]), images, layout=given.last("format") == "oci")
    elif verb == "digest" and rest:
        return _digest(m, rest[0])
    elif verb in ("mutate", "append", "rebase", "flatten", "index"):
        m.record.doubt(f"{m.where} changes an image in the registry, which is not followed")
    elif verb not in ("ls", "manifest", "config", "catalog", "validate", "version", "auth", "export", "delete", "blob"):
        return _failed(f'Error: unknown command "{verb}" for "crane"')
    return Answer(unknown(f"what crane {verb} prints") + "\n") if verb in ("ls", "manifest", "config") else FINE


def skopeo(m: Machine, call: Call) -> Answer:
    """skopeo."""
    outer = read(m, "skopeo", call.words, first_word_ends=True)
    if not outer.rest:
        return FINE
    verb, words = outer.rest[0], outer.rest[1:]
    given = read(m, f"skopeo {verb}", words) if f"skopeo {verb}" in tools.tables() else Options(rest=words)
    if verb == "login":
        return logged_in(m, call, given)
    if verb == "inspect" and given.rest:
        name = given.rest[0].removeprefix("docker://")
        return (
            _digest(m, name)
            if "Digest" in (given.last("format") or "")
            else Answer(unknown("what skopeo prints") + "\n")
        )
    if verb == "copy" and len(given.rest) == 2:
        creds = given.has("dest-creds", "src-creds", "dest-password", "src-password")
        if creds:
            m.record.lacks("login", f"{m.where} {PASSWORD}.")
            for one in given.rest:
                m.hosts |= (
                    {repository(one.removeprefix("docker://")).partition("/")[0]} if "docker://" in one else set()
                )
        image = _read_from(m, call, given.rest[0])
        if image is None:
            return _failed("FATA[0000] the source cannot be read")
        return _write_to(m, call, given.rest[1], image, given.rest[0])
    if verb in ("sync",):
        m.record.doubt(f"{m.where} copies what a list or a folder holds, which is not followed")
    return FINE


def _read_from(m: Machine, call: Call, source: str) -> Image | None:
    """What a source of skopeo and its kin is."""
    kind, _, rest = source.partition(":")
    if kind == "docker" and rest.startswith("//"):
        return m.remote(rest.removeprefix("//"))
    if kind in ("docker-daemon", "containers-storage"):
        return m.wanted(rest, "copies")
    if kind in ("docker-archive", "oci-archive", "oci", "dir", "ocidir"):
        path, _, ref = rest.partition(":")
        found = m.archived(path_of(m, call, path))
        if not found:
            m.no_file(path)
            return None
        return found.get(canonical(ref)) or found.get(ref) or next(iter(found.values()))
    m.record.doubt(f"{m.where} reads from {source}, which is not followed")
    return None


def _write_to(m: Machine, call: Call, target: str, image: Image, source: str) -> Answer:
    """Write an image where skopeo and its kin are told to."""
    kind, _, rest = target.partition(":")
    if kind in ("docker-archive", "oci-archive", "oci", "dir"):
        path, _, ref = rest.partition(":")
        name = ref or source.rpartition("//")[2].partition(":")[2] if kind == "oci" else ref or source
        _save(m, path_of(m, call, path), {canonical(name) if name else "": image}, layout=kind in ("oci", "dir"))
        return FINE
    if kind in ("docker-daemon", "containers-storage"):
        m.keep([rest], image)
        return FINE
    name = rest.removeprefix("//") if kind == "docker" and rest.startswith("//") else target
    m.keep([name], image)
    m.push(name, image)
    return FINE


def regctl(m: Machine, call: Call) -> Answer:
    """regctl."""
    outer = read(m, "regctl", call.words, first_word_ends=True)
    words = outer.rest
    if words[:2] == ["registry", "login"]:
        return logged_in(m, call, read(m, "regctl registry", words[2:]), piped="pass-stdin")
    if len(words) < 2 or words[0] not in (
        "image",
        "registry",
        "tag",
        "manifest",
        "index",
        "artifact",
        "version",
        "repo",
    ):
        return FINE
    verb = words[1]
    given = (
        read(m, f"regctl {words[0]}", words[2:]) if f"regctl {words[0]}" in tools.tables() else Options(rest=words[2:])
    )
    if words[0] == "image" and verb in ("copy", "cp") and len(given.rest) == 2:
        source, target = given.rest
        image = _read_from(m, call, source) if source.startswith("ocidir:") else m.remote(source)
        if image is None:
            return _failed("failed to read the source")
        if target.startswith("ocidir://"):
            path = path_of(m, call, target.removeprefix("ocidir://").partition(":")[0])
            _save(m, path, {canonical(source): image}, layout=True)
        else:
            m.push(target, image)
    elif words[0] == "image" and verb == "import" and len(given.rest) == 2:
        found = m.archived(path_of(m, call, given.rest[1]))
        if not found:
            m.no_file(given.rest[1])
            return _failed("failed to open the file")
        m.push(given.rest[0], next(iter(found.values())))
    elif words[0] == "image" and verb == "export" and given.rest:
        images = {canonical(given.rest[0]): m.remote(given.rest[0])}
        if len(given.rest) < 2:
            return Answer(m.archive(images))
        _save(m, path_of(m, call, given.rest[1]), images)
    elif verb in ("digest", "head") and given.rest:
        return _digest(m, given.rest[0])
    elif (words[0], verb) in (("image", "mod"), ("index", "create"), ("index", "add"), ("manifest", "put")):
        m.record.doubt(f"{m.where} changes what a name stands for, which is not followed")
    return FINE


def oras(m: Machine, call: Call) -> Answer:
    """oras."""
    if not call.words:
        return FINE
    verb, given = call.words[0], read(m, "oras", call.words[1:])
    rest = given.rest
    if verb == "login":
        return logged_in(m, call, given)
    if given.has("to-password", "from-password", "password"):
        m.record.lacks("login", f"{m.where} {PASSWORD}.")
    if verb in ("cp", "copy") and len(rest) == 2:
        if given.has("from-oci-layout"):
            found = m.archived(path_of(m, call, without_tag(rest[0])))
            if not found:
                m.no_file(rest[0])
                return _failed("Error: could not find the layout")
            image = next(iter(found.values()))
        else:
            image = m.remote(rest[0])
        if given.has("to-oci-layout"):
            _save(m, path_of(m, call, without_tag(rest[1])), {canonical(rest[0]): image}, layout=True)
        else:
            first, *more = rest[1].split(",")
            m.push(first, image)
            for tag in more:
                m.push(f"{without_tag(first)}:{tag}", image)
    elif verb == "tag" and len(rest) > 1:
        for tag in rest[1:]:
            m.push(f"{without_tag(rest[0])}:{tag}", m.remote(rest[0]))
    elif verb == "push" and rest:
        m.push(rest[0], Image(identity("artifact", rest), "an artifact of files"))
    elif verb == "resolve" and rest:
        return _digest(m, rest[0])
    elif verb in ("backup", "restore", "manifest", "blob", "repo", "attach", "discover", "pull", "version", "logout"):
        if verb in ("backup", "restore") or (verb == "manifest" and rest[:1] in (["push"], ["index"])):
            m.record.doubt(f"{m.where} is a command of oras that is not followed")
    else:
        return _failed(f'Error: unknown command "{verb}" for "oras"')
    return FINE


def cosign(m: Machine, call: Call) -> Answer:
    """cosign: signatures get no name of their own."""
    if call.words[:1] == ("copy",):
        given = read(m, "cosign copy", call.words[1:])
        if len(given.rest) == 2:
            m.push(given.rest[1], m.remote(given.rest[0]))
    elif call.words[:1] == ("login",):
        return logged_in(m, call, read(m, "cosign login", call.words[1:]))
    return FINE


def kaniko(m: Machine, call: Call) -> Answer:
    """kaniko's executor: it builds and pushes without a daemon.

    Source: https://github.com/GoogleContainerTools/kaniko/blob/v1.24.0/cmd/executor/cmd/root.go
    """
    given = read(m, "executor", call.words)
    if not given.all("destination") and not given.has("no-push"):
        m.record.lacks("script", f"{m.where} builds, and names neither --destination nor --no-push.")
        return _failed("you must provide --destination, or use --no-push")
    context = given.last("context") or "/workspace/"
    kind, _, path = context.rpartition("://")
    if given.has("bucket") or kind not in ("", "dir", "git", "https"):
        m.record.doubt(f"{m.where} takes its context from {given.last('bucket') or context}, which is not followed")
    file = given.last("dockerfile") or "Dockerfile"
    if kind == "git":
        context = f"https://{path}"
    elif kind != "https":
        root = joined(call.folder, path)
        if kind and given.last("context-sub-path"):  # a context without its kind has none
            root = joined(root, given.last("context-sub-path") or "")
        stands = joined(call.folder, file)  # a Dockerfile there comes before the context's own
        file = stands if m.shell.files.exists(stands) and m.shell.is_folder(root) else joined(root, file)
        context, file = root, "" if file == joined(root, "Dockerfile") else file
    image = m.build(
        context=context,
        file=file,
        target=given.last("target") or "",
        arguments=given.all("build-arg"),
        folder=call.folder,
        reads_cache=given.has("cache"),
        writes_cache=given.has("cache"),
    )
    if image is None:
        return _failed("error resolving dockerfile path")
    archive = given.last("tar-path", "tarPath")
    if archive:
        names = {canonical(name): image for name in given.all("destination")}
        _save(m, joined(call.folder, archive), names or {"": image})
    if given.has("no-push"):
        m.keep(given.all("destination"), image)
    else:
        for name in given.all("destination"):
            m.push(name, image)
    return FINE


# -- the usual small programs ----------------------------------------------------------------------------------------


def _squeeze(m: Machine, call: Call) -> Answer:
    """Programs that pack and unpack: what is packed stays readable here, under the name that it would get."""
    plain = call.name
    ending = ".zst" if "zst" in plain else ".xz" if "x" in plain else ".lz4" if plain == "lz4" else ".gz"
    letters = "".join(word[1:] for word in call.words if re.fullmatch(r"-[a-zA-Z0-9]+", word) and word[:2] != "-o")
    long = {word for word in call.words if word.startswith("--")}
    unpacks = plain.startswith("un") or plain.startswith("gun") or plain.endswith("cat") or "d" in letters
    unpacks = unpacks or bool(long & {"--decompress", "--uncompress"})
    target = ""
    files: list[str] = []
    words = list(call.words)
    while words:
        word = words.pop(0)
        if word == "-o" or word == "--output":
            target = words.pop(0) if words else ""
        elif word.startswith("-o") and len(word) > 2 and not word.startswith("--"):
            target = word[2:]
        elif word == "-" or not word.startswith("-"):
            files.append(word)
    prints = plain.endswith("cat") or "c" in letters or "--stdout" in long or "--to-stdout" in long
    if not files or files == ["-"]:
        if target:
            m.shell.write(joined(call.folder, target), call.stdin)
            return FINE
        return Answer(call.stdin)
    text = ""
    for file in files:
        path = joined(call.folder, file)
        content = m.text(path)
        if content is None:
            return _failed(f"{plain}: {file}: No such file or directory")
        if prints:
            text += content
            continue
        made = target or (path.removesuffix(ending) if unpacks else path + ending)
        m.shell.write(joined(call.folder, made), content)
        if (
            "k" not in letters
            and "--keep" not in long
            and plain not in ("zstd", "unzstd", "lz4")
            and joined(call.folder, made) != path
        ):
            m.shell.files.remove(path)
    return Answer(text)


def _fetch(m: Machine, call: Call) -> Answer:
    """curl and wget; the install script of a known tool puts it into the folder that it is told, or ./bin."""
    address = next((word for word in call.words if "://" in word), "")
    words = list(call.words)
    names = [words[i + 1] for i, w in enumerate(words[:-1]) if w in ("-o", "--output", "-O", "--output-document")]
    if (call.name == "curl" and any(re.fullmatch(r"-[a-zA-Z]*O|--remote-name", word) for word in words)) or (
        call.name == "wget" and not any(re.match(r"-[a-zA-Z]*O|--output-document", word) for word in words)
    ):
        names = [address.rpartition("/")[2]]
    tool = next((tool for part, tool in runners.INSTALLERS.items() if part in address), "")
    if tool and address.endswith((".gz", ".tgz")) and not any(name != "-" for name in names):
        m.record.doubt(f"{m.where} unpacks {tool} out of a pipe, which is not followed")
    text = (
        (_INSTALLS.replace("TOOL", tool) if _is_script(address) else f'#!/bin/sh\nexec {tool} "$@"\n') if tool else ""
    )
    text = text or (
        ":\n" if address.endswith(".sh") or "install" in address else unknown(f"what {call.name} fetches") + "\n"
    )
    for name in names:
        if name != "-":
            m.shell.write(joined(call.folder, name), text)
    return FINE if any(name != "-" for name in names) else Answer(text)


# Sources: https://github.com/aquasecurity/trivy/blob/main/contrib/install.sh (of v0.76.0), https://get.anchore.io/grype
_INSTALLS: Final = f"""#!/bin/sh
while [ $# -gt 0 ]; do case $1 in -b) COURSE_TO=$2; shift;; esac; shift; done
COURSE_TO=${{COURSE_TO:-./bin}}
mkdir -p "$COURSE_TO"
printf '#!/bin/sh\\nexec {PLACED}TOOL "$@"\\n' > "$COURSE_TO/TOOL"
chmod +x "$COURSE_TO/TOOL"
"""


def _is_script(address: str) -> bool:
    return address.endswith(".sh") or "get.anchore.io/" in address


def _git(m: Machine, call: Call) -> Answer:
    words = [word for word in call.words if word not in ("--no-pager",)]
    while words[:1] in (["-C"], ["-c"]):
        words = words[2:]
    verb = words[0] if words else ""
    if verb in ("config", "version", "--version", "init", "clone", "lfs"):
        if verb == "clone":
            m.record.doubt(f"{m.where} fetches another repository, which is not followed")
        return FINE
    if not m.checked_out:
        return _failed("fatal: not a git repository (or any of the parent directories): .git", 128)
    commit = m.shell.read(f"{m.folder}/.git/HEAD") or m.commit
    env = call.env or {}
    tag = env.get("CI_COMMIT_TAG") or (env.get("GITHUB_REF_NAME", "") if env.get("GITHUB_REF_TYPE") == "tag" else "")
    if verb == "rev-parse":
        short = next((word for word in words if word.startswith("--short")), "")
        if "--abbrev-ref" in words:
            return Answer((env.get("GITHUB_REF_NAME") or "HEAD") + "\n")
        if short:
            length = int(short.partition("=")[2]) if short.partition("=")[2].isdigit() else 7
            return Answer(commit[:length] + "\n")
        return Answer((m.folder if "--show-toplevel" in words else commit) + "\n")
    if verb in ("checkout", "switch", "reset"):
        target = next((word for word in words[1:] if not word.startswith("-")), "")
        if target and target not in (m.commit, "HEAD", "."):
            m.shell.write(f"{m.folder}/.git/HEAD", target)
        return FINE
    if verb == "describe":
        return Answer(tag + "\n") if tag else Answer(unknown("what git describe prints") + "\n")
    if verb in ("log", "show") and any("%h" in word or "%H" in word for word in words):
        return Answer((commit if any("%H" in word for word in words) else commit[:7]) + "\n")
    if verb in (
        "fetch",
        "pull",
        "tag",
        "push",
        "commit",
        "add",
        "status",
        "submodule",
        "branch",
        "remote",
        "clean",
        "stash",
    ):
        return FINE
    return Answer(unknown(f"what git {verb} prints") + "\n")


def _date(m: Machine, call: Call) -> Answer:
    form, when = "", NOW
    words = list(call.words)
    while words:
        word = words.pop(0)
        if word.startswith("+"):
            form = word[1:]
        elif word in ("-d", "--date") and words:
            given = words.pop(0)
            if re.fullmatch(r"@\d{1,10}", given):
                when = datetime.fromtimestamp(int(given[1:]), UTC)
            elif given in ("yesterday", "1 day ago"):
                when = NOW - timedelta(days=1)
            elif given not in ("now", "today"):
                return Answer(unknown("a date") + "\n")
        elif word.startswith(("-I", "--iso-8601", "--rfc-3339")):
            form = "%Y-%m-%dT%H:%M:%S+00:00" if "s" in word.partition("=")[2] or word == "-Iseconds" else "%Y-%m-%d"
    form = (form or "%a %b %e %H:%M:%S UTC %Y").replace("%s", str(int(when.timestamp()))).replace("%F", "%Y-%m-%d")
    form = form.replace("%T", "%H:%M:%S").replace("%e", f"{when.day:2}").replace("%N", "000000000").replace("%-", "%")
    form = form.replace("%z", "+0000").replace("%Z", "UTC")
    return Answer(re.sub(r"%([YmdHMSjyabAB])", lambda part: when.strftime(part[0]), form) + "\n")


def _quiet(m: Machine, call: Call) -> Answer:
    return Answer(unknown(f"what {call.name} prints") + "\n") if call.name in _TELLS else FINE


_TELLS: Final = tools.words("""
    gh aws gcloud az kubectl helm glab openssl lscpu df du free uname yq semgrep
""")


def _opaque(m: Machine, call: Call) -> Answer:
    """A program that may do anything."""
    module = call.words[1] if call.words[:1] == ("-m",) and len(call.words) > 1 else ""
    if call.words[:1] in (("--version",), ("-V",), ("version",)) or module in tools.HARMLESS | {
        "venv",
        "unittest",
        "compileall",
    }:
        return FINE
    m.record.doubt(f"{m.where} may do anything, images included, and is not followed")
    return Answer(unknown(f"what {call.name} prints") + "\n")


def _absent(m: Machine, call: Call) -> Answer:
    return _failed(f"{call.name}: command not found", 127)


MODELS: Final[Mapping[str, Model]] = {
    "docker": docker,
    "podman": podman,
    "buildah": podman,
    "trivy": trivy,
    "grype": grype,
    "crane": crane,
    "skopeo": skopeo,
    "regctl": regctl,
    "oras": oras,
    "cosign": cosign,
    "executor": kaniko,
}
_SMALL: Final[Mapping[str, Model]] = {
    "sleep": lambda m, call: FINE,
    "date": _date,
    **{name: _squeeze for name in ("gzip", "gunzip", "zcat", "unxz", "xzcat")},
}
_OPTIONAL: Final[Mapping[str, Model]] = {
    "git": _git,
    "curl": _fetch,
    "wget": _fetch,
    **{name: _squeeze for name in ("pigz", "unpigz", "zstd", "unzstd", "zstdcat", "xz", "lz4")},
}


def programs(there: frozenset[str]) -> dict[str, Model]:
    """The models of the programs that a machine has; commands of the shell that it lacks answer "command not found"."""
    found: dict[str, Model] = dict(_SMALL)
    for name in runners.OPTIONAL - there:
        found[name] = _absent
    for name in there:
        if name in MODELS:
            found[name] = MODELS[name]
        elif name in _OPTIONAL:
            found[name] = _OPTIONAL[name]
        elif name in tools.OPAQUE:
            found[name] = _opaque
        elif name in tools.HARMLESS:
            found[name] = _quiet
    for name in {*runners.INSTALLERS.values()}:
        found[PLACED + name] = MODELS.get(name, _quiet)
    if "zstd" in there:
        found |= {"unzstd": _squeeze, "zstdcat": _squeeze}
    if "pigz" in there:
        found["unpigz"] = _squeeze
    return found


def installed(text: str) -> frozenset[str]:
    """The programs that scripts install; they count as there from the beginning."""
    found: set[str] = set()
    for line in re.findall(
        r"\b(?:apk\s+add|apt(?:-get)?\s+(?:-\S+\s+)*install|microdnf\s+install|dnf\s+install)\b([^\n;&|]*)", text
    ):
        names = [re.split("[=@]", word)[0] for word in line.split()]
        found |= {runners.PACKAGES[name] for name in names if name in runners.PACKAGES}
    for address in re.findall(r"\b(?:curl|wget)\b[^\n]*?(\bhttps?://[^\s\"']+)", text):
        if not _is_script(address):  # a script puts its tool where it is told
            found |= {tool for part, tool in runners.INSTALLERS.items() if part in address}
    return frozenset(found)
