"""The ECR emulator on a real port over a real registry, and the real clients set up to use it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.emulators.assembly import Configuration, Emulators
from autograder.emulators.ecr.identity import new_credentials
from autograder.emulators.server import Running, reconcile

SCRIPTS = Path(sys.executable).parent  # where the environment's aws and trivy are


@dataclass
class Live:
    """A running emulator.

    Attributes:
        address: ``localhost:PORT``.
        home: a folder for the clients' own files.
        credentials: access keys by profile.
        emulators: the process's own objects, for the clock and the journal.
    """

    address: str
    home: Path
    credentials: dict[str, dict[str, str]]
    emulators: Emulators

    def environment(self, profile: str = "admin") -> dict[str, str]:
        """What a shell needs to use the emulator as that profile, and nothing of this machine's own settings."""
        keys = self.credentials[profile]
        kept = {name: os.environ[name] for name in ("SYSTEMROOT", "TMPDIR", "DOCKER_HOST") if name in os.environ}
        return {
            **kept,
            "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "AWS_ACCESS_KEY_ID": keys["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{self.address}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "DOCKER_CONFIG": str(self.home / f"docker-{profile}"),
        }

    def run(self, *command: str, profile: str = "admin", text: str = "") -> subprocess.CompletedProcess[str]:
        """A client's command, with its output; it may fail."""
        assert shutil.which(command[0], path=self.environment()["PATH"]), f"{command[0]} is not on this machine"
        return subprocess.run(
            command, env=self.environment(profile), input=text, capture_output=True, text=True, timeout=120, check=False
        )

    def ok(self, *command: str, profile: str = "admin", text: str = "") -> str:
        """A client's command that must succeed; returns what it printed."""
        done = self.run(*command, profile=profile, text=text)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def fails(self, *command: str, profile: str = "admin", text: str = "") -> str:
        """A client's command that must fail; returns everything it said."""
        done = self.run(*command, profile=profile, text=text)
        assert done.returncode != 0, f"{' '.join(command)}: {done.stdout}"
        return done.stdout + done.stderr

    def aws(self, *arguments: str, profile: str = "admin") -> Any:
        """An AWS CLI command's JSON."""
        printed = self.ok("aws", *arguments, profile=profile)
        return json.loads(printed) if printed.strip() else None

    def password(self, profile: str = "admin") -> str:
        return self.ok("aws", "ecr", "get-login-password", profile=profile).strip()

    def login(self, profile: str = "admin") -> str:
        """`aws ecr get-login-password | docker login --username AWS --password-stdin ADDRESS`"""
        command = ("docker", "login", "--username", "AWS", "--password-stdin", self.address)
        return self.ok(*command, profile=profile, text=self.password(profile))

    def client(self, service: str = "ecr", profile: str = "admin") -> Any:
        """boto3, over HTTP."""
        import boto3

        keys = self.credentials[profile]
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=f"http://{self.address}",
            aws_access_key_id=keys["access_key_id"],
            aws_secret_access_key=keys["secret_access_key"],
        )


@contextmanager
def serve(store: str, home: Path, scanner: tuple[Path, Path] | None = None) -> Iterator[Live]:
    """An emulator in this process over the registry at ``store`` (``localhost:PORT``).

    ``scanner``: a Trivy program and its cache folder.
    """
    credentials = new_credentials()
    configuration = Configuration(
        state=home / "state",
        store=f"http://{store}",
        ports={"ecr": 0},
        admin_secret=secrets.token_hex(16),
        secret=secrets.token_bytes(32),
        credentials={"ecr": credentials},
        scanner=scanner,
    )
    emulators = Emulators(configuration)
    reconcile(emulators, 30)
    with Running(emulators, configuration.ports, "127.0.0.1") as running:
        yield Live(f"localhost:{running.ports['ecr']}", home, credentials["profiles"], emulators)
