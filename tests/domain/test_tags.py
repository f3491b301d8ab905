"""The course's tagging strategy: what is fixed, what moves, what is refused and why."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.domain import tags
from autograder.domain.references import is_tag
from autograder.domain.tags import TagError, TagSet, Version, branch_slug, parse_version, release_tags, short_sha

SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"
SHORT = "860c1904a1ce"


# version, versions published before -> the tags that move
RELEASES: list[tuple[str, list[str], tuple[str, ...]]] = [
    ("1.4.2", [], ("1.4", "1", "latest")),
    ("0.3.0", [], ("0.3", "latest")),  # no floating 0
    ("2.0.0-rc.1", [], ()),  # nothing floating for a pre-release
    ("1.0.0-0", ["0.9.0"], ()),
    ("1.4.3", ["1.4.2", "1.4.1"], ("1.4", "1", "latest")),
    ("1.4.3", ["1.5.0"], ("1.4",)),  # a fix of an older line
    ("1.4.3", ["2.0.0"], ("1.4", "1")),
    ("1.4.1", ["1.4.2"], ()),
    ("1.4.2", ["1.4.2"], ("1.4", "1", "latest")),  # the same again
    ("1.4.2", ["1.4.3-rc.1", "2.0.0-beta"], ("1.4", "1", "latest")),  # pre-releases are no rivals
    ("1.10.0", ["1.9.0"], ("1.10", "1", "latest")),  # numbers, not text
    ("1.0.0+cu124", [], ("1.0_cu124", "1_cu124")),  # a variant never takes latest
    ("1.0.0+cu124", ["1.0.1"], ("1.0_cu124", "1_cu124")),
    ("1.0.0+cu124", ["1.0.1+cu124"], ()),
    ("1.0.0", ["1.0.1+cu124"], ("1.0", "1", "latest")),
]


@pytest.mark.parametrize(("version", "published", "moving"), RELEASES)
def test_release(version: str, published: list[str], moving: tuple[str, ...]) -> None:
    exact = version.replace("+", "_")
    assert release_tags(version, SHA, published=published) == TagSet((exact, f"{exact}-{SHORT}"), moving)


def test_branch_builds() -> None:
    assert release_tags(None, SHA, branch="feature/Tokenizer_v2") == TagSet(
        (f"feature-tokenizer-v2-{SHORT}",), ("feature-tokenizer-v2",)
    )
    both = release_tags("1.4.2", SHA, branch="main", sha_length=7)
    assert both.all == ("1.4.2", "1.4.2-860c190", "main-860c190", "1.4", "1", "latest", "main")


def test_the_plus_can_become_a_dash() -> None:
    assert release_tags("1.0.0+cu124", SHA, plus="-").fixed[0] == "1.0.0-cu124"
    assert release_tags("1.0.0+cu124", SHA, plus="-").moving == ("1.0-cu124", "1-cu124")


INVALID: list[tuple[str, str]] = [
    ("", "empty"),
    ("v1.2.3", "pass 1.2.3"),
    ("1", "1 dot-separated"),
    ("1.2", "2 dot-separated"),
    ("1.2.3.4", "4 dot-separated"),
    ("01.2.3", "MAJOR of '01.2.3' is '01'"),
    ("1.2.x", "PATCH of '1.2.x' is 'x'"),
    ("1. 2.3", "MINOR"),
    ("1.2.3\n", "PATCH"),
    ("١.2.3", "MAJOR"),
    ("1" * 200 + ".2.3", "200 digits"),
    ("1.2.3-", "pre-release of '1.2.3-' has an empty part"),
    ("1.2.3-a..b", "empty part"),
    ("1.2.3-01", "'01' with a leading zero"),
    ("1.2.3-a_b", "holds '_'"),
    ("1.2.3+", "build metadata of '1.2.3+' has an empty part"),
    ("1.2.3+a+b", "holds '+'"),
    ("1.2.3-" + "a" * 123, "129 characters"),
]


@pytest.mark.parametrize(("version", "reason"), INVALID)
def test_invalid_versions_are_refused_with_the_reason(version: str, reason: str) -> None:
    with pytest.raises(TagError) as refused:
        release_tags(version, SHA)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"version": "1.2.3", "sha": ""}, "no commit id"),
        ({"version": "1.2.3", "sha": "HEAD"}, "no commit id"),
        ({"version": "1.2.3", "sha": "abc"}, "pass the full id"),
        ({"version": "1.2.3", "sha": SHA.upper()}, "no commit id"),
        ({"version": "1.2.3", "sha": SHA, "sha_length": 0}, "0 are wanted"),
        ({"version": "1.2.3", "sha": SHA, "plus": "+"}, "'_' or '-'"),
        ({"version": "1.2.3", "sha": SHA, "published": ["1.2"]}, "MAJOR.MINOR.PATCH"),
        ({"version": None, "sha": SHA}, "neither"),
        ({"version": None, "sha": SHA, "branch": "///"}, "no letter or digit"),
        ({"version": None, "sha": SHA, "branch": "latest"}, "belongs to releases"),
        ({"version": None, "sha": SHA, "branch": "release/1"}, None),
        ({"version": None, "sha": SHA, "branch": "1"}, "belongs to releases"),
    ],
)
def test_other_arguments(arguments: dict[str, object], reason: str | None) -> None:
    if reason is None:
        assert release_tags(**arguments).all  # type: ignore[arg-type]
        return
    with pytest.raises(TagError) as refused:
        release_tags(**arguments)  # type: ignore[arg-type]
    assert reason in str(refused.value)


def test_slug_keeps_63_characters_and_no_dash_at_the_ends() -> None:
    assert branch_slug("x" * 62 + "/y") == "x" * 62
    assert branch_slug("-a.b-") == "a-b"


def test_short_sha_has_a_fixed_length() -> None:
    assert short_sha(SHA) == SHORT
    assert short_sha(SHA, 40) == SHA


VERSIONS = st.builds(
    lambda numbers, pre, build: (
        ".".join(map(str, numbers)) + (f"-{pre}" if pre else "") + (f"+{build}" if build else "")
    ),
    st.tuples(*[st.integers(0, 12)] * 3),
    st.sampled_from(["", "", "rc.1", "alpha", "0"]),
    st.sampled_from(["", "", "cu124", "001"]),
)


@given(VERSIONS, st.lists(VERSIONS, max_size=5))
def test_every_tag_is_legal_and_no_fixed_tag_moves(version: str, published: list[str]) -> None:
    tags = release_tags(version, SHA, published=published)
    assert all(is_tag(tag) for tag in tags.all)
    assert not set(tags.fixed) & set(tags.moving)
    assert len(set(tags.all)) == len(tags.all)
    assert "latest" not in tags.moving or parse_version(version).stable
    assert parse_version(version).stable or not tags.moving


@given(st.lists(VERSIONS, min_size=1, max_size=8))
def test_released_in_order_the_moving_tags_end_at_the_newest(versions: list[str]) -> None:
    owner: dict[str, Version] = {}
    for i, version in enumerate(versions):
        for tag in release_tags(version, SHA, published=versions[:i]).moving:
            owner[tag] = parse_version(version)
    stable = [v for v in map(parse_version, versions) if v.stable and not v.build]
    assert ("latest" in owner) == bool(stable)
    if stable:
        assert owner["latest"].numbers == max(v.numbers for v in stable)


@given(
    st.text(max_size=40) | st.text(alphabet="0123456789.-+avx ", max_size=20),
    st.text(max_size=50),
    st.text(max_size=30),
)
def test_no_input_crashes(version: str, sha: str, branch: str) -> None:
    for call in (lambda: release_tags(version, SHA), lambda: release_tags(None, sha, branch=branch)):
        try:
            assert all(is_tag(tag) for tag in call().all)
        except TagError as refused:
            assert str(refused)


_FLOATING = tags._floating


def _no(part: str) -> Callable[..., list[str]]:
    return lambda *given: [tag for tag in _FLOATING(*given) if not re.fullmatch(part, tag)]


# Each rule of the strategy, broken: (owner, name, broken value). At least one row above must notice.
MUTANTS: dict[str, tuple[Any, str, object]] = {
    "pre-releases move tags": (tags.Version, "stable", property(lambda _: True)),
    "nothing moves": (tags, "_floating", lambda *_: []),
    "no floating minor": (tags, "_floating", _no(r"[0-9]+\.[0-9]+")),
    "no floating major": (tags, "_floating", _no(r"[0-9]+")),
    "no latest": (tags, "_floating", _no("latest")),
    "0 floats": (tags, "_floating", lambda v, *more: _FLOATING(v, *more) + ["0"] * (v.major == 0)),
    "older lines take latest": (tags, "_floating", lambda v, _, plus: _FLOATING(v, [], plus)),
    "variants take the plain tags": (
        tags,
        "_floating",
        lambda v, published, plus: _FLOATING(Version(*v.numbers, v.prerelease), published, plus),
    ),
    "versions are ordered as text": (tags.Version, "numbers", property(lambda v: (str(v.major), str(v.minor), "0"))),
    "another default tag": (tags, "DEFAULT_TAG", "newest"),
    "leading zeros": (tags, "_NUMBER", re.compile(r"[0-9]+")),
    "underscores in a pre-release": (tags, "_IDENTIFIER", re.compile(r"[0-9A-Za-z_-]+")),
    "no limit of length": (tags, "is_tag", lambda _: True),
}


def notices() -> bool:
    for version, published, moving in RELEASES:
        try:
            if release_tags(version, SHA, published=published).moving != moving:
                return True
        except TagError:
            return True
    for version, _ in INVALID:
        try:
            release_tags(version, SHA)
        except (TagError, ValueError):
            continue
        return True
    return False


def test_without_a_mutation_nothing_is_noticed() -> None:
    assert not notices()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, value = MUTANTS[name]
    monkeypatch.setattr(owner, attribute, value)
    assert notices()
