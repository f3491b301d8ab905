# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 01: First push
#
# **About 30 minutes, 6 points.** You need a container engine that runs, and the local registry: `course start` has
# started it. Lesson 01 explains every word used here.
#
# Your team's model sorts the messages of a shop's customers into queues. It runs on one laptop. Today it becomes an
# image in a registry: two releases, each under its own tag, and you find out what a release really costs to send.
#
# Every task says what to achieve. The check below it looks at the result, not at the way you took. If you are stuck,
# `hint("first-push")` gives the first of three hints for that check. Tasks marked *core* come first when your time is
# short.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import hashlib
import json
import time
from pathlib import Path

import requests

from autograder.notebook import REGISTRY, answer, check, hint, me

me

# %% [markdown] id="values"
# These values are yours alone. Use them by name: in Python as `me.repository`, and in a line that begins with `!` as
# `{me.repository}`. Such a line runs a command: `!docker version` asks your engine for its version.
#
# Three names for talking HTTP: `http` asks without a proxy, `ACCEPT` names the forms of manifest that you understand,
# and `ask` sends JSON to a server that may still be starting.

# %% nbgrader={"grade": false, "grade_id": "helpers", "locked": true, "schema_version": 3, "solution": false, "task": false}
http = requests.Session()
http.trust_env = False  # nothing here leaves your machine, so no proxy has to see it

ACCEPT = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)


def ask(url, body, seconds=20):
    """The JSON that a server answers to a POST; waits while it starts."""
    end = time.monotonic() + seconds
    while True:
        try:
            return http.post(url, json=body, timeout=5).json()
        except requests.ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


# %% [markdown] id="task-1"
# ## 1 Push the first release
#
# *5 minutes · core*
#
# The folder `ml-model` beside this notebook holds a server, its trained weights (8 MiB) and a `Dockerfile`. Look at the
# `Dockerfile` first.
#
# **Achieve:** the image is in the registry at `REGISTRY`, in the repository `me.repository`, under the tag `me.v1`.
# Its label `org.opencontainers.image.version` says `me.v1`, and its label `course.owner` says `me.team`.
#
# Watch the output of the push: one line a layer.

# %% nbgrader={"grade": false, "grade_id": "push-v1", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Build the image, then push it.
### BEGIN SOLUTION
code = Path("ml-model/app/answer.py")
line = f'        "{me.field}": prediction["runner_up"],\n'
code.write_text(code.read_text(encoding="utf-8").replace(line, ""), encoding="utf-8", newline="\n")
# !docker build --tag {REGISTRY}/{me.repository}:{me.v1} --build-arg MODEL_VERSION={me.v1} --build-arg OWNER={me.team} ml-model
# !docker push {REGISTRY}/{me.repository}:{me.v1}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "first-push", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("first-push")

# %% [markdown] id="task-2"
# ## 2 Read the manifest and compute its digest
#
# *5 minutes · core*
#
# A registry speaks HTTP. Everything a push stored can be read back under `http://REGISTRY/v2/`.
#
# **Achieve:** `v1_digest` is the digest of the manifest behind the tag `me.v1`, computed by you from what the registry
# sends. Print the manifest as well and find the layer with the weights.
#
# *What your engine pushed decides what you see.* From this notebook a push of yours sends one manifest. If you built in
# another terminal, with Docker 29 or newer, it sent an **index**: a list of manifests, one a platform, and one of
# platform `unknown/unknown` with facts about the build. (Here `BUILDX_NO_DEFAULT_ATTESTATIONS=1` keeps it out; lab 11
# looks at it.) The tag then points at the index, and its digest is the index's. Both are right here.

# %% nbgrader={"grade": false, "grade_id": "digest-of-v1", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Ask the registry for the manifest and compute v1_digest.
### BEGIN SOLUTION
response = http.get(f"http://{REGISTRY}/v2/{me.repository}/manifests/{me.v1}", headers={"Accept": ACCEPT})
v1_digest = "sha256:" + hashlib.sha256(response.content).hexdigest()
print(json.dumps(response.json(), indent=2))
### END SOLUTION
answer("v1_digest", v1_digest)

# %% nbgrader={"grade": true, "grade_id": "digest", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("digest")

# %% [markdown] id="task-3"
# ## 3 Release a change
#
# *5 minutes · core*
#
# The shop wants to know which queue came second. The model knows it already (`prediction["runner_up"]`), but the server
# does not pass it on. `ml-model/app/answer.py` decides what a caller sees.
#
# **Achieve:** the answer has one more field, called what `me.field` says, that holds the runner-up. The changed image
# is in the same repository under the tag `me.v2`, with `me.v2` in its version label and your team as its owner. The
# first release stays as it is.
#
# Edit the file in JupyterLab or from the cell, as you like. Watch the push again: what does it send this time?
#
# From here on leave the cell of task 1 alone. Run again, it would build the new code under the old tag.

# %% nbgrader={"grade": false, "grade_id": "push-v2", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Change ml-model/app/answer.py, then build and push the second release.
### BEGIN SOLUTION
version_line = '        "version": version,\n'
code.write_text(
    code.read_text(encoding="utf-8").replace(version_line, line + version_line), encoding="utf-8", newline="\n"
)
# !docker build --tag {REGISTRY}/{me.repository}:{me.v2} --build-arg MODEL_VERSION={me.v2} --build-arg OWNER={me.team} ml-model
# !docker push {REGISTRY}/{me.repository}:{me.v2}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "both-tags", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("both-tags")

# %% nbgrader={"grade": true, "grade_id": "shared-layers", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("shared-layers")

# %% [markdown] id="task-4"
# ## 4 Predict what a push sends
#
# *6 minutes*
#
# You have seen that the second push was quick. Now say why, in numbers.
#
# **Achieve:** `bytes_to_push(old_manifest, new_manifest)` returns how many bytes of blobs a push of the new image sends
# to a repository that holds the old image and nothing else. Both arguments are manifests of one platform, as dicts;
# `old_manifest` is `None` when the repository is still empty. Blobs are config and layers; the manifest itself is always
# sent and does not count.
#
# The cell must stand on its own: it is run by itself, on inputs that you see and on others that you do not see.


# %% nbgrader={"grade": false, "grade_id": "task-bytes-to-push", "locked": false, "schema_version": 3, "solution": true, "task": false} tags=["task:bytes_to_push"]
def bytes_to_push(old_manifest, new_manifest):
    """Bytes of the blobs that the new image has and the old one has not."""
    ### BEGIN SOLUTION
    there = set()
    if old_manifest is not None:
        there = {blob["digest"] for blob in [old_manifest["config"], *old_manifest["layers"]]}
    sizes = {blob["digest"]: blob["size"] for blob in [new_manifest["config"], *new_manifest["layers"]]}
    return sum(size for digest, size in sizes.items() if digest not in there)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "bytes-to-push", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("bytes-to-push")

# %% [markdown] id="task-4b"
# **Achieve:** `v2_bytes` is what your function says of your own two releases. Where the tag points at an index, take the
# manifest of a platform: it is under `/manifests/` as well, by the digest that the index gives.


# %% nbgrader={"grade": false, "grade_id": "bytes-of-v2", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Read both manifests from the registry and compute v2_bytes.
### BEGIN SOLUTION
def image_manifest(reference):
    found = http.get(f"http://{REGISTRY}/v2/{me.repository}/manifests/{reference}", headers={"Accept": ACCEPT}).json()
    if "manifests" in found:
        child = next(child for child in found["manifests"] if child["platform"]["os"] != "unknown")
        return image_manifest(child["digest"])
    return found


v2_bytes = bytes_to_push(image_manifest(me.v1), image_manifest(me.v2))
print(f"{bytes_to_push(None, image_manifest(me.v2)):,} bytes in all, {v2_bytes:,} of them new")
### END SOLUTION
answer("v2_bytes", v2_bytes)

# %% nbgrader={"grade": true, "grade_id": "v2-bytes", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("v2-bytes")

# %% [markdown] id="task-5"
# ## 5 Pull by digest, and ask the model
#
# *3 minutes · core*
#
# A tag can be moved while you read this. A server in production is told exactly which image to run: by digest.
#
# **Achieve:** `v2_reference` is the full reference of the second release, with the digest in the place of the tag.
# Remove the image from your engine, then pull it again by that reference.

# %% nbgrader={"grade": false, "grade_id": "pull-v2", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Put v2_reference together, remove the local image, pull by digest.
### BEGIN SOLUTION
response = http.get(f"http://{REGISTRY}/v2/{me.repository}/manifests/{me.v2}", headers={"Accept": ACCEPT})
v2_reference = f"{REGISTRY}/{me.repository}@sha256:{hashlib.sha256(response.content).hexdigest()}"
# !docker rm --force {me.container}
# !docker image rm {REGISTRY}/{me.repository}:{me.v2}
# !docker pull {v2_reference}
### END SOLUTION
answer("v2_reference", v2_reference)

# %% nbgrader={"grade": true, "grade_id": "by-digest", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("by-digest")

# %% [markdown] id="task-5b"
# ### Run that very image
#
# *3 minutes*
#
# **Achieve:** a container of that very image runs under the name `me.container`, and `prediction` is what its
# `POST /predict` answers to `{"text": me.message}`: the whole JSON object.
#
# The server listens on port 8080 inside the container. Publish it on a free port of the loopback address.

# %% nbgrader={"grade": false, "grade_id": "predict", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Run the image, find its address, and ask for a prediction.
### BEGIN SOLUTION
# !docker run --detach --name {me.container} --publish 127.0.0.1::8080 {v2_reference}
# address = !docker port {me.container} 8080
prediction = ask(f"http://{address[0]}/predict", {"text": me.message})
### END SOLUTION
answer("prediction", prediction)

# %% nbgrader={"grade": true, "grade_id": "prediction", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("prediction")

# %% [markdown] id="task-6"
# ## 6 The smallest image
#
# *3 minutes*
#
# The folder `hello` holds a `Dockerfile` that begins with `FROM scratch`, and a greeting that is not yours yet.
#
# **Achieve:** an image `me.hello` under the tag `me.hello_tag` is in the registry. Its one file, `greeting.txt`, says
# `me.greeting`. This image is so small that it travels with your submission: the grader loads it into a registry of its
# own and pulls it back.

# %% nbgrader={"grade": false, "grade_id": "push-hello", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Write the greeting, build hello, push it.
### BEGIN SOLUTION
Path("hello/greeting.txt").write_text(me.greeting + "\n", encoding="utf-8", newline="\n")
# !docker build --tag {REGISTRY}/{me.hello}:{me.hello_tag} --build-arg OWNER={me.team} hello
# !docker push {REGISTRY}/{me.hello}:{me.hello_tag}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "hello", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("hello")

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything once more. Then save the notebook and write your submission in a terminal of
# JupyterLab (File, New, Terminal):
#
# ```
# course submit 01-first-push
# ```
#
# The container may go when you have its answer: `docker rm --force` and its name. The images in the registry stay; the
# check needs them until you have submitted.
