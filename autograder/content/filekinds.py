"""What a file shown in a lesson is, and what its own rules say about it.

The kind is told by the block's title, else by what stands in it, else it is its language alone; ``as=KIND`` on the
block says it outright, and ``as=plain`` keeps it to its language. Each validator returns its complaint, or None.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from autograder import quick_jsonschema
from autograder.domain import access_policy
from autograder.domain.retention import acr_policy, ecr_validate, gar_validate
from autograder.errors import EnvironmentProblem

PLAIN = "plain"
# Keys that docs give: https://distribution.github.io/distribution/about/configuration/
REGISTRY_KEYS = {
    "version", "log", "loglevel", "storage", "auth", "middleware", "http", "notifications", "redis", "health", "proxy",
    "validation", "catalog", "policy",
}  # fmt: skip


def tool(name: str) -> str:
    """A command's path; tools of the environment that runs us count, whether or not it is activated.

    Raises:
        EnvironmentProblem: it is not installed.
    """
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise EnvironmentProblem(
            expected=f"the command {name}, which the lessons' blocks use",
            found="it is not on the path",
            next_step=f"Install {name} with your system's package manager and run the tests again.",
        )
    return found


def kind(language: str, title: str | None, code: str, chosen: str | None = None) -> str:
    """The kind of a block: a key of :data:`VALIDATORS`, or ``plain``.

    Args:
        language: of the fence.
        title: its file name, if it has one.
        code: what stands in it.
        chosen: the word behind ``as=``.
    """
    if chosen is not None:
        return chosen
    name = PurePosixPath(title or "")
    if language == "dockerfile":
        return "dockerfile"
    if language == "yaml":
        return _yaml_by_title(name) or _by_content(language, code)
    if language == "json":
        return _by_content(language, code)
    return PLAIN


def _yaml_by_title(name: PurePosixPath) -> str | None:
    if re.fullmatch(r"(docker-)?compose(\.[a-z-]+)?\.ya?ml", name.name):
        return "compose"
    if name.parent.as_posix().endswith(".github/workflows"):
        return "github-workflow"
    return "gitlab-ci" if name.name == ".gitlab-ci.yml" else None


def _by_content(language: str, code: str) -> str:
    """By keys that no other kind has. What cannot be parsed is plain: its language complains."""
    try:
        data = json.loads(code) if language == "json" else next(yaml.safe_load_all(code), None)
    except (ValueError, yaml.YAMLError):
        return PLAIN
    if isinstance(data, list):
        entries = [entry for entry in data if isinstance(entry, dict)]
        return "artifact-registry-cleanup" if entries and all("action" in entry for entry in entries) else PLAIN
    if not isinstance(data, dict):
        return PLAIN
    found = [name for name, keys in CONTENT.items() if keys <= data.keys()]
    return found[0] if found else PLAIN


CONTENT: Mapping[str, set[str]] = {
    "kubernetes": {"apiVersion", "kind"},
    "registry-config": {"version", "storage"},
    "compose": {"services"},
    "ecr-lifecycle-policy": {"rules"},
    "ecr-repository-policy": {"Statement"},
}


def language_complaint(language: str, code: str) -> str | None:
    """What a language's own parser says, or None."""
    try:
        if language == "python":
            compile(code, "<lesson>", "exec")
        elif language == "json":
            json.loads(code)
        elif language == "yaml":
            list(yaml.safe_load_all(code))
        elif language == "toml":
            tomllib.loads(code)
        elif language == "sh":
            return _command([tool("bash"), "-n"], code)
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        return f"not valid {language}: {error}"
    return None


def complaint(kind_: str, code: str) -> str | None:
    """What the rules of a kind say about a file that its language accepts, or None."""
    return None if kind_ == PLAIN else VALIDATORS[kind_](code)


def _command(command: list[str], text: str | None = None, name: str = "") -> str | None:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    return None if done.returncode == 0 else f"{name or Path(command[0]).name}: {done.stdout}{done.stderr}".rstrip()


def _dockerfile(code: str) -> str | None:
    return _command([tool("hadolint"), "-"], code)


def _schema(name: str, *options: str) -> Callable[[str], str | None]:
    def validate(code: str) -> str | None:
        call = [sys.executable, "-I", "-X", "utf8", "-c", quick_jsonschema.CHECK_JSONSCHEMA]
        call += ["--builtin-schema", name, "--force-filetype", "yaml", *options, "-"]
        return _command(call, code, "check-jsonschema")

    return validate


def _github_workflow(code: str) -> str | None:
    """The workflow schema, then zizmor without network, as lab 10 judges: nothing above low."""
    wrong = _schema("vendor.github-workflows")(code)
    if wrong:
        return wrong
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / ".github" / "workflows" / "workflow.yml"
        file.parent.mkdir(parents=True)
        file.write_text(code, encoding="utf-8", newline="\n")
        options = ["--offline", "--no-config", "--no-progress", "--min-severity", "medium", "--format", "plain"]
        return _command([tool("zizmor"), *options, str(file)])


def _kubernetes(code: str) -> str | None:
    for document in yaml.safe_load_all(code):
        if not isinstance(document, dict):
            return "a Kubernetes manifest is a mapping"
        for key in ("apiVersion", "kind"):
            if not isinstance(document.get(key), str):
                return f"a Kubernetes manifest has {key}"
        configures = document["kind"].endswith(("Config", "Configuration"))
        if not configures and not _named(document.get("metadata")):
            return f"{document['kind']} needs metadata.name"
        for container in _containers(document):
            if not isinstance(container.get("name"), str) or not isinstance(container.get("image"), str):
                return f"each container of {document['kind']} needs name and image"
    return None


def _named(metadata: object) -> bool:
    return isinstance(metadata, dict) and (isinstance(metadata.get("name") or metadata.get("generateName"), str))


def _containers(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The containers of a pod, wherever a workload keeps its pod's template."""
    found: list[dict[str, Any]] = []
    waiting: list[Any] = [document.get("spec")]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            for key in ("containers", "initContainers"):
                found += [entry for entry in part.get(key) or [] if isinstance(entry, dict)]
            waiting += [part.get(key) for key in ("template", "jobTemplate", "spec")]
    return found


def _registry_config(code: str) -> str | None:
    data = yaml.safe_load(code)
    if data.get("version") not in (0.1, "0.1"):
        return "version of a registry's configuration is 0.1"
    unknown = data.keys() - REGISTRY_KEYS
    if unknown:
        return f"a registry's configuration has no {', '.join(sorted(map(str, unknown)))}"
    drivers = set(data["storage"] or {}) - {"delete", "maintenance", "cache", "redirect", "tag"}
    return None if len(drivers) == 1 else f"storage names one driver, here {sorted(drivers) or 'none'}"


def _policy(parse: Callable[[str], object]) -> Callable[[str], str | None]:
    def validate(code: str) -> str | None:
        try:
            parse(code)
        except ValueError as error:
            return str(error)
        return None

    return validate


VALIDATORS: Mapping[str, Callable[[str], str | None]] = {
    "dockerfile": _dockerfile,
    "compose": _schema("vendor.compose-spec"),
    "github-workflow": _github_workflow,
    "gitlab-ci": _schema("vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
    "kubernetes": _kubernetes,
    "registry-config": _registry_config,
    "ecr-lifecycle-policy": _policy(ecr_validate.parse),
    "ecr-repository-policy": _policy(access_policy.read_policy),
    "artifact-registry-cleanup": _policy(gar_validate.parse),
    "acr-retention": _policy(acr_policy.parse),
}
KINDS = (PLAIN, *VALIDATORS)
