# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 04: Tags and releases
#
# **About 45 minutes, 10 points.** You need a container engine that runs, and the local registry: `course start` has
# started it. Lesson 04 explains every word used here.
#
# Your team has agreed on rules for its tags. You write them down as code, release three versions by that code, take one
# of them to production, and bring one region back when it goes wrong.
#
# Tasks marked *core* come first when your time is short: the second and the third. `hint("labels")` gives the first of
# three hints for that check.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import requests

from autograder.notebook import REGISTRY, answer, check, hint, me

me

# %% [markdown] id="values"
# These values are yours alone, the rules as well: your neighbour's team has agreed on others. `me.releases` is a list of
# dicts, in the order in which the releases come out; `me.rules` is a dict of sentences.

# %% [markdown] id="task-1"
# ## 1 Write your rules down as code
#
# *12 minutes*
#
# **Achieve:** `release_tags(version, commit, branch, published)` returns the tags of a build by your rules, as a sorted
# list.
#
# | argument | is |
# | --- | --- |
# | `version` | the version of a release (`"1.4.0"`, `"1.5.0-rc.1"`, `"1.4.0+cu124"`); `None` for a build of a branch |
# | `commit` | the full commit id |
# | `branch` | the branch's name as Git has it; `None` for a release |
# | `published` | the versions released before, in no order |
#
# The cell must stand on its own, without `me`: write the values of your rules into it. It is run by itself, on inputs
# that you see and on others that you do not see. It can import what comes with Python, nothing else.


# %% nbgrader={"grade": false, "grade_id": "task-release-tags", "locked": false, "schema_version": 3, "solution": true, "task": false} tags=["task:release_tags"]
def release_tags(version, commit, branch, published):
    """The tags of a build, sorted."""
    ### BEGIN SOLUTION
    import re

    # A student writes each rule with its values; a lab run puts the student's specification here as a dict.
    rules = me._spec
    commit_tag = rules["commit"] + commit[: rules["digits"]]
    if version is None:
        slug = re.sub("[^a-z0-9]+", rules["dash"], branch.lower())[: rules["length"]].strip(rules["dash"])
        return sorted([rules["branch"] + slug, commit_tag])

    def numbers(text):
        return tuple(int(part) for part in text.split("."))

    tags = [version.replace("+", rules["plus"]), commit_tag]
    if "+" in version:
        return sorted(tags)
    release, _, candidate = version.partition("-")
    major, minor, _ = release.split(".")
    if candidate:
        if rules["candidate"] == "next":
            tags.append("next")
        if rules["candidate"] == "line":
            tags.append(f"{major}.{minor}-{candidate.split('.')[0]}")
        return sorted(tags)
    newer = [numbers(other) for other in published if not set("-+") & set(other)]
    newer = [other for other in newer if other > numbers(version)]
    if not newer:
        tags.append(rules["newest"])
    if rules["major"] and major != "0" and all(other[0] != int(major) for other in newer):
        tags.append(major)
    if all(other[:2] != (int(major), int(minor)) for other in newer):
        tags.append(f"{major}.{minor}")
    return sorted(tags)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "release-tags", "locked": true, "points": 2.5, "schema_version": 3, "solution": false, "task": false}
check("release-tags")

# %% [markdown] id="task-2"
# ## 2 Release three versions
#
# *12 minutes · core, with the tags worked out by hand*
#
# The folder `image` stands for `ml-model`: one text file `FROM scratch`, which builds in a moment. Nothing was published
# before the first of your releases.
#
# **Achieve:** each of `me.releases` is an image of its own in `REGISTRY`, in the repository `me.repository`. It was
# built once, and every tag that your rules give it, at its turn, points at it. `release_tags` knows them; without the
# first task, read `me.rules` and write a list of tags for each release. Its labels
# `org.opencontainers.image.version`, `….revision` and `….created` say what the entry says.

# %% nbgrader={"grade": false, "grade_id": "release", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Build, label, tag and push the three releases, in their order.
published = []
### BEGIN SOLUTION
for release in me.releases:
    version, commit, created = release["version"], release["commit"], release["created"]
    image = f"{REGISTRY}/{me.repository}:{version}"
    key = "org.opencontainers.image"
    # !docker build --quiet --tag {image} --label {key}.version={version} --label {key}.revision={commit} --label {key}.created={created} image
    for tag in release_tags(version, commit, None, published):
        # !docker tag {image} {REGISTRY}/{me.repository}:{tag}
        # !docker push --quiet {REGISTRY}/{me.repository}:{tag}
    published.append(version)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "labels", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("labels")

# %% nbgrader={"grade": true, "grade_id": "tag-sets", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("tag-sets")

# %% nbgrader={"grade": true, "grade_id": "floating", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("floating")

# %% [markdown] id="task-3"
# ## 3 Promote what was tested
#
# *8 minutes · core*
#
# Environments are tags as well. No engine is needed to move them: the registry gives out a manifest by its digest, and
# takes the same bytes under another tag. `http` asks without a proxy, and `ACCEPT` names the forms of manifest that you
# understand.

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

# %% [markdown] id="task-3a"
# **Achieve:** the tag `staging` points at the newest stable release, and `tested` is the digest behind it: that is what
# your testers test.

# %% nbgrader={"grade": false, "grade_id": "stage", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Let staging point at the newest stable release, and read its digest.
### BEGIN SOLUTION
manifests = f"http://{REGISTRY}/v2/{me.repository}/manifests"


def digest_behind(tag):
    return http.head(f"{manifests}/{tag}", headers={"Accept": ACCEPT}).headers["Docker-Content-Digest"]


def point(tag, digest):
    manifest = http.get(f"{manifests}/{digest}", headers={"Accept": ACCEPT})
    kind = {"Content-Type": manifest.headers["Content-Type"]}
    http.put(f"{manifests}/{tag}", data=manifest.content, headers=kind).raise_for_status()


newest, candidate, fix = (digest_behind(release["version"]) for release in me.releases)
point("staging", newest)
tested = digest_behind("staging")
### END SOLUTION
answer("tested", tested)

# %% nbgrader={"grade": true, "grade_id": "tested", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("tested")

# %% [markdown] id="task-3b"
# Two regions run `ml-model`. Today both run the fix of the older line, the third of your releases. The tests have passed,
# and both go to the tested digest.
#
# **Achieve:** for each of the tags `me.region_stays` and `me.region_back`: it points at the digest that was tested, byte
# for byte, and a second tag, the same with `-previous` behind it, points at what the region ran before.

# %% nbgrader={"grade": false, "grade_id": "promote", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Put both regions where they are today, then promote them.
### BEGIN SOLUTION
for region in (me.region_stays, me.region_back):
    point(region, fix)
    point(f"{region}-previous", digest_behind(region))
    point(region, tested)
    print(region, digest_behind(region) == tested)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "promotion", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("promotion")

# %% [markdown] id="task-4"
# ## 4 Roll back
#
# *3 minutes*
#
# In the region `me.region_back` customers complain. In the other one all is well, so it stays.
#
# **Achieve:** `me.region_back` points at what it ran before the promotion, and its `-previous` at what it ran until now.

# %% nbgrader={"grade": false, "grade_id": "back", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Bring that region back, and keep what it ran.
### BEGIN SOLUTION
running, before = digest_behind(me.region_back), digest_behind(f"{me.region_back}-previous")
if running == tested:  # run twice, the cell must not go forward again
    point(me.region_back, before)
    point(f"{me.region_back}-previous", running)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "rollback", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("rollback")

# %% [markdown] nbgrader={"grade": false, "grade_id": "policy-task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5 A policy for the team
#
# *10 minutes*
#
# Code does not tell a new colleague *why*. Write your team's tagging policy, in 150 to 250 words, in the cell below: a
# person reads it, and gives up to 2 points. Half a point each for:
#
# 1. which tags stay, which move, and what moves them;
# 2. what is deployed, and why a version tag alone does not suffice;
# 3. how a release goes to production and back, so that what runs is what was tested;
# 4. what keeps the rules: what forbids a wrong move, or shows that it happened.
#
# Write what holds for *your* rules, with the names of your tags. A double click opens the cell.
#
# ### BEGIN MARK SCHEME
# **For the grader** (students do not see this). Half a point each, none for a point that is only named:
#
# | point | full half point | no point |
# | --- | --- | --- |
# | 1 stay and move | Exact and commit tags stay; minor, newest and (if there) major tags move with the newest *stable* release of their line, not with the last push; pre-releases as in the student's own rules | a list of tags without what moves them; rules of another student's specification |
# | 2 deployed | By digest (tag for people beside it); because a version tag can be pushed again, or nodes cache it | “we use fixed versions”; “never latest” without a reason |
# | 3 to production and back | Same digest from staging to production without a build; previous digest noted *before* the move; rollback to it; digests compared | rebuild for production; rollback by building the old version |
# | 4 what keeps the rules | At least one that works: immutable tags in the registry for exact tags (and exceptions for the moving ones), only CI may push, a check that compares tag and digest, a log of promotions | “everybody is careful”; naming a registry feature that `registry:2` does not have as if it had it |
#
# Take off nothing for language. A text far over 250 words that hides the points in general advice gets at most 1.5.
# ### END MARK SCHEME

# %% [markdown] nbgrader={"grade": true, "grade_id": "policy", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# *A model answer; the names of tags differ from student to student.*
#
# **Tags that stay.** Every release gets its exact version and the tag of its commit. CI sets them once, on the image it
# has built. Nobody moves them: a fix is a new version.
#
# **Tags that move.** The minor tag follows the newest stable release of its line, and the tag of the newest release
# follows the newest of all, compared number by number. A fix for an older line moves that line's tag and no other. A
# pre-release moves only what our rules say. There is no `latest`.
#
# **What we deploy.** `name:version@sha256:…`. The digest decides, the version is for people. A version tag alone can be
# pushed again, and then nodes that pull later run other bytes than those that pulled before.
#
# **To production and back.** Testers test the digest behind `staging`. A promotion puts that very manifest under the tag
# of a region, in the registry, without a build. Before that, the region's old digest goes under `…-previous`, and a line
# into the log of promotions. We compare both digests afterwards. A rollback is the same step with the noted digest.
#
# **What keeps the rules.** Only CI may push. The registry refuses to overwrite exact and commit tags (immutable, with
# exceptions for those that move). A nightly job compares each exact tag with the digest in the log, and says which one
# was moved.
# ### END SOLUTION

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything but the policy once more. Then save the notebook and write your submission in a
# terminal of JupyterLab (File, New, Terminal):
#
# ```
# course submit 04-tagging
# ```
#
# The images in the registry stay; the check needs them until you have submitted.
