# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] id="title"
# # Lab 08: Life cycle
#
# **About 60 minutes, 11 points.** Your team's repository on ECR holds about sixty images, and a lifecycle policy that a
# colleague left behind. It has not acted yet. You find out what it would do tonight, write a better one, and let thirty
# days pass.
#
# The real `aws` and `boto3` work with the ECR emulator; use what you like. Tasks marked *core* come first when your time
# is short. Lesson 08 explains all of it, and `hint("inherited")` gives the first of three hints for that check.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import json

import boto3

from autograder.notebook import answer, check, hint, me
from autograder.notebook.fleet import fill

ecr = boto3.client("ecr")
me

# %% [markdown] id="values"
# These values are yours alone; the tasks name them. In a line that begins with `!`, write `{me.repository}` for a value.

# %% [markdown] id="fleet"
# ## Your fleet
#
# The next cell fills the repository `me.repository` in a few seconds: small but real images, some of them indexes for two
# platforms, as old as two days or as a year by the emulator's clock. It also puts the inherited policy on the repository.
#
# Run it again whenever you want the beginning back, for example after a policy that took too much. It removes what is
# there, your own policy too.

# %% nbgrader={"grade": false, "grade_id": "fill", "locked": true, "schema_version": 3, "solution": false, "task": false}
fill()

# %% [markdown] id="task-1"
# ## 1 What would happen tonight?
#
# *20 minutes*
#
# Have a look at the images (`describe-images`) and at the policy (`get-lifecycle-policy`). Then ask ECR for a preview of
# that policy. It changes nothing.
#
# **Achieve:** `takes` is a dict with an entry for each tag in `me.suspects`: the priority of the rule that would take its
# image, or `None` if the image would stay.

# %% nbgrader={"grade": false, "grade_id": "preview", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Preview the policy that is on the repository.
takes = {}
### BEGIN SOLUTION
def preview(**policy):
    ecr.start_lifecycle_policy_preview(repositoryName=me.repository, **policy)
    ecr.get_waiter("lifecycle_policy_preview_complete").wait(repositoryName=me.repository)
    pages = ecr.get_paginator("get_lifecycle_policy_preview").paginate(repositoryName=me.repository)
    return [image for page in pages for image in page["previewResults"]]


takes = dict.fromkeys(me.suspects)
for image in preview():
    for tag in image.get("imageTags", []):
        if tag in takes:
            takes[tag] = image["appliedRulePriority"]
### END SOLUTION
answer("takes", takes)

# %% nbgrader={"grade": true, "grade_id": "inherited", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("inherited")

# %% [markdown] id="task-1b"
# The preview says which rule acts, not why. Each of the four rules has a fault of its own.
#
# **Achieve:** `causes` is a list of four letters from `me.causes`: the sentence that says what is wrong with rule 1, with
# rule 2, with rule 3 and with rule 4. Two of the six sentences are true of none of them.

# %% nbgrader={"grade": false, "grade_id": "find-causes", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Four letters, in the order of the rules.
causes = []
### BEGIN SOLUTION
for words in ("asks for all of its tags", "on one image at a time", "by one of its tags, whatever", "sees every image"):
    causes += [letter for letter, text in me.causes.items() if words in text]
### END SOLUTION
answer("causes", causes)

# %% nbgrader={"grade": true, "grade_id": "causes", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("causes")

# %% [markdown] id="task-2"
# ## 2 A policy that meets the requirement
#
# *20 minutes · core*
#
# The team has agreed on this. When an image fits several paragraphs, the first of them decides.
#
# 1. **What is deployed stays**: every image with a tag that begins with `me.deployed`, whatever else it is.
# 2. **Of the releases**, images with a tag that begins with `me.release`, the newest `me.newest` stay, by the day on which
#    they were pushed. Deployed ones count among them. Older ones go.
# 3. **Candidates** for a release (tags that begin with `me.candidate`) go when they are older than `me.candidate_days` days.
# 4. **Development builds** (`me.build`) go when they are older than `me.build_days` days.
# 5. **What has no tag** goes when it is older than `me.untagged_days` days, except what an index that stays refers to.
# 6. **Everything else stays.** Nobody has said what it is for.
#
# It has to hold for whatever the team pushes next: other versions, other places, more images. Preview your policy as often
# as you like before you put it on the repository; lesson 08, “Preview, apply, look”, has the three commands.
#
# **Achieve:** the repository has a lifecycle policy that does exactly this.

# %% nbgrader={"grade": false, "grade_id": "policy", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Write the policy, preview it, put it on the repository.
### BEGIN SOLUTION
def rule(priority, number, *patterns, days=False):
    selection = {"tagStatus": "tagged", "tagPatternList": list(patterns)} if patterns else {"tagStatus": "untagged"}
    count = {"countType": "sinceImagePushed", "countUnit": "days"} if days else {"countType": "imageCountMoreThan"}
    selection |= count | {"countNumber": number}
    return {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}


rules = [
    rule(10, 1000, f"{me.deployed}*"),
    rule(20, me.newest, f"{me.release}*"),
    rule(30, me.candidate_days, f"{me.candidate}*", days=True),
    rule(40, me.build_days, f"{me.build}*", days=True),
    rule(50, me.untagged_days, days=True),
]
text = json.dumps({"rules": rules}, indent=2)
for image in preview(lifecyclePolicyText=text):
    print(image["appliedRulePriority"], image["imagePushedAt"].date(), *image.get("imageTags", []))
ecr.put_lifecycle_policy(repositoryName=me.repository, lifecyclePolicyText=text)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "valid", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("valid")

# %% nbgrader={"grade": true, "grade_id": "spares", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("spares")

# %% nbgrader={"grade": true, "grade_id": "clears", "locked": true, "points": 1.5, "schema_version": 3, "solution": false, "task": false}
check("clears")

# %% [markdown] id="task-2b"
# ### Other fleets
#
# *5 minutes*
#
# Your fleet is one of many. The next check holds your policy against fleets that you have not seen. If it fails, its
# message names the kinds of images that your rules get wrong.

# %% nbgrader={"grade": true, "grade_id": "other-fleets", "locked": true, "points": 2.5, "schema_version": 3, "solution": false, "task": false}
check("other-fleets")

# %% [markdown] id="task-3"
# ## 3 Thirty days later
#
# *5 minutes · core*
#
# ECR would act within 24 hours. The emulator acts at the end of each day by which its clock moves. The clock is shared by
# all emulators and only goes forward, so logins end with it. In the same cell, note what `describe-images` lists before:
# the last task asks for it.
#
# **Achieve:** thirty days have passed with your policy on the repository. What has to stay is there, what has to go is gone.

# %% nbgrader={"grade": false, "grade_id": "advance", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Look, move the clock on, look again.
### BEGIN SOLUTION
def sizes():
    pages = ecr.get_paginator("describe_images").paginate(repositoryName=me.repository)
    return [image["imageSizeInBytes"] for page in pages for image in page["imageDetails"]]


before = sizes()
# !course clock advance 30d
after = sizes()
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "applied", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("applied")

# %% [markdown] id="task-4"
# ## 4 What it brought
#
# *10 minutes*
#
# **Achieve:** `left` is how many images `describe-images` lists now. `saved` is how many bytes went: what
# `imageSizeInBytes` adds up to over all images that were listed before, less what it adds up to now. Indexes count as
# images, and so does what is below them.

# %% nbgrader={"grade": false, "grade_id": "count", "locked": false, "schema_version": 3, "solution": true, "task": false}
# Two numbers.
left, saved = None, None
### BEGIN SOLUTION
left, saved = len(after), sum(before) - sum(after)
### END SOLUTION
answer("left", left)
answer("saved", saved)

# %% nbgrader={"grade": true, "grade_id": "report", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("report")

# %% [markdown] id="end"
# ## Done?
#
# `check("all")` judges everything once more. Then save the notebook and write your submission in a terminal of
# JupyterLab (File, New, Terminal):
#
# ```
# course submit 08-lifecycle
# ```
