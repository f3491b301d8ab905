"""Whatever a client sends to the API, it gets an answer of AWS's form, never a fault of ours."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.core.utils import get_service_model
from werkzeug.test import Client

from autograder.oci.manifests import digest_of

from .emulator import Emulator
from .test_operations import raw

MODEL = get_service_model("ecr")
LAYER = digest_of(b"layer")
KNOWN = ["app", "1.0", "latest", LAYER, "MUTABLE", "IMMUTABLE_WITH_EXCLUSION", "WILDCARD", "SCAN_ON_PUSH", "BASIC"]
KNOWN += ["TAGGED", "ARCHIVED", "123456789012", "arn:aws:ecr:us-east-1:123456789012:repository/app", "*", "ARCHIVE"]


def values(shape: Any) -> st.SearchStrategy[Any]:
    """Values of a shape of AWS's description, mostly sensible ones."""
    kind = shape.type_name
    if kind == "structure":
        required = {name: values(shape.members[name]) for name in shape.required_members}
        optional = {name: values(part) for name, part in shape.members.items() if name not in required}
        return st.fixed_dictionaries(required, optional=optional)
    if kind == "list":
        return st.lists(values(shape.member), max_size=3)
    if kind == "map":
        return st.dictionaries(st.text(max_size=5), values(shape.value), max_size=2)
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "long"):
        return st.integers(-3, 2000)
    if kind == "blob":
        return st.binary(max_size=8).map(lambda content: base64.b64encode(content).decode())
    if kind == "string":
        return (
            st.sampled_from(KNOWN) | st.sampled_from(list(getattr(shape, "enum", None) or KNOWN)) | st.text(max_size=12)
        )
    raise AssertionError(kind)


@cache
def asked_of(operation: str) -> st.SearchStrategy[Any]:
    """What may be asked of an operation; made once, not for each example."""
    return values(MODEL.operation_model(operation).input_shape)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Emulator:
    """An emulator with a repository, which the calls of all examples change as they like."""
    folder: Path = tmp_path_factory.mktemp("any")
    emulator = Emulator(folder)
    emulator.client().create_repository(repositoryName="app")
    emulator.store.put_blob("app", LAYER, [b"layer"])
    emulator.push_new("app", "1.0", "one")
    return emulator


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_input_is_a_server_error(filled: Emulator, data: st.DataObject) -> None:
    if filled.backend.index.tags("app") is None:
        filled.client().create_repository(repositoryName="app")
        filled.push_new("app", "1.0", "one")
    operation = data.draw(st.sampled_from(sorted(MODEL.operation_names)))
    asked = data.draw(asked_of(operation))
    status, _ = raw(Client(filled.backend.api), filled, operation, asked)
    assert status in (200, 400), (operation, asked)


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=60))
def test_no_body_is_a_server_error(filled: Emulator, body: bytes) -> None:
    assert raw(Client(filled.backend.api), filled, "DescribeImages", body)[0] == 400
