# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 07: Google and Azure
#
# **About 45 minutes, 7 points.** The data team works on Google Cloud, the branch on Azure. Both get the same release of
# your image. Then you protect it, translate the names in an old script, clean up by policy in both dialects, and give a
# device a token that can do one thing.
#
# All of it runs on your machine: `ARTIFACT_REGISTRY` and `ACR` are the addresses of emulators. `docker` works with them as
# it is. Instead of `gcloud` and `az` you use `course artifact-registry …` and `course acr …`; each prints the command that
# it stands for. The checks look at the result.
#
# Lesson 07 explains all of it, and `hint("same-image")` gives the first of three hints for that check.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import json
from pathlib import Path

from autograder.notebook import ACR, ARTIFACT_REGISTRY, answer, check, hint, me

me

# %% [markdown] id="values"
# These values are yours alone, and the tasks name them. In a line that begins with `!`, write `{me.version}` for a value.
# Commands with `--help` at their end tell their options.

# %% [markdown] id="task-1"
# ## 1 One image, two clouds
#
# *12 minutes*
#
# The folder `release` holds a `Dockerfile` for an image of one small file. It stands in for the model, so that a push
# takes no time.
#
# **Achieve:** the image, with your team in the label `course.owner`, is in both clouds under the tag `me.version`, with
# one digest:
#
# | cloud | where |
# | --- | --- |
# | Google | project `me.project`, location `me.location`, repository `models`, image `ml-model` |
# | Azure | repository `me.repository` |
#
# Read the whole of task 2 before you create `models`.

# %% nbgrader={"grade": false, "grade_id": "push", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Create what has to exist, log in twice, build once, push twice.
### BEGIN SOLUTION
# !course artifact-registry repositories create models --project {me.project} --location {me.location} --immutable-tags
# !course artifact-registry print-access-token | docker login -u oauth2accesstoken --password-stdin {ARTIFACT_REGISTRY}
# !course acr login | docker login -u 00000000-0000-0000-0000-000000000000 --password-stdin {ACR}
google = f"{ARTIFACT_REGISTRY}/{me.project}/models/ml-model:{me.version}"
azure = f"{ACR}/{me.repository}:{me.version}"
# !docker build --quiet --tag {google} --build-arg OWNER={me.team} release
# !docker tag {google} {azure}
# !docker push --quiet {google}
# !docker push --quiet {azure}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "same-image", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("same-image")

# %% [markdown] id="task-2"
# ## 2 A release stays what it is
#
# *5 minutes*
#
# **Achieve:** in neither cloud can another image be pushed under `me.version`. In Google's, no tag of `models` can move.
# In Azure's, that one tag is locked against writing, and the next release can still be pushed.

# %% nbgrader={"grade": false, "grade_id": "protect", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Lock the release.
### BEGIN SOLUTION
# !course acr repository update {me.repository}:{me.version} --write-enabled false
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "lock", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("lock")

# %% [markdown] id="task-3"
# ## 3 Names in an old script
#
# *6 minutes*
#
# An old script pulls the five images `me.old_names`. Their projects now have an Artifact Registry repository called
# `me.new_repository`, where the old host's place is.
#
# **Achieve:** `new_names` is a list of five texts: what each image is called today, in full and in the order of
# `me.old_names`. Tag or digest stay what they are.

# %% nbgrader={"grade": false, "grade_id": "migrate", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Five names.
new_names = []
### BEGIN SOLUTION
places = {"gcr.io": "us", "us.gcr.io": "us", "eu.gcr.io": "europe", "asia.gcr.io": "asia"}
for old in me.old_names:
    host, project, rest = old.split("/", 2)
    new_names.append(f"{places[host]}-docker.pkg.dev/{project}/{me.new_repository}/{rest}")
### END SOLUTION
answer("new_names", new_names)

# %% nbgrader={"grade": true, "grade_id": "names", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("names")

# %% [markdown] id="task-4"
# ## 4 Google: a policy that cleans up
#
# *10 minutes*
#
# Builds go to a second repository, `dev`, in the same project and location, where tags may move. Nothing has to be pushed
# there today; your policy is held against a fleet of yours, and in grading against others. The team wants:
#
# 1. An image with a tag that begins with `me.prefix` goes when it is older than `me.days` days.
# 2. An image without a tag goes when it is older than `me.untagged_days` days.
# 3. An image with a tag that begins with `candidate-` stays, whatever else it is called.
# 4. The newest `me.newest` images of each package stay, however old they are.
# 5. Nothing else goes.
#
# **Achieve:** `dev` has a cleanup policy that does this, for good and not as a dry run.

# %% nbgrader={"grade": false, "grade_id": "clean-google", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Create dev. Write the policy to a file and set it.
policy = []
Path("cleanup.json").write_text(json.dumps(policy, indent=2))
### BEGIN SOLUTION
old_builds = {"tagState": "tagged", "tagPrefixes": [me.prefix], "olderThan": f"{me.days}d"}
old_untagged = {"tagState": "untagged", "olderThan": f"{me.untagged_days}d"}
candidates = {"tagState": "tagged", "tagPrefixes": ["candidate-"]}
policy = [
    {"name": "builds-go", "action": {"type": "Delete"}, "condition": old_builds},
    {"name": "untagged-go", "action": {"type": "Delete"}, "condition": old_untagged},
    {"name": "candidates-stay", "action": {"type": "Keep"}, "condition": candidates},
    {"name": "newest-stay", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": me.newest}},
]
Path("cleanup.json").write_text(json.dumps(policy, indent=2))
# !course artifact-registry repositories create dev --project {me.project} --location {me.location}
# !course artifact-registry repositories set-cleanup-policies dev --project {me.project} --policy cleanup.json --no-dry-run
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "cleanup-policy", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("cleanup-policy")

# %% [markdown] id="task-5"
# ## 5 Azure: a purge that takes no more than it should
#
# *7 minutes*
#
# In `me.repository`, and in no other repository, tags that are `me.prefix` and digits, as in `me.prefix` with 17 behind
# it, go when they are older than `me.days` days. So do images of that age that no tag holds. Every other tag stays, also
# one that only begins like that or contains it, and what is locked stays as well.
#
# **Achieve:** `purge` is the `acr purge` command that does this, as one text, as it would run for good. Try it first with
# `course acr run` and `--dry-run`.

# %% nbgrader={"grade": false, "grade_id": "clean-azure", "locked": false, "schema_version": 3, "solution": true, "task": false}
# One command, as a text.
purge = "acr purge"
### BEGIN SOLUTION
purge = f"acr purge --filter '{me.repository}:^{me.prefix}[0-9]+$' --ago {me.days}d --untagged"
### END SOLUTION
answer("purge", purge)

# %% nbgrader={"grade": true, "grade_id": "purge", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("purge")

# %% [markdown] id="task-6"
# ## 6 A token for one device
#
# *5 minutes*
#
# **Achieve:** the ACR has a token `me.token` that may pull `me.repository` and do nothing else. Its password is good for 30
# days at most. Send the password to a file or to `docker login`, so that it does not stay in this notebook.

# %% nbgrader={"grade": false, "grade_id": "device", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Create the token.
### BEGIN SOLUTION
# !course acr token delete {me.token}
# !course acr token create {me.token} --repository {me.repository} content/read --expires 30d > password.txt
Path("password.txt").unlink()
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "token", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("token")

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything once more. Then save the notebook and write your submission in a terminal of
# JupyterLab (File, New, Terminal):
#
# ```
# course submit 07-google-azure
# ```
