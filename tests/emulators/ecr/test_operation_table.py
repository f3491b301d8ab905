"""An operation of ECR's API is declared in one place: a function of its name with its record, and no list beside it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from moto.core.utils import camelcase_to_underscores, get_service_model

from autograder.emulators.ecr import operations
from autograder.emulators.ecr.operation import Operation
from autograder.emulators.ecr.operations import OPERATIONS
from autograder.emulators.ecr.request import ApiRequest

EMULATORS = Path(operations.__file__).parent.parent.parent
MODEL = get_service_model("ecr")
EACH = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)


@EACH
def test_it_is_one_of_awss_and_one_function(operation: Operation) -> None:
    assert operation.name in MODEL.operation_names
    assert operation.run.__module__.startswith(operations.__name__)
    assert operation.run.__name__ == camelcase_to_underscores(operation.name)
    assert not vars(ApiRequest).get(operation.run.__name__), "moto's own method is not to be replaced beside it"


@EACH
def test_what_changes_nothing_is_no_change_in_the_journal(operation: Operation) -> None:
    assert not operation.reads or operation.journal in ("", "login")
    assert not (operation.reader and not operation.reads), "the managed policy is for reading"


def test_nothing_else_names_one() -> None:
    """IAM actions (``ecr:PutImage``) are words of policies; a bare name beside its function would be a second list."""
    names = {name for operation in OPERATIONS.values() for name in (operation.name, operation.run.__name__)}
    elsewhere = [
        f"{file.relative_to(EMULATORS)}:{node.lineno} names {node.value}"
        for file in EMULATORS.rglob("*.py")
        if Path(operations.__file__).parent not in file.parents
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert elsewhere == []
