"""A process killed between any two steps: after the next start nothing acknowledged is lost, API and store agree."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from autograder.emulators.clock import EmulatorClock
from autograder.emulators.database import Database
from autograder.emulators.ecr.backend import EcrBackend
from autograder.emulators.ecr.identity import new_credentials
from autograder.emulators.journal import SqliteJournal
from autograder.oci.manifests import digest_of

from . import emulator as helper
from .emulator import ADMIN, Emulator

NIGHTLY = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days"},
            "action": {"type": "expire"},
        }
    ]
}
NIGHTLY["rules"][0]["selection"]["countNumber"] = 2  # type: ignore[index]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is killed by forking one; Windows cannot")


class Bomb:
    """Counts steps; at step ``fatal`` the process is gone, without any clean-up."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.fatal:
            os._exit(9)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **more: Any) -> Any:
            self.step()
            result = function(*args, **more)
            self.step()
            return result

        return wrapped


def durable(folder: Path) -> Emulator:
    """An emulator with the real clock and journal, which survive the process."""
    made = Emulator.__new__(Emulator)
    made.folder = folder
    (folder / "state").mkdir(parents=True, exist_ok=True)
    clock = EmulatorClock(folder / "clock.json")
    made.clock = clock  # type: ignore[assignment]
    made.context = helper.make_context(folder, clock, SqliteJournal(Database(folder / "emulators.sqlite"), clock))
    made.backend = EcrBackend(made.context)
    return made


def arm(bomb: Bomb, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write of the process is a step: files, renames, syncs, the store and the journal."""
    for name in ("fsync", "write"):
        monkeypatch.setattr(os, name, bomb.around(getattr(os, name)))
    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, bomb.around(getattr(Path, name)))
    for name in ("put_manifest", "delete_manifest", "put_blob"):
        monkeypatch.setattr(helper.FolderStore, name, bomb.around(getattr(helper.FolderStore, name)))
    monkeypatch.setattr(SqliteJournal, "record", bomb.around(SqliteJournal.record))


def scenario(made: Emulator, api: Any, acknowledge: Callable[[str, Any], None]) -> None:
    """A few days of a repository. Each step is acknowledged when its answer would have gone out."""
    bodies = {seed: made.manifest("app", seed) for seed in ("one", "two", "three", "child", "put")}
    digests = {seed: digest_of(body) for seed, body in bodies.items()}
    api.create_repository(repositoryName="app")
    acknowledge("repository", "app")
    for tag, seed in (("1.0", "one"), ("latest", "two"), ("latest", "three"), (None, "child")):
        acknowledge("pushing", [tag, digests[seed]])
        made.push("app", tag, bodies[seed])
        acknowledge("pushed", [tag, digests[seed]])
    index = made.index(bodies["child"])
    acknowledge("pushing", ["all", digest_of(index)])
    made.push("app", "all", index)
    acknowledge("pushed", ["all", digest_of(index)])
    acknowledge("pushing", ["api", digests["put"]])
    api.put_image(repositoryName="app", imageManifest=bodies["put"].decode(), imageTag="api")
    acknowledge("pushed", ["api", digests["put"]])
    api.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=json.dumps(NIGHTLY))
    acknowledge("policy", json.dumps(NIGHTLY))
    made.backend = EcrBackend(made.context)  # an orderly restart, so that nothing is left over from the pushes
    made.backend.reconcile()
    acknowledge("deleting", ["1.0", digests["one"]])
    api.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "1.0"}])
    acknowledge("deleted", ["1.0", digests["one"]])
    acknowledge("deleting", ["all", digest_of(index)])
    made.backend.commit_delete(ADMIN, "app", "all", digest_of(index))
    acknowledge("deleted", ["all", digest_of(index)])
    acknowledge("advancing", [digests["two"], digests["child"]])
    for _ in range(3):
        made.clock.advance(timedelta(days=1))  # type: ignore[call-arg]
        made.backend.overnight()
    acknowledge("advanced", [digests["two"], digests["child"]])


class Forks:
    """Runs the scenario in forks of this process, with one API client that is made before (making one is slow)."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.credentials = new_credentials()
        self.made: Emulator | None = None
        self.api = helper.local_client(self._serve, self.credentials["profiles"]["admin"], "ecr")

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        assert self.made is not None
        return self.made.backend.api(environ, start_response)

    def run(self, fatal: int) -> int:
        """One process that dies at step ``fatal``; returns the steps of a full run, else 0."""
        folder = self.folder / str(fatal)
        folder.mkdir()
        (folder / "credentials.json").write_text(json.dumps(self.credentials))
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            self._child(folder, fatal, writer)
        os.close(writer)
        _, status = os.waitpid(child, 0)
        with os.fdopen(reader) as stream:
            steps = stream.read()
        assert os.waitstatus_to_exitcode(status) == (0 if steps else 9)
        check(folder)
        return int(steps or 0)

    def _child(self, folder: Path, fatal: int, writer: int) -> None:
        status = 1
        try:
            write = os.write
            acknowledged = os.open(folder / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            self.made = durable(folder)
            bomb = Bomb(fatal)
            arm(bomb, self.monkeypatch)
            self.made.backend.reconcile()
            scenario(self.made, self.api, lambda *line: write(acknowledged, json.dumps(line).encode() + b"\n") and None)
            write(writer, str(bomb.steps).encode())
            status = 0
        finally:
            os._exit(status)


def check(folder: Path) -> None:
    """Start again and compare: acknowledged steps, record, store and journal."""
    lines = [json.loads(line) for line in (folder / "acknowledged").read_text().splitlines()]
    done = {(kind, json.dumps(value)) for kind, value in lines}
    made = durable(folder)
    made.backend.reconcile()
    again = durable(folder)
    assert again.backend.reconcile() == [], "a second start finds nothing to repair"
    moto = again.backend.registry.moto
    if ("repository", '"app"') not in done:
        return
    found = {image.digest: image for image in moto.find("app").images}
    assert again.store.manifests("app") == set(found), "record and store name the same manifests"
    for image in found.values():
        assert set(image.children) <= set(found), "an index has its children"
    expected: dict[str, str] = {}
    images: set[str] = set()
    open_ends: set[str] = set()
    for kind, value in lines:
        if kind == "pushed":
            images.add(value[1])
            if value[0]:
                expected[value[0]] = value[1]
        elif kind in ("pushing", "deleting"):
            open_ends |= {str(value[0]), value[1]}
        elif kind == "deleted":
            expected.pop(value[0])
            images.discard(value[1])
        elif kind == "advancing":
            open_ends |= set(value)
        elif kind == "advanced":
            images -= set(value)
        if kind in ("pushed", "deleted", "advanced"):
            open_ends = set()
    for tag, digest in expected.items():
        assert tag in open_ends or digest in open_ends or again.backend.index.resolve("app", tag) == digest
    assert images - open_ends <= set(found) <= images | open_ends
    if any(kind == "policy" for kind, _ in lines):
        assert moto.find("app").lifecycle_policy == json.dumps(NIGHTLY)
    due = next((set(value) for kind, value in lines if kind == "advancing"), set())
    expired = [line for line in again.context.journal.lines("ecr") if line["what"] == "expire"]
    assert sorted(line["digest"] for line in expired) == sorted(due - set(found)), "each expiry is told once"
    assert {line["detail"]["rule"] for line in expired} <= {1}
    if again.clock.offset().days == 3:
        assert not due & set(found), "an interrupted night is finished"


@pytest.mark.slow
def test_a_process_killed_between_any_two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forks = Forks(tmp_path, monkeypatch)
    steps = forks.run(0)
    assert steps > 150, "the scenario shrank, or steps are no longer counted"
    for fatal in range(1, steps + 1):
        assert forks.run(fatal) == 0, "it died"
