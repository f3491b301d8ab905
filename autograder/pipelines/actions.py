"""What well-known actions do to images, told from their inputs.

Sources: the README and action.yml of each: https://github.com/docker/build-push-action ,
https://github.com/docker/login-action , https://github.com/docker/metadata-action ,
https://github.com/docker/setup-buildx-action , https://github.com/aquasecurity/trivy-action ,
https://github.com/anchore/scan-action , https://github.com/docker/scout-action
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from autograder.domain.limits import Budget
from autograder.domain.metadata_action import Run, Step, preview_step
from autograder.domain.metadata_action.outputs import GAP
from autograder.pipelines import tools
from autograder.pipelines.job_state import Lack, Unsupported
from autograder.pipelines.shell import is_known
from autograder.pipelines.tools import HUB, Effect

_DEFAULT_OUTPUT_SEPARATOR: Final = "\n"
# The actions whose effects on images are followed, with what they are taken for.
FOLLOWED: Final[Mapping[str, str]] = {
    "docker/setup-buildx-action": "a builder",
    "docker/login-action": "a login",
    "docker/metadata-action": "tags and labels",
    "docker/build-push-action": "builds, loads, writes archives, pushes",
    "docker/bake-action": "builds; its file is not looked into",
    "aquasecurity/trivy-action": "scans an image, or an archive of one",
    "anchore/scan-action": "scans an image",
    "docker/scout-action": "scans an image (`cves`)",
}


@dataclass(frozen=True)
class Call:
    """A step that uses an action.

    Attributes:
        uses: as it is written.
        inputs: its ``with``, expressions filled in.
        environment: its variables.
        where: the step in words.
        builder: whether a builder was set up before in its job.
        checked_out: whether the repository was checked out before in its job.
    """

    uses: str
    inputs: Mapping[str, str]
    environment: Mapping[str, str]
    where: str
    builder: bool
    checked_out: bool

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


@dataclass
class Result:
    """What a call does, what it lacks, and whether it sets a builder up."""

    effects: list[Effect] = field(default_factory=list)
    lacks: list[tuple[Lack, str]] = field(default_factory=list)
    builder: bool = False


def effects(call: Call) -> Result:
    """What an action does; nothing for one that is not known to do anything to images."""
    reader = _READERS.get(call.name)
    return reader(call) if reader is not None else Result()


def _build(call: Call) -> Result:
    found = Result()
    tags = call.listed("tags")
    outputs = [line.strip() for line in call.given("outputs").splitlines() if line.strip()]
    found.effects = tools.built(call.where, tags, push=call.says("push"), load=call.says("load"), outputs=outputs)
    cache = [line for line in call.given("cache-to").splitlines() if line.strip()]
    several = len(call.listed("platforms")) > 1
    if not call.builder and (several or any("inline" not in line for line in cache)):
        what = "for several platforms" if several else "with cache-to"
        found.lacks.append(
            ("builder", f"{call.where} builds {what}, and the engine's own builder cannot: nothing has set Buildx up.")
        )
    context = call.given("context")
    if context and not context.startswith(("http://", "https://", "git@", "git://")) and not call.checked_out:
        found.lacks.append(
            ("checkout", f"{call.where} builds the folder {context}, and its job has checked nothing out.")
        )
    return found


def _login(call: Call) -> Result:
    host, fault = call.given("registry") or HUB, ""
    oidc = bool(call.environment.get("DOCKERHUB_OIDC_CONNECTIONID"))
    password = call.given("password")
    if not call.given("username") or not (password or oidc):
        fault = "has no user name or no password"
    elif password and is_known(password):
        fault = "has a password that stands in the file, for everybody who can read it"
    return Result([Effect("login", call.where, host=host, fault=fault)])


def _trivy(call: Call) -> Result:
    kind = call.given("scan-type") or "image"
    if kind != "image":
        return Result([Effect("scan", call.where, fault=f"scans files (scan-type: {kind}), not the image")])
    env = call.environment
    code = call.given("exit-code") or env.get("TRIVY_EXIT_CODE", "")
    severities = call.given("severity") or env.get("TRIVY_SEVERITY", "")
    file = call.given("input") or env.get("TRIVY_INPUT", "")
    target = file or call.given("image-ref")
    stops = code.strip() not in ("", "0")
    scanners = call.given("scanners") or env.get("TRIVY_SCANNERS", "")
    packages = call.given("vuln-type") or env.get("TRIVY_PKG_TYPES", "")
    return Result(
        [
            tools.scan(
                call.where,
                target,
                archive=bool(file),
                stops=stops,
                severities=severities,
                scanners=scanners,
                packages=packages,
            )
        ]
    )


def _anchore(call: Call) -> Result:
    cutoff = (call.given("severity-cutoff") or "medium").lower()
    stops = call.given("fail-build").lower() != "false"
    severities = "CRITICAL" if cutoff == "critical" else ""
    return Result([tools.scan(call.where, call.given("image"), archive=False, stops=stops, severities=severities)])


def _scout(call: Call) -> Result:
    if "cves" not in call.listed("command"):
        return Result()
    severities = call.given("only-severities")
    target = call.given("image").removeprefix("local://").removeprefix("image://").removeprefix("registry://")
    return Result([tools.scan(call.where, target, archive=False, stops=call.says("exit-code"), severities=severities)])


def _bake(call: Call) -> Result:
    raise Unsupported(f"{call.where} bakes, and what it makes stands in a bake file that this lab does not have")


_READERS: Final = {
    "docker/build-push-action": _build,
    "docker/login-action": _login,
    "docker/setup-buildx-action": lambda call: Result(builder=True),
    "docker/bake-action": _bake,
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
