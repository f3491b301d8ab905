"""The scripted students of lab 07: what each does, and what each must get."""

from __future__ import annotations

from autograder.quality.samples import Scripted, Stage, copied, nothing, perfect


def half(s: Stage) -> None:
    """Pushes and locks the release and translates the names, and gets no further."""
    s.run(s.mixed("push", "protect", "migrate"))
    s.submit()


def classic_mistakes(s: Stage) -> None:
    """Forgets Google's repository in names, leaves out a Keep and the anchors, and lets the token push as well."""
    notebook = s.solved()
    changes = {
        "migrate": ("/{me.new_repository}", ""),
        "clean-google": ('    {"name": "candidates-stay", "action": {"type": "Keep"}, "condition": candidates},\n', ""),
        "clean-azure": (":^{me.prefix}[0-9]+$", ":{me.prefix}.*"),
        "device": ("content/read", "content/read --repository {me.repository} content/write"),
    }
    for cell in notebook.cells:
        if cell.id in changes:
            old, new = changes[cell.id]
            assert old in cell.source
            cell.source = cell.source.replace(old, new)
    s.run(notebook)
    s.submit()


def two_builds(s: Stage) -> None:
    """Builds once for each cloud, with another layer in the second, locks nothing and leaves a dry run."""
    notebook = s.solved()
    changes = {
        "push": (
            "!docker tag {google} {azure}",
            "!docker build --quiet --tag {azure} --build-arg OWNER={me.team} --label cloud=azure release",
        ),
        "protect": ("!course acr repository update {me.repository}:{me.version} --write-enabled false", "pass"),
        "clean-google": ("--no-dry-run", "--dry-run"),
        "clean-azure": ("--untagged", "--untagged --dry-run"),
        "device": (" --expires 30d", ""),
    }
    for cell in notebook.cells:
        if cell.id in changes:
            old, new = changes[cell.id]
            assert old in cell.source
            cell.source = cell.source.replace(old, new)
    s.run(notebook)
    s.submit()


COPY = """
!course artifact-registry repositories create models --project {me.project} --location {me.location} --immutable-tags
google = f"{ARTIFACT_REGISTRY}/{me.project}/models/ml-model:{me.version}"
azure = f"{ACR}/{me.repository}:{me.version}"
!course acr login | docker login -u 00000000-0000-0000-0000-000000000000 --password-stdin {ACR}
!docker build --quiet --tag {azure} --build-arg OWNER={me.team} release
!docker push --quiet {azure}
first = !course acr login
second = !course artifact-registry print-access-token
!skopeo copy --quiet --all --src-tls-verify=false --dest-tls-verify=false \
--src-creds 00000000-0000-0000-0000-000000000000:{first[-1]} --dest-creds oauth2accesstoken:{second[-1]} \
docker://{azure} docker://{google}
"""
SECONDS = """
day = 24 * 60 * 60
policy = [
    {"name": "newest", "action": {"type": "KEEP"}, "mostRecentVersions": {"keepCount": me.newest}},
    {"name": "candidates", "action": {"type": "KEEP"},
     "condition": {"tagState": "TAGGED", "tagPrefixes": ["candidate-"]}},
    {"name": "builds", "action": {"type": "DELETE"},
     "condition": {"tagState": "TAGGED", "tagPrefixes": [me.prefix], "olderThan": f"{me.days * day}s"}},
    {"name": "rest", "action": {"type": "DELETE"},
     "condition": {"tagState": "UNTAGGED", "olderThan": f"{me.untagged_days * day}s"}},
]
Path("policy.json").write_text(json.dumps(policy))
!course artifact-registry repositories create dev --project {me.project} --location {me.location}
!course artifact-registry repositories set-cleanup-policies dev --project {me.project} --policy policy.json --no-dry-run
"""
WRAPPED = r"""
inner = f"acr purge --untagged --ago {me.days * 24}h --filter '{me.repository}:^{me.prefix}\\d+$'"
answer("purge", inner)
"""


def another_way(s: Stage) -> None:
    """Copies from cloud to cloud with skopeo, writes the policy in seconds and the purge in hours."""
    notebook = s.solved()
    others = {"push": COPY, "clean-google": SECONDS, "clean-azure": WRAPPED}
    for cell in notebook.cells:
        cell.source = others.get(cell.id, cell.source)
    s.run(notebook)
    s.submit()


STUDENTS = [
    Scripted("ada", "does everything as the solution does", perfect, passes="all"),
    Scripted("ben", "pushes, locks and translates, and gets no further", half, passes=("same-image", "lock", "names")),
    Scripted("cem", "hands in ada's work under an own name", copied, says={"": "ada"}, after=("ada",)),
    Scripted("fay", "runs the notebook as it came", nothing),
    Scripted(
        "hana",
        "makes four classic mistakes",
        classic_mistakes,
        passes=("same-image", "lock"),
        says={
            "names": "the repository is missing",
            "cleanup-policy": "an old build that is a candidate",
            "purge": "would lose a tag that must stay",
            "token": "content/write",
        },
    ),
    Scripted(
        "ivo",
        "builds twice, locks nothing, and leaves dry runs and a token without an end",
        two_builds,
        passes=("names",),
        says={
            "same-image": "in Artifact Registry and",
            "cleanup-policy": "dry run",
            "purge": "--dry-run",
            "token": "never ends",
        },
    ),
    Scripted("jun", "takes another way: skopeo from cloud to cloud, a policy in seconds", another_way, passes="all"),
]
