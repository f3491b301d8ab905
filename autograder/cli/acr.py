"""``course acr``: what one does with az, on the emulator of Azure Container Registry."""

from __future__ import annotations

import math
from collections.abc import Callable

import click

from autograder.cli.clouds import F, call, duration, json_option, show, show_once, stands_for
from autograder.services.cloud_credentials import ACR_REGISTRY as REGISTRY

SERVICE = "acr"
ACTIONS = ("content/read", "content/write", "content/delete", "metadata/read", "metadata/write")


@click.group()
def acr() -> None:
    """Logins, tokens, locks and clean-up on the Azure Container Registry emulator.

    Each command prints, on stderr, the az command it stands for.
    """


@acr.command("login")
@json_option
def login(as_json: bool) -> None:
    """Print a token that is good for three hours, for the user of zeros.

    \b
    python3 course.py acr login | docker login -u 00000000-0000-0000-0000-000000000000 --password-stdin $ACR
    """
    stands_for("az", "acr", "login", "--name", REGISTRY, "--expose-token", "--query", "accessToken", "--output", "tsv")
    made = call(SERVICE, "login")
    show(made, True) if as_json else click.echo(made["accessToken"])


@acr.command("show")
@json_option
def show_registry(as_json: bool) -> None:
    """Settings of the registry."""
    stands_for("az", "acr", "show", "--name", REGISTRY)
    show(call(SERVICE, "show"), as_json)


@acr.command("update")
@click.option("--admin-enabled", type=bool, help="Turn the admin user on or off (true, false).")
@click.option("--anonymous-pull-enabled", type=bool, help="Let anyone pull, or not (true, false).")
@json_option
def update(admin_enabled: bool | None, anonymous_pull_enabled: bool | None, as_json: bool) -> None:
    """Change the registry."""
    words = ["az", "acr", "update", "--name", REGISTRY]
    for flag, value in (("--admin-enabled", admin_enabled), ("--anonymous-pull-enabled", anonymous_pull_enabled)):
        words += [flag, str(value).lower()] if value is not None else []
    stands_for(*words)
    found = call(SERVICE, "update", admin_enabled=admin_enabled, anonymous_pull_enabled=anonymous_pull_enabled)
    show(found, as_json)


@acr.command("credential")
@json_option
def credential(as_json: bool) -> None:
    """User name and password of the admin user, once it is on."""
    stands_for("az", "acr", "credential", "show", "--name", REGISTRY)
    show(call(SERVICE, "credential"), as_json)


@acr.group("scope-map")
def scope_map() -> None:
    """Named lists of what a token may do."""


def entries_option(text: str, required: bool) -> Callable[[F], F]:
    """``--repository NAME ACTION``, repeatable; ``text`` begins its help."""
    return click.option(
        "--repository",
        "entries",
        multiple=True,
        required=required,
        type=(str, str),
        metavar="NAME ACTION",
        help=f"{text} repository and one of {', '.join(ACTIONS)}; repeatable. A name may end in *.",
    )


@scope_map.command("create")
@click.argument("name")
@entries_option("A", required=True)
@json_option
def scope_map_create(name: str, entries: tuple[tuple[str, str], ...], as_json: bool) -> None:
    """Make (or replace) the scope map NAME."""
    words = ["az", "acr", "scope-map", "create", "--name", name, "--registry", REGISTRY]
    stands_for(*words, *_repositories(entries))
    actions = [f"repositories/{repository}/{action}" for repository, action in entries]
    show(call(SERVICE, "scope-map-create", name=name, actions=actions), as_json)


def _repositories(entries: tuple[tuple[str, str], ...]) -> list[str]:
    """az takes the actions of one repository behind one ``--repository``."""
    words = []
    for repository in dict.fromkeys(name for name, _ in entries):
        words += ["--repository", repository, *(action for name, action in entries if name == repository)]
    return words


@scope_map.command("list")
@json_option
def scope_map_list(as_json: bool) -> None:
    """Every scope map, the registry's own included."""
    stands_for("az", "acr", "scope-map", "list", "--registry", REGISTRY)
    show(call(SERVICE, "scope-map-list"), as_json)


@acr.group()
def token() -> None:
    """Tokens: a user name and password for some repositories."""


@token.command("create")
@click.argument("name")
@click.option("--scope-map", help="The scope map that says what it may do.")
@entries_option("Or: a", required=False)
@click.option("--expires", help="How long its password is good for (30d, 12h); without it: no end.")
@json_option
def token_create(
    name: str, scope_map: str | None, entries: tuple[tuple[str, str], ...], expires: str | None, as_json: bool
) -> None:
    """Make the token NAME and print its password, once.

    \b
    python3 course.py acr token create ci-pull --repository ml-model content/read
    """
    words = ["az", "acr", "token", "create", "--name", name, "--registry", REGISTRY]
    words += ["--scope-map", scope_map] if scope_map else _repositories(entries)
    days = duration(expires).total_seconds() / 86400 if expires else None
    words += ["--expiration-in-days", str(math.ceil(days))] if days is not None else []
    stands_for(*words)
    repositories = [list(entry) for entry in entries]
    made = call(SERVICE, "token-create", name=name, scope_map=scope_map, repositories=repositories, days=days)
    show_once(made, "password", as_json, "password")


@token.command("list")
@json_option
def token_list(as_json: bool) -> None:
    """Every token with what it may do."""
    stands_for("az", "acr", "token", "list", "--registry", REGISTRY)
    show(call(SERVICE, "token-list"), as_json)


@token.command("delete")
@click.argument("name")
@json_option
def token_delete(name: str, as_json: bool) -> None:
    """Delete the token NAME."""
    stands_for("az", "acr", "token", "delete", "--name", name, "--registry", REGISTRY)
    show(call(SERVICE, "token-delete", name=name), as_json)


@acr.group()
def repository() -> None:
    """Repositories and images: attributes, locks, deletion."""


@repository.command("list")
@json_option
def repository_list(as_json: bool) -> None:
    """Every repository."""
    stands_for("az", "acr", "repository", "list", "--name", REGISTRY)
    show(call(SERVICE, "repository-list"), as_json)


def _target(image: str) -> tuple[str, str]:
    """az names a repository and an image by different flags."""
    return ("--image" if ":" in image or "@" in image else "--repository", image)


@repository.command("show")
@click.argument("image")
@json_option
def repository_show(image: str, as_json: bool) -> None:
    """Attributes of IMAGE: a repository, NAME:TAG or NAME@DIGEST."""
    stands_for("az", "acr", "repository", "show", "--name", REGISTRY, *_target(image))
    show(call(SERVICE, "repository-show", image=image), as_json)


@repository.command("update")
@click.argument("image")
@click.option("--write-enabled", type=bool, help="false: a lock; the tag or image cannot be changed or deleted.")
@click.option("--delete-enabled", type=bool, help="false: it cannot be deleted.")
@click.option("--read-enabled", type=bool, help="false: it cannot be pulled.")
@json_option
def repository_update(
    image: str, write_enabled: bool | None, delete_enabled: bool | None, read_enabled: bool | None, as_json: bool
) -> None:
    """Lock or unlock IMAGE: a repository, NAME:TAG or NAME@DIGEST."""
    given = {"write": write_enabled, "delete": delete_enabled, "read": read_enabled}
    chosen = {key: value for key, value in given.items() if value is not None}
    flags = [word for key, value in chosen.items() for word in (f"--{key}-enabled", str(value).lower())]
    stands_for("az", "acr", "repository", "update", "--name", REGISTRY, *_target(image), *flags)
    attributes = {f"{key}Enabled": value for key, value in chosen.items()}
    show(call(SERVICE, "repository-update", image=image, attributes=attributes), as_json)


@repository.command("delete")
@click.argument("image")
@json_option
def repository_delete(image: str, as_json: bool) -> None:
    """Delete IMAGE: a repository, or the manifest behind NAME:TAG or NAME@DIGEST with all its tags."""
    stands_for("az", "acr", "repository", "delete", "--name", REGISTRY, *_target(image))
    show(call(SERVICE, "repository-delete", image=image), as_json)


@repository.command("untag")
@click.argument("image")
@json_option
def repository_untag(image: str, as_json: bool) -> None:
    """Remove the tag of IMAGE (NAME:TAG); the manifest stays."""
    stands_for("az", "acr", "repository", "untag", "--name", REGISTRY, "--image", image)
    show(call(SERVICE, "repository-untag", image=image), as_json)


@acr.command("manifests")
@click.argument("repository")
@json_option
def manifests(repository: str, as_json: bool) -> None:
    """Every manifest of REPOSITORY, untagged ones included."""
    stands_for("az", "acr", "manifest", "list-metadata", "--registry", REGISTRY, "--name", repository)
    show(call(SERVICE, "manifest-list", repository=repository), as_json)


@acr.command("retention")
@click.option("--status", type=click.Choice(["enabled", "disabled"]), required=True, help="On or off.")
@click.option("--days", type=click.IntRange(0, 365), default=7, show_default=True, help="How long untagged ones stay.")
@json_option
def retention(status: str, days: int, as_json: bool) -> None:
    """The retention policy for untagged manifests. It runs overnight: see `python3 course.py clock advance`."""
    words = ("az", "acr", "config", "retention", "update", "--registry", REGISTRY, "--status", status)
    stands_for(*words, "--days", str(days), "--type", "UntaggedManifests")
    show(call(SERVICE, "retention-update", status=status, days=days), as_json)


@acr.command("run")
@click.option("--cmd", required=True, help="An acr purge command, quoted.")
@json_option
def run(cmd: str, as_json: bool) -> None:
    """Run an `acr purge` command now.

    \b
    python3 course.py acr run --cmd "acr purge --filter 'ml-model:^dev-' --ago 30d --untagged --dry-run"
    """
    stands_for("az", "acr", "run", "--registry", REGISTRY, "--cmd", cmd, "/dev/null")
    found = call(SERVICE, "run", cmd=cmd)
    if as_json:
        show(found, as_json)
        return
    for entry in found["listed"]:
        tags = ", ".join(entry.get("tags_removed", [])) or "untagged"
        click.echo(f"{entry['repository']}@{entry['digest'][:19]} ({tags}): {entry['action']}")
    for note in found["notes"]:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{len(found['listed'])} listed, {len(found['gone'])} changed.")
