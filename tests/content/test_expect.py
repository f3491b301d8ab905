"""Comparing output: what changes from run to run is masked, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.content.blocks import Expected
from autograder.content.expect import Bindings, compare

A, B, C = "a1" * 32, "b2" * 32, "c3" * 32


def check(shown: str, printed: str, bindings: Bindings | None = None, **how: bool) -> str | None:
    return compare(Expected(shown, 1, **how), printed, bindings or Bindings())


def test_equal_text_is_equal_and_other_text_is_not():
    assert check("HTTP/1.1 200 OK\n\n{}\n", "HTTP/1.1 200 OK\n\n{}") is None
    assert check("HTTP/1.1 200 OK\n", "HTTP/1.1 404 Not Found\n") is not None
    assert check("one\ntwo\n", "one\n") == "shown: 'two'; printed: the end"
    assert check("one\n", "one\ntwo\n") == "printed, but not shown: 'two'"


def test_version_1_of_the_aws_cli_has_no_prefix():
    shown = "aws: [ERROR]: An error occurred (A)\n"
    assert check(shown, shown) is None
    assert check(shown, "An error occurred (A)\n") is None
    assert check(shown, "aws: [ERROR]: An error occurred (B)\n") is not None
    assert check("An error occurred (A)\n", shown) is not None  # version 2 is what a lesson prints


def test_a_digest_may_differ_but_must_stay_the_same():
    bindings = Bindings()
    assert check(f"v1: digest: sha256:{A}\n", f"v1: digest: sha256:{B}\n", bindings) is None
    assert check(f"{A}  manifest.json\n", f"{B}  manifest.json\n", bindings) is None
    assert "before" in (check(f"{A}  manifest.json\n", f"{C}  manifest.json\n", bindings) or "")
    assert "different" in (check(f"{C}  other.json\n", f"{B}  other.json\n", bindings) or "")


def test_a_shortened_digest_is_the_same_digest():
    bindings = Bindings()
    assert check("sha256:a1a1…\n", f"sha256:{B}\n", bindings) is None
    assert check(f"sha256:{A}\n", f"sha256:{B}\n", bindings) is None
    assert check(f"sha256:{A}\n", f"sha256:{C}\n", bindings) is not None


def test_exact_masks_nothing():
    assert check(f"sha256:{A}\n", f"sha256:{B}\n", exact=True) is not None
    assert check(f"sha256:{A}\n", f"sha256:{A}\n", exact=True) is None


def test_times_sizes_and_addresses_are_masked():
    shown = (
        "Date: Mon, 23 Nov 2026 16:06:53 GMT\nreal    0m1.328s\nsize: 1154\n13.3kB\n"
        "Docker-Upload-Uuid: c4341de2-1b46-4fa3-8788-be6e41fb9693\n172.17.0.2:5000\n   8,399,023 bytes\n"
    )
    printed = (
        "Date: Tue, 02 Mar 2027 01:02:03 GMT\nreal\t0m0.002s\nsize: 9\n8.4MB\n"
        "Docker-Upload-Uuid: 00000000-1b46-4fa3-8788-be6e41fb9693\n172.18.0.9:5000\n       5,341 bytes\n"
    )
    assert check(shown, printed) is None


def test_numbers_that_mean_something_are_not_masked():
    assert check("200\n", "404\n") is not None
    assert check('{"score": 0.5328}\n', '{"score": 0.5329}\n') is not None
    assert check("v1\n", "v2\n") is not None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("zlib1g 1:1.2.13.dfsg-1", "zlib1g 1:1.2.13.dfsg-1+deb12u1"),
        ("│ zlib1g  │ 1:1.2.13.dfsg-1   │ …", "│ zlib1g  │ 1:1.2.13.dfsg-1+deb12u1 │               │ MiniZip"),
        ("libssl3 3.0.17-1~deb12u2 and bash 5.2.15-2+b8", "libssl3 3.0.17-1~deb12u2 and bash 5.2.21-2.1+b1"),
        ("openssl 3.0.11-1+deb12u2", "openssl 3.0.18-1+deb12u3"),
    ],
)
def test_a_base_image_of_another_day_has_other_debian_versions(shown, printed):
    assert check(shown + "\n", printed + "\n") is None
    assert check(shown + "\n", printed + "\n", exact=True) is not None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("urllib3 1.26.4, fixed in 1.26.5", "urllib3 1.26.4, fixed in 1.26.6"),
        ("my-app:1:2.0-1", "my-app:1:2.0-2"),
        ("registry:2-alpine", "registry:3-alpine"),
        ("3.11-slim-bookworm", "3.12-slim-bookworm"),
        ("2.0.0-rc1", "2.0.0-rc2"),
    ],
)
def test_other_versions_are_not_masked(shown, printed):
    assert check(shown + "\n", printed + "\n") is not None


def test_gaps():
    assert check("a\n…\nd\n", "a\nb\nc\nd\n") is None
    assert check("a\n…\nd\n", "a\nd\n") is None
    assert check("a\n…\n", "a\nb\n") is None
    assert check("…\nd\n", "a\nb\nc\n") == "no line like 'd'"
    assert check("a …z\n", "a b c z\n") is None
    assert check("a …z\n", "a b c\n") is not None
    # A gap does not stop at the first line that looks right if what follows is wrong there.
    assert check("…\nx\ny\n", "x\nz\nx\ny\n") is None


def test_any_order():
    assert check("b\na\n", "a\nb\n", any_order=True) is None
    assert check("b\na\n", "a\nb\nc\n", any_order=True) == "printed, but not shown: 'c'"
    assert check("b\n…\n", "a\nb\nc\n", any_order=True) is None
    assert check("a\na\n", "a\nb\n", any_order=True) is not None


def test_rows_in_any_order_are_told_apart_by_what_is_known():
    bindings = Bindings()
    assert check(f"{A}\n", f"{B}\n", bindings) is None
    shown, printed = f"{A[:12]}: Exists\n…\n", f"{C[:12]}: Exists\n{B[:12]}: Exists\n"
    assert check(shown, printed, bindings, any_order=True) is None
    assert "before" in (check(shown, f"{C[:12]}: Exists\n", bindings, any_order=True) or "")


def test_rows_that_cannot_be_told_apart_are_settled_later():
    rows = f"{A[:12]}: Pushed\n{B[:12]}: Pushed\n…\n"
    printed = "".join(f"{value * 6}: Pushed\n" for value in ("d4", "e5", "f6"))
    bindings = Bindings()
    assert check(rows, printed, bindings, any_order=True) is None
    assert "one of" in (check(f"{A}\n", f"{C}\n", bindings) or "")
    assert check(f"{A}\n", f"{'f6' * 32}\n", bindings) is None
    assert "different" in (check(f"{B}\n", f"{'f6' * 32}\n", bindings) or "")
    assert check(f"{B}\n", f"{'d4' * 32}\n", bindings) is None


def test_a_failed_comparison_binds_nothing():
    bindings = Bindings()
    assert check(f"{A}\nx\n", f"{B}\ny\n", bindings) is not None
    assert bindings.values == {}


plain = st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1).filter(str.strip)


@given(st.lists(plain, min_size=1, max_size=6))
def test_every_output_agrees_with_itself(lines):
    text = "\n".join(lines) + "\n"
    assert check(text, text) is None


@given(st.lists(plain, min_size=1, max_size=6), st.data())
def test_a_letter_that_changes_is_noticed(lines, data):
    text = "\n".join(lines) + "\n"
    places = [place for place, char in enumerate(text) if char in "ghijkmnopqrtuvwxyz"]
    if places:
        place = data.draw(st.sampled_from(places))
        other = text[:place] + "#" + text[place + 1 :]
        assert check(text, other, exact=True) is not None
