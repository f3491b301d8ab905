"""Read SBOMs: the Python packages that a CycloneDX or SPDX document (JSON) names. Pure.

Sources: https://cyclonedx.org/docs/1.6/json/ (components, and components inside them),
https://spdx.github.io/spdx-spec/v2.3/package-information/ , for SPDX 3 in JSON-LD
https://spdx.github.io/spdx-spec/v3.0.1/model/Software/Classes/Package/ and
https://spdx.github.io/spdx-spec/v3.0.1/model/Core/Vocabularies/ExternalIdentifierType/ , and
https://github.com/package-url/purl-spec/blob/main/types-doc/pypi-definition.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from packaging.utils import canonicalize_name

MAX_SBOM = 32 << 20  # characters
SPDX_3 = re.compile(r"https?://spdx\.org/rdf/(3\.[0-9.]+)/")  # the beginning of its JSON-LD context
# SPDX 3: the classes that are packages, https://spdx.github.io/spdx-spec/v3.0.1/model/AI/Classes/AIPackage/
SPDX_3_PACKAGES = frozenset({"software_Package", "ai_AIPackage", "dataset_DatasetPackage"})


# "The scheme and type are case insensitive", and parsers take slashes behind the colon:
# https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst
PYPI = re.compile(r"pkg:/*pypi/+", re.IGNORECASE)


class SbomError(ValueError):
    """Not an SBOM that can be read here; the message says why."""


@dataclass(frozen=True)
class Sbom:
    """What an SBOM says.

    Attributes:
        kind: "cyclonedx" or "spdx-json", as Trivy's ``--format`` names them; "spdx3-json" for SPDX 3.
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
        # A mark that editors on Windows write is passed over, as RFC 8259, 8.1, lets readers do.
        document = json.loads(text.removeprefix("\ufeff")) if len(text) <= MAX_SBOM else None
    except (ValueError, RecursionError) as error:
        raise SbomError(f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise SbomError("not a JSON object, or too large")
    if document.get("bomFormat") == "CycloneDX":
        urls = [one.get("purl") for one in _components(document)]
        return Sbom("cyclonedx", str(document.get("specVersion", "")), _packages(urls))
    if str(document.get("spdxVersion", "")).startswith("SPDX-"):
        urls = [
            reference.get("referenceLocator")
            for one in _objects(document.get("packages"))
            for reference in _objects(one.get("externalRefs"))
            if reference.get("referenceType") == "purl"
        ]
        return Sbom("spdx-json", str(document["spdxVersion"]).removeprefix("SPDX-"), _packages(urls))
    contexts = document.get("@context")
    named = [
        SPDX_3.match(one) for one in (contexts if isinstance(contexts, list) else [contexts]) if isinstance(one, str)
    ]
    for context in filter(None, named):
        # A document of one element may leave the graph out.
        elements = _objects(document["@graph"]) if "@graph" in document else [document]
        return Sbom("spdx3-json", context[1], _packages(list(_spdx_3_urls(elements))))
    raise SbomError("neither CycloneDX (bomFormat) nor SPDX (spdxVersion, or the @context of SPDX 3)")


def _components(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The components of a CycloneDX document, those inside others too, also inside what the document is about.

    What the document is about (``metadata.component``) is no part of itself, and neither are a component's ancestors.
    """
    metadata = document.get("metadata")
    about = metadata.get("component") if isinstance(metadata, dict) else None
    waiting = [document, *([about] if isinstance(about, dict) else [])]
    while waiting:
        for one in _objects(waiting.pop().get("components")):
            yield one
            waiting.append(one)


def _spdx_3_urls(elements: list[dict[str, Any]]) -> Iterator[Any]:
    """The package URLs of SPDX 3's packages: a property of their own, or an external identifier."""
    for one in elements:
        types = one.get("type", one.get("@type"))
        if SPDX_3_PACKAGES.isdisjoint(map(str, types if isinstance(types, list) else [types])):
            continue
        yield one.get("software_packageUrl")
        for identifier in _objects(one.get("externalIdentifier")):
            if identifier.get("externalIdentifierType") == "packageUrl":
                yield identifier.get("identifier")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _packages(urls: list[Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    without = ""
    for url in urls:
        begins = PYPI.match(url) if isinstance(url, str) else None
        if begins is None:
            continue
        name, at, version = url[begins.end() :].partition("?")[0].partition("#")[0].rpartition("@")
        if not at or not name or not version:
            without = without or url
            continue
        found.setdefault(canonicalize_name(unquote(name)), set()).add(unquote(version))
    if without and not found:
        raise SbomError(f"{without!r} names no version")
    return {name: tuple(sorted(versions)) for name, versions in sorted(found.items())}
