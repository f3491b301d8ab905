"""Lab 08, life cycle: why the inherited policy takes the wrong images, and one that takes the right ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from autograder.checks.api import Failure, check, expecting, require_answer, require_probe
from autograder.checks.lifecycle import fleet as fleets
from autograder.checks.lifecycle import images as lifecycle_images
from autograder.checks.lifecycle.fates import NOW, fates, idle, table
from autograder.checks.lifecycle.fleet import AFTER, CAUSES, Entry
from autograder.checks.lifecycle.fleet import parameters as parameters  # every lab's module has them
from autograder.checks.shared.compared import in_words, require_all
from autograder.checks.shared.images import listed
from autograder.domain.retention import Action, InvalidPolicy, boundaries, ecr, ecr_validate
from autograder.domain.retention.ecr_rules import Rule
from autograder.evidence.model import Evidence, same_json

SERVICE = "ecr"
PROBE = "hidden"
LOOK = (
    "Look for the tag in imageTags of the preview's results; appliedRulePriority is the rule. What is not listed stays."
)
AGAIN = "fill() brings the fleet back; then put your policy on the repository once more."


@check(
    "inherited",
    trust="recomputed",
    expected="For each tag in me.suspects the priority of the rule that takes its image; None where it stays.",
    why="The preview names the rule that acts on each image, and leaves out what stays. Nothing was deleted for it.",
)
def inherited(e: Evidence) -> None:
    """You know which rule of the inherited policy takes which image"""
    value = require_answer(e, "takes", "The rule that takes each of me.suspects")
    suspects = e.texts("suspects")
    if not isinstance(value, Mapping):
        raise Failure(f"You recorded a value of type {type(value).__name__}.", "Record a dict.")
    missing = [tag for tag in suspects if tag not in value]
    if missing:
        raise Failure(f"Your dict lacks {listed(missing)}.", LOOK)
    results = _inherited_results(e.parameters)
    wrong = [tag for tag in suspects if not same_json(value[tag], results[tag])]
    if not wrong:
        return
    texts = [tag for tag in wrong if isinstance(value[tag], str)]
    if texts:
        raise Failure(
            f"For {listed(texts)} you recorded a text.",
            "A priority is a number, without quotes; None stands for an image that stays.",
        )
    raise Failure(
        f"{len(suspects) - len(wrong)} of {len(suspects)} are right; for {wrong[0]} the preview says another.",
        LOOK + " If you have changed the policy or moved the clock on, run fill() first.",
    )


@check(
    "causes",
    trust="recomputed",
    expected="A list of four letters of me.causes: what is wrong with rule 1, 2, 3 and 4, in this order.",
    why="Each of the four is seen in the field, and none shows in the words that describe the rule.",
)
def causes(e: Evidence) -> None:
    """You know what is wrong with each of its rules"""
    value = require_answer(e, "causes", "Four letters, one for each rule")
    letters = e.parameter("causes")
    right = [next(letter for letter, text in letters.items() if text == cause) for cause in CAUSES[:4]]
    if not isinstance(value, list) or len(value) != 4 or not all(isinstance(letter, str) for letter in value):
        raise Failure("You recorded something else than four letters.", "Record a list.")
    given = [str(letter).strip().lower() for letter in value]
    strange = [letter[:20] for letter in given if letter not in letters]
    if strange:
        raise Failure(f"{listed(strange)} is no letter of me.causes.", "Choose among its letters.")
    fitting = sum(mine == wanted for mine, wanted in zip(given, right, strict=True))
    if fitting < len(right):
        raise Failure(
            f"{fitting} of the four fit.",
            "Read each rule and ask first which images it sees; `python3 course.py retention preview` says it in "
            "words.",
        )


@check(
    "valid",
    trust="recomputed",
    why="ECR checks a policy before it stores it, and the one before is gone then: there is one policy a repository.",
)
def valid(e: Evidence) -> None:
    """The repository has a lifecycle policy of your own, and it is valid"""
    _rules(e)


@check(
    "spares",
    trust="recomputed",
    needs=["valid"],
    expected="No image goes, or is archived, that has to stay by the requirement, and the rest is cleared.",
    why="What a rule has seen, no later rule may touch. Your strong rules come first, and know what must stay by tags.",
)
def spares(e: Evidence) -> None:
    """On your fleet your policy takes nothing that must stay"""
    rules = _rules(e)
    decided = fates(rules, fleets.visible(e.parameters), e.parameters)
    wrong = [fate for fate in decided if not fate.goes and not fate.right]
    if wrong:
        kinds = list(dict.fromkeys(fate.entry.what for fate in wrong))
        raise Failure(
            f"It takes {len(wrong)} that must stay, of {len(kinds)} {'kind' if len(kinds) == 1 else 'kinds'}.",
            idle(rules, e.parameters) + "Take the first line and ask which of your rules sees that image first.",
            table=table(wrong),
        )
    due = [fate for fate in decided if fate.goes]
    if 2 * sum(fate.right for fate in due) < len(due):
        raise Failure(
            f"It spares everything that must stay, but also most of what must go: of {len(due)} images it takes "
            f"{sum(fate.right for fate in due)}.",
            idle(rules, e.parameters) + "Each paragraph that lets images go needs a rule that sees them, below those "
            "that protect.",
        )


@check(
    "clears",
    trust="recomputed",
    needs=["spares"],
    expected="Everything goes that the requirement sends away.",
    why="Every paragraph of the requirement that lets images go has a rule that marks them. What was below an index "
    "follows in a later night.",
)
def clears(e: Evidence) -> None:
    """On your fleet it takes everything that must go"""
    rules = _rules(e)
    decided = fates(rules, fleets.visible(e.parameters), e.parameters)
    wrong = [fate for fate in decided if not fate.right]
    if wrong:
        raise Failure(
            f"{len(wrong)} of {sum(fate.goes for fate in decided)} images do not go.",
            idle(rules, e.parameters)
            + "Take the first line. Which rule should mark that image, and does an earlier one see it?",
            table=table(wrong),
        )


@check(
    "other-fleets",
    trust="recomputed",
    needs=["clears"],
    expected="Exactly the images go that the requirement sends away, on whatever fleet.",
    why="It was held against images just inside and just outside of every pattern, age and count that the requirement "
    "or your policy names, and against a fleet that is not yours; in grading also against three that nobody has seen.",
)
def other_fleets(e: Evidence) -> None:
    """It does the same on fleets that you have not seen"""
    rules, p = _rules(e), e.parameters
    tried = boundaries.cases(fleets.terms(p), boundaries.of_ecr(rules), indexes=True)
    for case in tried.cases:
        small = [Entry("an image", image.tags, image.days, image.index) for image in case]
        for position, fate in enumerate(fates(rules, small, p)):
            if not fate.right:
                image = in_words(case, position)
                raise Failure(
                    f"{image[0].upper()}{image[1:]}: by the requirement it {'goes' if fate.goes else 'stays'}, "
                    f"by your policy it {fate.words.replace(', rule', ' by rule')}.",
                    "Find the paragraph that is about this image, and the rule of yours that should do the same: does "
                    "its pattern begin and end as the requirement says, and are days and numbers the same?",
                )
    unseen = [fleets.practice(p)]
    if e.origin == "submission":
        probe = require_probe(e, PROBE, "The hidden fleets were not drawn.")
        unseen += [fleets.unpacked(fleet) for fleet in probe["fleets"]]
    wrong = [fate for fleet in unseen for fate in fates(rules, fleet, p) if not fate.right]
    kinds = sorted({f"{fate.entry.what} ({'should go' if fate.goes else 'should stay'})" for fate in wrong})
    if kinds:
        raise Failure(
            f"On other fleets it is wrong for images of {len(kinds)} "
            f"{'kind' if len(kinds) == 1 else 'kinds'}: {'; '.join(kinds[:8])}{'; …' if len(kinds) > 8 else ''}.",
            "A rule that fits your fleet by chance names single tags, places or versions, or a number that the "
            "requirement does not have. Read each paragraph against each rule.",
        )
    require_all(tried)


@check(
    "applied",
    trust="proved",
    needs=["valid"],
    why="What is left is what the requirement keeps, manifest by manifest: the newest releases, what is deployed, and "
    "what nobody has a rule for.",
)
def applied(e: Evidence) -> None:
    """Thirty days later exactly the right images are left"""
    _rules(e)
    settings, p = _repository(e), e.parameters
    held = e.repository(SERVICE, e.text("repository"))
    there = set(held.manifests) if held else set()
    archived = {image["digest"] for image in settings["images"] if image["status"] == "ARCHIVED"}
    fleet = lifecycle_images.fleet(p)
    left = _left(fleet, p)
    mine = {digest for built in fleet for digest in built.digests}
    with expecting(
        f"After {AFTER} days by the emulator's clock, the {len(left)} manifests that have to stay, and no other of the "
        "fleet."
    ):
        if not mine & there:
            raise Failure("Nothing of your fleet is there.", AGAIN)
        gone = [b for b in fleet if set(b.digests) & left - there or set(b.digests) & left & archived]
        if gone:
            raise Failure(
                f"{len(gone)} images that have to stay are gone or archived. {_named(gone[0])} is one of them.",
                f"{AGAIN} Preview it before you move the clock on.",
            )
        late = [b for b in fleet if set(b.digests) & there - left]
        if late:
            never = settings["lifecycleEvaluatedAt"] is None
            raise Failure(
                "No night has passed since the repository was filled."
                if never
                else f"{len(late)} images that have to go are still there. {_named(late[0])} is one of them.",
                f"Move the emulators' clock on by {AFTER} days, with `python3 course.py clock advance`."
                + ("" if never else " If it was moved on, see what your policy does with that image."),
            )


@check(
    "report",
    trust="recomputed",
    needs=["applied"],
    expected="left is the number of images that describe-images lists after the thirty days.",
    why="The sizes are what ECR reports for each image. The bill falls by less: what images share is stored once, and "
    "goes with the last of them.",
)
def report(e: Evidence) -> None:
    """You can say what is left and what was saved"""
    p = e.parameters
    fleet = lifecycle_images.fleet(p)
    left = _left(fleet, p)
    sizes = {part.digest: part.size for built in fleet for part in built.manifests}
    tops = {built.digests[0] for built in fleet}
    indexes = sum(b.manifests[0].size for b in fleet if b.entry.index and b.digests[0] not in left)
    saved = sum(size for digest, size in sizes.items() if digest not in left)
    number = require_answer(e, "left", "How many images describe-images lists now")
    if not same_json(number, len(left)):
        own = isinstance(number, int) and number == len(left & tops)
        raise Failure(
            f"{number} are those of which no index speaks." if own else f"You recorded {str(number)[:60]}.",
            "ECR lists what is below an index as images of their own: count those, too."
            if own
            else "Count imageDetails, on all pages.",
        )
    amount = require_answer(e, "saved", "How many bytes went")
    if not same_json(amount, saved):
        what = f"You recorded {str(amount)[:60]}."
        if same_json(amount, saved - indexes):
            what = "The indexes that went are not in it."
        elif same_json(amount, sum(sizes.values()) - saved):
            what = "That is what is left, not what went."
        raise Failure(
            what,
            "Take the sum over all images that describe-images lists, indexes and what is below them, each with its "
            "own imageSizeInBytes. fill() prints the sum of a full fleet.",
            expected="saved is what imageSizeInBytes adds up to before, less what it adds up to now, in bytes.",
        )


# -- what the rules ask ----------------------------------------------------------------------------------------------


def _repository(e: Evidence) -> Mapping[str, Any]:
    """The repository as AWS's API knows it.

    Raises:
        Failure: it does not exist.
    """
    name = e.text("repository")
    told: Mapping[str, Any] | None = e.settings(SERVICE).get("repositories", {}).get(name)
    if told is None:
        raise Failure(
            "No such repository is there.",
            "Run the cell with fill().",
            expected=f"The repository {name} in the ECR emulator, with your fleet in it.",
        )
    return told


def _rules(e: Evidence) -> list[Rule]:
    """The rules of the student's own policy.

    Raises:
        Failure: none is there, it is still the inherited one, or ECR would refuse it.
    """
    policy = _repository(e)["lifecyclePolicy"]
    with expecting("A lifecycle policy of your own on the repository, which ECR accepts."):
        if policy is None:
            raise Failure("The repository has no lifecycle policy.", "Put yours on it, with put-lifecycle-policy.")
        if same_json(_acts(policy), _acts(fleets.inherited(e.parameters))):
            raise Failure(
                "The inherited policy is still there.",
                "Put yours in its place, with put-lifecycle-policy. It replaces the old one as a whole. Each fill() "
                "puts the inherited one back.",
            )
        try:
            return ecr_validate.parse_document(policy)
        except InvalidPolicy as problem:
            raise Failure(
                f"ECR would refuse it: {problem.errors[0].path}: {problem.errors[0].message}"[:400],
                "Correct that part, and put the policy again.",
            ) from None


def _acts(policy: Any) -> Any:
    """What of a policy acts: its rules in their order, without the words that describe them."""
    rules = policy.get("rules") if isinstance(policy, Mapping) else None
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        return policy
    bare = [{key: value for key, value in rule.items() if key != "description"} for rule in rules]
    return sorted(bare, key=lambda rule: json.dumps(rule, sort_keys=True))


def _inherited_results(p: Mapping[str, Any]) -> dict[str, int | None]:
    """Tag -> the rule of the inherited policy that takes its image."""
    fleet = fleets.visible(p)
    images = fleets.images(fleet, fleets.digests(fleet), NOW)
    results = ecr.evaluate(ecr_validate.parse_document(fleets.inherited(p)), images, NOW).results
    return {
        tag: int(result.rule) if result.action is Action.EXPIRE and result.rule is not None else None
        for image, result in zip(images, results, strict=True)
        for tag in image.tags
    }


def _named(built: lifecycle_images.Built) -> str:
    """An image in a sentence that it begins."""
    entry = built.entry
    return f"{entry.what[0].upper()}{entry.what[1:]} ({', '.join(entry.tags) or built.digests[0][:19]})"


def _left(fleet: Sequence[lifecycle_images.Built], p: Mapping[str, Any]) -> set[str]:
    """The digests that the requirement leaves after the thirty days."""
    gone = fleets.goes([built.entry for built in fleet], p, later=AFTER)
    return {digest for built, goes in zip(fleet, gone, strict=True) if not goes for digest in built.digests}
