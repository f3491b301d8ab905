"""The rescanner as grading gets it: on what a real registry holds, with nothing prepared by hand."""

from __future__ import annotations

import pytest

from autograder.scanning import database, grader
from autograder.services import engine, images
from tests.scanning.built import image, package


def test_a_damaged_database_is_written_anew(tmp_path):
    made = grader.prepare(tmp_path)
    file = tmp_path / "db" / "trivy.db"
    file.write_bytes(made.db[:-4096])
    assert grader.prepare(tmp_path) == made == database.require(tmp_path)


@pytest.mark.engine
def test_a_rescan_with_everything_from_the_kit(tmp_path):
    client = engine.connect()
    images.ensure(client, images.REGISTRY)
    built = image(package("joblib", "1.1.0"))
    held, source = built.snapshot()
    try:
        found = [
            grader.rescanner(client, images.REGISTRY, tmp_path, {"course.test": "scanning"}).rescan(
                held, source, built.digest
            )
            for _ in range(2)
        ]
    finally:
        client.close()
    assert found[0] == found[1]
    assert [one.id for one in found[0][0].graded] == ["CVE-2022-21797"]
    assert len(list((tmp_path / "results").iterdir())) == 1
