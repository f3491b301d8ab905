# %% [markdown] id="title"
# # Tiny

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
from autograder.notebook import answer, check, me


# %% nbgrader={"grade": false, "grade_id": "task-double", "locked": false, "schema_version": 3, "solution": true, "task": false} tags=["task:double"]
def double(n):
    ### BEGIN SOLUTION
    return 2 * n
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "pushed", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("pushed")

# %% nbgrader={"grade": true, "grade_id": "round-trip", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("round-trip")

# %% nbgrader={"grade": true, "grade_id": "double", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("double")

# %% nbgrader={"grade": true, "grade_id": "engine", "locked": true, "points": 0.5, "schema_version": 3, "solution": false, "task": false}
check("engine")

# %% [markdown] nbgrader={"grade": false, "grade_id": "why-question", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Why is a tag no version?
#
# ### BEGIN MARK SCHEME
# One point for *it moves*, half a point for an example.
# ### END MARK SCHEME

# %% [markdown] nbgrader={"grade": true, "grade_id": "why", "locked": false, "points": 1.5, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# Because it moves.
# ### END SOLUTION
