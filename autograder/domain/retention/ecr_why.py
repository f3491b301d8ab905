"""The sentences that say what an ECR lifecycle policy does to an image, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from autograder.domain.retention.durations import age_text
from autograder.domain.retention.ecr_counts import COUNT_TYPES
from autograder.domain.retention.ecr_rules import Rule
from autograder.domain.retention.graph import index_name, short
from autograder.domain.retention.model import Action, Image, Result

COUNT_OPEN = (
    "AWS does not document whether images that belong to an index, or refer to a subject, take up places in the count; "
    "if they do not, this image stays"
)
ARCHIVED_INDEX = "AWS does not document whether an archived index still protects its images from expiry"
FOLLOWER_OPEN = "AWS does not document whether a rule may take a reference artifact while its subject exists"
VERBS = {Action.EXPIRE: "expires", Action.ARCHIVE: "archives"}


def selection_text(rule: Rule, number: int = 2) -> str:
    """What a rule looks at, in words: ``images tagged prod-*``, ``untagged images in the archive``.

    Args:
        rule: a rule.
        number: of how many images the words speak.
    """
    images = "image" if number == 1 else "images"
    entries = rule.patterns or rule.prefixes
    several = (
        f"{'both' if len(entries) == 2 else 'all of'} {', '.join(entries[:-1])} and {entries[-1]}" if entries else ""
    )
    if rule.patterns:
        text = f"{images} tagged {entries[0]}" if len(entries) == 1 else f"{images} tagged with {several}"
    elif rule.prefixes:
        text = f"{images} with a tag beginning with {entries[0] if len(entries) == 1 else several}"
    else:
        text = {"tagged": f"tagged {images}", "untagged": f"untagged {images}", "any": images}[rule.tag_status]
    return f"{text} in the archive" if rule.archived_class else text


def idle_note(rule: Rule) -> str:
    """A note about a rule that sees no image, with the usual cause when there is one."""
    text = f"rule {rule.priority} sees no image: there are no {selection_text(rule)}"
    if len(rule.patterns or rule.prefixes) > 1:
        text += "; a list of several entries asks for all of them on one image"
    if any("*" in prefix for prefix in rule.prefixes):
        text += "; in tagPrefixList a * is an ordinary character, which no tag can contain"
    return text


def limit_text(rule: Rule) -> str:
    """What a rule does, as a clause: ``keeps the 10 newest images tagged prod-*``."""
    count_type = COUNT_TYPES[rule.count_type]
    if not count_type.counts_days:
        number = rule.count_number
        return f"keeps the {'' if number == 1 else f'{number} '}newest {selection_text(rule, number)}"
    days = f"{rule.count_number} day{'' if rule.count_number == 1 else 's'}"
    return f"{VERBS[rule.action]} {selection_text(rule)} {count_type.limit.format(days=days)}"


@dataclass(frozen=True, slots=True)
class Words:
    """Builds the results of one repository; positions count its ``images``."""

    claimed: Sequence[Rule | None]
    place: Mapping[int, int]
    blocked: Mapping[int, Rule]
    images: Sequence[Image]
    now: datetime

    def acted(self, position: int, rule: Rule, undecided: str = "") -> Result:
        """A result for an image that ``rule`` acts on; ``undecided`` says what is open, if anything."""
        why = f"rule {rule.priority} {limit_text(rule)}; {self._standing(position, rule)}"
        if not COUNT_TYPES[rule.count_type].counts_days and rule.action is Action.ARCHIVE:
            why += " and moves to the archive"
        return self._result(position, rule.action, rule.priority, why, undecided)

    def kept(self, position: int) -> Result:
        """A result for an image that no rule acts on: out of every rule's sight, within a limit, or shielded."""
        rule = self.claimed[position]
        if rule is None:
            return self._result(position, Action.KEEP, None, "no rule sees this image, so the policy never touches it")
        lower = self.blocked.get(position)
        standing = self._standing(position, rule)
        if lower is None:
            why = f"rule {rule.priority} {limit_text(rule)}; {standing}"
        else:
            verb = "expire" if lower.action is Action.EXPIRE else "archive"
            why = (
                f"rule {lower.priority} would {verb} it, but rule {rule.priority} sees it first and shields it: "
                f"rule {rule.priority} {limit_text(rule)}; {standing}"
            )
        return self._result(position, Action.KEEP, rule.priority, why)

    def held(self, position: int, rule: Rule, holders: Sequence[Image]) -> Result:
        """A result for an image that ``rule`` marks and an index protects."""
        name = index_name(holders)
        why = f"rule {rule.priority} would act, but the index {name} refers to this image: the index has to go first"
        open_question = rule.action is Action.EXPIRE and all(holder.archived_class for holder in holders)
        return self._result(position, Action.KEEP, None, why, ARCHIVED_INDEX if open_question else "")

    def follower(self, own: Result, subject: Result) -> Result:
        """The result of a reference artifact: its subject's fate; open when only a rule of its own would take it."""
        name = short(subject.digest)
        if subject.action is not Action.KEEP:
            why = f"it refers to {name}, which rule {subject.rule} {VERBS[subject.action]}, and follows within 24 hours"
            return replace(
                own,
                action=subject.action,
                rule=subject.rule,
                why=why,
                undecided=subject.undecided,
                note=subject.note,
                follows=subject.digest,
            )
        if own.action is not Action.KEEP:
            why = f"rule {own.rule} marks it, but it refers to {name}, which stays, and reference artifacts follow that"
            return replace(own, action=Action.KEEP, rule=None, why=why, undecided=True, note=FOLLOWER_OPEN)
        return replace(own, undecided=True, note=subject.note) if subject.undecided else own

    def _standing(self, position: int, rule: Rule) -> str:
        """Where an image stands by a rule's measure: ``this is number 12``, ``this one was pushed 45 days ago``."""
        count_type, image = COUNT_TYPES[rule.count_type], self.images[position]
        if count_type.since is None:
            return f"this is number {self.place[position]}"
        moment, event = count_type.since(image), count_type.event(image)
        return f"when {event} is not known" if moment is None else f"{event} {age_text(self.now, moment)} ago"

    def _result(self, position: int, action: Action, rule: int | None, why: str, undecided: str = "") -> Result:
        image = self.images[position]
        return Result(
            image.digest, action, rule, why, undecided=bool(undecided), note=undecided, repository=image.repository
        )
