"""``course sbom attach``: an SBOM beside its image in a registry, as ``oras attach`` does, where there is no oras."""

from __future__ import annotations

import json
from pathlib import Path

import click

from autograder.domain.advisories import sbom as documents
from autograder.domain.references import InvalidReference, Reference, parse
from autograder.errors import CourseError


@click.group()
def sbom() -> None:
    """SBOMs beside their images."""


@sbom.command()
@click.argument("image", metavar="IMAGE")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def attach(image: str, file: Path, as_json: bool) -> None:
    """Push FILE, an SBOM in JSON, as a referrer of IMAGE, which is in a registry already.

    Uses the login that `docker login` kept. Registries without the referrers API, such as registry:2, get the index
    under the tag sha256-… that stands in for it.
    """
    from autograder.scanning import artifact

    where = _reference(image)
    content = _read(file)
    kind = artifact.SBOM_TYPES[_kind(content, file)]
    pusher = artifact.Pusher(where.registry, where.repository, artifact.login(where.registry))
    digest = pusher.sbom(where.digest or where.tag or "latest", content, _kind(content, file))
    if as_json:
        click.echo(json.dumps({"digest": digest, "artifactType": kind, "image": where.canonical()}))
    else:
        click.echo(f"attached {digest} ({kind}) to {where.canonical()}")
        click.echo(f"the same with oras: oras attach --artifact-type {kind} {image} {file}:{kind}")


def _reference(image: str) -> Reference:
    try:
        return parse(image)
    except InvalidReference as wrong:
        raise CourseError(
            expected="an image's name, as in localhost:5001/team/app:1.0.0",
            found=str(wrong),
            next_step="Put the registry's address first; `python3 course.py env` prints it.",
        ) from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CourseError(
            expected=f"{file} can be read",
            found=error.strerror or str(error),
            next_step="Make it: trivy image --format cyclonedx --output FILE IMAGE",
        ) from None


def _kind(content: bytes, file: Path) -> str:
    try:
        return documents.read(content.decode("utf-8", errors="replace")).kind
    except documents.SbomError as error:
        raise CourseError(
            expected=f"{file} to be an SBOM, CycloneDX or SPDX in JSON",
            found=str(error),
            next_step="Make it: trivy image --format cyclonedx --output FILE IMAGE",
        ) from None
