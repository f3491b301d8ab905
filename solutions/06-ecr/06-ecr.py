# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 06: Amazon ECR
#
# **About 60 minutes, 10 points.** Your team gets a registry on AWS. You set up a repository that keeps what it promises,
# push three releases of an image, meet the refusal that protects them, and decide who may come in.
#
# All of it runs on your machine: `ECR` is the address of an emulator that behaves as ECR does. The real `aws` and `docker`
# work with it, and so does `boto3`. Use what you like, in any mix; the checks look at the result.
#
# Tasks marked *core* come first when your time is short. Lesson 06 explains all of it, and `hint("repository")` gives the
# first of three hints for that check.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import json

import boto3

from autograder.notebook import ECR, answer, check, hint, me

ecr = boto3.client("ecr")
me

# %% [markdown] id="values"
# These values are yours alone: `me.team`, `me.repository`, three `me.releases` from the oldest to the newest, and more
# that the tasks name. In a line that begins with `!`, write `{me.repository}` for a value.
#
# If `aws` prints long answers, add `--output text` or `--query`. On Windows, quotes in a `!` line reach the program
# differently; where an option wants JSON, `boto3` is the easier way everywhere.

# %% [markdown] id="task-1"
# ## 1 A repository with rules
#
# *5 minutes · core*
#
# **Achieve:** the repository `me.repository` exists. Its tags stay where they are, with two exceptions: `latest`, and
# every tag that begins with `dev-`.

# %% nbgrader={"grade": false, "grade_id": "create", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Create the repository.
### BEGIN SOLUTION
rules = dict(
    repositoryName=me.repository,
    imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
    imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": tag} for tag in ("latest", "dev-*")],
)
try:
    ecr.create_repository(**rules)
except ecr.exceptions.RepositoryAlreadyExistsException:
    ecr.put_image_tag_mutability(**rules)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "repository", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("repository")

# %% [markdown] id="task-2"
# ## 2 Scan what arrives
#
# *7 minutes*
#
# **Achieve:** what is pushed to any repository of your team (`me.team`, a slash, anything) is scanned on push, by a rule
# of the registry. Other teams' repositories are left alone.

# %% nbgrader={"grade": false, "grade_id": "scan", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Set the registry's scanning rule.
### BEGIN SOLUTION
filters = [{"filter": f"{me.team}/*", "filterType": "WILDCARD"}]
ecr.put_registry_scanning_configuration(
    scanType="BASIC", rules=[{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": filters}]
)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "scanning", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("scanning")

# %% [markdown] id="task-3"
# ## 3 Three releases
#
# *12 minutes · core*
#
# The folder `release` holds a `Dockerfile` for an image of one small file. It stands in for the model, so that a push
# takes no time. Docker's login for ECR is a token that the AWS client fetches.
#
# **Achieve:** three images are in your repository, one under each of `me.releases`. Each says in its label
# `org.opencontainers.image.version` which release it is, and in `course.owner` your team. `latest` is the newest of
# them: the same image, not another build.

# %% nbgrader={"grade": false, "grade_id": "push-releases", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Log in, build three times, push.
### BEGIN SOLUTION
# !aws ecr get-login-password | docker login --username AWS --password-stdin {ECR}
for version in me.releases:
    name = f"{ECR}/{me.repository}:{version}"
    # !docker build --quiet --tag {name} --build-arg OWNER={me.team} --label org.opencontainers.image.version={version} release
    # !docker push --quiet {name}
# !docker tag {name} {ECR}/{me.repository}:latest
# !docker push --quiet {ECR}/{me.repository}:latest
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "releases", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("releases")

# %% [markdown] id="task-4"
# ## 4 The refusal
#
# *3 minutes · core*
#
# Somebody is in a hurry and pushes a repaired build under a version that is out already.
#
# **Achieve:** you were that somebody. Another image was pushed under one of `me.releases`, the registry refused it, and
# the release is what it was.

# %% nbgrader={"grade": false, "grade_id": "overwrite", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Try to push another image under the first release's tag.
### BEGIN SOLUTION
taken = f"{ECR}/{me.repository}:{me.releases[0]}"
# !docker build --quiet --tag {taken} --build-arg OWNER={me.team} --label fix=urgent release
# !docker push {taken}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "refused", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("refused")

# %% [markdown] id="task-5"
# ## 5 What a moving tag leaves behind
#
# *12 minutes*
#
# **Achieve:** the tag `me.dev_tag` was pushed twice, with two different images. `old_build` is the full reference of the
# first one, which has no tag any more: `ECR`, your repository, and its digest. ECR can list what is untagged. Pull the
# image by that reference to see that it is still there.
#
# *Not everything without a tag has lost one.* Docker 29 pushes an index for each build, unless it was told otherwise: a list
# with the image and a note on how it was built. What an index lists has no tag of its own, and ECR shows it among the
# untagged. When it refuses an index, as in the task before, these two are there already and stay. So note the digest that
# `me.dev_tag` points at before you push the second build, and look for that one.

# %% nbgrader={"grade": false, "grade_id": "dev-builds", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Push two builds under me.dev_tag, find the first one again, pull it.
### BEGIN SOLUTION
name = f"{ECR}/{me.repository}:{me.dev_tag}"
pushed = []
for build in ("one", "two"):
    # !docker build --quiet --tag {name} --build-arg OWNER={me.team} --label build={build} release
    # !docker push --quiet {name}
    images = ecr.describe_images(repositoryName=me.repository, imageIds=[{"imageTag": me.dev_tag}])
    pushed.append(images["imageDetails"][0]["imageDigest"])
untagged = ecr.list_images(repositoryName=me.repository, filter={"tagStatus": "UNTAGGED"})["imageIds"]
assert pushed[0] in [image["imageDigest"] for image in untagged]
old_build = f"{ECR}/{me.repository}@{pushed[0]}"
# !docker pull --quiet {old_build}
### END SOLUTION
answer("old_build", old_build)

# %% nbgrader={"grade": true, "grade_id": "untagged", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("untagged")

# %% [markdown] id="task-5b"
# `docker` and `aws` are two doors to the same images. The next check asks at both whether they tell the same, and in
# grading pushes your images to a registry of the grader's and pulls them back. There is nothing to do for it.

# %% nbgrader={"grade": true, "grade_id": "agree", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("agree")

# %% [markdown] id="task-6"
# ## 6 Who may come in
#
# *15 minutes*
#
# Two others need your repository. The pipeline works as the role `ci-role` of your own account and pushes releases. A
# partner company, whose account is `me.partner`, runs the model and pulls it. Their people's own rights are the partner's
# business.
#
# **Achieve:** the repository has a policy that lets the role push and the partner's account pull. Nobody else gets
# anything by it, and neither of the two gets more: no deleting, no listing, no changing of settings.

# %% nbgrader={"grade": false, "grade_id": "policy", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Write the policy and set it.
### BEGIN SOLUTION
def allow(sid, arn, *actions):
    return {"Sid": sid, "Effect": "Allow", "Principal": {"AWS": arn}, "Action": [f"ecr:{name}" for name in actions]}


push = ("BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage")
account = boto3.client("sts").get_caller_identity()["Account"]
statements = [
    allow("PipelinePushes", f"arn:aws:iam::{account}:role/ci-role", *push, "BatchGetImage"),
    allow("PartnerPulls", f"arn:aws:iam::{me.partner}:root", "BatchGetImage", "GetDownloadUrlForLayer"),
]
text = json.dumps({"Version": "2012-10-17", "Statement": statements})
ecr.set_repository_policy(repositoryName=me.repository, policyText=text)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "policy-grants", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("policy-grants")

# %% nbgrader={"grade": true, "grade_id": "policy-limits", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("policy-limits")

# %% [markdown] id="task-7"
# ## 7 The names they would have
#
# *6 minutes*
#
# Your team will move to a real account soon: `me.account`, in the region `me.region`. The repository keeps its name.
#
# **Achieve:** `real_names` is a list of three texts: what the three releases will be called there, in full, in the order
# of `me.releases`.

# %% nbgrader={"grade": false, "grade_id": "real-names", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Three names.
real_names = []
### BEGIN SOLUTION
host = f"{me.account}.dkr.ecr.{me.region}.amazonaws.com"
real_names = [f"{host}/{me.repository}:{version}" for version in me.releases]
### END SOLUTION
answer("real_names", real_names)

# %% nbgrader={"grade": true, "grade_id": "names", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("names")

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything once more. Then save the notebook and write your submission in a terminal of
# JupyterLab (File, New, Terminal):
#
# ```
# course submit 06-ecr
# ```
