"""Emulator images: what a recipe takes and adds, the same bytes each time; and a real image that behaves."""

from __future__ import annotations

import dataclasses
import io
import tarfile
from functools import partial
from uuid import uuid4

import pytest

from autograder.errors import CourseError, EnvironmentProblem
from autograder.services import images, offline_images
from autograder.services.offline_images import Recipe, compose

EPOCH = 1_767_225_600
PLAIN = Recipe("x:1", "bookworm", "", EPOCH, "extract", ("a",))


def packages(*entries: tuple[str, bytes | str], mtime: int = EPOCH + 999) -> io.BytesIO:
    """A tar stream as mmdebstrap makes it: bytes are a file, text is a link's target ("=x" for a hard link)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(f"./{name}")
            entry.mtime, entry.uname, entry.mode = mtime, "builder", 0o755
            if isinstance(content, bytes):
                entry.size = len(content)
            elif content.startswith("="):
                entry.type, entry.linkname = tarfile.LNKTYPE, f"./{content[1:]}"
            else:
                entry.type, entry.linkname = tarfile.SYMTYPE, content
            archive.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    stream.seek(0)
    return stream


def made(recipe: Recipe, stream: io.BytesIO) -> tarfile.TarFile:
    out = io.BytesIO()
    compose(recipe, stream, out)
    out.seek(0)
    return tarfile.open(fileobj=out)


def test_only_what_is_kept_and_not_dropped_is_taken():
    recipe = dataclasses.replace(PLAIN, keep=("usr/bin/*", "lib*"), drop=("*.pyc",))
    stream = packages(("usr/bin/a", b"1"), ("usr/bin/a.pyc", b"1"), ("etc/x", b"1"), ("lib64", "usr/lib64"))
    assert made(recipe, stream).getnames() == ["usr/bin/a", "lib64"]


def test_links_files_and_folders_are_added_and_win():
    recipe = dataclasses.replace(
        PLAIN, directories=("tmp",), links={"bin/sh": "busybox"}, files={"entrypoint.sh": "registry/entrypoint.sh"}
    )
    archive = made(recipe, packages(("bin/sh", b"old"), ("bin/busybox", b"b")))
    assert archive.getnames() == ["bin/busybox", "tmp", "bin/sh", "entrypoint.sh"]
    assert archive.getmember("bin/sh").linkname == "busybox"
    assert archive.getmember("tmp").mode == 0o1777
    script = archive.getmember("entrypoint.sh")
    content = archive.extractfile(script)
    assert script.mode == 0o755 and content is not None and b"\r" not in content.read()


def test_the_bytes_depend_on_the_packages_alone():
    first, second = io.BytesIO(), io.BytesIO()
    compose(PLAIN, packages(("a", b"1"), ("b", "a"), mtime=EPOCH + 5), first)
    compose(PLAIN, packages(("a", b"1"), ("b", "a"), mtime=EPOCH + 7777), second)
    assert first.getvalue() == second.getvalue()
    first.seek(0)
    entry = tarfile.open(fileobj=first).getmember("a")  # noqa: SIM115
    assert (entry.mtime, entry.uname, entry.mode) == (EPOCH, "", 0o755)


def test_a_hard_link_without_its_target_is_an_error_of_the_recipe():
    with pytest.raises(CourseError, match="hard link"):
        made(dataclasses.replace(PLAIN, drop=("a",)), packages(("a", b"1"), ("b", "=a")))
    assert made(PLAIN, packages(("a", b"1"), ("b", "=a"))).getmember("b").linkname.endswith("a")


def test_there_is_a_recipe_for_each_base_image_and_its_files_exist():
    found = offline_images.recipes()
    assert set(found) == set(images.BASES)
    for recipe in found.values():
        assert all((offline_images.OFFLINE / name).is_file() for name in recipe.files.values())
        assert len(recipe.fingerprint()) == 64


def test_where_packages_come_from():
    assert offline_images.command(PLAIN)[-2:] == ["bookworm", "-"], "mmdebstrap adds the security updates by itself"
    mirror = dataclasses.replace(PLAIN, mirror="http://mirror.example/debian")
    assert offline_images.command(mirror)[-2:] == [
        mirror.mirror,
        "deb http://mirror.example/debian bookworm-updates main",
    ]


def test_without_mmdebstrap_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(offline_images.shutil, "which", lambda name: None)
    with pytest.raises(EnvironmentProblem, match="no mmdebstrap") as error:
        offline_images.build(None, PLAIN, lambda _: None)  # type: ignore[arg-type]
    assert "apt-get install mmdebstrap" in error.value.next_step


@pytest.mark.engine
@pytest.mark.both_engines
def test_a_build_that_cannot_fetch_says_why(engine):
    wrong = dataclasses.replace(PLAIN, tag=f"course-test-emulator:{uuid4().hex}", mirror="http://127.0.0.1:9/debian")
    with pytest.raises(EnvironmentProblem, match="it failed: "):
        offline_images.build(engine, wrong, lambda _: None)


@pytest.mark.engine
@pytest.mark.both_engines
def test_the_registry_is_built_and_behaves_like_the_official_one(engine):
    recipe = dataclasses.replace(offline_images.recipes()[images.REGISTRY], tag=f"course-test-emulator:{uuid4().hex}")
    said: list[str] = []
    try:
        id = offline_images.build(engine, recipe, said.append)
        image = engine.images.get(id)
        assert images.was_built_here(image) and len(said) == 2
        config = image.attrs["Config"]
        assert config["ExposedPorts"] == {"5000/tcp": {}} and config["Volumes"] == {"/var/lib/registry": {}}
        run = partial(engine.containers.run, recipe.tag, remove=True, tmpfs={"/var/lib/registry": ""})
        assert run(["registry", "--version"]).decode().split()[-1].startswith("2.8")
        assert run(["sh", "-c", "echo shell; ls -d /tmp"]) == b"shell\n/tmp\n"
        collect = (
            "mkdir -p /var/lib/registry/docker/registry/v2/repositories /var/lib/registry/docker/registry/v2/blobs && "
            "registry garbage-collect --dry-run /etc/docker/registry/config.yml"
        )
        assert b"0 blobs eligible for deletion" in run(["sh", "-c", collect]).replace(b" and 0 manifests", b"")
    finally:
        if images.find(engine, recipe.tag):
            engine.images.remove(recipe.tag)


@pytest.mark.engine
@pytest.mark.both_engines
def test_the_python_base_has_its_whole_standard_library(engine):
    images.ensure(engine, images.PYTHON_BASE)
    program = (
        "import bz2, ctypes, curses, decimal, hashlib, http.server, json, lzma, multiprocessing, readline, sqlite3, "
        "ssl, sys, tomllib, unittest, uuid, venv, zoneinfo; "
        "sqlite3.connect(':memory:').execute('select 1'); print(*sys.version_info[:2])"
    )
    for command in ("python", "python3", "/usr/local/bin/python3"):
        assert engine.containers.run(images.PYTHON_BASE, [command, "-c", program], remove=True) == b"3 11\n"
    added = (
        "useradd --create-home --uid 10001 app && mkdir -p /usr/local/lib/python3.11/site-packages && "
        "echo 'x = 1' > /usr/local/lib/python3.11/site-packages/mine.py && python -c 'import mine' && id -u app"
    )
    assert engine.containers.run(images.PYTHON_BASE, ["sh", "-c", added], remove=True) == b"10001\n"
