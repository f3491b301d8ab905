"""Read SBOMs: the Python packages that a CycloneDX or SPDX document (JSON) names. Pure.

Sources: https://cyclonedx.org/docs/1.6/json/ (components), https://spdx.github.io/spdx-spec/v2.3/package-information/
and https://github.com/package-url/purl-spec/blob/main/types-doc/pypi-definition.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from packaging.utils import canonicalize_name

MAX_SBOM = 32 << 20  # characters


class SbomError(ValueError):
    """Not an SBOM that can be read here; the message says why."""


@dataclass(frozen=True)
class Sbom:
    """What an SBOM says.

    Attributes:
        kind: "cyclonedx" or "spdx-json", as Trivy's ``--format`` names them.
        version: of the format.
        packages: normalised name -> versions of the Python packages in it.
    """

    kind: str
    version: str
    packages: Mapping[str, tuple[str, ...]]


def read(text: str) -> Sbom:
    """An SBOM's content.

    Raises:
        SbomError: not JSON, neither format, or a package URL that cannot be read.
    """
    try:
        document = json.loads(text) if len(text) <= MAX_SBOM else None
    except (ValueError, RecursionError) as error:
        raise SbomError(f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise SbomError("not a JSON object, or too large")
    if document.get("bomFormat") == "CycloneDX":
        urls = [one.get("purl") for one in _objects(document.get("components"))]
        return Sbom("cyclonedx", str(document.get("specVersion", "")), _packages(urls))
    if str(document.get("spdxVersion", "")).startswith("SPDX-"):
        urls = [
            reference.get("referenceLocator")
            for one in _objects(document.get("packages"))
            for reference in _objects(one.get("externalRefs"))
            if reference.get("referenceType") == "purl"
        ]
        return Sbom("spdx-json", str(document["spdxVersion"]).removeprefix("SPDX-"), _packages(urls))
    raise SbomError("neither CycloneDX (bomFormat) nor SPDX (spdxVersion)")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _packages(urls: list[Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for url in urls:
        if not isinstance(url, str) or not url.startswith("pkg:pypi/"):
            continue
        name, at, version = url.removeprefix("pkg:pypi/").partition("?")[0].partition("#")[0].rpartition("@")
        if not at or not name or not version:
            raise SbomError(f"{url!r} names no version")
        found.setdefault(canonicalize_name(unquote(name)), set()).add(unquote(version))
    return {name: tuple(sorted(versions)) for name, versions in sorted(found.items())}
