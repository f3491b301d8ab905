"""The scripted students of lab 08: what each does, and what each must get."""

from __future__ import annotations

from autograder.quality.samples import Scripted, Stage, copied, nothing, perfect


def _with(s: Stage, cell_id: str, change: tuple[str, str] | str) -> None:
    """Do the lab as the solution does, with one cell written anew or changed in one place."""
    notebook = s.solved()
    for cell in notebook.cells:
        if cell.id == cell_id:
            if isinstance(change, tuple):
                assert change[0] in cell.source
                cell.source = cell.source.replace(*change)
            else:
                cell.source = change
    s.run(notebook)
    s.submit()


def core(s: Stage) -> None:
    """Does what is core, and previews the inherited policy before."""
    s.run(s.mixed("preview", "policy", "advance"))
    s.submit()


def one_fleet(s: Stage) -> None:
    """Protects the three tags that are deployed today, one rule each."""
    todays = [tag for tag in s.me["suspects"] if tag.startswith(s.me["deployed"])]
    tags = "sorted({i['imageTag'] for i in ecr.list_images(repositoryName=me.repository, maxResults=1000)['imageIds'] "
    tags += "if i.get('imageTag', '').startswith(me.deployed)})"
    assert len(todays) == 2
    _with(
        s,
        "policy",
        ('    rule(10, 1000, f"{me.deployed}*"),', f"    *(rule(n, 10, t) for n, t in enumerate({tags}, 1)),"),
    )


def builds_first(s: Stage) -> None:
    """Puts the rule for builds before the one for releases, and applies that."""
    _with(s, "policy", ("rule(40, me.build_days", "rule(15, me.build_days"))


def keeps_all(s: Stage) -> None:
    """Writes a policy that deletes nothing."""
    _with(
        s, "policy", ("for image in preview", 'text = json.dumps({"rules": rules[:1]}, indent=1)\nfor image in preview')
    )


CLI = """
from pathlib import Path

def expire(priority, tags, **count):
    status = {"tagStatus": "tagged", "tagPrefixList": [tags]} if tags else {"tagStatus": "untagged"}
    return {"rulePriority": priority, "description": f"rule for {tags}", "selection": status | count,
            "action": {"type": "expire"}}

def older(days):
    return {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}

document = {"rules": [
    expire(1, "", **older(me.untagged_days)),
    expire(9, me.build, **older(me.build_days)),
    expire(7, me.candidate, **older(me.candidate_days)),
    expire(4, me.release, countType="imageCountMoreThan", countNumber=me.newest),
    expire(2, me.deployed, **older(36500)),
]}
Path("policy.json").write_text(json.dumps(document))
!aws ecr put-lifecycle-policy --repository-name {me.repository} --lifecycle-policy-text file://policy.json
"""


def command_line(s: Stage) -> None:
    """Uses prefixes and an age of a hundred years to protect, sets the policy with the AWS CLI from a file."""
    _with(s, "policy", CLI)


def by_steps(s: Stage) -> None:
    """Applies a bad policy first, fills the fleet anew, and lets the thirty days pass in three steps."""
    notebook = s.solved()
    for cell in notebook.cells:
        if cell.id == "policy":
            cell.source += (
                "\nbad = json.dumps({'rules': [rule(1, 1, '*')]})"
                "\necr.put_lifecycle_policy(repositoryName=me.repository, lifecyclePolicyText=bad)"
                "\n!course clock advance 1d"
                "\nfill()"
                "\necr.put_lifecycle_policy(repositoryName=me.repository, lifecyclePolicyText=text)"
            )
        if cell.id == "advance":
            cell.source = cell.source.replace(
                "!course clock advance 30d",
                "!course clock advance 12d\n!course clock advance 12h\n!course clock advance 20d",
            )
    s.run(notebook)
    s.submit()


FIRST = ("inherited", "causes", "valid")

STUDENTS = [
    Scripted("ada", "does everything with boto3", perfect, passes="all"),
    Scripted(
        "ben",
        "does what is core, and previews the inherited policy before",
        core,
        passes=("inherited", "valid", "spares", "clears", "other-fleets", "applied"),
    ),
    Scripted("cem", "hands in ada's work under an own name", copied, says={"": "ada"}, after=("ada",)),
    Scripted("fay", "runs the notebook as it came", nothing, says={"valid": "The inherited policy is still there."}),
    Scripted(
        "gus",
        "protects the three tags that are deployed today, one rule each",
        one_fleet,
        passes=(*FIRST, "spares", "clears", "applied", "report"),
        says={"other-fleets": "by the requirement it stays, by your policy it goes"},
    ),
    Scripted(
        "hana",
        "puts the rule for builds before the one for releases, and applies that",
        builds_first,
        passes=FIRST,
        says={"spares": "with a build's tag", "applied": "fill() brings the fleet back"},
    ),
    Scripted(
        "dina",
        "writes a policy that deletes nothing",
        keeps_all,
        passes=FIRST,
        says={"spares": "it takes 0", "applied": "images that have to go are still there"},
    ),
    Scripted("jun", "takes another way: prefixes, the AWS CLI, a file", command_line, passes="all"),
    Scripted("ivo", "spoils the fleet, fills it anew, lets the days pass in steps", by_steps, passes="all"),
]
