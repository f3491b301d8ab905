"""The scripted students of lab 04: what each does, and what each must get. What people grade by hand is not in it."""

from __future__ import annotations

from typing import Any

from autograder.quality.samples import Scripted, Stage, copied, nothing, perfect

POLICY = """**Stay:** exact versions and commit tags, set once by CI. **Move:** the minor tag and the tag of the newest
release, by the newest stable version, never by a pre-release. We deploy by digest, since a version tag can be pushed
again. To go live, the digest behind staging goes under the region's tag; the old digest is noted before. Back is the
same step."""


def released(s: Stage) -> None:
    """Releases, and stops before the first promotion; writes a policy of some words."""
    notebook = s.mixed("task-release-tags", "release")
    _replace(notebook, "policy", POLICY)
    s.run(notebook)
    s.submit()


def last_wins(s: Stage) -> None:
    """Tells the function nothing of what was published, so that every release moves every floating tag."""
    notebook = s.solved()
    _change(notebook, "release", "published.append(version)", "...")
    s.run(notebook)
    s.submit()


KIT = """
def release_tags(version, commit, branch, published):
    from autograder.domain import tags

    return sorted(tags.release_tags(version, commit, branch=branch, published=published).all)
"""


def borrowed(s: Stage) -> None:
    """Calls the kit's own function, in the task and for the releases."""
    notebook = s.solved()
    _replace(notebook, "task-release-tags", KIT)
    s.run(notebook)
    s.submit()


def rebuilt(s: Stage) -> None:
    """Builds each release a second time for production."""
    notebook = s.solved()
    again = """
def point(tag, digest):
    known = {digest_behind(release["version"]): release for release in me.releases}
    release = known[digest]
    version, commit, created = release["version"], release["commit"], release["created"]
    key = "org.opencontainers.image"
    !docker build --quiet --no-cache --tag {REGISTRY}/{me.repository}:{tag} --label {key}.version={version} --label {key}.revision={commit} --label {key}.created={created} image
    !docker push --quiet {REGISTRY}/{me.repository}:{tag}

for region, now, before in ((me.region_stays, newest, fix), (me.region_back, fix, newest)):
    point(region, now)
    point(f"{region}-previous", before)
"""  # noqa: E501
    _replace(notebook, "promote", again)
    _replace(notebook, "back", "")
    s.run(notebook)
    s.submit()


def short_label(s: Stage) -> None:
    """Puts the shortened commit id into the label."""
    notebook = s.solved()
    _change(notebook, "release", "revision={commit}", "revision={commit[:12]}")
    s.run(notebook)
    s.submit()


def wrapped(s: Stage) -> None:
    """Promotes as buildx imagetools does by default: a new index around the single manifest."""
    notebook = s.solved()
    wrapping = """
import json

def point(tag, digest):
    manifest = http.get(f"{manifests}/{digest}", headers={"Accept": ACCEPT})
    kind, size = manifest.headers["Content-Type"], len(manifest.content)
    child = {"mediaType": kind, "digest": digest, "size": size, "platform": {"os": "linux", "architecture": "amd64"}}
    media_type = "application/vnd.oci.image.index.v1+json"
    index = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": [child]})
    http.put(f"{manifests}/{tag}", data=index, headers={"Content-Type": media_type}).raise_for_status()

"""
    _change(notebook, "promote", "for region in", wrapping + "for region in")
    s.run(notebook)
    s.submit()


OTHER = '''
def release_tags(version, commit, branch, published):
    """Newest of each group, without regular expressions."""
    rules = me._spec
    found = {rules["commit"] + commit[: rules["digits"]]}
    if version is None:
        text = "".join(c if c in "abcdefghijklmnopqrstuvwxyz0123456789" else " " for c in branch.lower())
        edge = (rules["dash"] if text[:1] == " " else "", rules["dash"] if text[-1:] == " " else "")
        slug = edge[0] + rules["dash"].join(text.split()) + edge[1]
        return sorted(found | {rules["branch"] + slug[: rules["length"]].strip(rules["dash"])})
    found.add(version.replace("+", rules["plus"]))
    if "+" in version:
        return sorted(found)
    if "-" in version:
        core, label = version.split("-", 1)
        line = ".".join(core.split(".")[:2]) + "-" + label.split(".")[0]
        return sorted(found | {"next": {"next"}, "line": {line}, "nothing": set()}[rules["candidate"]])
    key = lambda text: [int(part) for part in text.split(".")]
    stable = [other for other in [version, *published] if "-" not in other and "+" not in other]
    groups = {rules["newest"]: 0, ".".join(version.split(".")[:2]): 2}
    if rules["major"] and key(version)[0] > 0:
        groups[version.split(".")[0]] = 1
    for tag, length in groups.items():
        line = [key(other) for other in stable if key(other)[:length] == key(version)[:length]]
        if max(line) == key(version):
            found.add(tag)
    return sorted(found)
'''


def another_way(s: Stage) -> None:
    """Another function, OCI manifests, skopeo instead of docker push and of requests; everything twice."""
    notebook = s.solved()
    _replace(notebook, "task-release-tags", OTHER)
    copy = "!skopeo copy --quiet --all --src-tls-verify=false --dest-tls-verify=false"
    _change(
        notebook,
        "release",
        "    for tag in",
        f"    {copy} --format oci docker-daemon:{{image}} docker://{{image}}\n    for tag in",
    )
    _change(notebook, "release", "        !docker tag {image} {REGISTRY}/{me.repository}:{tag}\n", "")
    _change(
        notebook,
        "release",
        "        !docker push --quiet {REGISTRY}/{me.repository}:{tag}",
        f"        {copy} docker://{{image}} docker://{{REGISTRY}}/{{me.repository}}:{{tag}}",
    )
    _change(
        notebook,
        "stage",
        "newest, candidate, fix",
        "def point(tag, digest):\n    "
        f"{copy} docker://{{REGISTRY}}/{{me.repository}}@{{digest}} docker://{{REGISTRY}}/{{me.repository}}:{{tag}}\n\n"
        "newest, candidate, fix",
    )
    s.run(notebook)
    s.run(notebook)
    s.submit()


def _replace(notebook: Any, id: str, source: str) -> None:
    [cell] = [cell for cell in notebook.cells if cell.id == id]
    cell.source = source


def _change(notebook: Any, id: str, old: str, new: str) -> None:
    [cell] = [cell for cell in notebook.cells if cell.id == id]
    assert old in cell.source, (id, old)
    cell.source = cell.source.replace(old, new, 1)


RELEASED = ("release-tags", "labels", "tag-sets", "floating")
DEPLOYED = ("tested", "promotion", "rollback")

STUDENTS = [
    Scripted("ada", "does everything as the lesson shows it", perfect, passes="all"),
    Scripted("ben", "stops after the releases, and writes a short policy", released, passes=RELEASED),
    Scripted("cem", "hands in ada's work under an own name", copied, says={"": "ada"}, after=("ada",)),
    Scripted(
        "dina",
        "lets every release move every floating tag",
        last_wins,
        passes=("release-tags", "labels", "tag-sets", *DEPLOYED),
        says={"floating": "because it was released last"},
    ),
    Scripted(
        "emil",
        "calls the kit's own function",
        borrowed,
        passes=("labels", *DEPLOYED),
        says={"release-tags": "cannot import the course's own package", "tag-sets": "not there"},
    ),
    Scripted("fay", "runs the notebook as it came", nothing),
    Scripted(
        "gus",
        "builds every release a second time for production",
        rebuilt,
        passes=(*RELEASED, "tested"),
        says={"promotion": "another build of the same release"},
    ),
    Scripted(
        "hana",
        "shortens the commit in the label",
        short_label,
        passes=("release-tags",),
        says={"labels": "a shortened commit id"},
    ),
    Scripted(
        "ivo",
        "promotes with a tool that puts an index around the image",
        wrapped,
        passes=(*RELEASED, "tested"),
        says={"promotion": "an index that a tool has put around the image"},
    ),
    Scripted("jun", "takes another way: skopeo, OCI media types, another function, twice", another_way, passes="all"),
]
