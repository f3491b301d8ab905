# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 12: One release, four registries
#
# **About 120 minutes, 12 points.** The last lab: one script releases `ml-model` to Docker Hub, Amazon ECR, Google's
# Artifact Registry and Azure's ACR. It builds once, scans, asks the gate, pushes, promotes and cleans up. You run it twice,
# and the second run changes nothing.
#
# You write the script in the file `release.py`, next to this notebook, in any editor. Python is given; what the script
# calls is up to you. The checks look at what is in the registries afterwards. `hint("one-digest")` gives the first of
# three hints for that check.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
from pathlib import Path

from autograder.notebook import check, hint, me
from autograder.notebook.capstone import run_twice

me

# %% [markdown] id="morning"
# ## This morning
#
# The four registries are not empty. The next cell runs `shop.py`, which makes the state that you find: the release
# `me.previous`, which is in production; two development builds of 40 days ago, `me.old_builds`; and today's,
# `me.new_build`. For that it lets 40 days pass on the emulators. It takes about a minute, and a second time it does nothing.
#
# Read `shop.py`: your script may import from it. `shop.IMAGES` are the names in the four registries, `shop.login()` logs in
# at all four, `shop.run(…)` and `shop.course(…)` run a command and stop the script when it fails.

# %% nbgrader={"grade": false, "grade_id": "make-morning", "locked": true, "schema_version": 3, "solution": false, "task": false}
# !python shop.py

# %% [markdown] id="task-1"
# ## 1 Pins that pass the gate
#
# *15 minutes*
#
# The service needs one Python package. In an old notebook it is pinned as in `me.pin`, and the gate does not let that
# through. The `Dockerfile` here builds with the folder `ml-model` as its context:
#
# ```
# docker build --file Dockerfile --tag NAME ml-model
# ```
#
# **Achieve:** `ml-model/requirements.txt` pins the same package in a version that the gate lets through. Only what is
# in `ml-model/wheels` can be installed.

# %% nbgrader={"grade": false, "grade_id": "pin", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Write ml-model/requirements.txt.
### BEGIN SOLUTION
repaired = {"urllib3==1.26.4": "urllib3==2.8.0", "PyJWT==2.3.0": "PyJWT==2.15.1"}[me.pin]
Path("ml-model/requirements.txt").write_text(repaired + "\n")
### END SOLUTION

# %% [markdown] id="task-2"
# ## 2 The script
#
# *60 minutes*
#
# **Achieve:** `release.py` does this, in this order, and stops at the first thing that fails:
#
# 1. builds the image once, with the labels `org.opencontainers.image.version` (`me.version`),
#    `org.opencontainers.image.revision` (`me.revision`) and `course.owner` (`me.team`);
# 2. scans it with `course trivy`, writes `report.json`, and asks `course gate`;
# 3. pushes it to all four registries under `me.version` and under `sha-` with `me.revision`: the same digest everywhere;
# 4. promotes: `prod` is that digest in all four. `me.previous` stays where it is;
# 5. cleans up: development builds (`dev-…`) older than 30 days go, by a lifecycle policy in ECR, a cleanup policy in
#    Artifact Registry and an `acr purge` in ACR. Nothing else goes. Docker Hub has no such policy; leave it alone.
#
# *One digest needs one build, and no way back through a pull.* Docker 29 adds a note to each build, an attestation, which is
# new each time, also when the image comes from the cache as a whole. And when an image was removed and is pulled again, the
# note stays behind, so that the next push has another digest. Whatever imports `shop` builds without such notes
# (`BUILDX_NO_DEFAULT_ATTESTATIONS=1`). A script that does without `shop` sets that itself, or pushes everywhere what it built,
# before it removes anything.
#
# Write it step by step, and run it in a terminal of JupyterLab (`python release.py`) or in a cell (`!python release.py`).

# %% nbgrader={"grade": false, "grade_id": "script", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Your script is release.py; nothing has to stand here.
### BEGIN SOLUTION
script = r'''
import json
import re
import sys
from pathlib import Path

import shop
from shop import IMAGES, me

candidate = f"candidate-{me.team}:{me.version}"


def build():
    """The release, from ECR if it is there already."""
    there = f"{IMAGES['ecr']}:{me.version}"
    if shop.run("docker", "pull", there, may_fail=True):
        shop.run("docker", "tag", there, candidate)
        return
    labels = {
        "org.opencontainers.image.version": me.version,
        "org.opencontainers.image.revision": me.revision,
        "course.owner": me.team,
    }
    options = [part for key, value in labels.items() for part in ("--label", f"{key}={value}")]
    shop.run("docker", "build", "--file", "Dockerfile", "--tag", candidate, *options, "ml-model")


def push():
    """The digest, the same from all four."""
    digests = set()
    for name in IMAGES.values():
        for tag in (me.version, f"sha-{me.revision}"):
            shop.run("docker", "tag", candidate, f"{name}:{tag}")
            told = shop.run("docker", "push", f"{name}:{tag}")
            digests.add(re.search(r"digest: (sha256:[0-9a-f]{64})", told)[1])
    if len(digests) != 1:
        sys.exit(f"not one digest: {digests}")
    return digests.pop()


def promote(digest):
    for name in IMAGES.values():
        shop.run("docker", "pull", "--quiet", f"{name}@{digest}")
        shop.run("docker", "tag", f"{name}@{digest}", f"{name}:prod")
        shop.run("docker", "push", "--quiet", f"{name}:prod")


def clean():
    selection = {"tagStatus": "tagged", "tagPatternList": ["dev-*"], "countType": "sinceImagePushed"}
    selection |= {"countUnit": "days", "countNumber": 30}
    keep = {"tagStatus": "tagged", "tagPatternList": ["prod"], "countType": "imageCountMoreThan", "countNumber": 1}
    rules = [
        {"rulePriority": 1, "selection": keep, "action": {"type": "expire"}},
        {"rulePriority": 2, "selection": selection, "action": {"type": "expire"}},
    ]
    Path("ecr.json").write_text(json.dumps({"rules": rules}))
    shop.run("aws", "ecr", "put-lifecycle-policy", "--repository-name", me.repository,
             "--lifecycle-policy-text", "file://ecr.json")
    old = {"tagState": "tagged", "tagPrefixes": ["dev-"], "olderThan": "30d"}
    live = {"tagState": "tagged", "tagPrefixes": ["prod"]}
    policies = [
        {"name": "old-builds-go", "action": {"type": "Delete"}, "condition": old},
        {"name": "production-stays", "action": {"type": "Keep"}, "condition": live},
    ]
    Path("google.json").write_text(json.dumps(policies))
    shop.course("artifact-registry", "repositories", "set-cleanup-policies", "models", "--project", me.project,
                "--policy", "google.json", "--no-dry-run")
    shop.course("acr", "run", "--cmd", f"acr purge --filter '{me.repository}:^dev-' --ago 30d")


shop.login()
build()
shop.course("trivy", "image", "--quiet", "--scanners", "vuln", "--format", "json", "--output", "report.json", candidate)
shop.course("gate", "report.json", "--ignore-unfixed")
promote(push())
clean()
'''
Path("release.py").write_text(script)
### END SOLUTION

# %% [markdown] id="task-3"
# ## 3 Twice, and a night
#
# *15 minutes*
#
# `run_twice()` runs `release.py` three times, each in a process of its own. First comes a run with a shut gate: `course gate`
# says no to every report, and the registries' journal tells what was pushed all the same. Then two runs with the gate as it
# is, and what the registries hold after each is recorded. At last the clock goes on by a day, so that ECR and Artifact
# Registry do what they do overnight.
#
# **Achieve:** with the shut gate nothing is pushed; both runs after it end well; the second changes nothing; and after the
# night the old builds are gone. That the first run stops with an error is right. Whenever you change the script, run these
# cells again.

# %% nbgrader={"grade": false, "grade_id": "twice", "locked": true, "schema_version": 3, "solution": false, "task": false}
run_twice()

# %% nbgrader={"grade": false, "grade_id": "night", "locked": true, "schema_version": 3, "solution": false, "task": false}
# !course clock advance 1d

# %% nbgrader={"grade": true, "grade_id": "one-digest", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("one-digest")

# %% nbgrader={"grade": true, "grade_id": "tags", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("tags")

# %% nbgrader={"grade": true, "grade_id": "scan-report", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("scan-report")

# %% nbgrader={"grade": true, "grade_id": "promoted", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("promoted")

# %% nbgrader={"grade": true, "grade_id": "policies", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("policies")

# %% nbgrader={"grade": true, "grade_id": "cleaned", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("cleaned")

# %% nbgrader={"grade": true, "grade_id": "second-run", "locked": true, "points": 0.75, "schema_version": 3, "solution": false, "task": false}
check("second-run")

# %% nbgrader={"grade": true, "grade_id": "order", "locked": true, "points": 0.25, "schema_version": 3, "solution": false, "task": false}
check("order")

# %% [markdown] nbgrader={"grade": false, "grade_id": "runbook-task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4 A runbook
#
# *30 minutes*
#
# Tonight a colleague releases with your script, and you are on a plane. Write the runbook, in 150 to 250 words, in the
# cell below: a person reads it, and gives up to 2 points. Half a point each for:
#
# 1. how a release is made: what to check before, what to run, and how to see that it went well;
# 2. how to see that the four registries hold the same image, and what production runs;
# 3. how to go back to the release before, and what must not be done for it;
# 4. what to do when the script stops in the middle, for two causes that can really happen.
#
# Write commands and names as they are in *your* script. A double click opens the cell.
#
# ### BEGIN MARK SCHEME
# **For the grader** (students do not see this). Half a point each, none for a point that is only named:
#
# | point | full half point | no point |
# | --- | --- | --- |
# | 1 a release | pins or report looked at before, the command, and a sign of success that can be seen (exit code, digest) | “run the script” |
# | 2 the same image | digests compared by asking the registries, for the version and for `prod` | compares tags or sizes; looks at one registry |
# | 3 back | `prod` to the old release's digest in all four, without a build; says that nothing is rebuilt or deleted | rebuilds the old version; moves the version tag |
# | 4 stopped | two real causes with what to do (gate shut: repair the pin, do not skip the gate; login ended: log in and run again; one registry not reachable: run again, the rest changes nothing) | “try again” without a cause; switching the gate off |
#
# Take off nothing for language. A text far over 250 words that hides the points in general advice gets at most 1.5.
# ### END MARK SCHEME

# %% [markdown] nbgrader={"grade": true, "grade_id": "runbook", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# *A model answer.*
#
# **Release.** Set version and revision, and look at `ml-model/requirements.txt`: each pin needs a reason. Run
# `python release.py`. It ended well if the exit code is 0; the pushes above all print one digest. Note it in the release log,
# with the one that `prod` had before.
#
# **Is it the same everywhere?** Ask each registry, not your laptop: `skopeo inspect --format '{{.Digest}}'` for the version
# and for `prod`, in Docker Hub, ECR, Artifact Registry and ACR. Eight lines, one digest. If `prod` differs somewhere, the
# promotion did not get that far: run the script again.
#
# **Back.** Take the old digest from the log. In each registry pull the name with that digest, tag it `prod`, push, and
# compare. Build nothing, and do not move a version tag: the old release is still there. Delete nothing before tomorrow.
#
# **It stopped in the middle.** *The gate is shut* (exit code 1): nothing was pushed. Repair the pin that it names; never
# leave the gate out. *unauthorized from a push*: a token has ended, Google's lasts about an hour. Run the script again, it
# logs in anew. What was pushed before is found and left as it is. *A registry does not answer*: the others may have the
# release already. Wait, run again; do not promote by hand in three of four.
# ### END SOLUTION

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything once more. Then save the notebook and write your submission in a terminal of
# JupyterLab (File, New, Terminal):
#
# ```
# course submit 12-multi-registry
# ```
