"""The reader's desk of the lessons' tests: what blocks leave in the engine is undone, images get their names back."""

from __future__ import annotations

import subprocess
from uuid import uuid4

import pytest

from autograder.content.names import Names
from autograder.services import images

pytestmark = pytest.mark.engine


def test_a_name_without_a_host_goes_back_to_its_image(engine, desk_tools):
    mine, others = images.ensure(engine, images.REGISTRY), images.ensure(engine, images.PYTHON_BASE)
    run = uuid4().hex
    kept, made = f"my-desk-test-{run}/kept", f"my-desk-test-{run}/made"
    engine.images.get(mine).tag(kept, "1")
    try:
        before = desk_tools.tagged(engine)
        engine.images.get(others).tag(kept, "1")
        engine.images.get(others).tag(made, "1")
        desk_tools.restore(engine, before, {kept, made})
        after = desk_tools.tagged(engine)
        assert after[f"{kept}:1"] == engine.images.get(mine).id
        assert f"{made}:1" not in after
    finally:
        engine.images.remove(f"{kept}:1")


def test_what_is_left_under_a_runs_names_is_removed(engine, desk_tools):
    base = images.ensure(engine, images.REGISTRY)
    table = Names(f"ldesktest{uuid4().hex[:8]}-")
    engine.volumes.create(table.here("my-data"))
    engine.networks.create(table.here("my-network"))
    engine.containers.create(base, name=table.here("my-registry"))
    engine.images.get(base).tag(f"localhost:{table.here(':5010').lstrip(':')}/ml-model", "1")
    desk_tools.clean(engine, table)
    names = [found.name for found in (*engine.volumes.list(), *engine.networks.list())]
    names += [found["Names"][0] for found in engine.api.containers(all=True)]
    names += list(desk_tools.tagged(engine))
    assert not [name for name in names if table.run in name or f":{table.ports['5010']}/" in name]


def test_what_the_builder_remembers_of_a_run_is_forgotten(engine, desk_tools, tmp_path):
    """Else the next run's release 2 stands on other weights than the release 1 that it has just pushed."""
    name, before = f"ldesktest-{uuid4().hex[:7]}", desk_tools.build_cache(engine)
    (tmp_path / name).write_text(name, encoding="utf-8")
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\nCOPY {name} /one\nCOPY {name} /two\n", encoding="utf-8")
    subprocess.run(["docker", "build", "-q", "-t", name, str(tmp_path)], check=True, capture_output=True)
    engine.images.remove(name)
    desk_tools.forget_builds(engine, before)
    left = engine.api.df().get("BuildCache") or ()
    assert not [record for record in left if name in record["Description"]]
