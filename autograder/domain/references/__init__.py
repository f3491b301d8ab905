"""Image references: ``parse`` takes one apart, or says which character breaks which rule."""

from __future__ import annotations

from autograder.domain.references.faults import InvalidReference
from autograder.domain.references.grammar import RULES, is_host
from autograder.domain.references.model import Reference, is_digest, is_tag, parse

__all__ = ["RULES", "InvalidReference", "Reference", "is_digest", "is_host", "is_tag", "parse"]
