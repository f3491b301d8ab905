"""jsonschema without its two slowest formats: 0.3 s of processor time for a start instead of 1.7 s.

At its import jsonschema takes rfc3987-syntax where that is installed (Jupyter asks for it), which then makes 38 parsers
for the formats ``iri`` and ``iri-reference``. Neither a notebook nor a schema that we hold files against uses them.
"""

from __future__ import annotations

import sys
from typing import Final

PACKAGE: Final = "rfc3987_syntax"


def prepare() -> None:
    """Have this process import jsonschema without them: to be called before anything that imports it."""
    if PACKAGE not in sys.modules:
        sys.modules[PACKAGE] = None  # type: ignore[assignment]  # an import of it fails, as if it were not installed


# The program check-jsonschema, started so: for `python -c`, with its arguments behind.
CHECK_JSONSCHEMA: Final = f"import sys; sys.modules[{PACKAGE!r}] = None; from check_jsonschema import main; main()"
