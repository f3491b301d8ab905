"""What well-known actions do to images, told from their inputs.

Sources: the README and action.yml of each: https://github.com/docker/build-push-action ,
https://github.com/docker/login-action , https://github.com/docker/metadata-action ,
https://github.com/docker/setup-buildx-action , https://github.com/aquasecurity/trivy-action ,
https://github.com/anchore/scan-action , https://github.com/docker/scout-action ,
https://github.com/actions/upload-artifact , https://github.com/actions/download-artifact
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from autograder.domain.limits import Budget
from autograder.domain.metadata_action import Run, Step, preview_step
from autograder.domain.metadata_action.outputs import GAP
from autograder.domain.regex.globs import fits, shell_pattern
from autograder.pipelines.commands import contained, outputs
from autograder.pipelines.job_state import HUB
from autograder.pipelines.machine import Machine, ScanSettings, upper
from autograder.pipelines.shell import Call as Command
from autograder.pipelines.shell import is_known, joined
from autograder.pipelines.tools import words

_DEFAULT_OUTPUT_SEPARATOR: Final = "\n"
MAX_FILES: Final = 60  # of one artifact
# The actions whose effects on images are followed, with what they are taken for.
FOLLOWED: Final[Mapping[str, str]] = {
    "actions/checkout": "the repository, at the run's commit or `ref`",
    "actions/upload-artifact": "files for later jobs",
    "actions/download-artifact": "files of earlier jobs",
    "docker/setup-buildx-action": "a builder",
    "docker/login-action": "a login",
    "docker/metadata-action": "tags and labels",
    "docker/build-push-action": "builds, loads, writes archives, pushes",
    "aquasecurity/trivy-action": "scans an image, or an archive of one",
    "anchore/scan-action": "scans an image",
    "docker/scout-action": "scans an image (`cves`)",
}
# Actions that install a program of tools.FOLLOWED.
SETUP: Final[Mapping[str, str]] = {
    "aquasecurity/setup-trivy": "trivy",
    "sigstore/cosign-installer": "cosign",
    "imjasonh/setup-crane": "crane",
    "oras-project/setup-oras": "oras",
    "anchore/scan-action/download-grype": "grype",
    "regclient/actions/regctl-installer": "regctl",
}
# Actions that give no image a name, by their owner where all of that owner's are such.
HARMLESS_ACTIONS: Final = words("""
    actions/cache actions/cache/restore actions/cache/save actions/setup-python actions/setup-node actions/setup-go
    actions/setup-java actions/attest actions/attest-build-provenance actions/attest-sbom actions/labeler
    actions/stale actions/create-github-app-token docker/setup-qemu-action docker/setup-docker-action
    github/codeql-action/upload-sarif github/codeql-action/init github/codeql-action/analyze
    step-security/harden-runner softprops/action-gh-release hadolint/hadolint-action anchore/sbom-action
    aws-actions/configure-aws-credentials aws-actions/amazon-ecr-login google-github-actions/auth
    google-github-actions/setup-gcloud azure/login astral-sh/setup-uv zizmorcore/zizmor-action
    jlumbroso/free-disk-space codecov/codecov-action slackapi/slack-github-action
""")


@dataclass(frozen=True)
class Call:
    """A step that uses an action.

    Attributes:
        uses: as it is written.
        inputs: its ``with``, expressions filled in.
        environment: its variables.
        where: the step in words.
        artifacts: name -> path -> text, of what the run's jobs have uploaded.
    """

    uses: str
    inputs: Mapping[str, str]
    environment: Mapping[str, str]
    where: str
    artifacts: dict[str, dict[str, bytes]]

    @property
    def name(self) -> str:
        """The action without its version, in small letters: GitHub's names have no case."""
        return self.uses.partition("@")[0].strip().lower()

    def given(self, name: str) -> str:
        """An input; nothing where it is not there."""
        return self.inputs.get(name, "").strip()

    def says(self, name: str) -> bool:
        """Whether an input is true."""
        return self.given(name).lower() == "true"

    def listed(self, name: str) -> tuple[str, ...]:
        """An input that is a list of lines or of texts between commas."""
        return tuple(part.strip() for part in re.split(r"[\n,]", self.given(name)) if part.strip())

    def lines(self, name: str) -> tuple[str, ...]:
        """An input that is a list of lines."""
        return tuple(line.strip() for line in self.given(name).splitlines() if line.strip())


@dataclass
class Result:
    """How a call ends: whether it fails, and its outputs."""

    failed: bool = False
    outputs: Mapping[str, str] | None = None


def act(m: Machine, call: Call) -> Result:
    """Let an action act."""
    m.state.work.add(1)
    m.where, m.env = call.where, call.environment
    try:
        if call.uses.startswith("docker://"):
            return _container(m, call)
        model = _MODELS.get(call.name)
        if model is not None:
            return model(m, call)
        if call.name not in {*HARMLESS_ACTIONS, *SETUP}:
            m.record.doubt(f"{call.where} uses {call.uses.partition('@')[0]}, which is not in the table of actions")
        return Result()
    finally:
        m.where, m.env = m.place, {}


def _checkout(m: Machine, call: Call) -> Result:
    other = call.given("repository")
    folder = joined(m.folder, call.given("path")) if call.given("path") else m.folder
    ref = call.given("ref")
    known = {m.commit, call.environment.get("GITHUB_REF", ""), call.environment.get("GITHUB_REF_NAME", ""), ""}
    mine = other.lower() in ("", call.environment.get("GITHUB_REPOSITORY", "").lower())
    m.check_out(folder, "" if ref in known and mine else f"{other} {ref}".strip())
    return Result()


def _build(m: Machine, call: Call) -> Result:
    tags = call.listed("tags")
    caches = call.lines("cache-to")
    several = len(call.listed("platforms")) > 1
    if not m.builder and (several or any("inline" not in line for line in caches)):
        what = "for several platforms" if several else "with cache-to"
        m.record.lacks(
            "builder", f"{call.where} builds {what}, and the engine's own builder cannot: nothing has set Buildx up."
        )
    m.needs_engine()
    image = m.build(
        context=call.given("context") or "{{repository}}",
        file=call.given("file"),
        target=call.given("target"),
        arguments=call.lines("build-args"),
        fresh=call.says("no-cache"),
        reads_cache=bool(call.lines("cache-from")),
        writes_cache=bool(caches),
    )
    if image is None:
        return Result(failed=True)
    written = outputs(m, Command("docker", (), folder=m.folder), call.lines("outputs"), tags, image)
    if call.says("load") or "load" in written or "file" in written or not (m.builder or written):
        m.keep(tags, image)
        m.images[f"sha256:{image.id}"] = image
    if call.says("push") or "push" in written:
        for name in tags or [name for name in written if name not in ("push", "load", "file")]:
            m.push(name, image)
    digest = f"sha256:{image.id}"
    return Result(outputs={"imageid": digest, "digest": digest})


def _login(m: Machine, call: Call) -> Result:
    fault = ""
    oidc = bool(call.environment.get("DOCKERHUB_OIDC_CONNECTIONID"))
    password = call.given("password")
    if not call.given("username") or not (password or oidc):
        fault = "has no user name or no password"
    elif password and is_known(password):
        fault = "has a password that stands in the file, for everybody who can read it"
    m.login(call.where, call.given("registry") or HUB, fault)
    return Result()


def _trivy(m: Machine, call: Call) -> Result:
    env = call.environment

    def value(name: str, variable: str) -> str:
        return call.given(name) or env.get(variable, "")

    if call.given("trivy-config"):
        m.record.doubt(f"{call.where} reads {call.given('trivy-config')}, and what stands there is not followed")
    kind = call.given("scan-type") or "image"
    settings = ScanSettings(
        stops=value("exit-code", "TRIVY_EXIT_CODE").strip() not in ("", "0"),
        severities=upper(value("severity", "TRIVY_SEVERITY").split(",")),
        scanners=upper(value("scanners", "TRIVY_SCANNERS").split(",")),
        packages=upper(value("vuln-type", "TRIVY_PKG_TYPES").split(",")),
        kind="" if kind == "image" else f"scan-type: {kind}",
    )
    file = value("input", "TRIVY_INPUT")
    return _scanned(m, call, call.given("image-ref"), file, settings)


def _scanned(m: Machine, call: Call, name: str, file: str, settings: ScanSettings) -> Result:
    if settings.kind:
        m.scan("files", [], settings)
        return Result()
    if file:
        found = m.archived(joined(m.folder, file))
        if found is None:
            m.no_file(file)
            return Result(failed=True)
        images = list(found.values())
    elif not name:
        m.record.lacks("script", f"{call.where} names no image.")
        return Result(failed=True)
    else:
        images = m.target(name)
    return Result(failed=m.scan(file or name, images, settings) and settings.stops)


def _anchore(m: Machine, call: Call) -> Result:
    cutoff = (call.given("severity-cutoff") or "medium").lower()
    kind = next((name for name in ("path", "sbom") if call.given(name)), "") if not call.given("image") else ""
    settings = ScanSettings(
        stops=call.given("fail-build").lower() != "false",
        severities=frozenset({"CRITICAL"}) if cutoff == "critical" else frozenset(),
        kind=f"{kind}: {call.given(kind)}" if kind else "",
    )
    return _scanned(m, call, call.given("image"), "", settings)


def _scout(m: Machine, call: Call) -> Result:
    if "cves" not in call.listed("command"):
        return Result()
    kind, colon, name = call.given("image").partition("://")
    target = name if colon else kind
    settings = ScanSettings(call.says("exit-code"), upper(call.listed("only-severities")))
    if kind == "archive" and colon:
        return _scanned(m, call, "", target, settings)
    return _scanned(m, call, target, "", settings)


def _builder(m: Machine, call: Call) -> Result:
    m.builder = True
    return Result(outputs={"name": "builder", "driver": "docker-container"})


def _container(m: Machine, call: Call) -> Result:
    """``uses: docker://IMAGE``: GitHub hands in the workspace and the engine's socket."""
    mounts = [("/var/run/docker.sock", "/var/run/docker.sock"), (m.folder, "/github/workspace")]
    try:
        command = shlex.split(call.given("args"))
    except ValueError:
        m.record.lacks("script", f"{call.where} has an open quote in args.")
        return Result(failed=True)
    entry = call.given("entrypoint") or None
    answer = contained(
        m, call.uses.removeprefix("docker://"), command, call.environment, mounts, "/github/workspace", "", entry,
        with_logins=False,
    )  # fmt: skip
    return Result(failed=answer.code != 0)


# -- artifacts -------------------------------------------------------------------------------------------------------


def _upload(m: Machine, call: Call) -> Result:
    """Files under a name; of several paths their nearest common folder is the top.

    Source: https://github.com/actions/upload-artifact#upload-using-multiple-paths-and-exclusions
    """
    found: list[str] = []
    for pattern in call.lines("path"):
        if not pattern.startswith("!"):
            found += matching(m, joined(m.folder, pattern.replace("~", m.home, 1) if pattern[:1] == "~" else pattern))
    if not found:
        return Result(failed=call.given("if-no-files-found") == "error")
    common = posixpath.commonpath([path.rpartition("/")[0] or "/" for path in found])
    first = joined(m.folder, call.lines("path")[0])
    top = first if len(call.lines("path")) == 1 and m.shell.is_folder(first) else common
    files = {path.removeprefix(top).lstrip("/"): m.shell.files.read_file(path) for path in found[:MAX_FILES]}
    call.artifacts[call.given("name") or "artifact"] = files
    return Result()


def matching(m: Machine, path: str) -> list[str]:
    """The files that a path, or a pattern for paths, stands for."""
    if not any(sign in path for sign in "*?["):
        return m.shell.tree(path, MAX_FILES)
    plain = path.split("*")[0].split("?")[0].split("[")[0]
    m.state.work.add(1)
    compiled = shell_pattern(path.replace("**/", "*").replace("**", "*"))
    found = m.shell.tree(plain.rpartition("/")[0] or "/", MAX_FILES)
    m.state.work.text.spend(sum(len(one) + len(path) for one in found))
    return [one for one in found if any(fits(compiled, part) for part in _ups(one, plain))]


def _ups(path: str, plain: str) -> list[str]:
    """A path and the folders above it, down to where a pattern begins."""
    parts = [path]
    while (above := parts[-1].rpartition("/")[0]) and len(above) >= len(plain) and len(parts) < 8:
        parts.append(above)
    return parts


def _download(m: Machine, call: Call) -> Result:
    name = call.given("name")
    top = joined(m.folder, call.given("path").replace("~", m.home, 1)) if call.given("path") else m.folder
    if name and name not in call.artifacts:
        m.record.lacks("file", f"{call.where} fetches the artifact {name}, which no earlier job of this run uploads.")
        return Result(failed=True)
    pattern = call.given("pattern")
    for one, files in call.artifacts.items():
        if (name and one != name) or (pattern and not fits(shell_pattern(pattern), one)):
            continue
        folder = top if name or call.says("merge-multiple") else f"{top}/{one}"
        for path, content in files.items():
            where = f"{folder}/{path}"
            m.shell.files.mkdir(where.rpartition("/")[0], recursive=True)
            m.shell.files.write_file(where, content)
    return Result(outputs={"download-path": top})


_MODELS: Final[Mapping[str, Callable[[Machine, Call], Result]]] = {
    "actions/checkout": _checkout,
    "actions/upload-artifact": _upload,
    "actions/download-artifact": _download,
    "docker/build-push-action": _build,
    "docker/login-action": _login,
    "docker/setup-buildx-action": _builder,
    "aquasecurity/trivy-action": _trivy,
    "anchore/scan-action": _anchore,
    "docker/scout-action": _scout,
}


def metadata(
    workflow: Mapping[str, Any],
    job: str,
    step: Mapping[str, Any],
    environments: Sequence[object],
    event: Run,
    inputs: Mapping[str, str],
    budget: Budget,
) -> dict[str, str]:
    """The outputs of docker/metadata-action by name; ``budget`` is what the run may still come to, written out.

    Raises:
        WorkflowError: the action would stop with an error.
    """
    given = step.get("with")
    layers = tuple(layer for layer in environments if isinstance(layer, Mapping))
    asked = Step(job, "", "", given if isinstance(given, Mapping) else {}, layers, ())
    outputs = preview_step(workflow, asked, event, budget).outputs
    if outputs is None:
        return {}
    separator = inputs.get("sep-tags") or _DEFAULT_OUTPUT_SEPARATOR
    budget.spend(sum(len(separator) + len(tag) for tag in (*outputs.tags, *outputs.names)))
    tags = [GAP.sub("⟨?⟩", tag) for tag in outputs.tags]
    # A label whose value only GitHub knows (the description) is no obstacle: nothing here reads it.
    labels = "\n".join(f"{name}={value or ''}" for name, value in outputs.labels.items())
    return {
        "tags": separator.join(tags),
        "version": outputs.version or "",
        "labels": labels,
        "annotations": "",
        "tag-names": separator.join(outputs.names),
        "json": json.dumps({"tags": tags, "labels": outputs.labels}),
    }
