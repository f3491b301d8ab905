"""The machine of one job: its engine, its builder, its logins and files, and what tools do to images there.

An image is known by what it was made from, and keeps that identity under every name, in archives and in registries. A
scanner finds something in a run where the image that it looks at is the one that has the finding.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from weakref import proxy

from autograder.pipelines.job_state import (
    HUB,
    MAX_NAMES,
    Finding,
    Image,
    Issue,
    Push,
    Record,
    Scan,
    Unsupported,
    Work,
    canonical,
    host,
    repository,
)
from autograder.pipelines.shell import PLACED, Answer, Call, Ended, Program, Shell, is_known, joined

PASSWORD: Final = "gives the password on the command line, where the list of processes shows it"
HUBS: Final = (HUB, "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io", "registry.hub.docker.com")
MAX_FILES: Final = 60  # of a build's context, or an archive of files
SHOWN: Final = 60  # characters of a command in a message
_ARCHIVE: Final = "course-archive"
_OTHER_LANGUAGE: Final = re.compile(r"#! ?/(?:usr/)?bin/(?:env +(?:-S +)?)?((?!(?:ba|da|a)?sh\b)[\w.]+)")
# Variables by which bash, or the system's loader, takes other commands than the script names.
# Sources: https://www.gnu.org/software/bash/manual/html_node/Bash-Variables.html , ld.so(8)
_LOADS: Final = re.compile(
    r"(?:BASH_ENV|SHELLOPTS|BASHOPTS|BASH_FUNC_.*|LD_(?:PRELOAD|LIBRARY_PATH|AUDIT))\Z", re.DOTALL
)
# Forms of bash that the library passes over, and by which another command runs than is written, or another code ends
# the script; and names of our own, which no script of a runner can know. What is in words -> the form.
_NOT_FOLLOWED: Final[Mapping[str, re.Pattern[str]]] = {
    "hash -p": re.compile(r"\bhash\s[^\n;|&]*-\w*p"),
    "enable": re.compile(r"(?:^|[;&|]|\bbuiltin\b)[ \t]*enable\s", re.MULTILINE),
    "export -f": re.compile(r"\b(?:export|declare|typeset)\s+-\w*f"),
    "a trap of ERR, DEBUG or RETURN": re.compile(
        r"\btrap\s+(?!(['\"])(?:echo|printf)\b[^;&|\n]*?\1\s+ERR\s*$)[^\n]*\b(?:ERR|DEBUG|RETURN)\b", re.MULTILINE
    ),
    "a name of what follows scripts here": re.compile(r"course-(?:script|archive|trivy|grype)|COURSE_TO\b"),
}
_LOCAL: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
_SEVERITIES: Final = ("UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL")
_REPOSITORY: Final = "# the repository's own Dockerfile\nFROM python\n"


@dataclass
class RunState:
    """What the jobs of a run share.

    Attributes:
        record: what happened.
        finding: what scanners find in this run; None where they find nothing.
        registry: name -> image, of what the run has pushed.
        exported: what builds have written into a cache that other jobs can read.
        built: what has been built so far, by what it was made from.
        work: how much was followed.
        exists: names, or their beginnings, that registries had before.
    """

    record: Record = field(default_factory=Record)
    finding: Finding | None = None
    registry: dict[str, Image] = field(default_factory=dict)
    exported: dict[str, str] = field(default_factory=dict)
    built: set[str] = field(default_factory=set)
    work: Work = field(default_factory=Work)
    rebuilt: int = 0


def identity(*parts: object) -> str:
    """64 hexadecimal digits for what something was made from."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Machine:
    """A job's machine.

    Args:
        state: what the jobs share.
        programs: name -> model, of all that the job has beside its shell.
        place: the job in words.
        folder: where its repository is checked out.
        home: the home directory.
        no_engine: why it has no container engine; None where it has one.
        commit: the commit of the run.
    """

    def __init__(
        self,
        state: RunState,
        programs: Mapping[str, Callable[[Machine, Call], Answer]],
        *,
        place: str,
        folder: str,
        home: str,
        no_engine: Issue | None,
        commit: str,
    ) -> None:
        self.state, self.record, self.place, self.where = state, state.record, place, place
        self.folder, self.home, self.no_engine, self.commit = folder, home, no_engine, commit
        self.images: dict[str, Image] = {}
        self.cache: dict[str, str] = {}
        self.manifests: dict[str, Image] = {}
        self.hosts: set[str] = set()
        self.builder = False
        self.checked_out = False
        self.local_registry = False
        self.inside: object = None  # the container whose program runs now
        self.found = False  # whether a scanner found something since this was last set
        self.permits: Callable[[str, str], None] = lambda name, where: None
        self.programs = programs
        self.env: Mapping[str, str] = {}
        self.shell = Shell({name: self._bound(program) for name, program in programs.items()}, folder)
        self.shell.files.mkdir(home, recursive=True)

    def _bound(self, program: Callable[[Machine, Call], Answer]) -> Program:
        known = proxy(self)  # as in Shell: nothing that the shell calls may keep its machine
        return lambda call: known.called(program, call)

    def called(self, program: Callable[[Machine, Call], Answer], call: Call) -> Answer:
        """Let a program act; messages name it by its command line."""
        call = replace(call, name=call.name.removeprefix(PLACED))
        self.state.work.add(1)
        before, before_env = self.where, self.env
        shown = call.text if len(call.text) <= SHOWN else call.text[: SHOWN - 1] + "…"
        self.where, self.env = f"{self.place} ({' '.join(shown.split())})", call.env or {}
        self.record.tell(f"$ {shown}")
        self._own_program(call)
        self.changes_programs(self.env)
        try:
            answer = program(self, call)
        finally:
            self.where, self.env = before, before_env
        if answer.code:
            self.record.tell(f"  exit code {answer.code}")
        return answer

    def run(self, script: str, variables: Mapping[str, str], folder: str, *options: str) -> Ended:
        """Run a script; see :meth:`Shell.run`."""
        self.state.work.text.spend(len(script))
        self.state.work.add(1 + script.count("\n"))
        self.changes_programs(variables)
        strange = next((name for name, form in _NOT_FOLLOWED.items() if form.search(script)), "")
        if strange:
            self.record.doubt(f"{self.place} has {strange}, which is not followed")
        other = _OTHER_LANGUAGE.search(script)
        if other is not None:
            self.record.doubt(f"{self.place} writes a program for {other[1]}, and is not followed")
        return self.shell.run(script, variables, folder, *options)

    def changes_programs(self, variables: Iterable[str]) -> None:
        """Doubt what shells and programs do that are told by variables to load something else, or to run nothing."""
        for name in variables:
            if _LOADS.match(name):
                self.record.doubt(
                    f"{self.where} has the variable {name[:SHOWN]}, and what that changes is not followed"
                )

    def _own_program(self, call: Call) -> None:
        """A script's own program in its PATH would run in place of the one that is followed."""
        ours = re.compile(rf'#!/bin/sh\n(# bashkit builtin: .*\n)?exec ({PLACED})?{re.escape(call.name)} "\$@"\n?')
        for folder in (call.env or {}).get("PATH", "").split(":"):
            file = joined(call.folder, f"{folder}/{call.name}" if folder else call.name)
            text = self.shell.read(file)
            if text is not None and not ours.fullmatch(text):
                self.record.doubt(f"{self.where} runs {file}, which the run wrote and is not followed")

    # -- files -------------------------------------------------------------------------------------------------------

    def check_out(self, folder: str, commit: str = "") -> None:
        """Put the repository into a folder, at the run's commit or another one."""
        self.checked_out = True
        self.shell.write(f"{folder}/Dockerfile", _REPOSITORY)
        self.shell.write(f"{folder}/.git/HEAD", commit or self.commit)

    def text(self, path: str) -> str | None:
        """The text of a file that may be packed."""
        text = self.shell.read(path)
        if text is None or not text.startswith("\x1f"):
            return text
        try:
            with gzip.open(io.BytesIO(self.shell.files.read_file(path))) as packed:
                return packed.read(1 << 20).decode("utf-8", "replace")
        except (OSError, EOFError):
            return text

    # -- engine ------------------------------------------------------------------------------------------------------

    def needs_engine(self) -> None:
        """Note that a daemon is missing, where it is: the command acts all the same, so that one fault is one fault."""
        if self.no_engine is not None:
            self.record.lacks(self.no_engine.kind, f"{self.where} needs a Docker daemon: {self.no_engine.text}")

    def keep(self, names: Iterable[str], image: Image) -> None:
        """Give an image names in the engine."""
        for name in names:
            self.images[canonical(name)] = image
        if len(self.images) > MAX_NAMES:
            raise Unsupported(f"{self.where} comes to more than {MAX_NAMES:,} names of images")

    def held(self, name: str) -> Image | None:
        """An image of the engine, by a name or an id."""
        plain = name.removeprefix("sha256:")
        if re.fullmatch(r"[0-9a-f]{12,64}", plain):
            found = next((image for image in self.images.values() if image.id.startswith(plain)), None)
            if found is not None:
                return found
        found = self.images.get(canonical(name))
        if found is None and "@sha256:" in name:
            found = next((i for n, i in self.images.items() if i.id == name.rpartition(":")[2]), None)
        return found

    def wanted(self, name: str, does: str) -> Image:
        """An image that the engine should hold; one of no known making where it does not."""
        found = self.held(name)
        if found is None:
            self.record.lacks(
                "image", f"{self.where} {does} {name or 'nothing'}, which this job neither built nor loaded."
            )
            found = self.remote(name)
        return found

    def remote(self, name: str) -> Image:
        """What a registry has under a name."""
        digest = name.rpartition("@sha256:")[2] if "@sha256:" in name else ""
        for known, image in self.state.registry.items():
            if known == canonical(name) or (digest and image.id == digest and repository(known) == repository(name)):
                return image
        origin = canonical(name)
        return Image(identity("registry", origin), f"{origin}, which this run has not built", origin)

    # -- builds ------------------------------------------------------------------------------------------------------

    def build(
        self,
        *,
        context: str,
        file: str = "",
        target: str = "",
        arguments: Sequence[str] = (),
        folder: str = "",
        stdin: str = "",
        fresh: bool = False,
        reads_cache: bool = False,
        writes_cache: bool = False,
    ) -> Image | None:
        """Build an image; None where it cannot be built, which is then noted.

        Args:
            context: its folder, or ``-``.
            file: the Dockerfile, where it is not the context's own.
            target: the stage.
            arguments: ``NAME=VALUE``, or a name whose value stands in the environment.
            folder: where paths start.
            stdin: a Dockerfile, where the context or the file is ``-``.
            fresh: whether no cache is read.
            reads_cache: whether it reads a cache of other jobs.
            writes_cache: whether it writes one.
        """
        made = self._made_from(context, file, folder or self.folder, stdin)
        if made is None:
            return None
        given = sorted(a if "=" in a else f"{a}={self.env.get(a, '')}" for a in arguments)
        key = identity(made[0], target, given)
        id = None if fresh else self.cache.get(key) or (self.state.exported.get(key) if reads_cache else None)
        if id is None:
            id = key
            if key in self.state.built:  # built before, and nothing hands that build on
                self.state.rebuilt += 1
                id = identity(key, self.state.rebuilt)
        words = made[1] + (f", target {target}" if target else "") + (f", with {', '.join(given)}" if given else "")
        if id != key:
            words += ", built again without the cache of the first build"
        image = Image(id, words)
        self.state.built.add(key)
        self.cache[key] = id
        if writes_cache:
            self.state.exported[key] = id
        self.record.builds.append((self.where, image))
        self.record.tell(f"  built {id[:12]}: {words}")
        return image

    def _made_from(self, context: str, file: str, folder: str, stdin: str) -> tuple[object, str] | None:
        """What a build is made from, and that in words; None where it is not there."""
        if re.match(r"(https?://|git@|git://|ssh://)", context):
            return ("url", context, file), f"the build of {context}"
        if (
            context == "{{repository}}"
        ):  # an action's own choice: the repository at the run's commit, without a checkout
            if file and file.removeprefix("./") != "Dockerfile":
                self._nothing_there("", file, "")
            return (("repository", self.commit), _REPOSITORY), "the build of ."
        if context == "-":
            return ("text", stdin), "the build of a Dockerfile on standard input"
        if not context:
            self.record.lacks("script", f"{self.where} builds, and names no folder to build from.")
            return None
        root = joined(folder, context)
        path = joined(folder, file) if file and file != "-" else f"{root}/Dockerfile"
        text = stdin if file == "-" else self.shell.read(path)
        if text is None:
            self._nothing_there(context, file, root)
            return ("nowhere", root, path), f"the build of {context}"  # one fault is one fault: the run goes on
        commit = self.shell.read(f"{root}/.git/HEAD")
        if commit is not None:
            content: object = ("repository", commit)
        else:
            found = self.shell.tree(root, MAX_FILES)
            content = [(name.removeprefix(root), self.shell.read(name)) for name in found]
        words = f"the build of {context}" + (
            f" with {file}" if file and file.removeprefix("./") != "Dockerfile" else ""
        )
        if commit is not None and commit != self.commit:
            words += f" at {commit}"
        return (content, text), words

    def _nothing_there(self, context: str, file: str, root: str) -> None:
        """Note why there is no Dockerfile where a build looks for it."""
        there = self.shell.files.exists(f"{self.folder}/Dockerfile")
        inside = root == self.folder or root.startswith(f"{self.folder}/")
        if inside and not there:
            self.record.lacks(
                "checkout", f"{self.where} builds the folder {context}, and its job has checked nothing out."
            )
        else:
            shown = file or f"the folder {context}"
            self.record.lacks(
                "file", f"{self.where} builds from {shown}, and the repository has its Dockerfile at the top."
            )

    # -- archives ----------------------------------------------------------------------------------------------------

    def archive(self, images: Mapping[str, Image]) -> str:
        """An archive of images, as text."""
        return json.dumps({_ARCHIVE: {name: [image.id, image.words, image.origin] for name, image in images.items()}})

    def opened(self, text: str | None) -> dict[str, Image] | None:
        """The images of an archive; None where it is none."""
        try:
            data = json.loads(text or "")
            return {
                str(name): Image(str(id), str(words), str(origin))
                for name, (id, words, origin) in data[_ARCHIVE].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def archived(self, path: str) -> dict[str, Image] | None:
        """The images of an archive, or of an OCI layout; None where the file is none."""
        if self.shell.is_folder(path):
            return self.opened(self.text(f"{path}/index.json"))
        found = self.opened(self.text(path))
        if found is not None or not self.shell.files.exists(path):
            return found
        try:
            with tarfile.open(fileobj=io.BytesIO(self.shell.files.read_file(path))) as archive:
                for entry in archive:
                    if entry.name.endswith("index.json") and entry.size < 1 << 20:
                        part = archive.extractfile(entry)
                        return self.opened(part.read().decode("utf-8", "replace")) if part else None
        except (tarfile.TarError, OSError, EOFError):
            return None
        return None

    def no_file(self, file: str) -> None:
        """Note that an archive is missing."""
        self.record.lacks(
            "file",
            f"{self.where} reads {file}, which no earlier step of this job wrote and no other job handed on to it.",
        )

    # -- registries --------------------------------------------------------------------------------------------------

    def login(self, where: str, name: str, fault: str = "") -> None:
        """Log in to a registry."""
        if fault:
            self.record.lacks("login", f"{where} {fault}.")
        self.hosts.add(HUB if name in HUBS else name.removeprefix("https://").partition("/")[0])

    def logged_in(self, name: str) -> bool:
        """Whether the job has credentials for a registry: from a login, or in a file of credentials."""
        if name in self.hosts or not is_known(name):
            return True
        folder = self.env.get("DOCKER_CONFIG") or f"{self.home}/.docker"
        kept = (
            f"{folder}/config.json",
            f"{self.home}/.docker/config.json",
            f"{self.home}/.config/containers/auth.json",
        )
        for path in (*kept, "/kaniko/.docker/config.json", self.env.get("REGISTRY_AUTH_FILE", "")):
            try:
                data = json.loads(self.shell.read(path) or "") if path else {}
                hosts = [*data.get("auths", {}), *data.get("credHelpers", {})]
            except (ValueError, AttributeError, TypeError, RecursionError):
                continue
            plain = [HUB if one in HUBS else one.removeprefix("https://").partition("/")[0] for one in hosts]
            if name in plain:
                return True
        return False

    def push(self, name: str, image: Image, where: str = "") -> bool:
        """Push an image under a name; whether that works."""
        where = where or self.where
        if _LOCAL.fullmatch(host(name)):
            if not self.local_registry:
                self.record.lacks("login", f"{where} pushes to {host(name)}, and no registry runs there.")
            self.state.registry[canonical(name)] = image
            return True
        if not self.logged_in(host(name)):
            self.record.lacks(
                "login", f"{where} pushes to {host(name)}, and no step before it in its job logs in there."
            )
        self.permits(name, where)
        if len(self.record.pushes) >= MAX_NAMES:
            raise Unsupported(f"{where} comes to more than {MAX_NAMES:,} names of images")
        self.record.pushes.append(Push(name, where, image))
        self.record.tell(f"  pushed {image.id[:12]} as {name}")
        self.state.registry[canonical(name)] = image
        return True

    # -- scans -------------------------------------------------------------------------------------------------------

    def scan(self, target: str, images: Sequence[Image], settings: ScanSettings, where: str = "") -> bool:
        """Scan what a target is; whether something is found.

        Args:
            target: what the scanner was told, for messages.
            images: what that is; none where it is nothing that can be scanned.
            settings: what it looks for.
            where: the place, where it is not that of the command.
        """
        where = where or self.where
        image = next((one for one in images if not one.origin), None)
        fault = settings.fault()
        if image is None and not fault:
            fault = f"scans {target}, which this run has not built before"
        self.record.scans.append(Scan(where, target, image, fault))
        finding = self.state.finding
        found = finding is not None and any(one.id == finding.image for one in images) and settings.sees(finding)
        told = f"a {finding.severity} finding" if finding is not None and found else "nothing"
        self.record.tell(f"  scanned {target} ({image.id[:12] if image else 'not of this run'}): {told}")
        self.found = self.found or (found and settings.stops)
        return found

    def target(self, name: str, *, engine: bool = True) -> list[Image]:
        """What a scanner finds under a name: in the engine, or in a registry."""
        found = self.held(name) if engine else None
        return [found] if found is not None else [self.remote(name)]


@dataclass(frozen=True)
class ScanSettings:
    """What a scan looks for, and whether it stops on what it finds.

    Attributes:
        stops: whether it fails on findings.
        severities: those it looks at; none for all.
        scanners: of Trivy; none for its own choice.
        packages: the kinds of packages; none for all.
        kind: what it scans, where that is no image.
    """

    stops: bool
    severities: frozenset[str] = frozenset()
    scanners: frozenset[str] = frozenset()
    packages: frozenset[str] = frozenset()
    kind: str = ""
    hides: str = ""

    def fault(self) -> str:
        """Why it is no gate; nothing where it is one."""
        if self.kind:
            return f"scans files ({self.kind}), not the image"
        if not self.stops:
            return "prints a table and ends well whatever it finds: no exit code is asked for"
        if self.severities and not {"HIGH", "CRITICAL"} <= self.severities:
            return f"looks at {', '.join(sorted(self.severities))} only, not at HIGH and CRITICAL"
        if self.scanners and "VULN" not in self.scanners:
            return f"looks for {', '.join(sorted(self.scanners)).lower()} only, not for vulnerabilities"
        if self.packages and not {"OS", "LIBRARY"} <= self.packages:
            return f"looks at packages of the kind {', '.join(sorted(self.packages)).lower()} only"
        return f"leaves out what has {self.hides}" if self.hides else ""

    def sees(self, finding: Finding) -> bool:
        """Whether it reports a finding."""
        if self.kind or self.hides:
            return False
        return (
            (not self.severities or finding.severity in self.severities)
            and (not self.scanners or "VULN" in self.scanners)
            and (not self.packages or finding.packages.upper() in self.packages)
        )


def upper(parts: Iterable[str]) -> frozenset[str]:
    """Words in capitals."""
    return frozenset(part.strip().upper() for part in parts if part.strip())


def report(finding: Finding | None, seen: bool) -> Mapping[str, Any]:
    """What a scanner writes as JSON: enough of Trivy's and Grype's forms for a script that counts what was found."""
    rows = [finding] if finding is not None and seen else []
    return {
        "SchemaVersion": 2,
        "Results": [
            {
                "Target": "image",
                "Vulnerabilities": [{"VulnerabilityID": "CVE-0000-0001", "Severity": row.severity} for row in rows],
            }
        ],
        "matches": [
            {"vulnerability": {"id": "CVE-0000-0001", "severity": row.severity.title()}, "artifact": {"name": "a"}}
            for row in rows
        ],
    }
