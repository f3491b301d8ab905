"""The helper commands print the cloud's own command that they stand for, word for word, and pass on what was given."""

from __future__ import annotations

import json
import shlex

import click
import pytest
from click.testing import CliRunner

from autograder.cli import acr, artifact_registry, clouds, hub

AZ, GCLOUD = "az acr", "gcloud artifacts repositories"
AT = "--project=p --location=us-central1"

# Command line -> the cloud's command, operation, arguments. Sources: `az acr --help` is documented at
# https://learn.microsoft.com/cli/azure/acr and `gcloud artifacts` at
# https://cloud.google.com/sdk/gcloud/reference/artifacts
LINES: list[tuple[str, str, str, dict[str, object]]] = [
    ("acr show", f"{AZ} show --name mlregistry", "show", {}),
    (
        "acr update --admin-enabled true",
        f"{AZ} update --name mlregistry --admin-enabled true",
        "update",
        {"admin_enabled": True, "anonymous_pull_enabled": None},
    ),
    ("acr credential", f"{AZ} credential show --name mlregistry", "credential", {}),
    (
        "acr scope-map create readers --repository a content/read --repository a metadata/read "
        "--repository b content/read",
        f"{AZ} scope-map create --name readers --registry mlregistry "
        "--repository a content/read metadata/read --repository b content/read",
        "scope-map-create",
        {
            "name": "readers",
            "actions": ["repositories/a/content/read", "repositories/a/metadata/read", "repositories/b/content/read"],
        },
    ),
    ("acr scope-map list", f"{AZ} scope-map list --registry mlregistry", "scope-map-list", {}),
    (
        "acr token create pull-1 --scope-map readers --expires 36h",
        f"{AZ} token create --name pull-1 --registry mlregistry --scope-map readers --expiration-in-days 2",
        "token-create",
        {"name": "pull-1", "scope_map": "readers", "repositories": [], "days": 1.5},
    ),
    (
        "acr token create pull-1 --repository a content/read",
        f"{AZ} token create --name pull-1 --registry mlregistry --repository a content/read",
        "token-create",
        {"name": "pull-1", "scope_map": None, "repositories": [["a", "content/read"]], "days": None},
    ),
    ("acr token list", f"{AZ} token list --registry mlregistry", "token-list", {}),
    (
        "acr token delete pull-1",
        f"{AZ} token delete --name pull-1 --registry mlregistry",
        "token-delete",
        {"name": "pull-1"},
    ),
    ("acr repository list", f"{AZ} repository list --name mlregistry", "repository-list", {}),
    (
        "acr repository show a/b",
        f"{AZ} repository show --name mlregistry --repository a/b",
        "repository-show",
        {"image": "a/b"},
    ),
    (
        "acr repository update a/b:1 --write-enabled false --delete-enabled false",
        f"{AZ} repository update --name mlregistry --image a/b:1 --write-enabled false --delete-enabled false",
        "repository-update",
        {"image": "a/b:1", "attributes": {"writeEnabled": False, "deleteEnabled": False}},
    ),
    (
        "acr repository delete a@sha256:1",
        f"{AZ} repository delete --name mlregistry --image a@sha256:1",
        "repository-delete",
        {"image": "a@sha256:1"},
    ),
    (
        "acr repository untag a:1",
        f"{AZ} repository untag --name mlregistry --image a:1",
        "repository-untag",
        {"image": "a:1"},
    ),
    (
        "acr manifests a",
        f"{AZ} manifest list-metadata --registry mlregistry --name a",
        "manifest-list",
        {"repository": "a"},
    ),
    (
        "acr retention --status enabled --days 30",
        f"{AZ} config retention update --registry mlregistry --status enabled --days 30 --type UntaggedManifests",
        "retention-update",
        {"status": "enabled", "days": 30},
    ),
    (
        "artifact-registry repositories create models --project p --location europe-west1 --immutable-tags",
        f"{GCLOUD} create models --project=p --location=europe-west1 --repository-format=docker --immutable-tags",
        "repository-create",
        {"project": "p", "repository": "models", "location": "europe-west1", "immutable_tags": True},
    ),
    ("artifact-registry repositories list", f"{GCLOUD} list", "repository-list", {}),
    (
        "artifact-registry repositories describe models --project p",
        f"{GCLOUD} describe models {AT}",
        "repository-describe",
        {"name": "p/models"},
    ),
    (
        "artifact-registry repositories delete models --project p",
        f"{GCLOUD} delete models {AT}",
        "repository-delete",
        {"name": "p/models"},
    ),
    (
        "artifact-registry repositories update models --project p --no-immutable-tags",
        f"{GCLOUD} update models {AT} --no-immutable-tags",
        "repository-immutable",
        {"name": "p/models", "immutable_tags": False},
    ),
    ("hub account list", "", "account-list", {}),
    ("hub token list", "", "token-list", {}),
    ("hub repository list", "", "repository-list", {}),
    ("hub repository create me/a --private", "", "repository-create", {"name": "me/a", "private": True}),
    ("hub repository delete me/a", "", "repository-delete", {"name": "me/a"}),
    ("hub repository visibility me/a private", "", "repository-privacy", {"name": "me/a", "private": True}),
    ("hub repository immutable me/a --all", "", "repository-immutable", {"name": "me/a", "rules": [".*"]}),
    ("hub repository immutable me/a --none", "", "repository-immutable", {"name": "me/a", "rules": []}),
]
GROUPS = {"acr": acr.acr, "artifact-registry": artifact_registry.artifact_registry, "hub": hub.hub}
# These print a secret or what was done, not what the cloud answered; tests/emulators/test_commands.py has them.
OTHERS = {
    "acr login",
    "acr run",
    "artifact-registry print-access-token",
    "artifact-registry create-key",
    "artifact-registry repositories set-cleanup-policies",
    "artifact-registry repositories preview-cleanup",
    "hub account create",
    "hub token create",
    "hub token revoke",
}


@pytest.mark.parametrize(("line", "cloud", "operation", "arguments"), LINES, ids=[line[0] for line in LINES])
def test_a_command_prints_what_it_stands_for(monkeypatch, line, cloud, operation, arguments):
    asked = []

    def call(service, operation, **arguments):
        asked.append((service, operation, arguments))
        return {"location": "us-central1", "answer": 1, "password": "s3cret"}

    for module in (acr, artifact_registry, hub):
        monkeypatch.setattr(module, "call", call)
    name, *words = shlex.split(line)
    done = CliRunner().invoke(GROUPS[name], [*words, "--json"])
    assert done.exit_code == 0, done.output
    service = "dockerhub" if name == "hub" else name
    assert asked == [(service, operation, arguments)] and json.loads(done.stdout)["answer"] == 1
    assert done.stderr == (f"stands for: {cloud}\n" if cloud else "")


def test_every_helper_command_is_in_the_table():
    def leaves(command: click.Command, name: str) -> set[str]:
        if not isinstance(command, click.Group):
            return {name}
        return {leaf for part, below in command.commands.items() for leaf in leaves(below, f"{name} {part}")}

    known = {leaf for name, group in GROUPS.items() for leaf in leaves(group, name)}
    found = {name for name in known if any(f"{line} ".startswith(f"{name} ") for line, *_ in LINES)}
    assert known == found | OTHERS and not found & OTHERS


def test_a_secret_is_printed_alone_once(capsys):
    clouds.show_once({"secret": "x", "name": "n"}, "secret", False, "token")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("x\n", "Copy the token; it is not shown again.\n")
    clouds.show_once({"secret": "x"}, "secret", True, "token")
    assert json.loads(capsys.readouterr().out) == {"secret": "x"}
