# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 02: Names
#
# **About 20 minutes, 4 points.** You need no container engine and no registry here: what a name means is decided before
# anything is sent. Lesson 02 explains every rule.
#
# The names below are those that your team's scripts are full of. Some do not go where their authors think. First you
# read them, then you write the function that reads any name, then you repair those that are wrong.
#
# The lab is not on the core path. `hint("full-names")` gives the first of three hints for that check.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
from autograder.notebook import answer, check, hint, me

me

# %% [markdown] id="values"
# These values are yours alone: `me.names` is a list of eight names, and `me.broken` a dict of five broken names with
# what each was meant to be.

# %% [markdown] id="task-1"
# ## 1 Read eight names
#
# *5 minutes*
#
# Docker completes a name before it uses it. `python:3.12` is `docker.io/library/python:3.12` in full: registry,
# repository, tag, and nothing left to fill in.
#
# **Achieve:** `full_names` is a list of eight texts: the names of `me.names` in full, in their order. Decide by reading.

# %% nbgrader={"grade": false, "grade_id": "read-names", "locked": false, "schema_version": 3, "solution": true, "task": false}
# One text a name, in the order of me.names.
full_names = []
### BEGIN SOLUTION
from autograder.domain import references

full_names = [references.parse(name).canonical() for name in me.names]
### END SOLUTION
answer("full_names", full_names)

# %% nbgrader={"grade": true, "grade_id": "full-names", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("full-names")

# %% [markdown] id="task-2"
# ## 2 Write the rules down as code
#
# *10 minutes*
#
# **Achieve:** `parse_reference(text)` returns a dict with the keys `registry`, `repository`, `tag` and `digest`. What is
# not there is `None`. A text that breaks a rule raises `ValueError`.
#
# | part | rule |
# | --- | --- |
# | registry | What stands before the first slash, if it is exactly `localhost` or holds a `.`, a `:` or a capital. Otherwise `docker.io`. `index.docker.io` is `docker.io`, too. A host holds letters, digits, `.` and `-`, and after a colon perhaps a port number. |
# | repository | On `docker.io`, `library/` comes in front when there is no slash in it. Parts between slashes hold lower-case letters and digits; between these may stand one `.`, one or two `_`, or any number of `-`. |
# | tag | Behind the colon: up to 128 letters, digits, `_`, `.` and `-`; the first is neither `.` nor `-`. It is `latest` where the text gives neither tag nor digest. |
# | digest | Behind the `@`: `sha256:` and 64 digits, `0`–`9` and `a`–`f`. |
#
# Letters are those from `a` to `z` and from `A` to `Z`, digits those from `0` to `9`.
#
# The cell must stand on its own: it is run by itself, on inputs that you see and on others that you do not see. It can
# import what comes with Python, nothing else.


# %% nbgrader={"grade": false, "grade_id": "task-parse-reference", "locked": false, "schema_version": 3, "solution": true, "task": false} tags=["task:parse_reference"]
def parse_reference(text):
    """Registry, repository, tag and digest of an image reference, as a dict."""
    ### BEGIN SOLUTION
    import re

    host, slash, rest = text.partition("/")
    if not slash or not (host == "localhost" or re.search("[.:A-Z]", host)):
        host, rest = "docker.io", text
    if host == "index.docker.io":
        host = "docker.io"
    name, at, digest = rest.partition("@")
    repository, colon, tag = name.partition(":")
    if host == "docker.io" and "/" not in repository:
        repository = "library/" + repository
    if not colon and not at:
        tag = "latest"
    part = "[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*"
    forms = [(host, "[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]+)?"), (repository, f"{part}(/{part})*")]
    if colon or tag:
        forms.append((tag, "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"))
    if at:
        forms.append((digest, "sha256:[0-9a-f]{64}"))
    for value, form in forms:
        if not re.fullmatch(form, value):
            raise ValueError(f"{value!r} in {text!r} breaks a rule")
    return {"registry": host, "repository": repository, "tag": tag or None, "digest": digest or None}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "parse", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("parse")

# %% nbgrader={"grade": true, "grade_id": "refuse", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("refuse")

# %% [markdown] id="task-3"
# ## 3 Repair five names
#
# *5 minutes*
#
# `me.broken` tells for each of five names what it was meant to be. Docker refuses some of them. Others it takes without
# a word, and fetches or overwrites another image.
#
# **Achieve:** `repaired` is a list of five texts, in the order of `me.broken`: for each the name of the image that was
# meant. Your own `parse_reference` shows what each is now.

# %% nbgrader={"grade": false, "grade_id": "repair-names", "locked": false, "schema_version": 3, "solution": true, "task": false}
# One text a name, in the order of me.broken.
repaired = []
### BEGIN SOLUTION
from autograder.checks.names import checks as names

parameters = {name: getattr(me, name) for name in ("team", "model", "version", "host", "digest", "broken")}
repaired = [right[0] for right in names.repairs(parameters).values()]
### END SOLUTION
answer("repaired", repaired)

# %% nbgrader={"grade": true, "grade_id": "repair", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("repair")

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything once more. Then save the notebook and write your submission in a terminal of
# JupyterLab (File, New, Terminal):
#
# ```
# course submit 02-names
# ```
