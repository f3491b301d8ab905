"""Facts about htpasswd files."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.collect import passwords

from .tls import line


@pytest.mark.parametrize("prefix", [b"2a", b"2b"])
def test_a_bcrypt_entry_whose_password_fits(prefix):
    text = line("ci", "secret", 5, prefix)
    assert passwords.read(text, "ci", "secret") == {"users": {"ci": {"scheme": "bcrypt", "cost": 5, "matches": True}}}
    assert passwords.read(text, "ci", "other")["users"]["ci"]["matches"] is False
    assert "matches" not in passwords.read(text, "someone", "secret")["users"]["ci"]


def test_apaches_prefix_blank_lines_comments_and_windows_line_ends():
    text = "# users\r\n\r\n" + line("ci", "secret").replace("$2b$", "$2y$").strip() + "\r\n  \r\nb:{SHA}x\r\n"
    assert passwords.read(text, "ci", "secret") == {
        "users": {"ci": {"scheme": "bcrypt", "cost": 4, "matches": True}, "b": {"scheme": "SHA-1"}}
    }


@pytest.mark.parametrize(
    ("hashed", "scheme"),
    [
        ("$apr1$a$b", "MD5"),
        ("{SHA}abc", "SHA-1"),
        ("secret", "none"),
        ("", "none"),
        ("$2y$05$short", "none"),
        ("$6$a$b", "SHA-512"),
    ],
)
def test_other_hashes_are_named(hashed, scheme):
    facts = passwords.read(f"ci:{hashed}\n", "ci", "secret")
    assert facts == {"users": {"ci": {"scheme": scheme}}} and passwords.harmless(facts)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x" * 20_000, "more than 16 KiB"),
        ("no colon here\n", "line 1 is not USER:HASH"),
        ("".join(f"u{n}:x\n" for n in range(30)), "more than 20 users"),
        ("\ufeffci:x\n", "byte-order mark"),
    ],
)
def test_files_that_cannot_be_used(text, says):
    facts = passwords.read(text, "ci", "secret")
    assert says in facts["error"] and not passwords.harmless(facts)


def test_of_two_lines_for_a_user_the_last_counts():
    good, other = line("ci", "secret"), line("ci", "other")
    right, wrong = passwords.read(other + good, "ci", "secret"), passwords.read(good + other, "ci", "secret")
    assert right == {"users": {"ci": {"scheme": "bcrypt", "cost": 4, "lines": 2, "matches": True}}}
    assert wrong == {"users": {"ci": {"scheme": "bcrypt", "cost": 4, "lines": 2, "matches": False}}}
    assert passwords.harmless(right) and passwords.harmless(wrong)


def test_a_huge_cost_is_never_computed():
    began = time.monotonic()
    facts = passwords.read(
        "ci:" + line("ci", "secret").strip().partition(":")[2].replace("$04$", "$31$"), "ci", "secret"
    )
    assert facts == {"users": {"ci": {"scheme": "bcrypt", "cost": 31}}} and not passwords.harmless(facts)
    assert time.monotonic() - began < 60  # 2^31 rounds would take days


@given(st.text(max_size=200))
def test_any_text_is_answered(text):
    facts = passwords.read(text, "ci", "secret")
    assert set(facts) in ({"error"}, {"users"})


@pytest.mark.parametrize(
    "hashed",
    [
        "$2y$31$abcdefghijklmnopqrstuu" + "!" * 31,
        "$2$31$" + "a" * 53,
        "$2y$31" + "x" * 60,
        "$1y$13$" + "a" * 53,
        "$2ß$31$" + "a" * 53,
    ],
)
def test_what_only_looks_like_bcrypt_and_would_be_worked_out_goes_to_no_registry(hashed):
    facts = passwords.read(f"ci:{hashed}\n", "ci", "secret")
    assert facts["users"]["ci"]["scheme"] != "bcrypt" and not passwords.harmless(facts)


@pytest.mark.parametrize("hashed", ["$apr1$xyz$31abc", "{SHA}abc", "$2y$31$short", "$5$99$" + "a" * 53, "x" * 80])
def test_what_no_registry_works_out_is_harmless(hashed):
    assert passwords.harmless(passwords.read(f"ci:{hashed}\n", "ci", "secret"))
