"""``course hub``: what one does on hub.docker.com, on the Docker Hub emulator."""

from __future__ import annotations

import click

from autograder.cli.clouds import call, duration, json_option, show, show_once

SERVICE = "dockerhub"
SCOPES = {"delete": "repo:admin", "write": "repo:write", "read": "repo:read", "public-read": "repo:public_read"}


@click.group()
def hub() -> None:
    """Access tokens and repositories on the Docker Hub emulator, as on hub.docker.com."""


@hub.group()
def account() -> None:
    """Accounts. A new one has no password: it logs in with access tokens alone."""


@account.command("create")
@click.argument("name")
@json_option
def account_create(name: str, as_json: bool) -> None:
    """Sign up as NAME (4 to 30 digits and lower-case letters), which is then also a namespace."""
    made = call(SERVICE, "account-create", name=name)
    if as_json:
        show(made, as_json)
    else:
        click.echo(f"The account {name} is made." if made["created"] else f"The account {name} exists.")


@account.command("list")
@json_option
def account_list(as_json: bool) -> None:
    """Every account of the emulator."""
    show(call(SERVICE, "account-list"), as_json)


@hub.group()
def token() -> None:
    """Personal access tokens."""


@token.command("create")
@click.argument("name")
@click.option(
    "--scope", type=click.Choice(list(SCOPES)), default="read", show_default=True, help="What the token may do."
)
@click.option("--expires", default="30d", show_default=True, help="How long it is good for (30d, 12h), or never.")
@click.option("--user", default="student", show_default=True, help="Whose token.")
@json_option
def token_create(name: str, scope: str, expires: str, user: str, as_json: bool) -> None:
    """Make an access token called NAME. Its secret is shown once, now.

    \b
    python3 course.py hub token create laptop --scope write
    docker login -u student $DOCKERHUB
    """
    days = None if expires == "never" else duration(expires).total_seconds() / 86400
    made = call(SERVICE, "token-create", owner=user, name=name, scope=SCOPES[scope], days=days)
    show_once(made, "secret", as_json, "token")


@token.command("list")
@json_option
def token_list(as_json: bool) -> None:
    """Every access token that was not revoked, without secrets."""
    show(call(SERVICE, "token-list"), as_json)


@token.command("revoke")
@click.argument("token")
@json_option
def token_revoke(token: str, as_json: bool) -> None:
    """Revoke TOKEN, by its name or id."""
    gone = call(SERVICE, "token-revoke", token=token)
    if as_json:
        show(gone, as_json)
    else:
        click.echo(f"The token {gone['name']} ({gone['id']}) no longer logs in.")


@hub.group()
def repository() -> None:
    """Repositories: privacy and immutable tags. A push makes a public one by itself."""


@repository.command("create")
@click.argument("name")
@click.option("--private", is_flag=True, help="Only its owner sees it. The Personal plan has one.")
@json_option
def repository_create(name: str, private: bool, as_json: bool) -> None:
    """Make the repository NAME (NAMESPACE/REPOSITORY)."""
    show(call(SERVICE, "repository-create", name=name, private=private), as_json)


@repository.command("list")
@json_option
def repository_list(as_json: bool) -> None:
    """Every repository with its tags."""
    show(call(SERVICE, "repository-list"), as_json)


@repository.command("delete")
@click.argument("name")
@json_option
def repository_delete(name: str, as_json: bool) -> None:
    """Delete NAME and every image in it."""
    show(call(SERVICE, "repository-delete", name=name), as_json)


@repository.command("visibility")
@click.argument("name")
@click.argument("visibility", type=click.Choice(["public", "private"]))
@json_option
def repository_visibility(name: str, visibility: str, as_json: bool) -> None:
    """Make NAME public or private."""
    show(call(SERVICE, "repository-privacy", name=name, private=visibility == "private"), as_json)


@repository.command("immutable")
@click.argument("name")
@click.option("--all", "everything", is_flag=True, help="All tags, latest included.")
@click.option("--pattern", "patterns", multiple=True, help="Tags that match this regular expression; repeatable.")
@click.option("--none", "nothing", is_flag=True, help="No tag (the default of a new repository).")
@json_option
def repository_immutable(name: str, everything: bool, patterns: tuple[str, ...], nothing: bool, as_json: bool) -> None:
    """Say which tags of NAME can be neither moved nor deleted.

    A pattern matches anywhere in a tag unless it is anchored, as Docker Hub's do: '^v[0-9.]+$' for v1.2.3 alone.
    """
    if sum((everything, bool(patterns), nothing)) != 1:
        raise click.UsageError("give exactly one of --all, --pattern and --none")
    rules = [".*"] if everything else list(patterns)
    show(call(SERVICE, "repository-immutable", name=name, rules=rules), as_json)
