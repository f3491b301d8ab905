"""Lab 02's data: the sorts of names a student reads, and the sorts of broken names with what they were meant to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# One group a name; one of each group is drawn. Filled with the student's own parameters.
NAMES: Final[tuple[tuple[str, ...], ...]] = (
    ("{model}", "{model}:{version}"),
    ("{place}/{model}:{version}",),  # looks like a registry of that name, and is on Docker Hub
    ("localhost:5001/{model}", "localhost/{team}/{model}:dev"),
    ("{team}:5000/{model}:{version}", "{Team}/{model}:{version}"),
    ("{host}/{model}:{version}", "{host}/{model}"),
    ("{team}/{model}@{digest}", "{place}/{model}@{digest}"),
    (
        "{account}.dkr.ecr.eu-west-1.amazonaws.com/{team}/{model}:{version}",
        "europe-west1-docker.pkg.dev/{team}/models/{model}:{version}",
        "{team}-a1b2c3.azurecr.io/{model}:{version}",
    ),
    ("docker.io/{model}:{version}", "index.docker.io/{team}/{model}:{version}", "localhost:5001"),
)


@dataclass(frozen=True)
class Broken:
    """A sort of broken name: templates of the text, of what it was meant to be, and of every right repair."""

    text: str
    meant: str
    right: tuple[str, ...]


PLUS: Final = Broken(
    "{host}/{team}/{model}:{version}+cu124",
    "version {version} of {team}/{model} for CUDA 12.4 (cu124), in the registry {host}",
    tuple("{host}/{team}/{model}:{version}" + sign + "cu124" for sign in ("_", "-", ".")),
)
# Docker accepts these two as they are, and takes them for another image.
NO_HOST: Final = Broken(
    "{place}/{model}:{version}",
    "version {version} in the registry {host}, in the repository {model}",
    ("{host}/{model}:{version}",),
)
VERSION_AS_PATH: Final = Broken(
    "{host}/{team}/{model}/{version}",
    "version {version} of {team}/{model}, in the registry {host}",
    ("{host}/{team}/{model}:{version}",),
)
OTHERS: Final = (
    Broken(
        "https://{host}/{team}/{model}:{version}",
        "version {version} of {team}/{model}, in the registry {host}",
        ("{host}/{team}/{model}:{version}",),
    ),
    Broken(
        "{Team}/{Model}:{version}",
        "version {version} of {team}/{model}, on Docker Hub",
        ("{team}/{model}:{version}",),
    ),
    Broken(
        "{host}/{team}/{model}:feature/tokenizer",
        "the build of {team}/{model} from the branch feature/tokenizer, in the registry {host}",
        tuple("{host}/{team}/{model}:feature" + sign + "tokenizer" for sign in ("-", "_", ".")),
    ),
    Broken(
        "{host}//{model}:{version}",
        "version {version} in the registry {host}, in the repository {model}",
        ("{host}/{model}:{version}",),
    ),
    Broken(
        "{host}/{team}/{model}@{short}",
        "the image of {team}/{model} with the digest me.digest, in the registry {host}",
        ("{host}/{team}/{model}@{digest}",),
    ),
    Broken(
        "{host}:{team}/{model}:{version}",
        "version {version} of {team}/{model}, in the registry {host}",
        ("{host}/{team}/{model}:{version}",),
    ),
)
BROKEN: Final = (PLUS, NO_HOST, VERSION_AS_PATH, *OTHERS)

MODELS: Final = ("ml-model", "router", "tokenizer", "intent-model", "ranker", "embedder")
PLACES: Final = ("myregistry", "registry", "internal", "mirror", "harbor", "artifacts")
# What people write for Docker Hub instead of its name.
HUB_ADDRESSES: Final = ("hub.docker.com", "registry-1.docker.io", "index.docker.io", "registry.hub.docker.com")
