"""The grammar of image references as data: patterns, limits, host rule, and the sentence for each rule."""

from __future__ import annotations

import re
from typing import Final

GRAMMAR: Final = "https://github.com/distribution/reference/blob/main/reference.go"
PATTERNS: Final = "https://github.com/distribution/reference/blob/main/regexp.go"
NORMALIZE: Final = "https://github.com/distribution/reference/blob/main/normalize.go"
OCI_NAMES: Final = "https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests"
OCI_DIGESTS: Final = "https://github.com/opencontainers/image-spec/blob/main/descriptor.md#registered-algorithms"

DOCKER_HUB: Final = "docker.io"
LEGACY_DOCKER_HUB: Final = "index.docker.io"  # rewritten to docker.io, source: NORMALIZE
OFFICIAL_NAMESPACE: Final = "library/"
DEFAULT_TAG: Final = "latest"
LOCALHOST: Final = "localhost"

# Characters. The limit counts the path alone, without the host (Docker client 28.2 accepts a host in front of 255).
PATH_LIMIT: Final = 255
TAG_LIMIT: Final = 128

# Algorithm -> number of hexadecimal digits. Docker's clients register exactly these. Source: OCI_DIGESTS.
DIGEST_HEX_DIGITS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_IPV6 = r"\[[a-fA-F0-9:]+\]"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"

# Source of all: PATTERNS. Used with fullmatch only; ``$`` would let a trailing newline pass.
HOST: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|{_IPV6})(?::[0-9]+)?")
LABEL: Final = re.compile(_LABEL)
PART: Final = re.compile(_PART)
PATH: Final = re.compile(rf"{_PART}(?:/{_PART})*")
TAG: Final = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{TAG_LIMIT - 1}}}")
ALGORITHM: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*")
IDENTIFIER: Final = re.compile(r"[a-f0-9]{64}")

# What a person reads when a rule is broken, and where the rule stands. One entry for each way to be wrong.
RULES: Final[dict[str, tuple[str, str]]] = {
    "empty": ("a reference needs a repository name", GRAMMAR),
    "space": ("a reference holds no space, tab or line break", GRAMMAR),
    "scheme": ("a reference starts with the host, without https:// or http://", GRAMMAR),
    "identifier": (
        "64 hexadecimal digits are read as an image id, so no repository may be named like that; "
        "put a host or a namespace in front",
        NORMALIZE,
    ),
    "upper-case": (
        "a repository name is lower-case (an upper-case first part before a slash would be a host)",
        NORMALIZE,
    ),
    "host": (
        "a host consists of letters, digits and '-' between dots, and no label starts or ends with '-'",
        PATTERNS,
    ),
    "ipv6": ("an IPv6 host stands in square brackets, holds hexadecimal digits and ':' only, and no zone", PATTERNS),
    "port": ("after the host's ':' comes a port number, digits only, and then '/'", PATTERNS),
    "host-alone": ("an IPv6 host needs '/' and a repository name behind it", GRAMMAR),
    "path-empty": (
        "between slashes, and before and after them, stands a name part of at least one character",
        PATTERNS,
    ),
    "path-edge": ("a name part starts and ends with a lower-case letter or a digit", PATTERNS),
    "path-separator": (
        "between letters and digits a name part holds one '.', one or two '_', or any number of '-', never mixed",
        PATTERNS,
    ),
    "path-character": (
        "a repository name holds lower-case letters, digits, '.', '_' and '-', in parts between slashes",
        PATTERNS,
    ),
    "path-length": (
        f"a repository name has at most {PATH_LIMIT} characters, not counting the host (on Docker Hub with library/)",
        GRAMMAR,
    ),
    "tag-empty": ("after ':' comes a tag of at least one character", OCI_NAMES),
    "tag-start": ("a tag starts with a letter, a digit or '_'", OCI_NAMES),
    "tag-character": ("a tag holds letters, digits, '_', '.' and '-', so neither '/' nor '+'", OCI_NAMES),
    "tag-length": (f"a tag has at most {TAG_LIMIT} characters", OCI_NAMES),
    "digest-empty": ("after '@' comes a digest, ALGORITHM:HEX", GRAMMAR),
    "digest-form": ("a digest is ALGORITHM:HEX, for example sha256: and 64 hexadecimal digits", GRAMMAR),
    "digest-algorithm": (f"the digest algorithm is one of {', '.join(DIGEST_HEX_DIGITS)}", OCI_DIGESTS),
    "digest-length": (
        "the digest has as many hexadecimal digits as its algorithm makes: "
        + ", ".join(f"{name} {digits}" for name, digits in DIGEST_HEX_DIGITS.items()),
        OCI_DIGESTS,
    ),
    "digest-character": ("a digest's digits are 0-9 and a-f, lower-case", OCI_DIGESTS),
}


def is_host(first_part: str) -> bool:
    """Whether the part before the first slash names a host, by the rule of Docker's clients.

    In this order: exactly ``localhost``; ``index.docker.io``; a ``.`` or ``:`` in it; an upper-case letter in it.
    Anything else is the first part of a Docker Hub name. Source: ``splitDockerDomain`` in NORMALIZE.
    """
    return (
        first_part in (LOCALHOST, LEGACY_DOCKER_HUB)
        or "." in first_part
        or ":" in first_part
        or first_part.lower() != first_part
    )


def split_host(name: str) -> tuple[str, str]:
    """Split ``name`` (everything after the host may carry tag and digest) into host and rest, Hub names completed.

    Source: ``splitDockerDomain`` in NORMALIZE.
    """
    first, slash, rest = name.partition("/")
    if not slash or not is_host(first):
        host, rest = DOCKER_HUB, name
    else:
        host = DOCKER_HUB if first == LEGACY_DOCKER_HUB else first
    if host == DOCKER_HUB and "/" not in rest:
        rest = OFFICIAL_NAMESPACE + rest
    return host, rest
