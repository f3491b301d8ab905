# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 11: Platforms and artifacts
#
# **About 30 minutes, 4 points.** You need a container engine that runs, and the local registry: `course start` has
# started it. Lesson 11 explains every word used here. The lab is not on the core path.
#
# Your team's servers move to Arm, one after the other. From today one tag serves both kinds of machine, you can say
# which image each of them gets, and a list of parts stands beside it.
#
# You need neither Buildx nor another processor. With Buildx it works as well: the checks look at what is in the
# registry. `hint("index")` gives the first of three hints for that check.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import json
import os
from pathlib import Path

from oci import OCI, Repository

from autograder.notebook import REGISTRY, answer, check, hint, me

me

# %% [markdown] id="values"
# These values are yours alone. `me.lines` is a dict, `me.entries` a list of dicts.
#
# `oci.py` beside this notebook is the small module of lesson 11: `Repository(address)` has `get(tag or digest)`, which
# gives a document and its descriptor, and `put(document, tag)`. `OCI` is how the media types begin.

# %% [markdown] id="task-1"
# ## 1 One tag, two platforms
#
# *11 minutes*
#
# The folder `note` holds a `Dockerfile` that copies one file, `platform.txt`. Nothing in it has to run, so your engine
# can build it for any platform.
#
# **Achieve:** in the registry at `REGISTRY`, in `me.repository`, the tag `me.tag` points at an index with an image for
# `linux/amd64` and one for `linux/arm64`. In each image, `platform.txt` says the line that `me.lines` has for that
# architecture. Further tags and attestations may be there as well.

# %% nbgrader={"grade": false, "grade_id": "two-platforms", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Build for both platforms, push, and make the index.
### BEGIN SOLUTION
note = Repository(f"{REGISTRY}/{me.repository}")
entries = []
for architecture, line in me.lines.items():
    Path("note/platform.txt").write_text(line + "\n", encoding="utf-8", newline="\n")
    name = f"{REGISTRY}/{me.repository}:{me.tag}-{architecture}"
    # !docker build --quiet --no-cache --platform linux/{architecture} --tag {name} note
    # !docker push --quiet {name}
    document, found = note.get(f"{me.tag}-{architecture}")
    platform = {"os": "linux", "architecture": architecture}
    entries += document.get("manifests") or [{**found, "platform": platform}]

index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": entries}
print(note.put(index, me.tag)["digest"])
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "index", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("index")

# %% nbgrader={"grade": true, "grade_id": "content", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("content")

# %% [markdown] id="task-2"
# ## 2 What an Arm machine gets
#
# *4 minutes*
#
# Tomorrow's first Arm server reports a digest, and it will not be the one you deployed by.
#
# **Achieve:** `arm64` is the digest of the manifest that an arm64 machine takes when it pulls `me.tag`. Read it from the
# registry.

# %% nbgrader={"grade": false, "grade_id": "read-index", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Read the index behind me.tag and find arm64.
### BEGIN SOLUTION
document, found = note.get(me.tag)
arm64 = next(each["digest"] for each in document["manifests"] if each["platform"]["architecture"] == "arm64")
### END SOLUTION
answer("arm64", arm64)

# %% nbgrader={"grade": true, "grade_id": "read", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("read")

# %% [markdown] id="task-3"
# ## 3 Images and notes about images
#
# *9 minutes*
#
# A builder may add a note on how it built an image: an **attestation**. See one of your own first. The next cell builds the
# same file twice, with such a note (*provenance*) and without, pushes both, and shows what each tag points at. It runs as it
# stands and gives no points.

# %% nbgrader={"grade": false, "grade_id": "look-at-notes", "locked": true, "schema_version": 3, "solution": false, "task": false}
Path("look").mkdir(exist_ok=True)
Path("look/Dockerfile").write_text("FROM scratch\nCOPY look.txt /\n", encoding="utf-8", newline="\n")
Path("look/look.txt").write_text("built twice\n", encoding="utf-8", newline="\n")
mine, switch = Repository(f"{REGISTRY}/{me.repository}"), "BUILDX_NO_DEFAULT_ATTESTATIONS"
usual = os.environ.get(switch, "0")
for tag, without in (("look-with-note", "0"), ("look-without", "1")):
    os.environ[switch] = without
    # !docker build --quiet --tag {REGISTRY}/{me.repository}:{tag} look
    # !docker push --quiet {REGISTRY}/{me.repository}:{tag}
    pointed, its = mine.get(tag)
    print(f"{tag} points at: {its['mediaType']}, {its['digest'][:19]}…")
    for each in pointed.get("manifests", []):
        print(f"  lists {each['digest'][:19]}… for {each['platform']['os']}/{each['platform']['architecture']}")
        for name, value in each.get("annotations", {}).items():
            print(f"    {name}: {value[:30]}")
        manifest, _ = mine.get(each["digest"])
        for layer in manifest["layers"]:
            print(f"    layer: {layer['mediaType']}, {layer['size']} bytes", layer.get("annotations", ""))
os.environ[switch] = usual

# %% [markdown] id="task-3b"
# *If `look-with-note` points at an index*, your engine keeps images as containerd does, as new installations of Docker 29 do.
# The index lists your image and a second manifest of the platform `unknown/unknown`. No machine runs that one: its annotations
# say what it is, and which image it is about, and its layer is a page of JSON (*in-toto*) with the provenance. `look-without`
# points at a single manifest. In a plain terminal your builds come out like the first; in this notebook like the second, since
# it begins with `BUILDX_NO_DEFAULT_ATTESTATIONS=1`. So one Dockerfile has two digests, and neither is wrong.
#
# *If both point at the same single manifest*, your engine has the older image store, or builds without BuildKit. Then it makes
# no such notes, and you meet them in images that others build, as now:
#
# Another team builds with Buildx and sends you the entries of its index: `me.entries`, in no particular order.
#
# **Achieve:** `platforms` is the list of the platforms that this index serves, each written as `"linux/amd64"`, or with
# its variant where it has one, as in `"linux/arm/v7"`. `attestation` is the digest of the attestation about the image for
# `me.asked_platform`.

# %% nbgrader={"grade": false, "grade_id": "tell-apart", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Tell images from attestations.
### BEGIN SOLUTION
KIND, ABOUT = "vnd.docker.reference.type", "vnd.docker.reference.digest"
images = {}
for each in me.entries:
    if KIND not in each.get("annotations", {}):
        platform = each["platform"]
        parts = [platform["os"], platform["architecture"], platform.get("variant")]
        images["/".join(part for part in parts if part)] = each["digest"]
platforms = sorted(images)
about = {each["annotations"][ABOUT]: each["digest"] for each in me.entries if "annotations" in each}
attestation = about[images[me.asked_platform]]
### END SOLUTION
answer("platforms", platforms)
answer("attestation", attestation)

# %% nbgrader={"grade": true, "grade_id": "attestations", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("attestations")

# %% [markdown] id="task-4"
# ## 4 A list of parts, beside the image
#
# *6 minutes*
#
# Security asks what is in the release. The release is out, and its digest must stay as it is.
#
# **Achieve:** an SBOM (CycloneDX or SPDX, as JSON) that names the part `me.part` by its purl is in `me.repository` as an
# artifact whose `subject` is your index, and a client finds it: this registry has no referrers API. A few lines are
# enough for an SBOM; in real life a scanner writes it.

# %% nbgrader={"grade": false, "grade_id": "attach-sbom", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Write the SBOM and attach it to the index.
### BEGIN SOLUTION
part, version = me.part.removeprefix("pkg:pypi/").split("@")
component = {"type": "library", "name": part, "version": version, "purl": me.part}
bom = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [component]}
Path("sbom.json").write_text(json.dumps(bom, indent=2) + "\n", encoding="utf-8", newline="\n")
# !course sbom attach {REGISTRY}/{me.repository}@{found['digest']} sbom.json
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "sbom", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("sbom")

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything once more. Then save the notebook and write your submission in a terminal of
# JupyterLab (File, New, Terminal):
#
# ```
# course submit 11-multi-arch
# ```
#
# The images in the registry stay; the check needs them until you have submitted.
