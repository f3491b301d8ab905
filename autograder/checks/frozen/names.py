"""What lab 02-names drew in version 0.1.0; see the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from autograder.checks.frozen.words import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom

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
MODELS: Final = ("ml-model", "router", "tokenizer", "intent-model", "ranker", "embedder")
PLACES: Final = ("myregistry", "registry", "internal", "mirror", "harbor", "artifacts")


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, a model, a registry of the team's, eight names to read and five broken ones with what they mean."""
    bird = draw.choice("bird", BIRDS)
    place = draw.choice("place", PLACES)
    values = {
        "team": f"{bird}-{draw.hex('team', 4)}",
        "model": draw.choice("model", MODELS),
        "version": f"{draw.integer('major', 1, 6)}.{draw.integer('minor', 0, 12)}.{draw.integer('patch', 0, 9)}",
        "host": f"{place}.{bird}.example.com",
        "digest": f"sha256:{draw.hex('digest', 64)}",
    }
    filled = _templates(values) | {"account": str(draw.integer("account", 10**11, 10**12 - 1))}
    names = [draw.choice(f"name {n}", group).format_map(filled) for n, group in enumerate(NAMES)]
    broken = [PLUS, NO_HOST, VERSION_AS_PATH, *draw.sample("broken", OTHERS, 2)]
    return values | {
        "names": draw.shuffle("names", names),
        "broken": {
            kind.text.format_map(filled): kind.meant.format_map(filled) for kind in draw.shuffle("order", broken)
        },
    }


def _templates(values: Mapping[str, Any]) -> dict[str, str]:
    """What the templates of the name kinds are filled with."""
    team, model, digest = str(values["team"]), str(values["model"]), str(values["digest"])
    place = str(values["host"]).partition(".")[0]
    return {
        **{name: str(values[name]) for name in ("team", "model", "version", "host", "digest")},
        "Team": team.capitalize(),
        "Model": model.title(),
        "place": place,
        "short": digest[: len("sha256:") + 12],
    }
