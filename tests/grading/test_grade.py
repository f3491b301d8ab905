"""``course grade`` as an instructor runs it, on a real engine: a class, a kill in between, workers that die, Dask."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from autograder import paths
from autograder.grading import store
from autograder.grading.people import Course, Person, load, register
from autograder.services import orphans

from ..evidence.images import js
from .submissions import Student, packed

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.engine


def course_(*arguments, **options):
    """A course command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "autograder.cli", *map(str, arguments)],
        capture_output=True, text=True, encoding="utf-8", timeout=1800, cwd=ROOT, **options,
    )  # fmt: skip


def containers(engine):
    """Sandboxes and registries that graders of this test's class started and that are still there."""
    until = time.monotonic() + 120
    while True:
        found = engine.api.containers(all=True, filters={"label": f"{orphans.HOME_LABEL}={paths.home()}"})
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.2)


@pytest.fixture
def big_class(home, kit, lab, empty_gradebook, tmp_path):
    """Eight students; everybody handed in, all but one the whole lab."""
    register([Person(f"s{n}", f"Student {n}") for n in range(8)], "test-course")
    (paths.classroom() / "gradebook.db").write_bytes(empty_gradebook.read_bytes())
    made: Course = load()
    box = tmp_path / "submissions"
    for id in made.roster:
        student = Student(id, made, lab)
        student.zip(box, student.files("def double(n):\n    return n\n") if id == "s3" else None)
    return made, box


def test_the_whole_way(home, kit, lab, engine, tmp_path, empty_gradebook):
    (tmp_path / "class.csv").write_text("id,name,email\nada,Ada Lovelace,ada@example.org\nben,Ben,\ncleo,,\n")
    done = course_("roster", tmp_path / "class.csv", "--course", "test-course")
    assert done.returncode == 0 and "3 students on the roster (3 new, 0 taken off)" in done.stdout
    box, made = tmp_path / "submissions", load()
    ada, ben = (Student(id, made, lab) for id in ("ada", "ben"))
    ada.zip(box)
    hostile = "import os\nos.fork()\ndef double(n):\n    return type('E', (), {'__eq__': lambda s, o: True})()\n"
    ben.zip(box, ben.files(hostile))
    (box / "notes.zip").write_bytes(packed({"a.txt": b"x"}))

    done = course_("grade", box, "--jobs", 2)
    assert done.returncode == 1, done.stderr  # something was refused
    assert "5.5*+ / 7" in done.stdout and "3.5*+ / 7" in done.stdout and "no submission.json" in done.stdout
    assert "2 graded, 1 refused." in done.stdout and "[2/2]" in done.stderr
    (box / "notes.zip").unlink()

    done = course_("grade", box, "--json")
    rows = {row["student"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 0 and {row["status"] for row in rows.values()} == {"unchanged"}
    assert rows["ben"]["failed"] == ["double"]
    seconds = store.read("ada", lab.slug).seconds
    assert set(seconds) == {"intake", "sandbox", "probe", "checks"}
    probe = store.evidence_of(store.read("ada", lab.slug)).probes["round-trip"]
    [(name, trip)] = probe.items()
    assert (
        name == f"registry/{ada.parameters['repository']}" and trip["error"] is None and all(trip["digests"].values())
    )

    assert course_("regrade", "90").returncode == 0
    done = course_("export", "--format", "csv")
    listed = list(csv.DictReader(io.StringIO(done.stdout)))
    assert done.returncode == 0 and len(listed) == 1 + 6 and "Not final" in done.stderr
    assert (listed[0]["student"], listed[0]["status"]) == ("", "refused"), "notes.zip, which is nobody's"
    assert {(r["student"], r["lab"]): r["score"] for r in listed}["ada", "90-tiny"] == "5.5"
    (tmp_path / "from-canvas.csv").write_text("Student,ID,SIS Login ID,Section,90-tiny (7)\nLovelace,1,ada,A,\n")
    done = course_(
        "export", "--format", "canvas", "--lab", "90", "--canvas-export", tmp_path / "from-canvas.csv",
        "-o", tmp_path / "canvas.csv",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "canvas.csv").read_text().splitlines() == ["Student,ID,SIS Login ID,Section,90-tiny (7)"]
    assert (paths.classroom() / "feedback" / "ada" / lab.slug / f"{lab.slug}.html").is_file()
    assert containers(engine) == []


def test_killed_in_the_middle_it_goes_on_and_leaves_nothing(big_class, engine):
    _, box = big_class
    command = [sys.executable, "-m", "autograder.cli", "grade", str(box), "--jobs", "2"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 600
    while len(list(store.every())) < 3:
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    done_before = {d.student: d.graded_at for d in store.every()}
    assert 3 <= len(done_before) < 8
    done = course_("grade", box, "--jobs", 2, "--json")
    rows = {row["student"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 0, done.stderr
    assert len(rows) == 8 and {s for s, row in rows.items() if row["status"] == "unchanged"} == set(done_before)
    assert {d.student: d.graded_at for d in store.every() if d.student in done_before} == done_before
    assert rows["s3"]["score"] == 3.5 and rows["s0"]["score"] == 5.5
    pages = list((paths.classroom() / "feedback").glob("*/*/*.html"))
    assert len(pages) == 8
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []  # workers end with their master
    assert containers(engine) == []


def test_a_submission_that_takes_its_process_down_costs_nobody_else(big_class, kit):
    _, box = big_class
    module = kit / "checks/tiny/checks.py"
    module.write_text(
        module.read_text().replace(
            '    """You have an engine"""\n',
            '    """You have an engine"""\n    if e.student == "s5":\n        import os; os._exit(9)\n',
        )
    )
    done = course_("grade", box, "--jobs", 2, "--json")
    rows = {row["student"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 1 and len(rows) == 8
    assert rows["s5"]["status"] == "not_graded" and "process ended" in rows["s5"]["remarks"][0]
    assert {row["status"] for student, row in rows.items() if student != "s5"} == {"graded"}


def test_without_an_engine_nothing_is_graded_wrongly(big_class):
    _, box = big_class
    done = course_("grade", box, env=os.environ | {"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert done.returncode == 3 and "error:" in done.stderr and "next:" in done.stderr
    assert list(store.every()) == []


def test_on_a_cluster(big_class, engine):
    _, box = big_class
    code = (
        "from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    with LocalCluster(n_workers=2, threads_per_worker=1, host='127.0.0.1', dashboard_address=None) as c:\n"
        "        print(c.scheduler_address, flush=True)\n        input()\n"
    )
    script = box.parent / "cluster.py"
    script.write_text(code)
    cluster = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT)])},
    )  # fmt: skip
    try:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        done = course_("grade", box, "--scheduler", address, "--json")
        rows = {row["student"]: row for row in json.loads(done.stdout)}
        assert done.returncode == 0, done.stderr
        assert len(rows) == 8 and rows["s3"]["score"] == 3.5 and rows["s0"]["score"] == 5.5
        assert containers(engine) == []
    finally:
        cluster.communicate("\n", timeout=60)


def test_a_scheduler_that_is_not_there_is_said(big_class):
    _, box = big_class
    done = course_("grade", box, "--scheduler", "tcp://127.0.0.1:9")
    assert done.returncode == 3 and "a Dask scheduler at tcp://127.0.0.1:9" in done.stderr


def test_a_registry_that_refuses_an_image_is_the_images_fault(course, ada, tmp_path):
    """A manifest that looks whole to a reader but that no registry takes."""
    layout = ada.layout()
    entry = layout.entries[0]
    name = "blobs/" + entry["digest"].replace(":", "/")
    manifest = json.loads(layout.files.pop(name))
    content = js(manifest | {"schemaVersion": 1})
    entry |= {"digest": layout.blob(content), "size": len(content)}
    ada.zip(tmp_path / "box", ada.files(layout=layout))
    done = course_("grade", tmp_path / "box", "--json")
    [row] = json.loads(done.stdout)
    assert (row["status"], row["score"], row["failed"]) == ("graded", 4.5, ["round-trip"])
