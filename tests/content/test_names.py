"""Names of a lesson and names of a run: there and back, nothing twice, nothing by accident."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.content.names import Names

SERVICES = {
    "registry": "localhost:5016",
    "dockerhub": "localhost:5017",
    "ecr": "localhost:5018",
    "artifact-registry": "localhost:5019",
    "acr": "localhost:5020",
}
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


def names(clouds: bool = True) -> Names:
    ports = count(41000)
    return Names("l1-", SERVICES if clouds else {}, {"/home/you/course": "/tmp/x"}, lambda: next(ports))


@pytest.mark.parametrize(
    ("shown", "actual"),
    [
        (
            "docker run --name my-registry -v my-registry-data:/var",
            "docker run --name l1-registry -v l1-registry-data:/var",
        ),
        ("-p 127.0.0.1:5010:5000", "-p 127.0.0.1:41000:5000"),
        ("-p 5010:5000", "-p 41000:5000"),
        ("-p 127.0.0.1:8081:8080", "-p 127.0.0.1:41000:8080"),
        ("PORT=8090", "PORT=41000"),
        ('published: "5020"', 'published: "41000"'),
        ("localhost:5001/a localhost:5003/b", "localhost:5016/a localhost:5018/b"),
        (f"ECR={ECR}", "ECR=localhost:5018"),
        (f"https://{ECR}/v2/", "http://localhost:5018/v2/"),
        ("DOCKERHUB=docker.io", "DOCKERHUB=localhost:5017"),
        ("https://auth.docker.io/token?service=x", "http://localhost:5017/token?service=x"),
        ("europe-west1-docker.pkg.dev/p/r/i:1", "localhost:5019/p/r/i:1"),
        ("ACR=mlregistry-a1b2c3d4.azurecr.io", "ACR=localhost:5020"),
        ("cd /home/you/course/work", "cd /tmp/x/work"),
    ],
)
def test_there_and_back(shown, actual):
    table = names()
    table.read(shown)
    assert table.here(shown) == actual
    assert table.there(actual) == shown


@pytest.mark.parametrize(
    "text",
    [
        '"size": 5010',
        "sha256:5010abcdef",
        "dummy-thing",
        "port 50101",
        "notdocker.io",
        "docker.io.example.com",
        "hub.docker.com",
        "999999999999.dkr.ecr.us-east-1.amazonaws.com",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
    ],
)
def test_what_only_looks_like_a_name_stays(text):
    assert names().here(text) == text


def test_without_clouds_their_names_are_only_talked_about():
    assert names(clouds=False).here(f"{ECR}/a docker.io/b") == f"{ECR}/a docker.io/b"


def test_a_service_that_the_lesson_never_names_has_its_default_address():
    assert names().there("http://localhost:5018 127.0.0.1:5018 port:5018") == (
        "http://localhost:5003 127.0.0.1:5003 port:5003"
    )


def test_an_output_that_shows_local_addresses():
    table = names()
    table.read(f"{ECR} docker.io")
    assert table.there("export ECR=localhost:5018", local=True) == "export ECR=localhost:5003"
    assert table.there("export ECR=localhost:5018") == f"export ECR={ECR}"


def test_docker_ps_is_read_back():
    table = names()
    table.here("localhost:5010")
    assert table.there("127.0.0.1:41000->5000/tcp   l1-registry") == "127.0.0.1:5010->5000/tcp   my-registry"


WORDS = st.sampled_from(
    [
        "my-registry",
        "localhost:5010",
        "localhost:5003/a",
        f"{ECR}/ml-model:1",
        "docker.io/x",
        "ml-model",
        "5010",
        "=8085",
    ]
)


@given(st.lists(WORDS))
def test_translation_loses_nothing(words):
    text = " ".join(words)
    table = names()
    table.read(text)
    back = table.there(table.here(text))
    assert back == (text.replace("localhost:5003", ECR) if ECR in text else text)
