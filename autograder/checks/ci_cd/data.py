"""Lab 10's data: personal values, rules for tags in words and as sets, events, and the actions that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from autograder.checks.first_push.data import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.checks.shared.specification import Specification
from autograder.domain.metadata_action import Run

MODELS: Final = ("router", "tokenizer", "ranker", "embedder", "summarizer", "classifier")
MAIN: Final = "main"
NOW: Final = datetime(2026, 9, 1, 12, tzinfo=UTC)  # no rule of this lab looks at the clock
HEAD: Final = "f" * 40  # the last commit of a pull request's own branch

# Releases whose commits were read in the actions' repositories (or, login v4.5.0, in a pull request of docker/cli):
# https://github.com/OWNER/NAME/releases . Others are taken as they are.
KNOWN: Final[Mapping[str, Mapping[str, str]]] = {
    "actions/checkout": {"3d3c42e5aac5ba805825da76410c181273ba90b1": "v7.0.1"},
    "docker/setup-buildx-action": {"37fe631027851001ddb9b187196cc803df7f5f0e": "v4.3.0"},
    "docker/setup-qemu-action": {"96fe6ef7f33517b61c61be40b68a1882f3264fb8": "v4.2.0"},
    "docker/metadata-action": {"dc802804100637a589fabce1cb79ff13a1411302": "v6.2.0"},
    "docker/build-push-action": {"53b7df96c91f9c12dcc8a07bcb9ccacbed38856a": "v7.3.0"},
    "docker/login-action": {"06fb636fac595d6fb4b28a5dfcb21a6f5091859c": "v4.5.0"},
    "aws-actions/configure-aws-credentials": {"e6de054238d6b7531b4efff3b6587d9aade6a06c": "v6.2.3"},
    "aws-actions/amazon-ecr-login": {"03f1aad4c6c7ffd436567f42f9384779290529bd": "v2.1.7"},
    "google-github-actions/auth": {"7c6bc770dae815cd3e89ee6cdf493a5fab2cc093": "v3.0.0"},
    "azure/login": {"f5d393ae46f8fde4be8b75f32e3fc50e654ad0ca": "v3.0.1"},
    "actions/attest": {"1e69f48acb82d1966a394da916b4c1698aa569d6": "v4.2.2"},
    "aquasecurity/trivy-action": {"ed142fd0673e97e23eac54620cfb913e5ce36c25": "v0.36.0"},
    "sigstore/cosign-installer": {"6f9f17788090df1f26f669e9d70d6ae9567deba6": "v4.1.2"},
}


@dataclass(frozen=True)
class Spec(Specification):
    """A team's rules for its tags.

    Attributes:
        moving: the tag that follows main.
        commit: what stands before the short commit id.
        major: whether a release moves the tag of its major version.
        latest: what moves ``latest``: ``release``, ``main`` or ``nothing``.
    """

    moving: str
    commit: str
    major: bool
    latest: str

    @classmethod
    def drawn(cls, draw: SeededRandom) -> Spec:
        """A specification."""
        return cls(
            moving=draw.choice("moving", (MAIN, "edge", "nightly")),
            commit=draw.choice("commit prefix", ("git-", "commit-", "rev-")),  # never the default
            major=draw.integer("major tag", 0, 1) == 1,
            latest=draw.choice("latest", ("main", "nothing", "release")),
        )

    def rules(self) -> dict[str, str]:
        """In words."""
        numbers = "its version, its major and minor number" + (", its major number" if self.major else "")
        latest = {
            "release": "A release moves latest; nothing else does.",
            "main": "A push to main moves latest; a release does not.",
            "nothing": "There is no latest.",
        }[self.latest]
        return {
            "every push": f"the tag {self.commit} with the first 7 digits of the commit behind it",
            "a push to main": f"the tag {self.moving} as well",
            "a release v1.2.3": f"as well: {numbers}, without the v",
            "a candidate v1.2.3-rc.1": "as well: its whole version without the v, and no tag that others follow",
            "latest": latest,
            "a pull request, another branch": "no image is pushed at all",
        }

    def tags(self, event: Event) -> set[str]:
        """The tags that an event pushes."""
        if event.kind not in ("main", "release", "candidate"):
            return set()
        wanted = {f"{self.commit}{event.sha[:7]}"}
        if event.kind == "main":
            return wanted | {self.moving} | ({"latest"} if self.latest == "main" else set())
        wanted.add(event.version)
        if event.kind == "release":
            major, minor, _ = event.version.split(".")
            wanted |= {f"{major}.{minor}"} | ({major} if self.major else set())
            wanted |= {"latest"} if self.latest == "release" else set()
        return wanted


@dataclass(frozen=True)
class Event:
    """What happens to the repository.

    Attributes:
        kind: ``main``, ``release``, ``candidate``, ``pull_request`` or ``branch``.
        sha: the commit.
        version: of a release or candidate.
        number: of a pull request.
        fork: whether it comes from a fork.
        branch: the branch that is pushed, or that the pull request comes from.
        shown: whether the student was told of it.
    """

    kind: str
    sha: str
    version: str = ""
    number: int = 0
    fork: bool = False
    branch: str = ""
    shown: bool = True

    @property
    def ref(self) -> str:
        """The full ref."""
        if self.kind == "main":
            return f"refs/heads/{MAIN}"
        if self.kind == "branch":
            return f"refs/heads/{self.branch}"
        return f"refs/pull/{self.number}/merge" if self.kind == "pull_request" else f"refs/tags/v{self.version}"

    @property
    def words(self) -> str:
        """In words."""
        return {
            "main": "a push to main",
            "release": f"the release v{self.version}",
            "candidate": f"the candidate v{self.version}",
            "pull_request": f"pull request {self.number}" + (" from a fork" if self.fork else ""),
            "branch": f"a push to {self.branch}",
        }[self.kind]

    def run(self, repository: str) -> Run:
        """As GitHub starts a run.

        Source: https://docs.github.com/webhooks/webhook-events-and-payloads
        """
        owner, _, name = repository.partition("/")
        about: dict[str, Any] = {
            "name": name,
            "full_name": repository,
            "owner": {"login": owner},
            "default_branch": MAIN,
        }
        about |= {"private": True, "fork": False, "html_url": f"https://github.com/{repository}"}
        payload: dict[str, Any] = {"repository": about, "sender": {"login": "ada"}}
        pull_request = self.kind == "pull_request"
        if pull_request:
            source = {"full_name": f"somebody/{name}" if self.fork else repository, "fork": self.fork}
            head = {"ref": self.branch, "sha": HEAD, "repo": source}
            payload |= {"action": "synchronize", "number": self.number}
            payload["pull_request"] = {"number": self.number, "draft": False, "base": {"ref": MAIN}, "head": head}
        else:
            payload |= {"ref": self.ref, "after": self.sha, "deleted": False, "forced": False, "created": False}
        github = {"actor": "ada", "triggering_actor": "ada", "run_id": "1001", "run_number": "7", "run_attempt": "1"}
        github |= {"ref_protected": "false", "workspace": "/home/runner/work", "token": "⟨github.token⟩"}
        event = "pull_request" if pull_request else "push"
        return Run(event, self.ref, self.sha, NOW, payload, MAIN, repository, github)

    def variables(self, group: str, project: str) -> dict[str, str]:
        """GitLab's variables.

        Source: https://docs.gitlab.com/ci/variables/predefined_variables/
        """
        path = f"{group}/{project}"
        predefined = {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_DEFAULT_BRANCH": MAIN,
            "CI_COMMIT_SHA": self.sha,
            "CI_COMMIT_SHORT_SHA": self.sha[:8],
            "CI_REGISTRY": "registry.gitlab.com",
            "CI_REGISTRY_IMAGE": f"registry.gitlab.com/{path}",
            "CI_REGISTRY_USER": "gitlab-ci-token",
            "CI_REGISTRY_PASSWORD": "⟨CI_REGISTRY_PASSWORD⟩",
            "CI_JOB_TOKEN": "⟨CI_JOB_TOKEN⟩",
            "CI_JOB_ID": "2001",
            "CI_PROJECT_ID": "3001",
            "CI_SERVER_HOST": "gitlab.com",
            "CI_SERVER_URL": "https://gitlab.com",
            "CI_API_V4_URL": "https://gitlab.com/api/v4",
            "CI_PROJECT_URL": f"https://gitlab.com/{path}",
            "CI_COMMIT_TIMESTAMP": "2026-09-01T12:00:00+00:00",
            "CI_COMMIT_TITLE": "Faster",
            "CI_COMMIT_MESSAGE": "Faster",
            "CI_COMMIT_BEFORE_SHA": HEAD,
            "CI_COMMIT_REF_PROTECTED": "true" if self.kind == "main" else "false",
            "GITLAB_USER_LOGIN": "ada",
            "CI_PROJECT_NAME": project,
            "CI_PROJECT_NAMESPACE": group,
            "CI_PROJECT_PATH": path,
            "CI_PROJECT_DIR": f"/builds/{path}",
            "CI_PIPELINE_ID": "1001",
            "CI_PIPELINE_IID": "7",
            "CI_PIPELINE_SOURCE": "push",
            "CI_DEPENDENCY_PROXY_GROUP_IMAGE_PREFIX": f"gitlab.com:443/{group}/dependency_proxy/containers",
        }
        name = {"main": MAIN, "branch": self.branch, "pull_request": self.branch}.get(self.kind, f"v{self.version}")
        predefined |= {"CI_COMMIT_REF_NAME": name, "CI_COMMIT_REF_SLUG": name.replace("/", "-").replace(".", "-")}
        if self.kind == "pull_request":
            predefined |= {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": str(self.number)}
            predefined |= {"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": name, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": MAIN}
        elif self.kind in ("main", "branch"):
            predefined["CI_COMMIT_BRANCH"] = name
        else:
            predefined["CI_COMMIT_TAG"] = name
        return predefined


def predicted(parameters: Mapping[str, Any]) -> dict[str, Event]:
    """The four events of the predictions, by the key of the answer."""
    sha, number = str(parameters["commit"]), int(parameters["pull_request"])
    return {
        "main": Event("main", sha),
        "release": Event("release", sha, str(parameters["version"])),
        "candidate": Event("candidate", sha, str(parameters["candidate"])),
        "pull_request": Event("pull_request", sha, number=number, branch="fix-typo"),
    }


def events(parameters: Mapping[str, Any]) -> list[Event]:
    """Every event that a workflow or pipeline is judged by: the four that are shown, and others of their kinds."""
    shown = list(predicted(parameters).values())
    return shown + [Event(**entry, shown=False) for entry in parameters["_more"]]


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, a model, rules for its tags, the inherited tag rules, a commit and versions."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    model = draw.choice("model", MODELS)
    spec = Spec.drawn(draw)
    major, minor, patch = draw.integer("major", 1, 7), draw.integer("minor", 2, 14), draw.integer("patch", 1, 9)
    label = draw.choice("label", ("rc", "beta", "alpha"))
    return {
        "team": team,
        "model": model,
        "repository": f"{team}/{model}",
        "image": f"ghcr.io/{team}/{model}",
        "commit": draw.hex("commit", 40),
        "version": f"{major}.{minor}.{patch}",
        "candidate": f"{major}.{minor + 1}.0-{label}.{draw.integer('candidate', 1, 5)}",
        "pull_request": draw.integer("pull request", 12, 480),
        "tag_rules": inherited_rules(draw),
        "rules": spec.rules(),
        "gitlab_image": f"$CI_REGISTRY_IMAGE/{model}",
        "gitlab_prefix": draw.choice("gitlab prefix", ("build-", "ci-", "c-")),
        "_spec": spec.as_parameter(),
        "_more": [
            {"kind": "release", "sha": draw.hex("commit 2", 40), "version": f"{major + 1}.0.0"},
            {"kind": "candidate", "sha": draw.hex("commit 3", 40), "version": f"{major + 1}.1.0-preview.3"},
            {"kind": "main", "sha": draw.hex("commit 4", 40)},
            {"kind": "branch", "sha": draw.hex("commit 5", 40), "branch": "feature/faster"},
            {"kind": "pull_request", "sha": draw.hex("commit 6", 40), "number": 900, "fork": True, "branch": MAIN},
        ],
    }


def inherited_rules(draw: SeededRandom) -> list[str]:
    """The tag rules of the inherited step: valid, and not what the team wants."""
    numbers = draw.choice("inherited numbers", ("{{major}}.{{minor}}", "{{major}}"))
    sha = draw.choice("inherited sha", ("type=sha", "type=sha,prefix=", "type=sha,format=long"))
    latest = draw.choice(
        "inherited latest", ("type=edge", "type=raw,value=latest,enable={{is_default_branch}}", "type=raw,value=newest")
    )
    lines = ["type=semver,pattern={{version}}", f"type=semver,pattern={numbers}", sha, latest]
    return ["type=ref,event=branch", "type=ref,event=pr", *draw.shuffle("inherited order", lines)]
