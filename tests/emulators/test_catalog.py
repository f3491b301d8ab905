"""The catalog: pushes, tags that move, deletions, and what a killed process leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.emulators.database import Database
from autograder.emulators.interface import RegistryError
from autograder.emulators.registry.catalog import Catalog
from autograder.oci.manifests import DOCKER_MANIFEST

from .support import START, Bench, index, manifest


@pytest.fixture
def catalog(bench: Bench) -> Catalog:
    return Catalog(bench.database, "acr", bench.clock)


def test_a_push_makes_repository_manifest_and_tag(catalog: Catalog) -> None:
    assert catalog.tags("a/b") is None and not catalog.exists("a/b")
    pushed = manifest("a/b", "1.0", "aa", "bbb")
    catalog.push(pushed)
    assert catalog.tags("a/b") == ["1.0"] and catalog.resolve("a/b", "1.0") == pushed.digest
    (record,) = catalog.records("a/b")
    assert (record.size, record.pushed, record.changed, record.pulled) == (2 + 2 + 3, START, START, None)
    assert record == catalog.record("a/b", pushed.digest)
    assert Catalog(catalog._database, "dockerhub", catalog._clock).tags("a/b") is None, "services are apart"


def test_a_moved_tag_leaves_its_image_untagged(bench: Bench, catalog: Catalog) -> None:
    first, second = manifest("a", "latest", "1"), manifest("a", "latest", "2")
    catalog.push(first)
    bench.advance(hours=1)
    catalog.push(second)
    old, new = catalog.records("a")
    assert (old.digest, [tag.name for tag in old.tags]) == (first.digest, [])
    assert old.pushed == START and old.changed == START + timedelta(hours=1), "its tags changed"
    assert [tag.name for tag in new.tags] == ["latest"]
    assert new.tags[0].created == START and new.tags[0].changed == START + timedelta(hours=1)


def test_the_same_push_again_changes_nothing(bench: Bench, catalog: Catalog) -> None:
    pushed = manifest("a", "1", "x")
    catalog.push(pushed)
    before = catalog.records("a")
    bench.advance(days=1)
    catalog.push(pushed)
    assert catalog.records("a") == before


def test_an_index_knows_its_children_and_an_artifact_its_subject(catalog: Catalog) -> None:
    one, two = manifest("a", None, "1"), manifest("a", None, "2", media_type=DOCKER_MANIFEST)
    both = index("a", "multi", one, two)
    for each in (one, two, both):
        catalog.push(each)
    record = catalog.record("a", both.digest)
    assert record is not None and record.children == (one.digest, two.digest)
    assert record.size == len(one.body) + len(two.body)
    about = {"mediaType": one.media_type, "digest": one.digest, "size": len(one.body)}
    signature = manifest("a", None, "sig", subject=about)
    catalog.push(signature)
    found = catalog.record("a", signature.digest)
    assert found is not None and found.subject == one.digest and found.tags == ()


def test_bytes_that_are_no_manifest_are_refused(catalog: Catalog) -> None:
    broken = manifest("a", "1", media_type="application/x-unknown")
    with pytest.raises(RegistryError) as caught:
        catalog.push(broken)
    assert (caught.value.status, caught.value.code) == (400, "MANIFEST_INVALID")
    assert not catalog.exists("a"), "nothing of it stays"


def test_what_is_removed_goes_through_the_trash(bench: Bench, catalog: Catalog) -> None:
    first, second = manifest("a", "1", "1"), manifest("a", "2", "2")
    for each in (first, second):
        catalog.push(each)
        catalog.remove("a", each.digest)
    assert catalog.tags("a") == [] and catalog.records("a") == []
    catalog.push(second)  # it came back before the trash was emptied
    store = bench.store
    assert catalog.empty_trash(store.delete_manifest, bench.locks.__getitem__) == [("a", first.digest)]
    assert store.deleted == [("a", first.digest)] and catalog.has("a", second.digest)
    assert catalog.empty_trash(store.delete_manifest, bench.locks.__getitem__) == []


def test_the_trash_survives_the_process_and_a_failing_store(bench: Bench, catalog: Catalog) -> None:
    pushed = manifest("a", "1", "1")
    catalog.push(pushed)
    catalog.remove("a", pushed.digest)

    def broken(repository: str, digest: str) -> None:
        raise OSError("the store is down")

    with pytest.raises(OSError):
        catalog.empty_trash(broken, bench.locks.__getitem__)
    bench.database.close()
    again = Catalog(Database(bench.folder / "standins.sqlite3"), "acr", bench.clock)
    assert again.empty_trash(bench.store.delete_manifest, bench.locks.__getitem__) == [("a", pushed.digest)]


def test_untag_keeps_the_image_and_remove_repository_takes_all(catalog: Catalog) -> None:
    pushed = manifest("a", "1", "1")
    catalog.push(pushed)
    catalog.untag("a", "1")
    assert catalog.tags("a") == [] and catalog.has("a", pushed.digest)
    catalog.remove_repository("a")
    assert catalog.tags("a") is None and not catalog.has("a", pushed.digest)


def test_attributes_of_repository_manifest_and_tag(catalog: Catalog) -> None:
    pushed = manifest("a", "1", "1")
    catalog.push(pushed)
    catalog.change_attributes("a", {"private": True})
    catalog.change_attributes("a", {"writeEnabled": False}, tag="1")
    catalog.change_attributes("a", {"deleteEnabled": False}, digest=pushed.digest)
    record = catalog.record("a", pushed.digest)
    assert catalog.attributes("a") == {"private": True}
    assert record is not None and record.attributes == {"deleteEnabled": False}
    assert record.tags[0].attributes == {"writeEnabled": False}
    for wrong in ({"tag": "2"}, {"digest": "sha256:0"}):
        with pytest.raises(LookupError):
            catalog.change_attributes("a", {}, **wrong)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["push", "untag", "remove"]),
        st.sampled_from(["1", "2", None]),
        st.sampled_from(["x", "y", "z"]),
    ),
    max_size=15,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(STEPS)
def test_tags_and_manifests_agree_after_any_history(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str | None, str]]
) -> None:
    bench = Bench(tmp_path_factory.mktemp("history"))
    catalog = Catalog(bench.database, "acr", bench.clock)
    tags: dict[str, str] = {}
    there: set[str] = set()
    for what, tag, layer in steps:
        image = manifest("a", tag, layer)
        if what == "push":
            catalog.push(image)
            there.add(image.digest)
            if tag:
                tags[tag] = image.digest
        elif what == "untag" and tag:
            catalog.untag("a", tag)
            tags.pop(tag, None)
        elif what == "remove":
            catalog.remove("a", image.digest)
            there.discard(image.digest)
            tags = {name: digest for name, digest in tags.items() if digest != image.digest}
    assert (catalog.tags("a") or []) == sorted(tags)
    assert {record.digest for record in catalog.records("a")} == there
    assert {tag.name: tag.digest for record in catalog.records("a") for tag in record.tags} == tags
    bench.database.close()
