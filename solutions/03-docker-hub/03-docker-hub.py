# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 03: Docker Hub
#
# **About 35 minutes, 8 points.** You need a container engine that runs, and the emulator of Docker Hub: `course start` has
# started it. Lesson 03 explains every word used here. The lab is not on the core path.
#
# Your team shows its model to the world, and keeps one repository to itself. You give your laptop and a server a token each,
# push, look at what Docker writes down about you, count a pull, and take a token back.
#
# Every task says what to achieve. The checks look at what the emulator holds. If you are stuck, `hint("token")` gives the
# first of three hints for that check.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path

import requests

from autograder.notebook import DOCKERHUB, answer, check, hint, me

me

# %% [markdown] id="values"
# These values are yours alone. Use them by name: in Python as `me.namespace`, and in a line that begins with `!` as
# `{me.namespace}`. `DOCKERHUB` is the emulator's address; image names begin with it, as they would with `docker.io`.
#
# The next cell signs you up: the account `me.namespace` has no password and logs in with access tokens alone. What you would
# click on hub.docker.com, `course hub` does here: `!course hub --help`.
#
# `run(…)` runs a command like a `!` line, and can give it a secret on its standard input, where no list of processes and no
# history shows it: `run("docker", "login", …, secret=token)`. `http` asks without a proxy. `fingerprint(secret)` names a secret
# without giving it away.

# %% nbgrader={"grade": false, "grade_id": "helpers", "locked": true, "schema_version": 3, "solution": false, "task": false}
http = requests.Session()
http.trust_env = False  # nothing here leaves your machine, so no proxy has to see it


def run(*command, secret=None):
    """Run a command, print what it says and return it."""
    done = subprocess.run(
        command, input=secret, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )
    print(done.stdout)
    return done.stdout


def fingerprint(secret):
    """The first 12 hexadecimal digits of a secret's SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


# !course hub account create {me.namespace}

# %% [markdown] id="task-1"
# ## 1 A token for the laptop
#
# *5 minutes*
#
# **Achieve:** your account has an access token called `me.laptop`, which may read and write and no more, and ends in a month
# or sooner. You are logged in at `DOCKERHUB` with it. (A token is shown once: keep it in a variable.)

# %% nbgrader={"grade": false, "grade_id": "make-token", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Make the token and log in.
### BEGIN SOLUTION
# lines = !course hub token create {me.laptop} --user {me.namespace} --scope write --expires 30d
token = lines[-1]
said = run("docker", "login", DOCKERHUB, "--username", me.namespace, "--password-stdin", secret=token)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "token", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("token")

# %% [markdown] id="task-2"
# ## 2 One image, two tags
#
# *8 minutes*
#
# The folder `ml-model` holds the model server that you know from lab 01.
#
# **Achieve:** in the repository `me.repository`, the tags `me.version` and `me.moving` are one and the same image. Its label
# `org.opencontainers.image.version` says `me.version`, and `course.owner` says `me.team`. Everybody may pull it. In your
# namespace lies nothing but what this lab asks for, and nothing of yours lies in anybody else's.

# %% nbgrader={"grade": false, "grade_id": "push-tags", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Build once, push under both tags.
### BEGIN SOLUTION
IMAGE = f"{DOCKERHUB}/{me.repository}"
# !docker build --tag {IMAGE}:{me.version} --build-arg MODEL_VERSION={me.version} --build-arg OWNER={me.team} ml-model
# !docker tag {IMAGE}:{me.version} {IMAGE}:{me.moving}
# !docker push {IMAGE}:{me.version}
# !docker push {IMAGE}:{me.moving}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "tags", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("tags")

# %% nbgrader={"grade": true, "grade_id": "own-namespace", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("own-namespace")

# %% [markdown] id="task-3"
# ## 3 Where is your secret now?
#
# *6 minutes*
#
# Docker can push without asking you again, so it keeps your token somewhere. Find it.
#
# **Achieve:** `stored` is the fingerprint of the secret that you read from that place. Not of your variable: what would a
# thief find? It lies in the configuration folder of `docker` (`DOCKER_CONFIG`, or `.docker` in your home folder), or with a
# helper that is named there.

# %% nbgrader={"grade": false, "grade_id": "find-secret", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Find the stored secret; stored = fingerprint(…)
### BEGIN SOLUTION
folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
helper = config.get("credHelpers", {}).get(DOCKERHUB) or config.get("credsStore")
if helper:
    done = subprocess.run([f"docker-credential-{helper}", "get"], input=DOCKERHUB, capture_output=True, text=True)
    secret = json.loads(done.stdout)["Secret"]
else:
    secret = base64.b64decode(config["auths"][DOCKERHUB]["auth"]).decode().partition(":")[2]
stored = fingerprint(secret)
### END SOLUTION
answer("stored", stored)

# %% nbgrader={"grade": true, "grade_id": "stored", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("stored")

# %% [markdown] id="task-4"
# ## 4 Count a pull
#
# *7 minutes*
#
# **Achieve:** `limits` is a dict with four values, read from the headers that Docker Hub sends *to your account*: `limit`;
# `before` and `after`, what was left before and after exactly one pull of your image; and `source`, who it says is counted.
# Looking must not count.
#
# An engine may keep the manifest of an image that it built or pulled once, even when the image is gone. Then a `docker pull`
# only looks, too. The pull is what `GET` does with the image's manifest, whoever sends it. (Since Docker 29 your tag may
# point at an *index*, a list of manifests; to read that list is no pull. Then the manifest of your image is under
# `/manifests/` as well, by the digest that the index gives.)
#
# Docker Hub wants a bearer token for this. It tells where to fetch one in the header `WWW-Authenticate` of its answer to
# `http://DOCKERHUB/v2/`.

# %% nbgrader={"grade": false, "grade_id": "read-limit", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Read, pull once, read again; limits = {"limit": …, "before": …, "after": …, "source": …}
### BEGIN SOLUTION
bearer = http.get(
    f"http://{DOCKERHUB}/token",
    params={"service": "registry.docker.io", "scope": f"repository:{me.repository}:pull"},
    auth=(me.namespace, token),
).json()["token"]


KINDS = "docker.distribution.manifest.v2", "oci.image.manifest.v1", "oci.image.index.v1"


def ask(method, reference):
    return http.request(
        method,
        f"http://{DOCKERHUB}/v2/{me.repository}/manifests/{reference}",
        headers={
            "Authorization": f"Bearer {bearer}",
            "Accept": ", ".join(f"application/vnd.{kind}+json" for kind in KINDS),
        },
    )


def look():
    return ask("HEAD", me.version).headers


def left(headers):
    return int(headers["ratelimit-remaining"].partition(";")[0])


first = look()
# !docker image rm {IMAGE}:{me.version} {IMAGE}:{me.moving}
# !docker pull {IMAGE}:{me.version}
if left(look()) == left(first):  # this engine has had the manifest before and kept it, so it only looked as well
    listed = ask("GET", me.version).json().get("manifests", [])
    images = [each["digest"] for each in listed if each["platform"]["os"] != "unknown"]
    if images:  # it was an index, which is no image yet
        ask("GET", images[0])
limits = {
    "limit": int(first["ratelimit-limit"].partition(";")[0]),
    "before": left(first),
    "after": left(look()),
    "source": first["docker-ratelimit-source"],
}
### END SOLUTION
answer("limits", limits)

# %% nbgrader={"grade": true, "grade_id": "limit", "locked": true, "points": 1.25, "schema_version": 3, "solution": false, "task": false}
check("limit")

# %% nbgrader={"grade": true, "grade_id": "counted", "locked": true, "points": 0.25, "schema_version": 3, "solution": false, "task": false}
check("counted")

# %% [markdown] id="task-5"
# ## 5 What strangers may not see
#
# *5 minutes*
#
# **Achieve:** the repository `me.internal` is private and holds the same image under `me.version`. `refusal` is what somebody
# without a login is told who pulls it: the text of the error.
#
# *Look at the digest that this push prints.* Is it another one than before? Then your engine builds with attestations, and
# your tag points at an index with two entries: the image, and a note on how it was built. In the task before you removed and
# pulled the image, and a pull leaves the note behind. So this push can only send the image alone, under its own digest. It
# is the same image, and right here. Where the digest matters, push all names before you remove anything, or copy inside the
# registry, with all that the index lists.

# %% nbgrader={"grade": false, "grade_id": "go-private", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Make the repository, push, then ask as a stranger; set refusal.
### BEGIN SOLUTION
INTERNAL = f"{DOCKERHUB}/{me.internal}:{me.version}"
# !course hub repository create {me.internal} --private
# !docker tag {IMAGE}:{me.version} {INTERNAL}
# !docker push {INTERNAL}
# !docker image rm {INTERNAL}
# !docker logout {DOCKERHUB}
refusal = run("docker", "pull", INTERNAL)
### END SOLUTION
answer("refusal", refusal)

# %% nbgrader={"grade": true, "grade_id": "private", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("private")

# %% nbgrader={"grade": true, "grade_id": "refused", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("refused")

# %% [markdown] id="task-6"
# ## 6 Take the token back
#
# *4 minutes*
#
# A server shall run the private image, and your laptop was left on a train.
#
# **Achieve:** the server has a token of its own, `me.server`, which may read and no more, and ends. With it, the private image
# can be pulled. The laptop's token is revoked; see that it no longer logs in.

# %% nbgrader={"grade": false, "grade_id": "revoke-token", "locked": false, "schema_version": 3, "solution": true, "task": false}
# A token for the server; the laptop's goes.
### BEGIN SOLUTION
# lines = !course hub token create {me.server} --user {me.namespace} --scope read --expires 30d
run("docker", "login", DOCKERHUB, "--username", me.namespace, "--password-stdin", secret=lines[-1])
# !docker pull {INTERNAL}
# !course hub token revoke {me.laptop}
said = run("docker", "login", DOCKERHUB, "--username", me.namespace, "--password-stdin", secret=token)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "revoked", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("revoked")

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything once more. Then save the notebook and write your submission in a terminal of JupyterLab
# (File, New, Terminal):
#
# ```
# course submit 03-docker-hub
# ```
#
# Your engine still has a login: `docker logout` and the emulator's address make it forget.
