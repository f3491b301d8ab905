"""What is there before your script: names, logins, and the state of the four registries this morning.

``python shop.py`` makes that state: an older release that is in production, two builds of 40 days ago and one of today.
Your script may import everything here.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from autograder.notebook import (
    ACR,
    ARTIFACT_REGISTRY,
    DOCKERHUB,
    DOCKERHUB_PASSWORD,
    DOCKERHUB_USER,
    ECR,
    me,
    variables,
)

variables.hand_out()  # in a terminal, too, aws must ask the emulator and no account of yours

# The image's name in each of the four, without a tag.
IMAGES = {
    "dockerhub": f"{DOCKERHUB}/{me.hub_repository}",
    "ecr": f"{ECR}/{me.repository}",
    "artifact-registry": f"{ARTIFACT_REGISTRY}/{me.project}/models/ml-model",
    "acr": f"{ACR}/{me.repository}",
}
# What registries and clients say when a login is missing, old, or another one than you think.
REFUSALS = ("401", "403", "unauthorized", "forbidden", "denied", "authorization token has expired")
LOGINS = f"""The registry refused the login that this command used.
- docker, oras, crane, skopeo and podman take it from {os.environ["REGISTRY_AUTH_FILE"]},
  which shop.login() writes. The variables DOCKER_CONFIG and REGISTRY_AUTH_FILE name that file: do not change them.
- An option such as --authfile, --creds or --dest-creds wins over the file.
- Logins end: at ECR after 12 hours, at ACR after three, at Artifact Registry after one, on the emulators' clock. When
  the clock has moved, call shop.login() again."""
ACR_USER = "00000000-0000-0000-0000-000000000000"


def run(*command: str, text: str = "", may_fail: bool = False) -> str:
    """Run a command, show it, and give back what it printed; a command that fails stops the script."""
    print("$", *command, flush=True)
    program = shutil.which(command[0]) or command[0]  # on Windows some are .cmd files
    done = subprocess.run([program, *command[1:]], input=text, capture_output=True, encoding="utf-8")
    if done.returncode and not may_fail:
        print(done.stdout, done.stderr, sep="\n")
        if any(word in (done.stdout + done.stderr).lower() for word in REFUSALS):
            print(LOGINS)
        sys.exit(f"{command[0]} failed with exit code {done.returncode}")
    return "" if done.returncode else done.stdout


def course(*words: str, **options: bool) -> str:
    """Run a command of the course."""
    return run("course", *words, **options)


def login() -> None:
    """Log Docker in at all four, each in its own way."""
    passwords = {
        DOCKERHUB: (DOCKERHUB_USER, DOCKERHUB_PASSWORD),
        ECR: ("AWS", run("aws", "ecr", "get-login-password")),
        ARTIFACT_REGISTRY: ("oauth2accesstoken", course("artifact-registry", "print-access-token")),
        ACR: (ACR_USER, course("acr", "login")),
    }
    for host, (user, password) in passwords.items():
        run("docker", "login", "--username", user, "--password-stdin", host, text=password.strip())


def old_image(version: str, tags: list[str]) -> None:
    """Push a tiny image to all four under some tags."""
    context = Path("yesterday")
    context.mkdir(exist_ok=True)
    label = f"LABEL org.opencontainers.image.version={version} course.owner={me.team}"
    (context / "Dockerfile").write_text(f"FROM scratch\n{label}\nCOPY version.txt /\n", encoding="utf-8")
    (context / "version.txt").write_text(f"{me.team} {version}\n", encoding="utf-8")
    name = f"old-{me.team}:{version}"
    run("docker", "build", "--quiet", "--tag", name, "yesterday")
    for image in IMAGES.values():
        for tag in tags:
            run("docker", "tag", name, f"{image}:{tag}")
            run("docker", "push", "--quiet", f"{image}:{tag}")


def yesterday() -> None:
    """The state of this morning; does nothing when it was made before."""
    login()
    known = run("aws", "ecr", "describe-images", "--repository-name", me.repository, may_fail=True)
    if f'"{me.new_build}"' in known:
        print("The state of this morning was made before.")
        return
    run("aws", "ecr", "create-repository", "--repository-name", me.repository, may_fail=True)
    course("artifact-registry", "repositories", "create", "models", "--project", me.project, may_fail=True)
    old_image(me.previous, [me.previous, "prod"])
    for build in me.old_builds:
        old_image(build, [build])
    course("clock", "advance", "40d")
    login()  # the tokens have ended meanwhile
    old_image(me.new_build, [me.new_build])


if __name__ == "__main__":
    yesterday()
