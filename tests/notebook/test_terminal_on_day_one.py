"""A terminal and a kernel of JupyterLab on the first day, for a person who has accounts of their own at AWS and Docker.

Everything runs in a network where only the course's services can be reached and each attempt to reach anything else is
written down: nothing leaves the machine, and all of it works.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder import paths
from autograder.launcher import apt
from autograder.quality import lab_runs
from autograder.services import http, images, installation, jupyter

pytest.importorskip("fcntl", reason="network namespaces are Linux's")
from tests.notebook import sealed

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's"),
]

BASHRC = """\
export PATH="$HOME/bin:$PATH" AWS_PROFILE=work AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_REGION=eu-central-1
export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY AWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjEXAMPLE
export AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true AWS_ENDPOINT_URL_ECR=https://api.ecr.eu-central-1.amazonaws.com
export DOCKER_CONFIG="$HOME/.docker"
alias aws='aws --profile work'
"""
KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"
CREDENTIALS = f"[default]\n{KEYS}[work]\n{KEYS}"
CONFIG = "[default]\nregion = eu-central-1\n[profile work]\nregion = eu-central-1\n"
LOGINS = '{"auths": {"https://index.docker.io/v1/": {"auth": "c29tZWJvZHk6aGlzLXBhc3N3b3Jk"}}}'
# What is typed, by the name of what it shows; each ends with its exit status.
TYPED = {
    "addresses": 'echo "$REGISTRY $ECR"',
    "python": 'python -c "import sys; print(sys.executable)"',
    "course": "command -v course",
    "who": "aws sts get-caller-identity --query Arn --output text",
    "create": "aws ecr create-repository --repository-name {name} --query repository.repositoryName --output text",
    "repositories": "aws ecr describe-repositories --query 'repositories[].repositoryName' --output text",
    "boto3": "python -c \"import boto3; print(boto3.client('ecr').meta.endpoint_url)\"",
    "work": "aws --profile work sts get-caller-identity",
    "s3": "aws s3 ls",
    "unsigned": "aws --no-sign-request ecr describe-repositories",
    "ecr-login": "aws ecr get-login-password | docker login --username AWS --password-stdin $ECR 2>/dev/null",
    "hub-login": 'echo "$DOCKERHUB_PASSWORD" | docker login -u $DOCKERHUB_USER --password-stdin $DOCKERHUB 2>/dev/null',
    "tag": "docker tag {image} $ECR/{name}:1",
    "push": "docker push --quiet $ECR/{name}:1",
    "untag": "docker image rm $ECR/{name}:1",
    "start": "python {root}/course.py doctor >/dev/null; echo $?",
}
IN_A_KERNEL = """
import json, os, subprocess, sys
def said(command):
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip()
json.dump({
    "who": said("aws sts get-caller-identity --query Arn --output text"),
    "python": said("python -c 'import sys; print(sys.executable)'"),
    "course": said("command -v course"),
    "addresses": os.environ["REGISTRY"] + " " + os.environ["ECR"],
    "push": said("docker pull --quiet " + os.environ["ECR"] + "/NAME:1"),
    "names": [name for name in dir() if not name.startswith("_")],
}, open("kernel.json", "w"))
"""


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """A home folder with accounts, another Python and another aws."""
    home = tmp_path / "person"
    for folder in ("bin", ".aws", ".docker"):
        (home / folder).mkdir(parents=True)
    for name in ("python", "python3", "aws", "course"):
        (home / "bin" / name).write_text("#!/bin/sh\necho of the person\n", encoding="utf-8")
        (home / "bin" / name).chmod(0o755)
    texts = {".bashrc": BASHRC, ".aws/credentials": CREDENTIALS, ".aws/config": CONFIG, ".docker/config.json": LOGINS}
    for name, text in texts.items():
        (home / name).write_text(text, encoding="utf-8")
    return home


def accounts(person: Path) -> dict[str, str]:
    """The person's files that must be as before."""
    files = [file for folder in (".aws", ".docker") for file in sorted((person / folder).rglob("*")) if file.is_file()]
    return {str(file.relative_to(person)): file.read_text(encoding="utf-8") for file in files}


@pytest.fixture
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose services are up."""
    home = tmp_path_factory.mktemp("a students home")
    with lab_runs.services(home):
        yield home


Sealed = Callable[..., tuple[subprocess.CompletedProcess[str], list[str]]]
User = tuple[int, int, list[int]]


def ways(environment: dict[str, str]) -> Iterator[tuple[list[str], User | None]]:
    """How a network of its own may be had here: what stands in front of a command, and as whom that goes on to run.

    Ubuntu 24.04 refuses users their own namespaces; root may make some everywhere.
    """
    root = apt.as_root()
    if root:  # sudo forgets the environment; what runs in the end is the person's own again
        kept = ["env", *(f"{name}={value}" for name, value in environment.items())]
        yield [*root, "--non-interactive", *kept, "unshare"], (os.getuid(), os.getgid(), os.getgroups())
    yield ["unshare", *(["--map-root-user"] if os.geteuid() else [])], None


@pytest.fixture
def run(tmp_path: Path, person: Path) -> Sealed:
    """Runs a command as that person in a sealed network; gives what it said, and what it tried to reach."""

    def run(home: Path, ports: list[int], *command: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        attempts = tmp_path / f"attempts-{uuid.uuid4().hex[:8]}"
        kept = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST", "LANG", "TMPDIR") if name in os.environ}
        environment = {
            **kept,
            "HOME": str(person),
            "SHELL": shutil.which("bash") or "/bin/bash",
            "COURSE_HOME": str(home),
            "PYTHONPATH": str(paths.ROOT),
            "AWS_PROFILE": "work",
        }
        refused = []
        for own, user in ways(environment):
            with sealed.outside(ports) as sockets:
                plan = tmp_path / "plan.json"
                plan.write_text(json.dumps({"attempts": str(attempts), "ports": sockets, "user": user}), "utf-8")
                call = [*own, "--net", "--mount", sys.executable, sealed.__file__, str(plan), *command]
                done = subprocess.run(call, env=environment, cwd=person, capture_output=True, text=True, check=False)
            if attempts.exists():
                return done, attempts.read_text(encoding="ascii").splitlines()
            refused.append(done.stderr.strip())
        impossible = f"no network of its own can be made here: {' / '.join(refused)}"
        if os.environ.get("CI"):
            pytest.fail(impossible)
        pytest.skip(impossible)

    return run


def test_sudo_comes_before_namespaces_of_the_users_own(monkeypatch):
    monkeypatch.setattr(apt, "as_root", lambda: ["sudo"])
    (first, user), (_, same) = ways({"HOME": "/a person"})
    assert first == ["sudo", "--non-interactive", "env", "HOME=/a person", "unshare"]
    assert user == (os.getuid(), os.getgid(), os.getgroups()) and same is None


def test_an_attempt_to_leave_is_seen(run, tmp_path):
    """Without the course, the person's settings lead to AWS: the network tells."""
    aws = str(Path(sys.executable).parent / "aws")
    done, attempts = run(tmp_path, [], "env", "AWS_MAX_ATTEMPTS=1", aws, "sts", "get-caller-identity")
    assert done.returncode != 0
    assert any("sts.eu-central-1.amazonaws.com" in line for line in attempts), attempts


def test_terminal_and_kernel_work_with_the_courses_services_alone(run, started, person, engine):
    images.ensure(engine, images.REGISTRY)
    before = accounts(person)
    with lab_runs.at(started):
        ports = installation.load().ports
    name = f"day-one-{uuid.uuid4().hex[:8]}"
    done, attempts = run(started, [*ports.values()], sys.executable, __file__, name)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert attempts == [], "something tried to leave the machine"
    shown = {key: [*lines] for key, *lines in json.loads((person / "terminal.json").read_text(encoding="utf-8"))}
    bin = Path(sys.executable).parent
    ecr = f"localhost:{ports['ecr']}"
    expected = {
        "addresses": [f"localhost:{ports['registry']} {ecr}", 0],
        "python": [sys.executable, 0],
        "course": [str(bin / "course"), 0],
        "create": [name, 0],
        "boto3": [f"http://127.0.0.1:{ports['ecr']}", 0],
        "ecr-login": ["Login Succeeded", 0],
        "hub-login": ["Login Succeeded", 0],
        "tag": ["", 0],
        "push": [f"{ecr}/{name}:1", 0],
    }
    assert {key: shown[key] for key in expected} == expected
    assert shown["who"][0].endswith(":user/admin") and name in shown["repositories"][0].split()
    assert "(work) could not be found" in shown["work"][0] and shown["work"][1] != 0
    assert shown["s3"][1] != 0 and shown["unsigned"][1] != 0  # refused by the emulator, which is all they reach
    kernel = json.loads((started / "work" / "kernel.json").read_text(encoding="utf-8"))
    assert kernel["who"] == shown["who"][0] and kernel["push"] == f"{ecr}/{name}:1"
    assert {key: kernel[key] for key in ("addresses", "python", "course")} == {
        key: shown[key][0] for key in ("addresses", "python", "course")
    }
    assert kernel["names"] == [
        "In",
        "Out",
        "exit",
        "get_ipython",
        "json",
        "open",
        "os",
        "quit",
        "said",
        "subprocess",
        "sys",
    ]
    assert accounts(person) == before, "what was the person's own was changed"
    log = (started / ".course" / "logs" / "jupyter.log").read_text(encoding="utf-8")
    assert "Kernel started" in log and "without encryption" not in log


# The rest runs in the sealed network, as the program `python test_terminal_on_day_one.py NAME`.


def _terminal(state: installation.Installation, name: str, person: Path) -> list[list[object]]:
    import websocket

    script = person / "lines"
    base, token = f"http://127.0.0.1:{state.ports['jupyter']}", {"Authorization": f"token {state.token}"}
    made = http.ask(f"{base}/api/terminals", method="POST", headers=token, timeout=30)
    address = f"ws://127.0.0.1:{state.ports['jupyter']}/terminals/websocket/{json.loads(made.text)['name']}"
    shown: list[list[object]] = []
    with contextlib.closing(websocket.create_connection(f"{address}?token={state.token}", timeout=60)) as typed:
        for number, (key, line) in enumerate(TYPED.items()):
            whole = line.format(name=name, image=images.REGISTRY, root=paths.ROOT)
            out, status = script.with_suffix(f".{number}"), script.with_suffix(f".{number}.status")
            typed.send(json.dumps(["stdin", f"{{ {whole}; }} >'{out}' 2>&1; echo $? >'{status}'\r"]))
            if not http.wait_until(lambda file=status: file.is_file() and file.read_text() != "", 120):
                raise SystemExit(f"{whole}: no answer")
            shown.append([key, out.read_text(encoding="utf-8").strip(), int(status.read_text())])
    return shown


def _kernel(state: installation.Installation, name: str) -> None:
    from jupyter_client import BlockingKernelClient

    base, token = f"http://127.0.0.1:{state.ports['jupyter']}", {"Authorization": f"token {state.token}"}
    made = http.ask(f"{base}/api/kernels", method="POST", headers=token, timeout=60)
    client = BlockingKernelClient()
    client.load_connection_file(str(jupyter.folder() / "runtime" / f"kernel-{json.loads(made.text)['id']}.json"))
    client.start_channels()
    asked = client.execute(IN_A_KERNEL.replace("NAME", name))  # waits in the socket until the kernel is up
    done = client.get_shell_msg(timeout=180)
    if done["parent_header"].get("msg_id") != asked or done["content"]["status"] != "ok":
        raise SystemExit(str(done["content"]))
    client.stop_channels()


def _day_one(name: str) -> None:
    person, began = Path.home(), time.monotonic()
    command = [sys.executable, "-P", "-m", "autograder.cli"]
    subprocess.run([*command, "start", "--no-site", "--no-browser"], check=True)
    try:
        state = installation.load()
        shown = _terminal(state, name, person)
        (person / "terminal.json").write_text(json.dumps(shown), encoding="utf-8")
        _kernel(state, name)
    finally:
        jupyter.stop(installation.load())
    sys.stdout.write(f"{time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    _day_one(sys.argv[1])
