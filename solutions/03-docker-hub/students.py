"""The scripted students of lab 03: what each does, and what each must get."""

from __future__ import annotations

import json
from typing import Any

from autograder.quality.samples import Scripted, Stage, copied, header, nothing, perfect, rewrite


def pushed_only(s: Stage) -> None:
    """Makes the token and pushes, and comes no further."""
    s.run(s.mixed("make-token", "push-tags"))
    s.submit()


def change(notebook: Any, cell_id: str, *pairs: tuple[str, str]) -> None:
    """Replace texts in a cell; each must be there."""
    for cell in notebook.cells:
        if cell.id == cell_id:
            for old, new in pairs:
                assert old in cell.source, f"{old} is not in {cell_id}"
                cell.source = cell.source.replace(old, new)


def careless(s: Stage) -> None:
    """Too much right, no end, two builds, GET for HEAD, a public repository, and the server's token goes."""
    notebook = s.solved()
    change(notebook, "make-token", ("--scope write --expires 30d", "--scope delete --expires never"))
    change(
        notebook,
        "push-tags",
        (
            "!docker tag {IMAGE}:{me.version} {IMAGE}:{me.moving}\n",
            "!docker build --tag {IMAGE}:{me.moving} ml-model\n",
        ),
    )
    change(notebook, "go-private", (" --private", ""))
    change(notebook, "revoke-token", ("revoke {me.laptop}", "revoke {me.server}"))
    s.run(notebook)
    s.submit()


def almost(s: Stage) -> None:
    """Everything but two things: looks with GET, and gives the server a token that may push."""
    notebook = s.solved()
    change(notebook, "read-limit", ('ask("HEAD", me.version)', 'ask("GET", me.version)'))
    change(notebook, "revoke-token", ("--scope read", "--scope write"))
    s.run(notebook)
    s.submit()


def forged(s: Stage) -> None:
    """Does the first two tasks, then writes a state of the emulator that only looks like one."""
    s.run(s.mixed("make-token", "push-tags"))
    zipped = s.submit()

    def forge(content: dict[str, bytes]) -> None:
        document = json.loads(content["evidence/dockerhub.json"])
        document["settings"]["tokens"] = [{"name": s.me["server"], "owner": s.me["namespace"], "scopes": "repo:read"}]
        content["evidence/dockerhub.json"] = json.dumps(document).encode()
        header(content)

    rewrite(zipped, forge)


ANOTHER_TOKEN = """
made = json.loads(
    subprocess.run(
        ["course", "hub", "token", "create", me.laptop, "--user", me.namespace]
        + ["--scope", "write", "--expires", "7d", "--json"],
        capture_output=True,
        text=True,
    ).stdout
)
token = made["secret"]
folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
config = json.loads((folder / "config.json").read_text()) if (folder / "config.json").exists() else {}
auth = base64.b64encode(f"{me.namespace}:{token}".encode()).decode()
config.setdefault("auths", {})[DOCKERHUB] = {"auth": auth}
(folder / "config.json").write_text(json.dumps(config))
"""
ANOTHER_PUSH = """
IMAGE, LOCAL = f"{DOCKERHUB}/{me.repository}", f"ml-model:lab-{me.namespace}"
LOGIN = f"--dest-tls-verify=false --authfile {folder}/config.json"
!docker build --tag {LOCAL} --build-arg MODEL_VERSION={me.version} --build-arg OWNER={me.team} ml-model
for tag in (me.moving, me.version, "latest"):
    !skopeo copy --quiet --format oci {LOGIN} docker-daemon:{LOCAL} docker://{IMAGE}:{tag}
!docker image rm {LOCAL}
"""
ANOTHER_REFUSAL = """
INTERNAL = f"{DOCKERHUB}/{me.internal}:{me.version}"
!course hub repository create {me.internal}
!course hub repository visibility {me.internal} private
!skopeo copy --quiet --src-tls-verify=false {LOGIN} docker://{IMAGE}:{me.version} docker://{INTERNAL}
answer_ = http.get(f"http://{DOCKERHUB}/v2/{me.internal}/manifests/{me.version}")
refusal = f"{answer_.status_code} {answer_.text}"
answer("refusal", refusal)
"""
ANOTHER_PULL = "!skopeo inspect --tls-verify=false --authfile {folder}/config.json docker://{IMAGE}:{me.version}\n"


def another_way(s: Stage) -> None:
    """A login written by hand, skopeo and OCI media types, a repository made private later; and everything twice."""
    notebook = s.solved()
    for cell in notebook.cells:
        if cell.id == "make-token":
            cell.source = ANOTHER_TOKEN
        if cell.id == "push-tags":
            cell.source = ANOTHER_PUSH
        if cell.id == "go-private":
            cell.source = ANOTHER_REFUSAL
    change(
        notebook,
        "read-limit",
        ("!docker image rm {IMAGE}:{me.version} {IMAGE}:{me.moving}\n", ""),
        ("!docker pull {IMAGE}:{me.version}\n", ANOTHER_PULL),
    )
    change(notebook, "revoke-token", ("!course hub token revoke {me.laptop}", "!course hub token revoke {made['id']}"))
    s.run(notebook)
    s.run(notebook)
    s.submit()


STUDENTS = [
    Scripted("ada", "does everything as the lesson shows it", perfect, passes="all"),
    Scripted("ben", "pushes both tags, and stops", pushed_only, passes=("token", "tags", "own-namespace")),
    Scripted("cem", "hands in ada's work under an own name", copied, says={"": "ada"}, after=("ada",)),
    Scripted("fay", "runs the notebook as it came", nothing),
    Scripted(
        "gus",
        "pushes, then forges the state of the emulator",
        forged,
        says={"token": "not in the form"},
    ),
    Scripted(
        "hana",
        "gives every token too much, and revokes the wrong one",
        careless,
        passes=("stored", "limit", "counted"),
        says={"token": "read, write and delete", "tags": "two different images", "private": "public"},
    ),
    Scripted(
        "ivo",
        "looks with GET, and lets the server push",
        almost,
        passes=("token", "tags", "own-namespace", "stored", "limit", "private", "refused"),
        says={"counted": "HEAD", "revoked": "read and write"},
    ),
    Scripted(
        "jun",
        "takes another way: a login by hand, skopeo, OCI media types, twice",
        another_way,
        passes="all",
    ),
]
