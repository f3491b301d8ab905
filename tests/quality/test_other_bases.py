"""The sample class on machines with another Python base: the same points, whatever the grader's engine holds."""

from __future__ import annotations

import json
import zipfile

import pytest

from autograder.domain import bases
from autograder.labs import manifest
from autograder.quality import lab_runs, samples
from tests.quality.other_base import OtherBase, moved
from tests.scanning.built import SITE, package, tar

LABS = ("09", "12")  # those whose images' layers travel without the base's
[KIT] = [one for one in bases.load() if one.source.endswith("recipes.toml")]


def official(seed: str, architecture: str = "amd64") -> OtherBase:
    """A base of the official image's shape: four layers, pip and setuptools as it has them, folders of tests gone."""
    installed = {**package("pip", "24.0"), **package("setuptools", "79.0.1"), **package("wheel", "0.46.3")}
    record = f"{SITE}/setuptools-79.0.1.dist-info/RECORD"
    installed[record] += b"setuptools/tests/test_x.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"
    vendored = package("tomli", "2.0.1", site=f"{SITE}/setuptools/_vendor")
    layers = (
        {
            "etc/debian_version": b"12.99\n",
            "etc/seed": seed.encode(),
            "etc/os-release": b'ID=debian\nVERSION_ID="12"\n',
        },
        {"etc/ssl/certs/ca-certificates.crt": seed.encode() * 100},
        {"usr/local/bin/python3.11": seed.encode() * 1000, **installed, **vendored},
        {"usr/local/bin/python": seed.encode()},
    )
    return OtherBase(tuple(tar(files) for files in layers), architecture)


def test_the_samples_stand_on_the_base_that_the_kit_knows():
    found = 0
    for lab in map(manifest.find, LABS):
        for file in samples.folder(lab).glob("*.zip"):
            with zipfile.ZipFile(file) as archive:
                texts = [archive.read(name) for name in archive.namelist() if "/blobs/" in name]
            configs = [json.loads(text) for text in texts if b'"diff_ids"' in text]
            on_python = [one for one in configs if "LANG=C.UTF-8" in (one["config"].get("Env") or ())]
            assert {one["rootfs"]["diff_ids"][0] for one in on_python} <= set(KIT.diff_ids), file.name
            found += len(on_python)
    assert found > 30


@pytest.mark.engine
def test_the_sample_class_on_another_base_gets_the_same_points(tmp_path):
    """Half the class on a base of another day, half on arm64: no layer of either is known, none is in the engine."""
    home, zips = tmp_path / "home", tmp_path / "zips"
    home.mkdir(), zips.mkdir()
    given = [file for file in samples.set_up(home) if file.name.startswith(LABS)]
    kinds = [official("another day"), official("another machine", "arm64")]
    for file in given:
        student = file.stem.removeprefix(file.parent.parent.name + "-")
        base = kinds[student in ("ada", "dina", "gus", "jun", "cem")]  # cem hands in ada's work
        with zipfile.ZipFile(file) as archive:
            before = {name: archive.read(name) for name in archive.namelist()}
        after = moved(before, KIT.diff_ids[0], base)
        samples.header(after)
        configs = [data for name, data in after.items() if "/blobs/" in name and b'"rootfs"' in data]
        assert not any(KIT.diff_ids[0].encode() in data for data in configs), f"{file.name} still has the old base"
        with zipfile.ZipFile(zips / file.name, "w") as archive:
            for name, data in after.items():
                archive.writestr(name, data)
    assert sum(file.stat().st_size for file in zips.glob("*.zip")) > sum(file.stat().st_size for file in given)

    lab_run = lab_runs.LabRun(home, None)  # type: ignore[arg-type]  # the instructor is no student
    done = lab_run.course("grade", str(zips))
    assert done.returncode in (0, 1), done.stdout + done.stderr

    names = [manifest.find(lab).slug for lab in LABS]
    wrong = [line for line in samples.differences(home) if any(name in line for name in names)]
    assert wrong == [], "\n".join(wrong)
