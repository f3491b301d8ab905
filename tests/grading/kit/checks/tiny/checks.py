"""Checks of the artificial lab."""

from autograder.checks.api import Failure, NotGraded, check, require_cases


def parameters(draw):
    team = f"heron-{draw.hex('team', 6)}"
    return {"team": team, "repository": f"{team}/app", "tag": f"1.{draw.integer('minor', 0, 5)}.0"}


@check("pushed", trust="proved", why="A push stores the manifest last.")
def pushed(e):
    """The image is in your repository"""
    repository = e.repository("registry", e.parameters["repository"])
    image = repository.image(e.parameters["tag"]) if repository else None
    if image is None:
        raise Failure(expected="your tag", found="nothing", next_step="Push it.")
    owner = repository.labels(image).get("course.owner")
    if owner != e.parameters["team"]:
        raise Failure(expected="your label", found=f"the label {owner}", next_step="Build it again.")


@check("round-trip", trust="recomputed", needs=["pushed"])
def round_trip(e):
    """A registry takes the image and gives it back"""
    if e.origin == "live":
        return
    probe = e.probes.get("round-trip", {})
    if "fault" in probe:
        raise NotGraded(probe["fault"])
    found = probe.get(f"registry/{e.parameters['repository']}")
    if not found or found["error"] or not all(found["digests"].values()):
        raise Failure(expected="a whole image", found=str((found or {}).get("error")), next_step="Push it again.")


@check("double", trust="recomputed")
def double(e):
    """double(n) is twice n"""
    require_cases(e, "double")


@check("engine", trust="claimed")
def engine(e):
    """You have an engine"""
    if e.engine is None:
        raise Failure(expected="an engine", found="none", next_step="Install one.")
