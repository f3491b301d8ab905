"""``course artifact-registry``: what one does with gcloud, on the Artifact Registry emulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from autograder.cli.clouds import call, json_option, show, stands_for
from autograder.errors import CourseError

SERVICE = "artifact-registry"
ACCOUNT = "student@example.com"
ROLES = {name: f"roles/artifactregistry.{name}" for name in ("reader", "writer", "repoAdmin")}
GCLOUD = ("gcloud", "artifacts", "repositories")


def project_option(command: Any) -> Any:
    """``--project``, as gcloud has it."""
    return click.option("--project", required=True, help="The project's id.")(command)


@click.group("artifact-registry")
def artifact_registry() -> None:
    """Repositories, logins and cleanup policies on the Artifact Registry emulator.

    Each command prints, on stderr, the gcloud command it stands for.
    """


@artifact_registry.command("print-access-token")
@json_option
def print_access_token(as_json: bool) -> None:
    """Print a token that is good for an hour, for the user oauth2accesstoken.

    \b
    python3 course.py artifact-registry print-access-token |
        docker login -u oauth2accesstoken --password-stdin $ARTIFACT_REGISTRY
    """
    stands_for("gcloud", "auth", "print-access-token")
    made = call(SERVICE, "token", account=ACCOUNT)
    show(made, True) if as_json else click.echo(made["token"])


@artifact_registry.command("create-key")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@project_option
@click.option("--service-account", required=True, help="The account's name; it is made if it is new.")
@click.option("--role", type=click.Choice(list(ROLES)), default="reader", show_default=True, help="What it may do.")
def create_key(file: Path, project: str, service_account: str, role: str) -> None:
    """Write a service account's key to FILE, for the user _json_key. It never expires: handle it with care."""
    if file.exists():
        raise CourseError(
            expected=f"{file} to be a new file",
            found="it exists already",
            next_step="Name another file, or remove that one.",
        )
    made = call(SERVICE, "key-create", project=project, account=service_account, role=ROLES[role])
    email = made["client_email"]
    member = f"--member=serviceAccount:{email}"
    stands_for("gcloud", "iam", "service-accounts", "create", service_account, f"--project={project}")
    stands_for("gcloud", "projects", "add-iam-policy-binding", project, member, f"--role={ROLES[role]}")
    stands_for("gcloud", "iam", "service-accounts", "keys", "create", str(file), f"--iam-account={email}")
    file.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8", newline="\n")
    file.chmod(0o600)
    click.echo(f"{file}: key of {email}")


@artifact_registry.group()
def repositories() -> None:
    """Docker repositories. They must exist before a push."""


@repositories.command("create")
@click.argument("repository")
@project_option
@click.option("--location", default="us-central1", show_default=True, help="Where it lies.")
@click.option("--immutable-tags", is_flag=True, help="Tags can be neither moved nor deleted.")
@json_option
def create(repository: str, project: str, location: str, immutable_tags: bool, as_json: bool) -> None:
    """Make REPOSITORY in a project."""
    flags = ["--immutable-tags"] if immutable_tags else []
    where = (f"--project={project}", f"--location={location}")
    stands_for(*GCLOUD, "create", repository, *where, "--repository-format=docker", *flags)
    made = call(
        SERVICE,
        "repository-create",
        project=project,
        repository=repository,
        location=location,
        immutable_tags=immutable_tags,
    )
    show(made, as_json)


@repositories.command("list")
@json_option
def list_all(as_json: bool) -> None:
    """Every repository of every project."""
    stands_for(*GCLOUD, "list")
    show(call(SERVICE, "repository-list"), as_json)


@repositories.command("describe")
@click.argument("repository")
@project_option
@json_option
def describe(repository: str, project: str, as_json: bool) -> None:
    """Settings and packages of REPOSITORY."""
    found = call(SERVICE, "repository-describe", name=f"{project}/{repository}")
    stands_for(*GCLOUD, "describe", repository, f"--project={project}", f"--location={found['location']}")
    show(found, as_json)


@repositories.command("delete")
@click.argument("repository")
@project_option
@json_option
def delete(repository: str, project: str, as_json: bool) -> None:
    """Delete REPOSITORY and every image in it."""
    found = call(SERVICE, "repository-delete", name=f"{project}/{repository}")
    stands_for(*GCLOUD, "delete", repository, f"--project={project}", f"--location={found['location']}")
    show(found, as_json)


@repositories.command("update")
@click.argument("repository")
@project_option
@click.option("--immutable-tags/--no-immutable-tags", required=True, help="Whether tags can be moved or deleted.")
@json_option
def update(repository: str, project: str, immutable_tags: bool, as_json: bool) -> None:
    """Change REPOSITORY."""
    name = f"{project}/{repository}"
    found = call(SERVICE, "repository-immutable", name=name, immutable_tags=immutable_tags)
    flag = "--immutable-tags" if immutable_tags else "--no-immutable-tags"
    stands_for(*GCLOUD, "update", repository, f"--project={project}", f"--location={found['location']}", flag)
    show(found, as_json)


@repositories.command("set-cleanup-policies")
@click.argument("repository")
@project_option
@click.option(
    "--policy", "file", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False), help="JSON file."
)
@click.option("--dry-run/--no-dry-run", default=True, show_default=True, help="Log what would go, and delete nothing.")
@json_option
def set_cleanup_policies(repository: str, project: str, file: Path, dry_run: bool, as_json: bool) -> None:
    """Set the cleanup policies of REPOSITORY. They run overnight: see `python3 course.py clock advance`."""
    from autograder.domain.retention.jsontext import load_json

    try:
        policies = load_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CourseError(
            expected=f"{file} to be a JSON list of policies", found=str(error), next_step="Correct the file."
        ) from None
    name = f"{project}/{repository}"
    found = call(SERVICE, "cleanup-set", name=name, policies=policies, dry_run=dry_run)
    where = (f"--project={project}", f"--location={found['location']}", f"--policy={file}")
    stands_for(*GCLOUD, "set-cleanup-policies", repository, *where, "--dry-run" if dry_run else "--no-dry-run")
    show(found, as_json)


@repositories.command("preview-cleanup")
@click.argument("repository")
@project_option
@json_option
def preview_cleanup(repository: str, project: str, as_json: bool) -> None:
    """What the cleanup policies of REPOSITORY would do now. Google has no such command; its audit log tells later."""
    show(call(SERVICE, "cleanup-preview", name=f"{project}/{repository}"), as_json)
