"""An AWS configuration file with the lab's profiles, so that ``aws --profile ci-role …`` works like at home.

Standard library only: the `course` command writes it on the student's side, where moto is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT = "admin"


def text(profiles: Mapping[str, Mapping[str, str]], endpoint: str, region: str) -> str:
    """The content of a file for ``AWS_CONFIG_FILE``.

    Args:
        profiles: profile name -> ``access_key_id`` and ``secret_access_key``, as the installation's credentials have
            them; ``admin`` becomes the default too.
        endpoint: the emulator's address, ``http://127.0.0.1:5003``.
        region: an AWS region's name.

    Source: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html and, for the endpoint,
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    headings = {"default": DEFAULT, **{f"profile {name}": name for name in profiles}}
    sections = []
    for heading, name in headings.items():
        keys = profiles[name]
        settings = {
            "region": region,
            "endpoint_url": endpoint,
            "aws_access_key_id": keys["access_key_id"],
            "aws_secret_access_key": keys["secret_access_key"],
        }
        lines = [f"[{heading}]", *(f"{key} = {value}" for key, value in settings.items())]
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)
