"""`course compose` on a real engine: up, down, logs, exec; what goes wrong is told; nothing of others is touched."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from autograder.cli import compose as cli
from autograder.errors import CourseError
from autograder.services import installation
from autograder.services.compose import project

from ...collect.tls import COMPOSE, certificate, key_pem, line


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def folder(home):
    """A student's folder with everything that the compose file names."""
    with installation.change():
        pass
    made = home / "work" / "05-private registry"
    for name, text in {
        "certs/domain.crt": certificate(),
        "certs/domain.key": key_pem(),
        "auth/htpasswd": line("ci", "s"),
    }.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text, encoding="utf-8", newline="\n")
    write(made, COMPOSE.replace("5443", str(free_port())))
    yield made
    project.clear(home)


def write(folder, text):
    (folder / "compose.yaml").write_text(text, encoding="utf-8", newline="\n")


def read(folder):
    return (folder / "compose.yaml").read_text(encoding="utf-8")


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def compose(folder, *arguments):
    """`course compose` in a folder, as the command line runs it."""
    here = ["--project-directory", str(folder), *arguments]
    done = CliRunner().invoke(cli.compose, here)
    if isinstance(done.exception, CourseError):
        return Done(int(done.exception.exit_code), done.stdout, done.stderr + str(done.exception))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def test_names_follow_compose_and_carry_the_installation(folder):
    found = project.find(folder)
    assert found.name == f"05-privateregistry-{found.installation.id}"
    assert found.container == f"{found.name}-registry-1" and found.volume("data") == f"{found.name}_data"


@pytest.mark.parametrize("name", ["compose.yml", "docker-compose.yml", "docker-compose.yaml"])
def test_the_other_names_of_the_file_are_found(folder, name):
    (folder / "compose.yaml").rename(folder / name)
    assert project.find(folder).file.name == name


def test_no_file_and_no_text(folder):
    with pytest.raises(CourseError, match=r"no file .*nowhere"):
        project.find(folder, folder / "nowhere")
    (folder / "compose.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(CourseError, match="UTF-8"):
        project.find(folder)
    (folder / "compose.yaml").unlink()
    with pytest.raises(CourseError, match="none"):
        project.find(folder)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            'time="x" level=fatal msg="tls: private key does not match public key"\n',
            "tls: private key does not match public key",
        ),
        ('time="x" level=info msg="a"\ntime="x" level=fatal msg="open \\"/x\\": no" \nlast\n', 'open "/x": no'),
        ("configuration error: realm\n\nUsage:\n  registry\n", "registry"),
        ("", "nothing"),
    ],
)
def test_last_words(log, said):
    assert said in project.fatal(log)


@pytest.mark.engine
def test_up_down_and_all_between(folder, engine):
    up = compose(folder, "up", "--detach")
    assert up.returncode == 0, up.stderr
    name = project.find(folder).container
    container = engine.containers.get(name)
    assert {b["HostIp"] for b in container.ports["5000/tcp"]} == {"127.0.0.1"}
    assert compose(folder, "up").stderr.count("running already") == 1
    assert engine.containers.get(name).id == container.id
    shown = compose(folder, "ps")
    assert (
        name in shown.stdout
        and "running" in shown.stdout
        and '"State": "running"' in compose(folder, "ps", "--format", "json").stdout
    )
    assert "listening on" in compose(folder, "logs", "registry").stdout
    done = compose(folder, "exec", "-T", "registry", "ls", "/certs")
    assert done.returncode == 0 and done.stdout.split() == ["domain.crt", "domain.key"]
    assert compose(folder, "exec", "registry", "ls", "/nowhere").returncode != 0
    assert compose(folder, "exec", "web", "ls").returncode == 2
    compose(folder, "exec", "registry", "touch", "/var/lib/registry/kept")
    write(folder, read(folder).replace("Images of", "Our images of"))
    assert "made anew" in compose(folder, "up").stderr and engine.containers.get(name).id != container.id
    assert "kept" in compose(folder, "exec", "registry", "ls", "/var/lib/registry").stdout
    assert compose(folder, "restart").returncode == 0
    assert "removed" in compose(folder, "down").stderr and "Nothing" in compose(folder, "down").stderr
    assert compose(folder, "exec", "registry", "ls").returncode == 2
    compose(folder, "up")
    assert "kept" in compose(folder, "exec", "registry", "ls", "/var/lib/registry").stdout
    gone = compose(folder, "down", "--volumes")
    assert "Volume" in gone.stderr
    assert not [v for v in engine.volumes.list() if v.name == project.find(folder).volume("registry-data")]


@pytest.mark.engine
def test_what_goes_wrong_is_told(folder):
    text = read(folder)
    write(folder, text.replace("127.0.0.1:", "0.0.0.0:"))
    assert "publishes on 0.0.0.0" in compose(folder, "up").stderr
    write(folder, text.replace("./auth:", "./nowhere:"))
    assert "no such file or folder" in compose(folder, "up").stderr
    write(folder, text.replace("/certs/domain.key", "/certs/other.key"))
    ended = compose(folder, "up")
    assert ended.returncode == 1 and "open /certs/other.key: no such file or directory" in ended.stderr
    assert "exited" in compose(folder, "ps").stdout  # not tried again and again
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        write(folder, text.replace(text.partition("127.0.0.1:")[2].partition(":")[0], str(taken.getsockname()[1])))
        assert "another program listens there" in compose(folder, "up").stderr


@pytest.mark.engine
def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path):
    (tmp_path / "outside").mkdir()
    (folder / "secrets").symlink_to(tmp_path / "outside")
    write(folder, read(folder).replace("./auth:", "./secrets:"))
    done = compose(folder, "up")
    assert done.returncode == 2 and "it is a link to" in done.stderr


@pytest.mark.engine
def test_a_reset_takes_down_what_was_started_from_the_folder(folder, engine):
    assert compose(folder, "up").returncode == 0
    found = project.find(folder)
    assert project.clear(folder.parent / "another") == []
    assert len(project.clear(folder)) == 2
    assert not engine.containers.list(all=True, filters={"name": found.container})


@pytest.mark.engine
def test_a_stop_of_the_course_stops_it_and_nothing_is_lost(folder, engine):
    assert compose(folder, "up").returncode == 0
    found = project.find(folder)
    assert project.stop_all(engine, found.installation) == ["registry"]
    assert engine.containers.get(found.container).status == "exited"
    assert compose(folder, "up").returncode == 0 and engine.containers.get(found.container).status == "running"
