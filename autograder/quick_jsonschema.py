"""jsonschema without what makes it slow: two formats at its import, and a look at the same schema at every call.

Without the formats a start takes 0.3 s of processor time instead of 1.7 s: at its import jsonschema takes
rfc3987-syntax where that is installed (Jupyter asks for it), which then makes 38 parsers for the formats ``iri`` and
``iri-reference``. Neither a notebook nor a schema that we hold files against uses them.
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from types import ModuleType, SimpleNamespace
from typing import Any, Final

PACKAGE: Final = "rfc3987_syntax"


def prepare() -> None:
    """Have this process import jsonschema without them: to be called before anything that imports it."""
    if PACKAGE not in sys.modules:
        sys.modules[PACKAGE] = None  # type: ignore[assignment]  # an import of it fails, as if it were not installed


def check_schemas_once(module: ModuleType) -> None:
    """Have a module's ``jsonschema.validate`` check a schema only the first time that it comes.

    nbgrader holds each cell of a notebook against a schema of its own, several times a release, and jsonschema first
    holds that schema against the schema of schemas: nine tenths of the time that a release takes.

    Args:
        module: one that calls ``jsonschema.validate(instance, schema)``, and takes nothing else from jsonschema in its
            functions.
    """
    module.jsonschema = SimpleNamespace(validate=_validate)  # type: ignore[attr-defined]


def _validate(instance: Any, schema: Any) -> None:
    """As ``jsonschema.validate``; what it raises, too."""
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

    error = best_match(_validator(json.dumps(schema)).iter_errors(instance))
    if error is not None:
        raise error


@lru_cache(maxsize=16)
def _validator(schema: str) -> Any:
    from jsonschema.validators import validator_for  # type: ignore[import-untyped]

    document = json.loads(schema)
    kind = validator_for(document)
    kind.check_schema(document)
    return kind(document)


# The program check-jsonschema, started so: for `python -c`, with its arguments behind.
CHECK_JSONSCHEMA: Final = f"import sys; sys.modules[{PACKAGE!r}] = None; from check_jsonschema import main; main()"
