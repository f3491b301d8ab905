"""The outputs of docker/metadata-action for one run: version, tags, labels, and why each rule gave what it gave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Final

from autograder.domain.github_actions.contexts import Gap
from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.github_actions.javascript import locale_key
from autograder.domain.limits import NAMES
from autograder.domain.metadata_action.context import Context, as_the_action_sees_it, expand
from autograder.domain.metadata_action.lists import input_lines
from autograder.domain.metadata_action.rules import (
    DEFAULT_RULES,
    Flavor,
    Image,
    by_priority,
    parse_flavor,
    parse_images,
    parse_rule,
    sanitize_tag,
)
from autograder.domain.metadata_action.tag_types import Rule, Skipped, value_of

SOURCE: Final = "https://github.com/docker/metadata-action/blob/master/src/meta.ts"

# A gap in an input: a character that no input holds, in place of an expression that has no value here.
GAP: Final = re.compile("[\ue000-\uf8ff]")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The step's inputs as texts, expressions already replaced; ``gaps`` says what the gap characters stand for."""

    images: str = ""
    tags: str = ""
    flavor: str = ""
    labels: str = ""
    annotations: str = ""
    gaps: Mapping[str, Gap] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one rule.

    Attributes:
        rule: the line as it was written.
        priority: as it was given or by default.
        tag: the tag it gives, or None.
        why: why it gives none; empty where it gives one.
    """

    rule: str
    priority: str
    tag: str | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something in the outputs that only a run on GitHub can settle: where it stands, and what it needs."""

    where: str
    needs: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What the action would give out.

    Attributes:
        version: the first tag, or None where there is no tag.
        names: the tags without image names.
        tags: every image with every tag.
        labels: key to value; None where the value is not known here.
        annotations: likewise.
        outcomes: one for each rule, in the order in which the action takes them.
        unknown: what is missing for a complete answer. Empty: the preview is complete.
        warnings: what the action warns about.
    """

    version: str | None
    names: tuple[str, ...]
    tags: tuple[str, ...]
    labels: dict[str, str | None]
    annotations: dict[str, str | None]
    outcomes: tuple[Outcome, ...]
    unknown: tuple[Unknown, ...]
    warnings: tuple[str, ...]


def preview(inputs: Inputs, context: Context) -> Preview:
    """Evaluate the inputs of the metadata step in one run.

    Raises:
        WorkflowError: where the action would stop with an error.
        NotKnownHere: where not even the run's ref can be told (pull_request_target without its event).
    """
    run = _Run(inputs, as_the_action_sees_it(context))
    try:
        return run.preview()
    except WorkflowError as wrong:
        raise WorkflowError(run.shown(str(wrong))) from None


class _Run:
    def __init__(self, inputs: Inputs, context: Context) -> None:
        self.inputs = inputs
        self.context = context
        self.unknown: list[Unknown] = []
        self.warnings: list[str] = []
        self.flavor = Flavor()

    def preview(self) -> Preview:
        images = self._images()
        rules = by_priority(self._rules())
        self.flavor = parse_flavor(self._without_gaps("flavor", input_lines(self.inputs.flavor)))
        outcomes, latest = self._outcomes(rules)
        tags = list(dict.fromkeys(outcome.tag for outcome in outcomes if outcome.tag is not None))
        version = tags[0] if tags else None
        if latest and tags:
            tags.append(self._latest())
        if not tags:
            self.warnings.append("No Docker tag has been generated. Check tags input.")
        names = [image.name.lower() for image in images if image.enabled] or [""]
        if len(names) * len(tags) > NAMES.most:
            raise WorkflowError(
                f"its {len(names)} images with {len(tags)} tags each are more than {NAMES.most:,} {NAMES.unit}, and so "
                "many are not followed"
            )
        return Preview(
            version,
            tuple(tags),
            tuple(self.shown(f"{name}:{tag}" if name else tag) for name in names for tag in tags),
            self._labels("label", input_lines(self.inputs.labels), version),
            self._labels("annotation", input_lines(self.inputs.annotations), version),
            tuple(outcomes),
            tuple(dict.fromkeys(self.unknown)),
            tuple(dict.fromkeys(self.warnings)),
        )

    def shown(self, text: str) -> str:
        """``text`` with the expressions back in place of their gaps."""
        gaps = self.inputs.gaps
        return GAP.sub(lambda sign: gaps[sign.group()].expression if sign.group() in gaps else sign.group(), text)

    def _note_gaps(self, where: str, text: str) -> list[str]:
        """Note and give back what the gaps in ``text`` need."""
        needs = [self.inputs.gaps[sign].needs for sign in GAP.findall(text) if sign in self.inputs.gaps]
        self.unknown.extend(Unknown(where, what) for what in needs)
        return needs

    def _without_gaps(self, what: str, lines: Iterable[str]) -> list[str]:
        return [line for line in lines if not self._note_gaps(f"{what} {self.shown(line)}", line)]

    def _images(self) -> list[Image]:
        """A name may hold a gap and is then shown with the expression in it; ``enable`` may not."""
        lines = []
        for line in input_lines(self.inputs.images):
            noted = self._note_gaps(f"image {self.shown(line)}", line)
            if not (noted and re.search(rf"enable\s*=[^,]*{GAP.pattern}", line, re.IGNORECASE)):
                lines.append(line)
        return parse_images(lines)

    def _rules(self) -> list[Rule]:
        rules = []
        for line in input_lines(self.inputs.tags) or DEFAULT_RULES:
            try:
                rules.append(parse_rule(line))
            except WorkflowError:  # with a gap in it the rule may well be a good one
                if not self._note_gaps(f"rule {self.shown(line)}", line):
                    raise
        return rules

    def _outcomes(self, rules: list[Rule]) -> tuple[list[Outcome], bool]:
        """Source: ``getVersion`` and ``setVersion`` in SOURCE"""
        outcomes: list[Outcome] = []
        latest: bool | None = None
        for rule in rules:
            shown, tag, why, auto = self.shown(rule.line), None, "", False
            try:
                if needs := self._note_gaps(f"rule {shown}", rule.line):
                    why = f"needs {', '.join(needs)}"
                else:
                    tag, why, auto = self._apply(rule)
            except NotKnownHere as missing:
                why = f"needs {missing.what}"
                self.unknown.append(Unknown(f"rule {shown}", missing.what))
            if why.startswith("needs ") and latest is None:
                self.unknown.append(
                    Unknown("version, and whether latest is given", f"the rule {shown}, which comes first")
                )
            outcomes.append(Outcome(shown, rule.attributes["priority"], tag, why))
            if tag is not None and latest is None:  # the first rule that gives a tag decides
                latest = auto if self.flavor.latest == "auto" else self.flavor.latest == "true"
        return outcomes, bool(latest)

    def _apply(self, rule: Rule) -> tuple[str | None, str, bool]:
        """Tag, why there is none, and whether ``latest=auto`` would follow."""
        enabled = expand(rule.attributes["enable"], self.context)
        if enabled not in ("true", "false"):
            raise WorkflowError(f"Invalid value for enable attribute: {enabled}")
        if enabled == "false":
            return None, "enable is false", False
        result = value_of(rule, self.context)
        if isinstance(result, Skipped):
            if result.warning:
                self.warnings.append(result.why)
            return None, result.why, False
        tag = self._with_prefix_and_suffix(result.value, rule)
        return (sanitize_tag(tag), "", result.latest) if tag else (None, "its value is empty", False)

    def _with_prefix_and_suffix(self, value: str, rule: Rule) -> str:
        """Prefix and suffix: the rule's own, even if empty, else the flavor's. Source: ``setValue`` in SOURCE"""
        prefix = rule.attributes.get("prefix", self.flavor.prefix)
        suffix = rule.attributes.get("suffix", self.flavor.suffix)
        return expand(prefix, self.context) + value + expand(suffix, self.context)

    def _latest(self) -> str:
        """Source: ``generateTags`` in SOURCE; prefix and suffix are not expanded here, as in the action."""
        prefix = self.flavor.prefix if self.flavor.prefix_latest else ""
        suffix = self.flavor.suffix if self.flavor.suffix_latest else ""
        return sanitize_tag(f"{prefix}latest{suffix}")

    def _labels(self, what: str, custom: list[str], version: str | None) -> dict[str, str | None]:
        """Source: ``getOCIAnnotationsWithCustoms`` in SOURCE"""
        repository, now = self.context.repository, self.context.now.astimezone(UTC)
        labels: dict[str, str | None] = {
            "org.opencontainers.image.title": repository.name,
            "org.opencontainers.image.description": repository.description,
            "org.opencontainers.image.url": repository.url,
            "org.opencontainers.image.source": repository.url,
            "org.opencontainers.image.version": version or "",
            "org.opencontainers.image.created": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "org.opencontainers.image.revision": self.context.sha,
            "org.opencontainers.image.licenses": repository.license,
        }
        for line in custom:
            key, equals, value = self._label(what, line)
            if equals:
                labels[key] = value
        for key, known in labels.items():
            if known is None and what == "label" and key in _LABEL_NEEDS:  # once; annotations lack the same
                self.unknown.append(Unknown(f"{what} {key}", _LABEL_NEEDS[key]))
        return dict(sorted(labels.items(), key=lambda label: locale_key(label[0])))

    def _label(self, what: str, line: str) -> tuple[str, str, str | None]:
        key, equals, _ = line.partition("=")
        if self._note_gaps(f"{what} {self.shown(line)}", line):
            return ("", "", None) if GAP.search(key) else (key, equals, None)
        try:
            key, equals, value = expand(line, self.context).partition("=")
        except NotKnownHere as missing:
            self.unknown.append(Unknown(f"{what} {line}", missing.what))
            return key, equals, None
        return key, equals, re.split("[\n\r\u2028\u2029]", value, maxsplit=1)[0]


_LABEL_NEEDS: Final = {
    "org.opencontainers.image.title": "the repository's name (--repository, or the event file)",
    "org.opencontainers.image.url": "the repository's name (--repository, or the event file)",
    "org.opencontainers.image.source": "the repository's name (--repository, or the event file)",
    "org.opencontainers.image.description": "the repository's description, from GitHub or the event file",
    "org.opencontainers.image.licenses": "the licence that GitHub found, from GitHub or the event file",
    "org.opencontainers.image.revision": "the commit id (--sha)",
}
