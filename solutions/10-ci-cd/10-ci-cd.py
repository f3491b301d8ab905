# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 10: Pipelines that gate
#
# **About 45 minutes, 8 points.** You need no container engine and no registry here: a pipeline runs at GitHub or GitLab,
# and the checks run your two files on virtual machines that have what those of GitHub and GitLab have. Lesson 10 explains
# every word used here.
#
# A team has left you two pipelines for the same model. They are full of the faults that old examples have. You first say
# what the GitHub one would push, then repair it, then the one for GitLab.
#
# `hint("predictions")` gives the first of three hints for that check.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
from pathlib import Path

from autograder.notebook import answer, check, hint, me
from inherit import inherit

inherit(me)
me

# %% [markdown] id="values"
# These values are yours alone. Beside this notebook lie `github-build.yml` and `gitlab-ci.yml` now: open them from the
# file browser on the left. In a repository they are `.github/workflows/build.yml` and `.gitlab-ci.yml`. If you delete one
# and run the cell again, the inherited file is back.

# %% [markdown] id="task-1"
# ## 1 Foresee the tags
#
# *7 minutes*
#
# The step `meta` of the inherited workflow has the rules of `me.tag_rules`, and no `flavor`. Read them as they are, for
# four events that all have the commit `me.commit`:
#
# | key | event |
# | --- | --- |
# | `main` | a push to `main`, the default branch |
# | `release` | a push of the Git tag `v` and `me.version` |
# | `candidate` | a push of the Git tag `v` and `me.candidate` |
# | `pull_request` | the pull request `me.pull_request` |
#
# **Achieve:** `predictions` is a dict with these keys. Each value is the list of tags that the step gives out for the
# event, without the image's name. Whether the workflow starts for the event does not matter here.

# %% nbgrader={"grade": false, "grade_id": "predict", "locked": false, "schema_version": 3, "solution": true, "task": false}
# The tags of each event, as texts.
predictions = {"main": [], "release": [], "candidate": [], "pull_request": []}
### BEGIN SOLUTION
major, minor, _ = me.version.split(".")
for key, version in (("main", None), ("release", me.version), ("candidate", me.candidate), ("pull_request", None)):
    for rule in me.tag_rules:
        parts = dict(part.partition("=")[::2] for part in rule.split(","))
        kind, tag = parts["type"], None
        if kind == "ref" and (parts["event"], key) in (("branch", "main"), ("pr", "pull_request")):
            tag = "main" if key == "main" else f"pr-{me.pull_request}"
        elif kind == "edge" and key == "main":
            tag = "edge"
        elif kind == "raw" and (key == "main" or "enable" not in parts):
            tag = parts["value"]
        elif kind == "sha":
            digits = me.commit if "format" in parts else me.commit[:7]
            tag = parts.get("prefix", "sha-") + digits
        elif kind == "semver" and version:
            tag = parts["pattern"].replace("{{version}}", version).replace("{{major}}", major)
            tag = version if key == "candidate" else tag.replace("{{minor}}", minor)
        if tag and tag not in predictions[key]:
            predictions[key].append(tag)
predictions["release"].append("latest")  # flavor: latest=auto
### END SOLUTION
answer("predictions", predictions)

# %% nbgrader={"grade": true, "grade_id": "predictions", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("predictions")

# %% [markdown] id="followed"
# ## What the checks follow
#
# For the next two tasks the checks run your files for each event, and follow what is built, scanned and pushed. They know
# what the programs and actions below do, and many that do nothing to images. Any other one costs nothing: the check names
# it, and a person looks.
#
# @FOLLOWED@

# %% [markdown] id="task-2"
# ## 2 Repair the workflow for GitHub
#
# *20 minutes*
#
# The repository is `me.repository` at GitHub, private, with a `Dockerfile` at its top. Rewrite `github-build.yml` as you
# like: other names, one job or several, another scanner, scripts or actions.
#
# **Achieve:** a workflow of one file that
#
# - is valid, and in which zizmor finds nothing above *low*;
# - uses actions by full commit SHA alone;
# - builds and scans for every push to `main`, every version tag and every pull request. A HIGH or CRITICAL finding in the
#   image that was built stops the run;
# - pushes to `me.image` only after that, with the tags that `me.rules` ask for, made by the metadata step; it never pushes
#   for a pull request or another branch;
# - stores no secret: GitHub's own registry takes the token that each run has. Each job has the rights and the things that
#   its steps need.
#
# In a terminal of JupyterLab (File, New, Terminal) `zizmor --offline github-build.yml` shows findings with their lines.
# This shows the tags of an event; take `me.commit` and `me.repository` for the words in capitals:
#
# ```text
# course tags preview github-build.yml --event push --ref refs/heads/main --sha COMMIT --default-branch main --repository OWNER/NAME
# ```

# %% nbgrader={"grade": false, "grade_id": "repair-workflow", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Edit github-build.yml in the editor, and save it. Nothing has to be written here.
### BEGIN SOLUTION
moving = me.rules["a push to main"].split()[2]
prefix = me.rules["every push"].split()[2]
tag_lines = [f"type=sha,prefix={prefix}"]
tag_lines += [f"type=raw,value={moving},enable={{{{is_default_branch}}}}"]
tag_lines += ["type=semver,pattern={{version}}", "type=semver,pattern={{major}}.{{minor}}"]
if "its major number" in me.rules["a release v1.2.3"]:
    tag_lines += ["type=semver,pattern={{major}}"]
if me.rules["latest"].startswith("A push to main"):
    tag_lines += ["type=raw,value=latest,enable={{is_default_branch}}"]
flavor = "auto" if me.rules["latest"].startswith("A release") else "false"
listed = "\n            ".join(tag_lines)
workflow = f"""name: build
on:
  push:
    branches: [main]
    tags: ["v*"]
  pull_request:
permissions:
  contents: read
concurrency:
  group: build-${{{{ github.ref }}}}
  cancel-in-progress: ${{{{ github.event_name == 'pull_request' }}}}
jobs:
  image:
    runs-on: ubuntu-24.04
    timeout-minutes: 30
    permissions:
      contents: read
      packages: write
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
      - uses: docker/setup-buildx-action@37fe631027851001ddb9b187196cc803df7f5f0e # v4.3.0
      - id: meta
        uses: docker/metadata-action@dc802804100637a589fabce1cb79ff13a1411302 # v6.2.0
        with:
          images: {me.image}
          flavor: latest={flavor}
          tags: |
            {listed}
      - name: Build for the gate
        uses: docker/build-push-action@53b7df96c91f9c12dcc8a07bcb9ccacbed38856a # v7.3.0
        with:
          context: .
          load: true
          tags: candidate:${{{{ github.sha }}}}
          labels: ${{{{ steps.meta.outputs.labels }}}}
          cache-from: type=gha
          cache-to: type=gha,mode=max
      - name: Gate
        uses: aquasecurity/trivy-action@ed142fd0673e97e23eac54620cfb913e5ce36c25 # v0.36.0
        with:
          image-ref: candidate:${{{{ github.sha }}}}
          scanners: vuln
          severity: HIGH,CRITICAL
          ignore-unfixed: true
          exit-code: "1"
      - name: Log in
        if: github.event_name != 'pull_request'
        uses: docker/login-action@06fb636fac595d6fb4b28a5dfcb21a6f5091859c # v4.5.0
        with:
          registry: ghcr.io
          username: ${{{{ github.actor }}}}
          password: ${{{{ secrets.GITHUB_TOKEN }}}}
      - name: Push
        if: github.event_name != 'pull_request'
        uses: docker/build-push-action@53b7df96c91f9c12dcc8a07bcb9ccacbed38856a # v7.3.0
        with:
          context: .
          push: true
          tags: ${{{{ steps.meta.outputs.tags }}}}
          labels: ${{{{ steps.meta.outputs.labels }}}}
          cache-from: type=gha
"""
Path("github-build.yml").write_text(workflow, encoding="utf-8")
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "workflow-valid", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("workflow-valid")

# %% nbgrader={"grade": true, "grade_id": "workflow-pinned", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("workflow-pinned")

# %% nbgrader={"grade": true, "grade_id": "workflow-runs", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("workflow-runs")

# %% nbgrader={"grade": true, "grade_id": "workflow-gate", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("workflow-gate")

# %% nbgrader={"grade": true, "grade_id": "workflow-tags", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("workflow-tags")

# %% [markdown] id="task-3"
# ## 3 Repair the pipeline for GitLab
#
# *18 minutes*
#
# The group is `me.team` and the project `me.model`; both are GitLab.com's, whose runners allow a Docker daemon as a service.
#
# **Achieve:** `gitlab-ci.yml`, one file without anything deprecated and with fixed versions of its images (all three
# numbers, as in `docker:29.7.2`, or a digest), by which
#
# - a merge request builds and scans, and pushes nothing. A HIGH or CRITICAL finding stops the pipeline;
# - a push to `main` does the same and then pushes one name: `me.gitlab_image`, with the tag `me.gitlab_prefix` and
#   `$CI_COMMIT_SHORT_SHA` directly behind it;
# - a version tag such as `v1.2.3` builds nothing. The image of that commit gets a second name, with the tag `1.2.3`;
# - client and daemon talk through TLS, and a password is never on a command line.

# %% nbgrader={"grade": false, "grade_id": "repair-pipeline", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Edit gitlab-ci.yml in the editor, and save it. Nothing has to be written here.
### BEGIN SOLUTION
pipeline = f"""stages: [build, gate, push, release]

workflow:
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
    - if: $CI_COMMIT_TAG

variables:
  DOCKER_TLS_CERTDIR: "/certs"
  IMAGE: {me.gitlab_image}:{me.gitlab_prefix}$CI_COMMIT_SHORT_SHA

.docker:
  image: docker:29.7.2
  services:
    - docker:29.7.2-dind

.login: &login
  - echo "$CI_REGISTRY_PASSWORD" | docker login "$CI_REGISTRY" -u "$CI_REGISTRY_USER" --password-stdin

build:
  extends: .docker
  stage: build
  rules:
    - if: $CI_COMMIT_TAG == null
  script:
    - docker build -t "$IMAGE" .
    - docker save -o image.tar "$IMAGE"
  artifacts:
    paths: [image.tar]
    expire_in: 1 hour

gate:
  stage: gate
  image:
    name: ghcr.io/aquasecurity/trivy@sha256:62b1e65e8869bc4b4c6aa4fa2b21595256c7c2f6018a9d9ad61caf87187c1969 # 0.74.0
    entrypoint: [""]
  rules:
    - if: $CI_COMMIT_TAG == null
  script:
    - trivy image --input image.tar --scanners vuln --severity HIGH,CRITICAL --ignore-unfixed --exit-code 1

push:
  extends: .docker
  stage: push
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  before_script: *login
  script:
    - docker load -i image.tar
    - docker push "$IMAGE"

release:
  stage: release
  image: docker:29.7.2
  rules:
    - if: $CI_COMMIT_TAG
  before_script: *login
  script:
    - docker buildx imagetools create --prefer-index=false -t "{me.gitlab_image}:${{CI_COMMIT_TAG#v}}" "$IMAGE"
"""
Path("gitlab-ci.yml").write_text(pipeline, encoding="utf-8")
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "pipeline-valid", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("pipeline-valid")

# %% nbgrader={"grade": true, "grade_id": "pipeline-runs", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("pipeline-runs")

# %% nbgrader={"grade": true, "grade_id": "pipeline-gate", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("pipeline-gate")

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything once more. Then save the notebook and both files, and write your submission in a
# terminal of JupyterLab:
#
# ```
# course submit 10-ci-cd
# ```
