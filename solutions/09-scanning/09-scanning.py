# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 09: Scanning
#
# **About 75 minutes, 11 points.** Your team's `ml-model` has three Python packages, pinned by someone who found the
# versions in an old notebook. You find out what is known about them, repair what can be repaired, write the gate that
# would have stopped the image, and accept one finding for a while.
#
# The scanner is Trivy, as `course trivy`. Its database is the course's, an artifact in the local registry: your results
# are the same today and next year, also offline.
#
# Tasks marked *core* come first when your time is short. Lesson 09 explains all of it, and `hint("counted")` gives the
# first of three hints for that check.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import json
from pathlib import Path

from autograder.notebook import ECR, REGISTRY, answer, check, hint, me

me

# %% [markdown] id="values"
# These values are yours alone: `me.repository`, the release `me.before` as you find it, and `me.after`, the one that you
# repair. `me.pins` are the three old pins. In a line that begins with `!`, write `{me.repository}` for a value.

# %% [markdown] id="task-1"
# ## 1 Build it as it is, and scan it
#
# *15 minutes · core*
#
# The `Dockerfile` here takes the folder `ml-model` as its context, and installs what `ml-model/requirements.txt` pins, one
# package a line:
#
# ```
# docker build --file Dockerfile --tag NAME ml-model
# ```
#
# **Achieve:** the image with exactly `me.pins` is in `REGISTRY`, in `me.repository`, under `me.before`. You scanned it
# for vulnerabilities with `course trivy`. Two answers about **these three packages**, whatever the base image has besides:
#
# - `counts`, a dict: how many findings there are of each severity;
# - `ranking`, a list of the findings' ids, the worst first: `CRITICAL`, `HIGH`, `MEDIUM`, `LOW`. Of the same severity, the
#   package that comes first in the alphabet (in small letters) is first, then the lower id.

# %% nbgrader={"grade": false, "grade_id": "build", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Pin, build, push, scan.
### BEGIN SOLUTION
Path("ml-model/requirements.txt").write_text("\n".join(me.pins) + "\n")
before = f"{REGISTRY}/{me.repository}:{me.before}"
# !docker build --quiet --file Dockerfile --tag {before} ml-model
# !docker push --quiet {before}
# !course trivy image --scanners vuln --format json --output before.json {before}
### END SOLUTION

# %% nbgrader={"grade": false, "grade_id": "count", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Count and rank.
counts = {"CRITICAL": 0, "HIGH": 0, "MEDIUM": 0, "LOW": 0}
ranking = []
### BEGIN SOLUTION
mine = {pin.split("==")[0] for pin in me.pins}
found = []
for result in json.loads(Path("before.json").read_text())["Results"]:
    for one in result.get("Vulnerabilities", []):
        if result["Class"] == "lang-pkgs" and one["PkgName"].lower() in mine:
            counts[one["Severity"]] += 1
            found.append((list(counts).index(one["Severity"]), one["PkgName"].lower(), one["VulnerabilityID"]))
ranking = [id for _, _, id in sorted(found)]
### END SOLUTION
answer("counts", counts)
answer("ranking", ranking)

# %% nbgrader={"grade": true, "grade_id": "counted", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("counted")

# %% nbgrader={"grade": true, "grade_id": "ranked", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("ranked")

# %% [markdown] id="task-2"
# ## 2 Repair it
#
# *10 minutes · core*
#
# Another team relies on `me.kept`, in exactly that version, until its next release. The two other packages can move. What
# can be installed lies in `ml-model/wheels`.
#
# **Achieve:** an image with the same three packages is in `me.repository` under `me.after`. Nothing in it is HIGH or
# CRITICAL and has a fix. `me.kept` is what it was. `me.before` stays in the registry as it is.

# %% nbgrader={"grade": false, "grade_id": "repair", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Move the pins, build, push, scan again.
### BEGIN SOLUTION
newest = {}
for wheel in Path("ml-model/wheels").glob("*.whl"):
    package, version = wheel.name.split("-")[:2]
    package = package.lower().replace("_", "-")
    newest[package] = max(newest.get(package, ""), version, key=lambda text: [int(part) for part in text.split(".") if part])
moved = [pin if pin == me.kept else f"{pin.split('==')[0]}=={newest[pin.split('==')[0]]}" for pin in me.pins]
Path("ml-model/requirements.txt").write_text("\n".join(moved) + "\n")
after = f"{REGISTRY}/{me.repository}:{me.after}"
# !docker build --quiet --file Dockerfile --tag {after} ml-model
# !docker push --quiet {after}
# !course trivy image --scanners vuln --format json --output after.json {after}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "fixed", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("fixed")

# %% [markdown] id="task-3"
# ## 3 A gate
#
# *20 minutes*
#
# **Achieve:** `gate(report, accepted, today)` says whether a build may go on, as a list of a code and of the ids that
# block, sorted and each once.
#
# | argument | is |
# | --- | --- |
# | `report` | the text of the file that Trivy wrote in JSON, or what a broken scan left of it |
# | `accepted` | the text of a file of exceptions; it may be empty |
# | `today` | the day, `"2026-11-02"` |
#
# | result | when |
# | --- | --- |
# | `[2, []]` | the report cannot be judged |
# | `[1, [ids]]` | something blocks |
# | `[0, []]` | nothing blocks |
#
# - A report **can be judged** when it is a JSON object, its `SchemaVersion` is the number 2, `Results` is a list of objects,
#   and at least one of these results is about packages: its `Class` is `os-pkgs` or `lang-pkgs`. In those results
#   `Vulnerabilities` is a list, or null, or not there. Each finding in it is an object whose `VulnerabilityID` is a text and
#   whose `Severity` is one of `UNKNOWN`, `LOW`, `MEDIUM`, `HIGH`, `CRITICAL`, written like that. Whatever else there is
#   makes the report one that cannot be judged. Results that are not about packages may hold anything; nothing in them blocks.
# - A finding **blocks** when it is `HIGH` or `CRITICAL`, has a `FixedVersion` that is not empty, and is not accepted.
# - A line `ID exp:YYYY-MM-DD` **accepts** findings of that id, up to and including that day. What follows a `#` is a
#   comment. A line without such a date, or with anything else in it, accepts nothing. Of two lines for an id each counts. An
#   id is what stands as `VulnerabilityID` in a report, in whatever list it is: not all of them begin with `CVE-`.
#
# The cell must stand on its own. It is run by itself, on inputs that you see and on others that you do not see, and can
# import what comes with Python.


# %% nbgrader={"grade": false, "grade_id": "task-gate", "locked": false, "schema_version": 3, "solution": true, "task": false} tags=["task:gate"]
def gate(report, accepted, today):
    """The code, and the ids that block."""
    ### BEGIN SOLUTION
    import json
    import re

    until = {}
    for line in accepted.splitlines():
        words = line.partition("#")[0].split()
        if len(words) == 2 and re.fullmatch(r"exp:\d{4}-\d\d-\d\d", words[1]):
            day = words[1].removeprefix("exp:")
            until[words[0]] = max(day, until.get(words[0], day))
    try:
        document = json.loads(report)
        if document["SchemaVersion"] != 2 or not isinstance(document["Results"], list):
            return [2, []]
        scanned = [result for result in document["Results"] if result.get("Class") in ("os-pkgs", "lang-pkgs")]
        lists = [result["Vulnerabilities"] for result in scanned if result.get("Vulnerabilities") is not None]
        found = [one for each in lists for one in each]
        known = all(one["Severity"] in ("UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL") for one in found)
        named = all(isinstance(one["VulnerabilityID"], str) for one in found)
    except (ValueError, KeyError, TypeError, AttributeError):
        return [2, []]
    if not (scanned and known and named and all(isinstance(each, list) for each in lists)):
        return [2, []]
    blocking = {
        one["VulnerabilityID"]
        for one in found
        if one["Severity"] in ("HIGH", "CRITICAL")
        and one.get("FixedVersion")
        and until.get(one["VulnerabilityID"], "") < today
    }
    return [1, sorted(blocking)] if blocking else [0, []]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gate", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("gate")

# %% [markdown] id="task-4"
# ## 4 Accept one finding
#
# *5 minutes*
#
# Your team's rule is strict: **every** finding that has a fix is repaired or accepted, whatever its severity. One is left,
# in the package of `me.kept`. The gate of the course can be asked (`course gate --help`):
#
# ```
# course gate after.json --severity LOW,MEDIUM,HIGH,CRITICAL --ignore-unfixed --ignorefile accepted.txt
# ```
#
# **Achieve:** `accepted.txt`, next to this notebook, accepts that finding and no other, for at most 90 days from today,
# with a reason in a comment above it.

# %% nbgrader={"grade": false, "grade_id": "accept", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Write accepted.txt, and ask the gate.
### BEGIN SOLUTION
from datetime import date, timedelta

kept = me.kept.split("==")[0]
until = date.today() + timedelta(days=60)
left = {
    one["VulnerabilityID"]
    for result in json.loads(Path("after.json").read_text())["Results"]
    for one in result.get("Vulnerabilities", [])
    if one["PkgName"].lower() == kept
}
lines = [f"# {me.kept} stays until the other team's next release. Owner: {me.team}.\n{id} exp:{until}\n" for id in left]
Path("accepted.txt").write_text("".join(lines))
# !course gate after.json --severity LOW,MEDIUM,HIGH,CRITICAL --ignore-unfixed --ignorefile accepted.txt
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "accepted", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("accepted")

# %% [markdown] id="task-5"
# ## 5 Keep the list
#
# *5 minutes*
#
# **Achieve:** an SBOM of the repaired image (CycloneDX or SPDX, in JSON) lies beside it in the registry, as an artifact
# whose subject is the image under `me.after`. `course sbom attach IMAGE FILE` puts it there; `oras attach` does, too.

# %% nbgrader={"grade": false, "grade_id": "list", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Write the SBOM and attach it.
### BEGIN SOLUTION
# !course trivy image --format cyclonedx --output sbom.cdx.json {after}
# !course sbom attach {after} sbom.cdx.json
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "sbom", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("sbom")

# %% [markdown] id="task-6"
# ## 6 Another scanner
#
# *10 minutes*
#
# **Achieve:** the image of `me.before`, not another build of it, is in `ECR` as well, in a repository with the same name and
# under the same tag, and ECR's basic scan of it is complete. `missed` is the list of those HIGH and CRITICAL ids in your
# three packages that ECR's findings do not name.
#
# *If ECR says that this cannot be scanned*, the tag points at an index: a list, here of your image and of a note on how it
# was built. (Docker 29 pushes one for each build, unless it was told otherwise.) A scanner reads images. `batch-get-image`
# shows the index, and the image in it has a digest of its own: give that as `imageDigest`, in the place of `imageTag`.

# %% nbgrader={"grade": false, "grade_id": "compare", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Push to ECR, scan there, compare.
missed = []
### BEGIN SOLUTION
import boto3

ecr = boto3.client("ecr")
try:
    ecr.create_repository(repositoryName=me.repository)
except ecr.exceptions.RepositoryAlreadyExistsException:
    pass
there = f"{ECR}/{me.repository}:{me.before}"
# !aws ecr get-login-password | docker login --username AWS --password-stdin {ECR}
# !docker tag {before} {there}
# !docker push --quiet {there}
[got] = ecr.batch_get_image(
    repositoryName=me.repository,
    imageIds=[{"imageTag": me.before}],
    acceptedMediaTypes=[
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ],
)["images"]
listed = json.loads(got["imageManifest"]).get("manifests", [])  # there in an index alone
digests = [each["digest"] for each in listed if each["platform"]["os"] != "unknown"] or [got["imageId"]["imageDigest"]]
image = dict(repositoryName=me.repository, imageId={"imageDigest": digests[0]})
try:
    ecr.start_image_scan(**image)
except ecr.exceptions.LimitExceededException:
    print("It was scanned today already.")
ecr.get_waiter("image_scan_complete").wait(**image)
seen = {one["name"] for one in ecr.describe_image_scan_findings(**image)["imageScanFindings"]["findings"]}
missed = [id for id in ranking[: counts["CRITICAL"] + counts["HIGH"]] if id not in seen]
### END SOLUTION
answer("missed", missed)

# %% nbgrader={"grade": true, "grade_id": "compared", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("compared")

# %% [markdown] nbgrader={"grade": false, "grade_id": "triage-task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7 A triage note
#
# *10 minutes*
#
# The person on call has never seen this image. Write a note of 120 to 220 words in the cell below: a person reads it, and
# gives up to 2 points. Half a point each for:
#
# 1. what you repaired first, and what made it the first;
# 2. what stays, why that is bearable, until when, and who decides then;
# 3. why ECR's basic scan and Trivy differ on the same image, and which of the two stops a build;
# 4. what neither of them can see in this image.
#
# Write about *your* packages and ids. A double click opens the cell.
#
# ### BEGIN MARK SCHEME
# **For the grader** (students do not see this). Half a point each, none for a point that is only named:
#
# | point | full half point | no point |
# | --- | --- | --- |
# | 1 first | Names the student's own packages or ids; the order follows severity together with whether a fix exists (or whether the code is reached) | “all were updated”; packages of another student |
# | 2 what stays | The finding of the kept package, a reason that is about this service, a date, and a person or team | a reason such as “only medium” alone; no date |
# | 3 two scanners | Basic scanning reads the system's packages only, and these came through pip; one named scanner decides | “ECR's database is older”; “both should be used” without saying which one stops a build |
# | 4 unseen | At least one of: weights, pickles, copied or vendored code without metadata, what is fetched at run time, what nobody has published yet | “zero-days” alone, without a word on what is in this image |
#
# Take off nothing for language.
# ### END MARK SCHEME

# %% [markdown] nbgrader={"grade": true, "grade_id": "triage", "locked": false, "points": 2, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# *A model answer; packages and ids differ from student to student.*
#
# **Repaired first:** `joblib` 1.1.0 (CVE-2022-21797, CRITICAL). It has a fix, and we load files with it. Then `urllib3`
# 1.26.4 (CVE-2021-33503, HIGH), which is called with addresses from outside. Both are at fixed versions in the new release.
#
# **Stays:** `idna` 3.6 with CVE-2024-3651 (MEDIUM). A very long host name makes it slow; our host names are constants, so
# nobody from outside can send one. The other team needs this version until its next release. The exception ends in sixty
# days; then the platform team moves the pin or renews the line with a new reason.
#
# **Two scanners:** ECR's basic scan lists none of these. It reads Debian's packages, and ours came through pip. Trivy reads
# both. Trivy's report stops a build; ECR's scan is a second look at the base image.
#
# **Unseen by both:** the weights, and any pickle among them, are files and no packages. Code that was copied into `app/`
# has no metadata, so nobody looks it up. A clean report says that nothing is known about the packages that were found.
# ### END SOLUTION

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything but the note once more. Then save the notebook and write your submission in a terminal
# of JupyterLab (File, New, Terminal):
#
# ```
# course submit 09-scanning
# ```
