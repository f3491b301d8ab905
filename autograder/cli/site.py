"""course site: build the lessons, and look at them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from autograder import site as builder
from autograder.services import site_server
from autograder.services.ports import DEFAULTS, is_free, taken


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Build into this folder (default: site/)."
)
@click.option("--serve", is_flag=True, help="Serve it on this machine until Ctrl-C.")
@click.option("--port", type=click.IntRange(1024, 65535), help="The port to serve on (default: a free one from 8000).")
@click.option(
    "--zip",
    "packed",
    is_flag=False,
    flag_value=builder.ZIP_FOLDER + ".zip",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a copy that opens from disk into this zip (default: container-registries.zip) instead.",
)
@click.option("--verbose", is_flag=True, help="Show what MkDocs says while it builds.")
def site(out: Path | None, serve: bool, port: int | None, packed: Path | None, verbose: bool) -> None:
    """Build the lessons, the labs' task texts and the reference pages into a folder of static files.

    The folder can be published as it is: nothing in it asks another server for anything.
    """
    if packed is not None:
        if serve or out is not None:
            raise click.UsageError("--zip writes a file; it goes with neither --out nor --serve")
        click.echo(f"written: {builder.pack(packed.resolve(), quiet=not verbose)}; unpack it and open index.html")
        return
    folder = builder.build(out, quiet=not verbose)
    click.echo(f"built: {folder}")
    if serve:
        if port and not is_free(port):
            raise taken("site", port)
        chosen = port or next(number for number in range(DEFAULTS["site"], 65536) if is_free(number))
        click.echo(f"serving: http://localhost:{chosen}/  (Ctrl-C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            site_server.serve(chosen, folder, token="")
