"""``course retention preview``: what a clean-up policy would remove, and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from autograder.cli.retention_table import print_errors, print_preview
from autograder.domain.retention import DIALECTS, InvalidPolicy, preview, summary
from autograder.domain.retention.inputs import read_images
from autograder.domain.retention.times import parse_time
from autograder.errors import CourseError, Exit

STDIN = Path("-")


@click.group()
def retention() -> None:
    """Retention policies of Amazon ECR, Artifact Registry and ACR, evaluated without an account."""


@retention.command("preview")
@click.option("--dialect", type=click.Choice(list(DIALECTS)), required=True, help="whose rules decide")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    required=True,
    help="ecr: a lifecycle policy; gar: a cleanup policy file; acr: an acr purge command as text, or JSON (see below)",
)
@click.option(
    "--images",
    "images_file",
    type=click.Path(path_type=Path),
    required=True,
    help="the images as aws, gcloud or az lists them in JSON; - reads standard input",
)
@click.option("--repository", default="", help="the repository (or package) of images that do not name theirs")
@click.option("--now", "now_text", default=None, help="evaluate at this time, such as 2026-03-01T12:00:00Z")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def preview_command(
    dialect: str, policy_file: Path, images_file: Path, repository: str, now_text: str | None, as_json: bool
) -> None:
    """Show what one evaluation of a policy would do to each image, by which rule, and why.

    Nothing is changed anywhere. Exit status 1: the policy is invalid; every error is listed.

    \b
    aws ecr describe-images --repository-name ml-model > images.json
    python3 course.py retention preview --dialect ecr --policy policy.json --images images.json

    Images come from aws ecr describe-images, gcloud artifacts docker images list --include-tags --format=json, or
    az acr manifest list-metadata. None of them says what an index refers to: add manifest_list_of, the digests, to its
    entry. For single tags of ACR write {"manifests": [...], "tags": [...]}, with the output of az acr repository
    show-tags --detail as tags.

    JSON for ACR has the keys retentionPolicy and softDeletePolicy, as az acr show --query policies prints them, and
    purge, the text of an acr purge command.
    """
    now = _moment(now_text)
    policy_text = _read(policy_file, "a policy")
    images = read_images(_read(images_file, "a list of images"), now, repository)
    try:
        outcome = preview(dialect, policy_text, images, now)
    except InvalidPolicy as problem:
        if as_json:
            _print_json({"valid": False, "errors": [error.as_json() for error in problem.errors]})
        else:
            print_errors(DIALECTS[dialect], problem.errors)
        sys.exit(int(Exit.NO))
    totals = summary(outcome, images)
    if as_json:
        results: Sequence[dict[str, object]] = [result.as_json() for result in outcome.results]
        _print_json({"valid": True, "results": results, "summary": {"now": now.isoformat(), **totals}})
    else:
        print_preview(DIALECTS[dialect], outcome, images, totals, now)


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    moment = parse_time(text)
    if moment is None:
        raise CourseError(
            expected="--now is a time in ISO 8601, such as 2026-03-01T12:00:00Z",
            found=f"--now is {text}",
            next_step="Write the time like that, or leave --now out to use the current time.",
        )
    return moment


def _read(path: Path, what: str) -> str:
    """The text of a file. PowerShell's ``>`` writes UTF-16, which its byte order mark gives away."""
    try:
        data = sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    except OSError as problem:
        raise CourseError(
            expected=f"{path} is a file with {what}",
            found=f"{path} cannot be read: {problem.strerror or problem}",
            next_step="Check the path and the current folder.",
        ) from problem
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as problem:
        raise CourseError(
            expected=f"{path} is a text file in UTF-8 with {what}",
            found=f"{path} holds bytes that are not UTF-8 text (at byte {problem.start})",
            next_step="Save it again as UTF-8.",
        ) from problem


def _print_json(data: object) -> None:
    click.echo(json.dumps(data, indent=2))
