"""Versions as the action's libraries read them: node-semver's strict form and PEP 440."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from autograder.domain.github_actions.javascript import trim

_NUMBER: Final = r"(0|[1-9][0-9]*)"
_PRE_PART: Final = r"(?:[0-9]*[A-Za-z-][0-9A-Za-z-]*|0|[1-9][0-9]*)"
_BUILD_PART: Final = r"[0-9A-Za-z-]+"
_SEMVER: Final = re.compile(
    rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-({_PRE_PART}(?:\.{_PRE_PART})*))?(?:\+({_BUILD_PART}(?:\.{_BUILD_PART})*))?"
)
_SEMVER_LENGTH: Final = 256
_SAFE_INTEGER: Final = 2**53 - 1


def semver_values(text: str) -> dict[str, object] | None:
    """What a ``type=semver`` pattern can name, or None where ``text`` is no semantic version.

    A leading ``v`` is allowed, ``=`` and missing parts are not; ``version`` leaves build metadata out.

    Source: https://github.com/npm/node-semver, internal/re.js (FULL) and classes/semver.js
    """
    parts = _SEMVER.fullmatch(trim(text)) if len(text) <= _SEMVER_LENGTH else None
    if parts is None or any(int(number) > _SAFE_INTEGER for number in parts.groups()[:3]):
        return None
    major, minor, patch = (int(number) for number in parts.groups()[:3])
    prerelease = [int(p) if p.isdigit() and int(p) < _SAFE_INTEGER else p for p in (parts[4] or "").split(".") if p]
    version = f"{major}.{minor}.{patch}" + (f"-{parts[4]}" if parts[4] else "")
    return {
        "options": {"loose": True},
        "loose": True,
        "includePrerelease": False,
        "raw": text,
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": prerelease,
        "build": parts[5].split(".") if parts[5] else [],
        "version": version,
    }


# Source: https://peps.python.org/pep-0440/#appendix-b-parsing-version-strings-with-regular-expressions
_PEP440_LENGTH: Final = 1000  # Python refuses to read longer numbers
_PEP440: Final = re.compile(
    r"v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]+)?)?"
    r"(?:-(?P<post_number>[0-9]+)|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_number2>[0-9]+)?)?"
    r"(?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_number>[0-9]+)?)?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?",
    re.IGNORECASE | re.ASCII,
)
_PRE_LETTERS: Final = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


@dataclass(frozen=True, slots=True)
class Pep440:
    """A version by PEP 440, normalised.

    Attributes:
        clean: the normal form; the parts of a local version are joined by commas, as the action's library does.
        release: the numbers of the release.
        final: whether it is neither pre-, post- nor development release.
    """

    clean: str
    release: tuple[int, ...]
    final: bool

    def number(self, index: int) -> int:
        """Major (0), minor (1) or patch (2); 0 where the release is shorter."""
        return self.release[index] if index < len(self.release) else 0


def read_pep440(text: str) -> Pep440 | None:
    """Read a version by PEP 440 as @renovate/pep440 1.0 does, or None. No white space around it.

    Source: https://github.com/renovatebot/pep440, lib/version.js (valid, explain, clean)
    """
    written = _PEP440.fullmatch(text) if len(text) <= _PEP440_LENGTH else None
    if written is None:
        return None
    epoch = int(written["epoch"] or 0)
    release = tuple(int(number) for number in written["release"].split("."))
    clean = (f"{epoch}!" if epoch else "") + ".".join(map(str, release))
    if written["pre"]:
        letter = written["pre"].lower()
        clean += f"{_PRE_LETTERS.get(letter, letter)}{int(written['pre_number'] or 0)}"
    post = written["post_number"] or written["post_number2"]
    if written["post"] or post:
        clean += f".post{int(post or 0)}"
    if written["dev"]:
        clean += f".dev{int(written['dev_number'] or 0)}"
    if written["local"]:
        parts = re.split(r"[-_.]", written["local"])
        clean += "+" + ",".join(str(int(part)) if part.isdigit() else part.lower() for part in parts)
    return Pep440(clean, release, final=not (written["pre"] or written["dev"] or written["post"] or post))
