"""Commands of gcloud and az: found in a block, and compared with what the kit's helpers stand for."""

from __future__ import annotations

import pytest

from autograder.content import cloudcli

CREATE = "gcloud artifacts repositories create ml --location=europe-west1 --repository-format=docker"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a b | c 'd e' && f; g\n", [["a", "b"], ["c", "d e"], ["f"], ["g"]]),
        ("a \\\n  b\n", [["a", "b"]]),
        ("# a comment\na  # more\n", [["a"]]),
        ("a <<'EOF'\nit's\nEOF\nb\n", [["a"], ["b"]]),
        ('T=$(az acr login --name "x y")', [["T="], ["az", "acr", "login", "--name", "x y"]]),
    ],
)
def test_a_block_falls_into_commands(code, expected):
    assert cloudcli.commands(code) == expected


def test_quotes_that_stay_open_are_an_error():
    with pytest.raises(ValueError, match="quotation"):
        cloudcli.commands("a 'b")


def different(shown: str, printed: str) -> list[str]:
    return cloudcli.differences(cloudcli.cloud_commands(shown), cloudcli.stood_for([f"stands for: {printed}\nx\n"]))


@pytest.mark.parametrize(
    "shown",
    [
        CREATE,
        CREATE.replace("=", " "),
        "gcloud artifacts repositories create ml \\\n --repository-format=docker --location=europe-west1",
        "gcloud artifacts repositories list",
        "docker images",
        f"{CREATE}\ngcloud artifacts repositories create other --location=us",
    ],
)
def test_the_same_command_or_another_subcommand_is_fine(shown):
    assert different(shown, CREATE) == []


@pytest.mark.parametrize("shown", [CREATE.replace("europe-west1", "us"), CREATE.replace(" ml ", " other ")])
def test_other_words_in_the_same_subcommand_are_told(shown):
    [problem] = different(shown, CREATE)
    assert CREATE in problem
