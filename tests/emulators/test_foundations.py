"""The small parts: durable files, clock, tokens, journal, locks, access tokens."""

from __future__ import annotations

import json
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.emulators.clock import EmulatorClock, moment, stamp
from autograder.emulators.database import Database
from autograder.emulators.interface import RegistryError
from autograder.emulators.json_store import read_json, write_json
from autograder.emulators.locks import Locks
from autograder.emulators.registry.access_tokens import AccessTokens
from autograder.emulators.registry.tokens import TokenSigner

from .support import START, Bench


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    assert read_json(file, {"none": 1}) == {"none": 1}
    write_json(file, {"a": 1})
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    assert read_json(file, None) == {"a": 1}


def test_the_clock_only_moves_forward_and_remembers(tmp_path: Path) -> None:
    clock = EmulatorClock(tmp_path / "clock.json", lambda: START)
    assert clock.advance(timedelta(days=30)) == START + timedelta(days=30)
    for wrong in (timedelta(seconds=-1), timedelta(days=10_000_000)):
        with pytest.raises(ValueError):
            clock.advance(wrong)
    assert EmulatorClock(tmp_path / "clock.json", lambda: START).now() == START + timedelta(days=30)


TIMES = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))


@given(TIMES, TIMES)
def test_stamps_sort_as_their_times(first: datetime, second: datetime) -> None:
    assert moment(stamp(first)) == first
    assert (stamp(first) < stamp(second)) == (first < second)


def test_a_token_verifies_until_it_expires(bench: Bench) -> None:
    signer = TokenSigner(b"k" * 32, "acr", bench.clock)
    token = signer.issue("student", "access", timedelta(seconds=300), access=[1])
    claims = signer.read(token, "access")
    assert claims is not None and claims["sub"] == "student" and claims["access"] == [1]
    assert signer.read(token, "refresh") is None, "another kind"
    assert TokenSigner(b"k" * 32, "dockerhub", bench.clock).read(token, "access") is None, "another service"
    assert TokenSigner(b"x" * 32, "acr", bench.clock).read(token, "access") is None, "another installation"
    bench.advance(seconds=299)
    assert signer.read(token, "access") is not None
    bench.advance(seconds=1)
    assert signer.read(token, "access") is None


@given(st.text(), st.integers(0, 400))
def test_no_changed_token_verifies(noise: str, place: int) -> None:
    class Standing:
        def now(self):  # type: ignore[no-untyped-def]
            return START

        def offset(self) -> timedelta:
            return timedelta(0)

    signer = TokenSigner(b"k" * 32, "acr", Standing())
    token = signer.issue("student", "access", timedelta(seconds=300))
    changed = token[: place % len(token)] + noise + token[place % len(token) + len(noise) :]
    if changed != token:
        assert signer.read(changed, "access") is None
    assert signer.read(noise, "access") is None


def test_the_journal_cannot_be_changed(bench: Bench) -> None:
    bench.journal.record("acr", "student", "push", repository="a", tag="1", digest="sha256:x", detail={"n": 1})
    bench.advance(days=1)
    bench.journal.record("ecr", "admin", "pull")
    first, second = bench.journal.lines()
    assert (first["number"], first["when"], first["detail"]) == (1, stamp(START), {"n": 1})
    assert second["when"] == stamp(START + timedelta(days=1))
    assert [line["service"] for line in bench.journal.lines("ecr")] == ["ecr"]
    for statement in ("UPDATE journal SET who = 'x'", "DELETE FROM journal"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"), bench.database.transaction() as connection:
            connection.execute(statement)
    assert len(bench.journal.lines()) == 2


def test_a_failed_transaction_leaves_nothing_and_an_inner_one_joins(tmp_path: Path) -> None:
    database = Database(tmp_path / "d.sqlite3")
    with pytest.raises(RuntimeError), database.transaction() as outer:
        outer.execute("INSERT INTO pulls VALUES ('a', '1')")
        with database.transaction() as inner:
            inner.execute("INSERT INTO pulls VALUES ('b', '2')")
        raise RuntimeError
    assert database.query("SELECT * FROM pulls") == []
    with database.transaction() as connection:
        connection.execute("INSERT INTO pulls VALUES ('a', '1')")
    database.close()
    assert len(Database(tmp_path / "d.sqlite3").query("SELECT * FROM pulls")) == 1


def test_one_lock_a_repository() -> None:
    locks = Locks()
    assert locks.of("acr")("a") is locks.of("acr")("a")
    assert locks.of("acr")("a") is not locks.of("acr")("b")
    assert locks.of("acr")("a") is not locks.of("ecr")("a")
    held, order = locks.of("acr")("a"), []

    def other() -> None:
        with locks.of("acr")("a"):
            order.append("other")

    with held:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


def test_access_tokens_are_kept_as_hashes(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    tokens = AccessTokens(file, bench.clock)
    token, secret = tokens.create("student", "laptop", ["repo:read"], timedelta(days=30), "dckr_pat_")
    assert secret.startswith("dckr_pat_") and secret not in file.read_text("utf-8")
    again = AccessTokens(file, bench.clock)
    assert again.find(secret) == token and again.find(secret + "x") is None and again.find("") is None
    bench.advance(days=30)
    assert again.find(secret) is None and again.expired(token)
    assert again.revoke("laptop") == token
    assert AccessTokens(file, bench.clock).all() == []
    with pytest.raises(RegistryError, match="no token"):
        again.revoke("laptop")


def test_a_name_that_fits_two_tokens_revokes_neither(bench: Bench, tmp_path: Path) -> None:
    tokens = AccessTokens(tmp_path / "tokens.json", bench.clock)
    first, _ = tokens.create("student", "ci", ["repo:read"], None, "")
    tokens.create("student", "ci", ["repo:read"], None, "")
    with pytest.raises(RegistryError, match="2 tokens"):
        tokens.revoke("ci")
    assert tokens.revoke(first.id) == first and len(tokens.all()) == 1
    assert json.loads((tmp_path / "tokens.json").read_text("utf-8"))[0]["expires"] == ""
