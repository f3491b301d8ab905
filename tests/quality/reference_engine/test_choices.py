"""Which tests run where, and the pure parts of what makes a reference engine: nothing is started."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.errors import EnvironmentProblem
from autograder.quality.reference_engine import cgroups, instance, pythons, root, run, setup

CONTAINERD = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
OVERLAY2 = {"DriverStatus": [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]]}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    root.cache().mkdir(parents=True)
    return root.cache()


def a_tree(suite, engine="28.5.2+dfsg4-5", name=None):
    """A tree in the cache that looks whole."""
    folder = root.cache() / (name or root.key(suite))
    for program in ("sbin/dockerd", "bin/env"):
        file = folder / "root" / "usr" / program
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    told = {"suite": suite, "versions": {"docker.io": engine}}
    (folder / root.MADE).write_text(json.dumps(told), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("version", "info", "is_one"),
    [
        ("28.5.2", CONTAINERD, True),
        ("29.0.1", CONTAINERD, True),
        ("29.0.1", OVERLAY2, False),
        ("27.5.1", CONTAINERD, False),
        ("20.10.24+dfsg1", OVERLAY2, False),
        ("29.0.1", {"DriverStatus": None}, False),
        ("dev", CONTAINERD, False),
    ],
)
def test_a_reference_is_28_or_newer_with_the_containerd_store(version, info, is_one):
    assert run.is_reference(version, info) is is_one


def test_where_tests_run():
    assert run.where(True) == run.Where(f"not ({run.UNIT})", "")
    beside = run.where(False)
    assert beside.machine == f"not ({run.UNIT}) and not reference"
    assert beside.reference == "reference or both_engines"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("28.5.2+dfsg4-5", (28, 5, 2)), ("1:2.53.0-1", (2, 53, 0)), ("26.1.5~rc1", (26, 1, 5)), ("none", ())],
)
def test_versions_are_compared_as_numbers(text, numbers):
    assert root.version(text) == numbers


def test_a_trees_name_depends_on_suite_and_packages_and_not_on_their_order():
    packages = ("docker.io", "skopeo")
    names = {root.key("forky", packages), root.key("sid", packages), root.key("forky", (*packages, "jq"))}
    assert len(names) == 3
    assert root.key("forky", tuple(reversed(packages))) == root.key("forky", packages)


def test_the_call_that_makes_a_tree():
    call = root.command("forky", Path("/cache/x/root"), ("docker.io", "jq"), proxy="http://proxy:3142")
    assert call[0] == "mmdebstrap" and call[-2:] == ["forky", str(Path("/cache/x/root"))]
    assert "--include=docker.io,jq" in call
    assert '--aptopt=Acquire::Check-Valid-Until "false"' in call
    assert '--aptopt=Acquire::http::Proxy "http://proxy:3142"' in call
    assert not any("Proxy" in word for word in root.command("forky", Path("/x")))


def test_the_list_holds_what_lessons_and_labs_call():
    assert {"docker.io", "docker-buildx", "docker-compose", "awscli", "skopeo", "oras", "crane", "cosign"} <= {
        *root.PACKAGES
    }
    assert len(set(root.PACKAGES)) == len(root.PACKAGES)


def test_a_whole_tree_is_found_and_a_broken_one_is_not(cache):
    assert root.find("forky") is None
    folder = a_tree("forky")
    made = root.find("forky")
    assert made is not None and made.engine == (28, 5, 2) and made.tree == folder / "root"
    (folder / "root/usr/sbin/dockerd").unlink()
    assert root.find("forky") is None
    (a_tree("forky") / root.MADE).write_text("{", encoding="utf-8")
    assert root.find("forky") is None


def test_a_suite_with_an_older_engine_is_passed_over(cache):
    a_tree("forky", engine="26.1.5+dfsg1-9")
    a_tree("sid")
    said = []
    assert root.ensure(said.append).suite == "sid"
    assert said == ["the engine is too old: forky has 26.1.5+dfsg1-9"]
    with pytest.raises(EnvironmentProblem, match=r"forky has 26\.1\.5") as error:
        root.ensure(said.append, "forky")
    assert "--suite" in error.value.next_step


def test_a_half_made_tree_is_made_anew(cache, monkeypatch):
    monkeypatch.setattr(root.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(root, "_apt_proxy", lambda: "")
    monkeypatch.setattr(root, "_versions", lambda tree: {"docker.io": "28.5.2-1"})

    def bootstrap(call):
        for program in ("sbin/dockerd", "bin/env"):
            file = Path(call[-1]) / "usr" / program
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("new", encoding="utf-8")

    monkeypatch.setattr(root, "_bootstrap", bootstrap)
    folder = a_tree("forky")
    (folder / root.MADE).unlink()
    half = cache / f"{root.key('forky')}.making-x"
    half.mkdir()
    made = root.ensure(lambda line: None, "forky")
    assert (made.tree / "usr/sbin/dockerd").read_text(encoding="utf-8") == "new"
    assert not half.exists() and root.find("forky") == made

    def fails(call):
        (Path(call[-1]) / "usr").mkdir(parents=True)
        raise EnvironmentProblem(expected="a tree", found="no mirror", next_step="")

    monkeypatch.setattr(root, "_bootstrap", fails)
    with pytest.raises(EnvironmentProblem, match="no mirror"):
        root.ensure(lambda line: None, "sid")
    assert sorted(path.name for path in cache.iterdir() if path.is_dir()) == [root.key("forky")]


def test_a_tree_of_another_list_goes_when_nobody_has_used_it_for_a_month(cache):
    mine, used, old = a_tree("forky"), a_tree("forky", name="0" * 16), a_tree("forky", name="1" * 16)
    then = time.time() - 31 * 86400
    environments = [root.cache() / root.ENVIRONMENTS / name for name in ("used", "old")]
    for folder in environments:
        folder.mkdir(parents=True)
    for path in (mine / root.MADE, old / root.MADE, environments[1]):
        os.utime(path, (then, then))
    root.prune(lambda line: None)
    assert mine.is_dir() and used.is_dir() and not old.exists()
    assert [folder.exists() for folder in environments] == [True, False]


MOUNTS_V1 = """\
24 23 0:22 / /sys/fs/cgroup rw shared:5 - tmpfs tmpfs rw,mode=755
25 24 0:23 / /sys/fs/cgroup/systemd rw shared:6 - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
26 24 0:24 / /sys/fs/cgroup/cpu,cpuacct rw shared:7 - cgroup cgroup rw,seclabel,cpu,cpuacct
27 24 0:25 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,a_flag_of_tomorrow,memory
28 24 0:25 / /elsewhere/memory rw - cgroup cgroup rw,memory
29 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
"""
CONTROLLERS = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t9\t1\ncpuacct\t1\t9\t1\nmemory\t4\t436\t1\n"
MOUNTS_V2 = "30 23 0:27 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"


def test_cgroups_of_version_1_are_all_taken_once():
    chosen = cgroups.choose(cgroups.hierarchies(MOUNTS_V1, CONTROLLERS))
    assert [(one.point.name, one.options) for one in chosen] == [
        ("systemd", "none,name=systemd"),
        ("cpu,cpuacct", "cpu,cpuacct"),
        ("memory", "memory"),
    ]
    assert [one.point.name for one in cgroups.choose(cgroups.hierarchies(MOUNTS_V1, CONTROLLERS), 2)] == ["unified"]


def test_cgroups_of_version_2_are_taken_where_they_are_the_systems():
    (one,) = cgroups.choose(cgroups.hierarchies(MOUNTS_V2, CONTROLLERS))
    assert (one.version, one.point) == (2, Path("/sys/fs/cgroup"))
    with pytest.raises(EnvironmentProblem, match="no cgroups are mounted"):
        cgroups.choose(cgroups.hierarchies(MOUNTS_V2, CONTROLLERS), 1)


def test_controllers_are_handed_down_in_version_2(tmp_path):
    """On files of a plain folder: what is written where. The kernel's own part is tried in test_live.py."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("memory\n")
    group = cgroups.Group("registry-course-x", [cgroups.Hierarchy(tmp_path, 2)])
    group.make()
    assert group._enabled == ["cpu", "pids"] and (tmp_path / "cgroup.subtree_control").read_text() == "+pids"
    mine = tmp_path / "registry-course-x"
    assert group.files() == [mine / "cgroup.procs"]
    (mine / "cgroup.procs").write_text("")
    (mine / "cgroup.controllers").write_text("pids\n")
    group.enclose()
    assert group.files() == [mine / cgroups.LEAF / "cgroup.procs"]
    assert (mine / "cgroup.subtree_control").read_text() == "+pids"


@pytest.mark.parametrize("movable", [True, False])
def test_a_containers_own_processes_make_way_for_the_controllers(tmp_path, monkeypatch, movable):
    """Version 2 in a container: a group with processes of its own hands nothing down. The kernel's part is played."""
    point, outside = tmp_path, tmp_path / cgroups.OUTSIDE
    (point / "cgroup.controllers").write_text("cpu memory\n")
    (point / "cgroup.subtree_control").write_text("")
    members, handed = {point: ["17", "18"], outside: []}, []

    def kernel(file, text):
        folder = file.parent
        if file.name == "cgroup.procs":
            if (folder == point and handed) or (text == "18" and not movable):
                return errno.EBUSY
            for pids in members.values():
                pids[:] = [pid for pid in pids if pid != text]
            members[folder].append(text)
            for one in (path for path in members if path.is_dir()):
                (one / "cgroup.procs").write_text("\n".join(members[one]))
        elif text.startswith("+"):
            if members[point]:
                return errno.EBUSY
            handed.append(text[1:])
        else:
            handed.remove(text[1:])
        return 0

    (point / "cgroup.procs").write_text("17\n18\n")
    monkeypatch.setattr(cgroups, "_write", kernel)
    monkeypatch.setattr(cgroups, "_remove", lambda folder: not folder.is_dir() or folder.rmdir() is None)
    group = cgroups.Group("registry-course-x", [cgroups.Hierarchy(point, 2)])
    if movable:
        group.make()
        assert (members, handed) == ({point: [], outside: ["17", "18"]}, ["cpu", "memory"])
        group.remove()
    else:
        with pytest.raises(EnvironmentProblem, match="cpu, memory"):
            group.make()
    assert sorted(members[point]) == ["17", "18"] and not members[outside] and not handed


def test_folders_of_packages_are_seen_inside(tmp_path):
    for name in ("wheels", "index/simple", "index/files"):
        (tmp_path / name).mkdir(parents=True)
    index = (tmp_path / "index/simple").as_uri()
    words = ["find-links", str(tmp_path / "wheels"), index, "https://example.org/simple", "/", "/no/such/folder"]
    if os.name == "posix":
        assert pythons.local_folders(words) == [str(tmp_path / "index"), str(tmp_path / "wheels")]


def test_variables_that_hold_inside():
    host = {
        **{"CI": "true", "https_proxy": "http://p:1", "PIP_CERT": "/x.crt", "UV_INDEX": "y", "COURSE_SEED": "1"},
        **{"AWS_SECRET_ACCESS_KEY": "secret", "DOCKER_HOST": "tcp://x", "COURSE_HOME": "/home/me", "PATH": "/bin"},
    }
    assert set(pythons.environment(host)) == {"CI", "https_proxy", "PIP_CERT", "UV_INDEX", "COURSE_SEED"}


@pytest.mark.parametrize(
    ("texts", "shown", "carrier"),
    [
        (["search x\nnameserver 10.1.1.1\n"], "search x\nnameserver 10.1.1.1\n", "search x\nnameserver 10.1.1.1\n"),
        (["nameserver 127.0.0.53\n", "nameserver 9.9.9.9\n"], "nameserver 9.9.9.9\n", "nameserver 9.9.9.9\n"),
        (["search x\nnameserver 127.0.0.53\n"], "search x\nnameserver 10.0.2.3\n", "nameserver 127.0.0.53\n"),
        (["nameserver\t::1\n"], "nameserver 10.0.2.3\n", "nameserver 127.0.0.1\n"),
        (["# none\n", "nameserver 127.0.0.1\n"], "# none\nnameserver 10.0.2.3\n", "nameserver 127.0.0.1\n"),
        ([], "nameserver 10.0.2.3\n", "nameserver 127.0.0.1\n"),
    ],
)
def test_names_are_resolved_inside_whatever_the_host_has(texts, shown, carrier):
    assert instance.resolvers(texts) == (shown, carrier)


def test_values_of_variables_are_on_no_command_line_that_others_can_read(monkeypatch):
    started = []
    monkeypatch.setattr(instance.subprocess, "Popen", lambda call, **named: started.append((call, named["env"])))
    inside = instance.Instance(4711, cgroups.Group("registry-course-x", []), Path("/instances/x"))
    inside.start(["pip", "--version"], environment={"PIP_INDEX_URL": "https://me:token@example.org/simple"})
    ((call, variables),) = started
    assert call[-2:] == ["pip", "--version"] and not any("token" in word for word in call)
    assert variables == {
        **{"PATH": instance.PATH, "HOME": "/root", "LANG": "C.UTF-8"},
        "PIP_INDEX_URL": "https://me:token@example.org/simple",
    }


def test_what_ldd_does_not_find():
    told = "python:\n\tlinux-vdso.so.1 (0x1)\n\tlibssl.so.3 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n"
    assert pythons.missing_libraries(told) == {"libssl.so.3"}
    assert pythons._where(told) == {"libc.so.6": "/lib/libc.so.6"}


def test_of_a_python_that_shares_its_folder_only_its_own_files_are_shown(tmp_path):
    for name in ("bin/python3.11", "bin/docker", "lib/python3.11/os.py", "lib/libpython3.11.so.1.0", "lib/libother.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = pythons.own_files(tmp_path / "bin/python3.11", tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        *("bin/python3.11", "lib/python3.11", "lib/libpython3.11.so.1.0")
    ]


def test_links_are_put_where_the_overlay_takes_what_is_written(tmp_path):
    links = {"/kit/.venv/bin/python3": "/usr/bin/python3.11"}
    setup.fill(tmp_path / "0", "/kit", links)
    setup.fill(tmp_path / "1", "/other", links)
    assert (tmp_path / "0/.venv/bin/python3").readlink() == Path("/usr/bin/python3.11")
    assert not (tmp_path / "1").exists()


def test_the_kind_of_file_system_is_that_of_the_nearest_mount():
    mounts = "1 0 0:1 / / rw - overlay overlay rw\n2 1 8:1 / /cache\\040of/you rw master:1 - ext4 /dev/x rw\n"
    assert setup.kind(Path("/cache of/you/engines/x"), mounts) == "ext4"
    assert setup.kind(Path("/cache"), mounts) == "overlay"
    assert setup.kind(Path("/cache of/you"), mounts + "3 1 0:9 / /cache\\040of/you rw - tmpfs tmpfs rw\n") == "tmpfs"


def test_sudo_gets_what_it_would_forget():
    variables = {"HOME": "/home/you", "PATH": "/usr/bin", "PIP_CERT": "/x.crt", "SECRET": "s", "CI": "true"}
    call = run.as_root(["/usr/bin/sudo"], ["python", "-m", "x"], variables)
    assert call[:2] == ["/usr/bin/sudo", "env"] and call[-3:] == ["python", "-m", "x"]
    assert {word.partition("=")[0] for word in call[2:-3]} == {"HOME", "PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    assert run.as_root([], ["python"], variables) == ["python"]


def test_what_may_hold_a_password_goes_by_a_file_that_others_cannot_read(tmp_path, monkeypatch):
    variables = {
        "PIP_INDEX_URL": "https://me:token@example.org",
        "CI": "true",
        "SECRET": "s",
        "DOCKER_HOST": "unix:///x",
    }
    with run.handed_over(variables) as file:
        if os.name == "posix":
            assert file.stat().st_mode & 0o777 == 0o600
        assert run.command("make", variables=file)[-3:] == ["--variables", str(file), "make"]
        monkeypatch.setattr(os, "environ", {"HOME": "/home/you"})
        monkeypatch.setattr(run.signal, "signal", lambda *_: None)
        monkeypatch.setattr(instance, "unavailable", lambda: "")
        seen = []
        monkeypatch.setattr(root, "ensure", lambda *_: seen.append(dict(os.environ)))
        monkeypatch.setattr(sys, "argv", ["run", "--variables", str(file), "make"])
        assert run.main() == 0
        del variables["SECRET"]
        assert seen == [{"HOME": "/home/you", **variables}]
    assert not file.exists()


@pytest.fixture
def machines_image(monkeypatch):
    """The machine's engine has images of two chunks; copying them gives them to a program of this test."""
    image = type("Image", (), {"save": lambda self, named: iter([b"x" * 2**20] * 2)})()
    monkeypatch.setattr(run.images, "find", lambda client, tag: image if tag == "there:1" else None)

    class Target:
        def __init__(self, script):
            self.script = script

        def start(self, call, **streams):
            return subprocess.Popen([sys.executable, "-c", self.script], **streams)

    return Target


def test_an_engine_that_takes_no_image_is_heard(machines_image):
    target = machines_image("import sys; sys.exit('no space left on device')")
    with pytest.raises(EnvironmentProblem, match="no space left on device"):
        run.copy_images(None, target, ["there:1"])


def test_images_that_the_machine_lacks_are_named_and_not_got_as_root(machines_image, capsys, monkeypatch):
    monkeypatch.setattr(run.images, "ensure", lambda *_: pytest.fail("root would write into the checkout's state"))
    run.copy_images(None, machines_image("import sys; sys.stdin.buffer.read()"), ["missing:1", "there:1"])
    assert "the machine's engine has no missing:1" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="owners of files are those of POSIX")
def test_parents_of_the_cache_belong_to_whom_the_folder_above_does(tmp_path, monkeypatch):
    home, given = tmp_path / "home", []
    home.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setattr(os, "chown", lambda path, user, group: given.append((path, user, group)))
    assert root.make_cache() == root.make_cache() == home / ".cache/registry-course/engines"
    owner = home.stat()
    parents = (home / ".cache", home / ".cache/registry-course")
    assert given == [(path, owner.st_uid, owner.st_gid) for path in parents]


def test_an_environment_made_inside_is_for_one_suite_one_python_and_one_lock():
    names = {
        pythons.key(*words) for words in (("forky", "3.13.7", b""), ("sid", "3.13.7", b""), ("forky", "3.14.0", b""))
    }
    assert len(names | {pythons.key("forky", "3.13.7", b"pytest")}) == 4
