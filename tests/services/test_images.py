"""Where images come from: asked once, then kept; and builds of the kit's own images, only when they changed."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import uuid4

import pytest
from docker.errors import APIError, BuildError, ImageNotFound, NotFound

from autograder.domain import bases
from autograder.errors import EnvironmentProblem
from autograder.services import images, installation, local_build
from autograder.services.local_build import build_local, context_hash

PINNED = f"python@{bases.pinned(images.PYTHON_BASE)}"


class FakeEngine:
    """An engine whose only image source is what the test says; counts what it is asked."""

    def __init__(self, hub: str) -> None:
        self.hub, self.asked, self.pulled, self.there = hub, 0, [], {}
        self.missing: set[str] = set()
        self.lines: list[dict[str, str]] = []
        self.images = self
        self.api = self

    def get(self, tag: str) -> SimpleNamespace:
        if tag not in self.there:
            raise ImageNotFound(tag)
        return self.there[tag]

    def inspect_distribution(self, tag: str) -> dict[str, str]:
        self.asked += 1
        if self.hub != "yes":
            raise APIError(self.hub)
        return {}

    def pull(self, tag: str, **_: object) -> list[dict[str, str]]:
        if self.hub != "yes":
            raise APIError(self.hub)
        if tag in self.missing:
            raise NotFound(tag)
        self.pulled.append(tag)
        repository, _, digest = tag.partition("@")
        attrs = {"Size": 7, "RepoDigests": [f"{repository.split(':')[0]}@{digest or 'sha256:d1'}"]}
        self.there[tag] = SimpleNamespace(id=f"sha256:{tag}", labels={}, tags=[tag], attrs=attrs)
        return [{"status": "Pull complete"}, *self.lines]

    def tag(self, id: str, repository: str, word: str, force: bool) -> None:
        self.there[f"{repository}:{word}"] = next(image for image in self.there.values() if image.id == id)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the emulators that were asked for; nothing is built."""
    names: list[str] = []
    monkeypatch.setattr(images, "_build", lambda client, tag, report: names.append(tag) or "sha256:built")
    return names


def test_with_docker_hub_in_reach_images_are_pulled_once(home, built):
    engine = FakeEngine("yes")
    for _ in range(2):
        for tag in images.BASES:
            images.ensure(engine, tag)
    assert (engine.asked, engine.pulled, built) == (1, [images.REGISTRY, PINNED], [])
    row, base = images.rows(engine)
    assert (row.source, row.digest, row.size, row.present) == (images.HUB, "sha256:d1", 7, True)
    assert row.when.endswith("+00:00") and (row.pinned, row.recipe, row.known) == ("", "", False)
    pinned = PINNED.partition("@")[2]
    assert (base.digest, base.pinned, base.known, base.source) == (pinned, pinned, True, images.HUB)


def test_a_mirror_without_the_pinned_digest_gives_what_has_the_name(home, built):
    engine, said = FakeEngine("yes"), []
    engine.missing = {PINNED}
    images.ensure(engine, images.PYTHON_BASE, said.append)
    assert engine.pulled == [images.PYTHON_BASE] and "what has the name today" in said[-1]
    base = images.rows(engine)[1]
    assert base.digest == "sha256:d1" and not base.known


def test_a_local_build_is_no_official_image_though_the_engine_has_a_digest_for_it(home):
    """With the containerd image store every image has a digest, under the repository that its name says."""
    engine = FakeEngine("no")
    attrs = {"Size": 1, "RepoDigests": ["python@sha256:local"], "RootFS": {"Layers": ["sha256:own"]}}
    labels = {"org.course.standin": "true", "org.course.recipe": "3f2a"}
    for own, recipe in ((labels, "3f2a"), ({}, "")):
        there = SimpleNamespace(id="sha256:local", labels=own, tags=[images.PYTHON_BASE], attrs=attrs)
        engine.there[images.PYTHON_BASE] = there
        row = images.rows(engine)[1]
        assert (row.digest, row.recipe, row.known) == ("", recipe, False)
    [kit] = [one for one in bases.load() if one.source.endswith("recipes.toml")]
    attrs["RootFS"] = {"Layers": list(kit.diff_ids)}
    assert images.rows(engine)[1].known, "the base of the sample class"


def test_without_docker_hub_they_are_built_and_it_is_not_asked_again(home, built):
    engine, said = FakeEngine("no route to host"), []
    for _ in range(2):
        for tag in images.BASES:
            images.ensure(engine, tag, said.append)
    assert (engine.asked, engine.pulled, built) == (1, [], [*images.BASES, *images.BASES])
    assert any("no route to host" in line for line in said)
    assert installation.load().images["source"] == images.PACKAGES


def test_refresh_asks_again(home, built):
    engine = FakeEngine("down")
    assert images.source(engine) == images.PACKAGES
    engine.hub = "yes"
    assert images.source(engine) == images.PACKAGES
    images.refresh(engine)
    assert engine.pulled == [images.REGISTRY, PINNED] and images.source(engine) == images.HUB


def test_a_hub_that_vanished_is_an_error_with_its_fix(home, built):
    engine = FakeEngine("yes")
    images.source(engine)
    engine.hub = "toomanyrequests"
    with pytest.raises(EnvironmentProblem, match="toomanyrequests") as error:
        images.ensure(engine, images.REGISTRY)
    assert "python3 course.py images --refresh" in error.value.next_step


def test_an_error_in_the_middle_of_a_pull_is_told_in_its_words(home, built):
    engine = FakeEngine("yes")
    engine.lines = [{"error": "toomanyrequests: You have reached your pull rate limit."}]
    with pytest.raises(EnvironmentProblem, match="pull rate limit"):
        images.ensure(engine, images.PYTHON_BASE)
    assert engine.pulled == [PINNED], "the name is not tried then"


def test_a_silent_hub_is_given_up(home):
    import threading

    engine, release = FakeEngine("yes"), threading.Event()
    engine.inspect_distribution = lambda tag: release.wait(5)  # type: ignore[method-assign]
    assert images.ask_hub(engine, seconds=0.1) == "no answer within 0 seconds"
    release.set()


def test_an_image_that_was_there_before_says_so(home):
    engine = FakeEngine("no")
    attrs = {"Size": 1, "RepoDigests": []}
    engine.there[images.REGISTRY] = SimpleNamespace(id="sha256:x", labels={}, tags=[], attrs=attrs)
    first, second = images.rows(engine)
    assert (first.source, first.present, second.present) == (images.PRESENT, True, False)


def test_the_hash_of_a_context_sees_names_contents_base_and_arguments(tmp_path):
    def of(**more: object) -> str:
        return context_hash(tmp_path, **more)  # type: ignore[arg-type]

    (tmp_path / "Dockerfile").write_bytes(b"FROM scratch\n")
    seen = [of(), of(base="sha256:1"), of(arguments={"A": "1"})]
    (tmp_path / "a").write_bytes(b"1")
    seen.append(of())
    (tmp_path / "a").rename(tmp_path / "b")
    seen.append(of())
    (tmp_path / "b").write_bytes(b"2")
    seen.append(of())
    assert len(set(seen)) == len(seen)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_bytes(b"")
    assert of() == seen[-1]


@pytest.mark.engine
@pytest.mark.both_engines
def test_the_kits_own_images_are_built_only_when_they_changed(engine, tmp_path):
    tag, said, made = f"course-test-local:{uuid4().hex}", [], set()
    (tmp_path / "Dockerfile").write_text("FROM scratch\nARG WHO=me\nLABEL who=$WHO\nCOPY a /a\n", encoding="utf-8")
    (tmp_path / "a").write_text("1", encoding="utf-8")
    try:
        first = build_local(engine, tag, tmp_path, report=said.append)
        made.add(first)
        assert build_local(engine, tag, tmp_path, report=said.append) == first
        assert said == [f"{tag}: building"]
        (tmp_path / "a").write_text("2", encoding="utf-8")
        second = build_local(engine, tag, tmp_path, arguments={"WHO": "you"}, report=said.append)
        made.add(second)
        assert second != first and len(said) == 2
        assert engine.images.get(second).labels["who"] == "you"
        (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY nothing /\n", encoding="utf-8")
        with pytest.raises(EnvironmentProblem, match="nothing"):
            build_local(engine, tag, tmp_path)
    finally:
        for id in made:
            engine.images.remove(id, force=True)


@pytest.mark.engine
@pytest.mark.both_engines
def test_a_build_has_no_network(engine, tmp_path):
    images.ensure(engine, images.PYTHON_BASE)
    tag = f"course-test-local:{uuid4().hex}"
    program = "import socket; print(socket.if_nameindex())"
    (tmp_path / "Dockerfile").write_text(
        f'FROM {images.PYTHON_BASE}\nRUN python -c "{program}" > /seen && test "$(cat /seen)" = "[(1, \'lo\')]"\n',
        "utf-8",
    )
    build_local(engine, tag, tmp_path, base=images.PYTHON_BASE)
    engine.images.remove(tag)


def test_a_failed_build_tells_the_end_of_its_log(monkeypatch, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")

    class Failing(FakeEngine):
        def build(self, **_: object) -> None:
            raise BuildError("it broke", iter([{"stream": "step 1\n"}, {"error": "no such file"}]))

    with pytest.raises(EnvironmentProblem, match="step 1 / no such file"):
        local_build.build_local(Failing("no"), "x:1", tmp_path)  # type: ignore[arg-type]
