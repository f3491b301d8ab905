"""What holds for every policy and every fleet, by hypothesis; ECR also against a plain transcription of the rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.domain.retention import (
    Action,
    Image,
    InvalidPolicy,
    acr_policy,
    ecr,
    ecr_validate,
    gar_validate,
    preview,
)
from autograder.domain.retention.acr import evaluate as evaluate_acr
from autograder.domain.retention.artifact_registry import evaluate as evaluate_gar
from autograder.domain.retention.ecr_rules import Rule
from autograder.domain.retention.gar_rules import CleanupPolicy, Condition, Prefixes, RepositoryPolicy
from autograder.domain.retention.inputs import images_from, read_images
from autograder.errors import CourseError

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
relaxed = settings(deadline=None, max_examples=60)  # a busy machine is no fault
DAYS = st.integers(0, 120)
TAGS = st.sampled_from(["prod-1", "prod-2", "dev-1", "dev-2", "v1", "v2", "v1-rc", "latest", "sha-a", "sha-b"])
PATTERNS = st.sampled_from(["prod*", "dev-*", "v*", "*-1", "*", "latest", "v*-rc", "x*"])
PREFIXES = st.sampled_from(["prod", "dev-", "v", "sha-", "x"])


@st.composite
def fleets(draw: st.DrawFn, *, ties: bool = True, subjects: bool = False) -> list[Image]:
    """Images of one repository: each tag once, indexes that refer to later images, at most one subject each."""
    count = draw(st.integers(0, 7))
    ages = draw(st.lists(DAYS, min_size=count, max_size=count, unique=not ties))
    owner = {tag: draw(st.integers(0, count - 1)) for tag in draw(st.sets(TAGS))} if count else {}
    digests = [f"sha256:{number:064x}" for number in range(count)]
    images = []
    for number, (digest, age) in enumerate(zip(digests, ages, strict=True)):
        archived = draw(st.booleans())
        later = st.sampled_from(digests[number + 1 :]) if number + 1 < count else st.nothing()
        children = draw(st.lists(later, max_size=2, unique=True)) if number + 1 < count else []
        moments = st.none() | DAYS.map(lambda days: NOW - timedelta(days=days))
        images.append(
            Image(
                digest,
                NOW - timedelta(days=age),
                tuple(sorted(tag for tag, holder in owner.items() if holder == number)),
                children=tuple(children),
                subject=digests[draw(st.integers(0, number - 1))]
                if subjects and number and draw(st.booleans())
                else None,
                pulled=draw(moments),
                archived_class=archived,
                archived=draw(moments) if archived else None,
                restored=None if archived or not ties else draw(moments),
                media_type="application/vnd.docker.distribution.manifest.v2+json",
                deletable=draw(st.booleans()),
            )
        )
    return images


@st.composite
def rules(draw: st.DrawFn, priority: int) -> Rule:
    kind = draw(
        st.sampled_from(["imageCountMoreThan", "sinceImagePushed", "sinceImagePulled", "sinceImageTransitioned"])
    )
    status = draw(st.sampled_from(["tagged", "untagged", "any"]))
    listed = draw(st.sampled_from(["patterns", "prefixes"])) if status == "tagged" else ""
    expire = kind in ("imageCountMoreThan", "sinceImagePushed") and draw(st.booleans())
    return Rule(
        priority=priority,
        tag_status=status,
        count_type=kind,
        count_number=draw(st.integers(1, 100 if kind != "imageCountMoreThan" else 5)),
        action=Action.EXPIRE if expire or kind == "sinceImageTransitioned" else Action.ARCHIVE,
        patterns=tuple(draw(st.lists(PATTERNS, min_size=1, max_size=2))) if listed == "patterns" else (),
        prefixes=tuple(draw(st.lists(PREFIXES, min_size=1, max_size=2))) if listed == "prefixes" else (),
        archived_class=kind == "sinceImageTransitioned",
    )


@st.composite
def policies(draw: st.DrawFn) -> list[Rule]:
    priorities = draw(st.lists(st.integers(1, 40), min_size=1, max_size=5, unique=True))
    return [draw(rules(priority)) for priority in priorities]


def transcription(policy: list[Rule], images: list[Image]) -> dict[str, tuple[str, int]]:
    """AWS's evaluation rules, written down as they are stated, without regard for speed: digest -> action and rule."""
    acted: dict[str, tuple[str, int]] = {}
    seen: set[str] = set()
    for rule in sorted(policy, key=lambda rule: rule.priority):
        sees = []
        for place, image in enumerate(images):
            by_tag = {
                "untagged": not image.tags,
                "any": True,
                "tagged": all(any(fnmatchcase(tag, entry) for tag in image.tags) for entry in rule.patterns)
                and all(any(tag.startswith(entry) for tag in image.tags) for entry in rule.prefixes),
            }[rule.tag_status]
            if by_tag and image.archived_class == rule.archived_class:
                sees.append((image.restored or image.pushed, place, image))
        sees.sort(key=lambda item: item[:2], reverse=True)
        for rank, (_, _, image) in enumerate(sees):
            pulled = max(
                moment for moment in (image.pulled, image.restored, datetime.min.replace(tzinfo=UTC)) if moment
            )
            since = {
                "imageCountMoreThan": None,
                "sinceImagePushed": image.pushed,
                "sinceImagePulled": pulled if image.pulled or image.restored else image.pushed,
                "sinceImageTransitioned": image.archived,
            }[rule.count_type]
            by_count = rule.count_type == "imageCountMoreThan" and rank >= rule.count_number
            by_age = since is not None and (NOW - since) > timedelta(days=rule.count_number)
            indexes = [other for other in images if image.digest in (other.children or ()) and other is not image]
            held = any(rule.action is Action.EXPIRE or not index.archived_class for index in indexes)
            if (by_count or by_age) and image.digest not in seen and not held:
                acted[image.digest] = (str(rule.action), rule.priority)
        seen |= {image.digest for _, _, image in sees}
    return acted


@relaxed
@given(policies(), fleets())
def test_ecr_agrees_with_a_transcription_of_the_rules(policy, images):
    results = ecr.evaluate(policy, images, NOW).results
    acted = {result.digest: (str(result.action), result.rule) for result in results if result.action is not Action.KEEP}
    assert acted == transcription(policy, images)


@relaxed
@given(policies(), fleets(subjects=True))
def test_ecr_acts_on_an_image_at_most_once_and_by_a_rule_of_that_action(policy, images):
    results = ecr.evaluate(policy, images, NOW).results
    assert [result.digest for result in results] == [image.digest for image in images]
    by_priority = {rule.priority: rule for rule in policy}
    for result in results:
        if result.action is not Action.KEEP:
            assert by_priority[result.rule].action is result.action


@relaxed
@given(policies(), fleets(ties=False), st.randoms(use_true_random=False))
def test_ecr_does_not_depend_on_the_order_of_images_without_ties(policy, images, random):
    shuffled = random.sample(images, len(images))
    first, second = (ecr.evaluate(policy, order, NOW).results for order in (images, shuffled))
    assert {result.digest: result for result in first} == {result.digest: result for result in second}


@relaxed
@given(policies(), fleets(), st.randoms(use_true_random=False))
def test_ecr_does_not_depend_on_the_order_of_rules(policy, images, random):
    shuffled = random.sample(policy, len(policy))
    assert ecr.evaluate(policy, images, NOW) == ecr.evaluate(shuffled, images, NOW)


@relaxed
@given(policies(), fleets(), rules(priority=1000))
def test_ecr_a_new_lowest_rule_changes_nothing_that_higher_rules_do(policy, images, lowest):
    before = ecr.evaluate(policy, images, NOW).results
    after = ecr.evaluate([*policy, lowest], images, NOW).results
    for old, new in zip(before, after, strict=True):
        if old.action is not Action.KEEP or old.rule is not None:
            assert (new.action, new.rule) == (old.action, old.rule)
        elif new.action is not Action.KEEP:
            assert new.rule == 1000


@relaxed
@given(policies(), fleets(subjects=True))
def test_ecr_reference_artifacts_share_the_fate_of_what_goes(policy, images):
    results = {result.digest: result for result in ecr.evaluate(policy, images, NOW).results}
    for image in images:
        subject = results.get(image.subject) if image.subject else None
        if subject is not None and subject.action is not Action.KEEP:
            assert results[image.digest].action is subject.action
        elif subject is not None:
            assert results[image.digest].action is Action.KEEP


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    ages = st.none() | st.integers(0, 100).map(lambda days: timedelta(days=days))
    return Condition(
        tag_state=draw(st.sampled_from(["ANY", "TAGGED", "UNTAGGED"])),
        tag_prefixes=Prefixes(draw(st.lists(PREFIXES, max_size=2))),
        older_than=draw(ages),
        newer_than=draw(ages),
    )


@st.composite
def cleanup_policies(draw: st.DrawFn, name: str) -> CleanupPolicy:
    if draw(st.booleans()):
        return CleanupPolicy(name, keeps=draw(st.booleans()), condition=draw(conditions()))
    return CleanupPolicy(name, keeps=True, condition=None, keep_count=draw(st.integers(1, 4)))


@st.composite
def repository_policies(draw: st.DrawFn) -> RepositoryPolicy:
    return RepositoryPolicy(tuple(draw(cleanup_policies(str(number))) for number in range(draw(st.integers(0, 4)))))


def expired(outcome) -> set[str]:
    return set(outcome.of(Action.EXPIRE))


@relaxed
@given(repository_policies(), fleets(), st.randoms(use_true_random=False))
def test_gar_the_order_of_policies_does_not_decide_what_goes(policy, images, random):
    shuffled = RepositoryPolicy(tuple(random.sample(policy.policies, len(policy.policies))))
    assert expired(evaluate_gar(policy, images, NOW)) == expired(evaluate_gar(shuffled, images, NOW))


@relaxed
@given(repository_policies(), fleets(), cleanup_policies("new"))
def test_gar_a_further_keep_only_saves_and_a_further_delete_only_deletes(policy, images, new):
    before = expired(evaluate_gar(policy, images, NOW))
    after = expired(evaluate_gar(RepositoryPolicy((*policy.policies, new)), images, NOW))
    assert after <= before if new.keeps else after >= before


@relaxed
@given(fleets(ties=False), repository_policies(), st.randoms(use_true_random=False))
def test_gar_does_not_depend_on_the_order_of_images_without_ties(images, policy, random):
    shuffled = random.sample(images, len(images))
    assert expired(evaluate_gar(policy, images, NOW)) == expired(evaluate_gar(policy, shuffled, NOW))


FILTERS = st.sampled_from(["^dev-", "^prod", ".*", "^v[0-9]$", "(?i)LATEST", "^(?!prod).*"])
SWITCHES = st.sampled_from(["", " --untagged", " --untagged --include-locked"])


@relaxed
@given(fleets(subjects=True), FILTERS, st.integers(0, 100), st.integers(0, 4), SWITCHES)
def test_acr_keeping_more_or_waiting_longer_never_removes_more_tags(images, tag_filter, days, keep, switches):
    def removed(ago: int, spared: int) -> set[str]:
        policy = acr_policy.parse(f"acr purge --filter 'm:{tag_filter}' --ago {ago}d --keep {spared}{switches}")
        outcome = evaluate_acr(policy, images, NOW)
        assert [result.digest for result in outcome.results] == [image.digest for image in images]
        return {tag for result in outcome.results for tag in result.tags_removed}

    assert removed(days, keep + 1) <= removed(days, keep)
    assert removed(days + 1, 0) <= removed(days, 0)


@relaxed
@given(fleets(ties=False), FILTERS, st.integers(0, 3), SWITCHES, st.randoms(use_true_random=False))
def test_acr_does_not_depend_on_the_order_of_images_without_ties(images, tag_filter, keep, switches, random):
    policy = acr_policy.parse(f"acr purge --filter 'm:{tag_filter}' --ago 10d --keep {keep}{switches}")
    one_tag_each = [Image(**{**fields(image), "tags": image.tags[:1]}) for image in images]
    shuffled = random.sample(one_tag_each, len(one_tag_each))
    assert expired(evaluate_acr(policy, one_tag_each, NOW)) == expired(evaluate_acr(policy, shuffled, NOW))


def fields(image: Image) -> dict[str, object]:
    return {name: getattr(image, name) for name in Image.__slots__}


KNOWN_KEYS = """
    rules rulePriority selection action type tagStatus tagPatternList tagPrefixList countType countUnit countNumber
    storageClass targetStorageClass description name condition mostRecentVersions keepCount olderThan tagState
    tagPrefixes cleanupPolicies cleanupPolicyDryRun dockerConfig retentionPolicy softDeletePolicy purge status days
    digest imageDigest imagePushedAt imageTags pushed_days_ago tags package version createTime metadata
    createdTime changeableAttributes manifests images imageDetails manifest_list_of subject size locked
"""
KEYS = st.sampled_from(KNOWN_KEYS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)


@relaxed
@given(JSON)
def test_no_json_crashes_a_validator_or_a_reader(document):
    errors = ecr_validate.validate(document)
    assert all(error.path and error.message for error in errors)
    for parse in (ecr_validate.parse_document, gar_validate.parse_document, acr_policy.parse_document):
        try:
            parse(document)
        except InvalidPolicy as problem:
            assert problem.errors
    try:
        images_from(document, NOW)
    except CourseError as problem:
        assert problem.found


@relaxed
@given(
    st.text(max_size=60) | st.text("acr purge--filter'm:()[]*+?{}^$|\\.a1d \n=", max_size=60),
    st.sampled_from(["ecr", "gar", "acr"]),
)
def test_no_text_crashes_a_parser(text, dialect):
    try:
        preview(dialect, text, [], NOW)
    except InvalidPolicy as problem:
        assert problem.errors
    try:
        read_images(text, NOW)
    except CourseError as problem:
        assert problem.found


@relaxed
@given(policies())
def test_a_rule_survives_its_document(policy):
    """What parse reads from a document is what was written there."""
    documents = []
    for rule in policy:
        selection = {"tagStatus": rule.tag_status, "countType": rule.count_type, "countNumber": rule.count_number}
        selection |= {"tagPatternList": list(rule.patterns)} if rule.patterns else {}
        selection |= {"tagPrefixList": list(rule.prefixes)} if rule.prefixes else {}
        selection |= {"countUnit": "days"} if rule.count_type != "imageCountMoreThan" else {}
        selection |= {"storageClass": "archive"} if rule.archived_class else {}
        action = (
            {"type": "expire"}
            if rule.action is Action.EXPIRE
            else {"type": "transition", "targetStorageClass": "archive"}
        )
        documents.append({"rulePriority": rule.priority, "selection": selection, "action": action})
    try:
        assert ecr_validate.parse(json.dumps({"rules": documents})) == policy
    except InvalidPolicy as problem:  # the policies drawn here break the rules for a policy as a whole, and no other
        allowed = ("rulePriority", "tagStatus", "tagPrefixList", "countNumber")
        assert all(error.path.endswith(allowed) for error in problem.errors)
