"""The vulnerable and the fixed ml-model: built from pinned wheels without a network, and what a rescan says of them."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile

import pytest

from autograder import paths
from autograder.domain import advisories
from autograder.domain.advisories import wheels as known
from autograder.errors import EnvironmentProblem
from autograder.evidence import layout
from autograder.oci.manifests import digest_of
from autograder.scanning import database, inventory, wheels
from autograder.scanning.rescan import GRADED, Rescanner
from autograder.services import engine, images
from tests.scanning.built import SITE, base, image

CHOICES = known.choices()
INSTALL = wheels.CONTEXT / "install.py"


@pytest.mark.parametrize("one", CHOICES, ids=lambda one: one.package)
def test_the_data_agree_with_the_advisories(one):
    before = advisories.affecting(one.package, one.vulnerable.version)
    assert before, "a package that is no problem is no exercise"
    assert any(each.severity in GRADED and each.fixed for each in before) is one.planted
    assert not advisories.affecting(one.package, one.fixed.version)
    assert all(each.cvss for each in before), "only what has a CVSS is planted"
    assert one.vulnerable.file.endswith("-none-any.whl")
    assert one.fixed.file.endswith("-none-any.whl")
    assert one.marks


def test_marks_name_one_package_each():
    assert len(known.marks()) == sum(len(one.marks) for one in CHOICES)


def wheel(folder, name, version, tag="py3-none-any"):
    file = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", version)
        archive.writestr(f"{name}-{version}.dist-info/METADATA", f"Name: {name}\nVersion: {version}\n")
    return file


def install(folder, requirements):
    (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
    command = [sys.executable, str(INSTALL), str(folder / "requirements.txt"), str(folder), str(folder / "out")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_pinned_wheels_are_unpacked(tmp_path):
    wheel(tmp_path, "python_multipart", "0.0.6")
    wheel(tmp_path, "python_multipart", "0.0.34")
    done = install(tmp_path, "# comment\n\npython-multipart == 0.0.34  # fixed\n")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "python_multipart.py").read_text(encoding="utf-8") == "0.0.34"


@pytest.mark.parametrize(
    ("pin", "words"), [("joblib==1", "there is: none"), ("a==3", "there is: 1"), ("b==1", "not pure Python"),
                       ("a", "no wheel of a")],
)  # fmt: skip
def test_what_cannot_be_installed_is_named(tmp_path, pin, words):
    wheel(tmp_path, "a", "1")
    wheel(tmp_path, "b", "1", "cp311-cp311-linux_x86_64")
    done = install(tmp_path, pin + "\n")
    assert done.returncode == 1
    assert words in done.stderr


def test_a_wheel_with_other_content_is_not_taken(tmp_path):
    one = CHOICES[0].vulnerable
    (tmp_path / one.file).write_bytes(b"something else")
    assert not wheels.present(tmp_path, one)


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(EnvironmentProblem) as caught:
        wheels.fetch(tmp_path / "kept")
    assert "internet" in caught.value.next_step


def test_the_starter_offers_every_wheel_and_pins_none(home, tmp_path, monkeypatch):
    model, kept = tmp_path / "model", tmp_path / "kept"
    for name in ("app/serve.py", "weights/weights.bin"):
        (model / name).parent.mkdir(parents=True)
        (model / name).write_text("x", encoding="utf-8")
    kept.mkdir()
    for one in CHOICES:
        for each in (one.vulnerable, one.fixed):
            (kept / each.file).write_bytes(b"")
    asked = []
    monkeypatch.setattr(wheels, "fetch", lambda: asked.append(1) or kept)
    made = wheels.starter(model)
    assert wheels.starter(model) == made and len(asked) == 1
    names = {file.relative_to(made).as_posix() for file in made.rglob("*") if file.is_file()}
    assert {"Dockerfile", "install.py", ".dockerignore", "app/serve.py", "weights/weights.bin"} < names
    assert sum(name.startswith("wheels/") for name in names) == 2 * len(CHOICES)
    assert (made / "requirements.txt").read_text(encoding="utf-8") == ""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """All wheels: those that this machine keeps already, or fetched."""
    return wheels.fetch()


@pytest.mark.engine
def test_marks_are_of_the_vulnerable_wheel_alone(kept):
    for one in CHOICES:
        hashes = []
        for each in (one.vulnerable, one.fixed):
            with zipfile.ZipFile(kept / each.file) as archive:
                hashes.append({hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()})
        assert set(one.marks) <= hashes[0]
        assert not set(one.marks) & hashes[1]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Stands for docker/ml-model after training: the app as it is, weights of a few bytes."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "app").mkdir()
    for file in (paths.DOCKER / "ml-model" / "app").glob("*.py"):
        (folder / "app" / file.name).write_bytes(file.read_bytes())
    (folder / "weights").mkdir()
    (folder / "weights" / "weights.bin").write_bytes(b"\0" * 64)
    (folder / "weights" / "model.json").write_text("{}", encoding="utf-8")
    return folder


def saved(client, image_id):
    """A built image as a snapshot: its layers as tars, whether the engine gives them so or compressed."""
    stream = b"".join(client.images.get(image_id).save())
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        import json

        manifest = json.load(archive.extractfile("manifest.json"))[0]
        blobs = [archive.extractfile(name).read() for name in manifest["Layers"]]
        blobs = [gzip.decompress(blob) if blob.startswith(b"\x1f\x8b") else blob for blob in blobs]
        diff_ids = json.load(archive.extractfile(manifest["Config"]))["rootfs"]["diff_ids"]
    return image(*[b""] * len(blobs), blobs=blobs, diff_ids=diff_ids)


@pytest.mark.engine
@pytest.mark.parametrize("variant", ["vulnerable", "fixed"])
def test_golden_scan(variant, kept, model, sandbox, cache, tmp_path):
    client = engine.connect()
    images.ensure(client, images.PYTHON_BASE)
    tars = client.images.get(images.PYTHON_BASE).attrs["RootFS"]["Layers"]
    known_base = base(*tars)
    both = [each for one in CHOICES for each in (one.vulnerable, one.fixed)]
    pins = [getattr(one, variant) for one in CHOICES]
    wheels.write_context(tmp_path / "context", model, pins, kept, both)
    made, _ = client.images.build(path=str(tmp_path / "context"), network_mode="none", rm=True, forcerm=True,
                                  labels={"course.test": "scanning"})  # fmt: skip
    try:
        built = saved(client, made.id)
        source = built.layout.source()
        held = layout.verify(source, service="registry", name="x", layers="above-base", bases=[known_base])
        assert held.problems == ()
        parsed = held.parsed(built.digest)
        layers = inventory.layers(parsed, held.config(parsed), source, [known_base])
        assert len(layers) == len(built.diff_ids) - len(tars)
        rescanner = Rescanner(sandbox, cache, database.build(), "test", marks=known.marks())
        result = rescanner.rescan(held, source, built.digest, [known_base])[0]
    finally:
        client.images.remove(made.id, force=True)
        client.close()
    assert result.problems == ()
    assert result.packages == {one.package: pin.version for one, pin in zip(CHOICES, pins, strict=True)}
    counts = {
        name: sum(one.severity == name for one in result.findings) for name in ("CRITICAL", "HIGH", "MEDIUM", "LOW")
    }
    golden = {"vulnerable": {"CRITICAL": 1, "HIGH": 6, "MEDIUM": 9, "LOW": 1}, "fixed": dict.fromkeys(counts, 0)}
    assert counts == golden[variant]
    assert {one.package for one in result.graded} == (
        {one.package for one in CHOICES if one.planted} if variant == "vulnerable" else set()
    )


@pytest.mark.engine
def test_the_code_of_every_planted_wheel_is_known_without_its_metadata(kept, sandbox, cache):
    files = {}
    for one in CHOICES:
        with zipfile.ZipFile(kept / one.vulnerable.file) as archive:
            files |= {
                f"opt/hidden/{name}": archive.read(name) for name in archive.namelist() if ".dist-info/" not in name
            }
    built = image(files, {f"{SITE}/.keep": b""})
    held, source = built.snapshot()
    rescanner = Rescanner(sandbox, cache, database.build(), "test", marks=known.marks())
    result = rescanner.rescan(held, source, built.digest)[0]
    assert {one.package for one in result.findings} == {one.package for one in CHOICES}
    assert {one.seen_by for one in result.findings} == {"content"}
    assert digest_of(built.snapshot()[0].manifests[built.digest].raw) == built.digest
