"""Which process is which: by what the kernel counts, whatever time of day the machine has meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from autograder.services import http, orphans, processes
from autograder.services.orphans import Owner

LINUX = pytest.mark.skipif(not processes.BOOT_ID.exists(), reason="only Linux tells the ticks since its boot")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until its input ends."""
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def shifted(monkeypatch):
    """Sets the machine's clock, as far as creation times tell: psutil adds the ticks to the boot's time of day."""
    actual = psutil.Process.create_time

    def shift(seconds: float) -> None:
        monkeypatch.setattr(psutil.Process, "create_time", lambda process: actual(process) + seconds)

    return shift


def test_owners_that_are_gone_are_told_from_living_ones(sleeper):
    its = orphans.owner(sleeper.pid)
    assert not its.is_gone and not orphans.owner().is_gone
    sleeper.communicate()
    assert its.is_gone
    host, pid, _ = orphans.owner().name.split("|")
    assert Owner(f"{host}|{pid}|1.00").is_gone  # the number was given to another process
    assert not Owner(f"another-host|{its.name.split('|')[1]}|1.00").is_gone and Owner(f"{host}|nonsense|").is_gone
    assert not Owner.of({}).is_gone, "nobody's"


def test_one_that_was_killed_is_gone_before_anybody_waits_for_it(sleeper):
    its = orphans.owner(sleeper.pid)
    sleeper.kill()
    assert http.wait_until(lambda: its.is_gone, 5)
    assert sleeper.returncode is None, "a zombie"


@LINUX
@pytest.mark.parametrize("seconds", [1.0, -3600.0, 86400.0])
def test_a_process_lives_on_when_the_clock_is_set(sleeper, shifted, seconds):
    """The boot's time of day moves then, and with it every creation time that is read later."""
    its = orphans.owner(sleeper.pid)
    record = {
        "pid": sleeper.pid,
        "created": psutil.Process(sleeper.pid).create_time(),
        "start": processes.start(sleeper.pid),
    }
    labels = orphans.labels("probe")
    shifted(seconds)
    assert not its.is_gone and not Owner.of(labels).is_gone
    assert processes.alive(record)
    assert orphans.labels("probe") == labels and orphans.owner() == Owner.of(labels), "one owner keeps one name"
    processes.end(record)
    assert sleeper.poll() is not None and its.is_gone and not processes.alive(record)


@pytest.mark.parametrize(("seconds", "gone"), [(0.0, False), (1.0, False), (-1.0, False), (3.0, True)])
def test_without_ticks_a_second_is_forgiven(sleeper, shifted, seconds, gone):
    """On macOS and Windows, and of what version 0.1.0 wrote down: Linux tells the boot's time in whole seconds."""
    its = Owner(orphans.owner(sleeper.pid).name)
    record = {"pid": sleeper.pid, "created": psutil.Process(sleeper.pid).create_time()}
    shifted(seconds)
    assert its.is_gone is gone and processes.alive(record) is not gone


@LINUX
def test_the_number_in_another_boot_is_another_process(sleeper):
    pid, created = sleeper.pid, psutil.Process(sleeper.pid).create_time()
    boot, _, ticks = processes.start(pid).partition(":")
    assert processes.find(pid, created, f"{boot}:{ticks}") is not None
    assert processes.find(pid, created, f"{boot[::-1]}:{ticks}") is None
    assert processes.find(pid, created, f"{boot}:{int(ticks) + 1}") is None


@LINUX
def test_a_name_with_brackets_and_blanks_hides_no_field(tmp_path):
    program = tmp_path / "a) R 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as process:
        until = time.monotonic() + 5
        while psutil.Process(process.pid).name() != program.name and time.monotonic() < until:
            time.sleep(0.01)
        seconds = int(processes.start(process.pid).rpartition(":")[2]) / os.sysconf("SC_CLK_TCK")
        process.kill()
    assert 0 <= time.clock_gettime(time.CLOCK_BOOTTIME) - seconds < 60


def test_of_no_process_there_is_no_start():
    assert processes.start(1 << 40) == "" and processes.find(1 << 40, 0.0) is None and processes.find(-1, 0.0) is None
