"""The shape of an answer: which parts of a prediction callers of POST /predict get to see."""

from __future__ import annotations

from typing import Any


def answer(prediction: dict[str, Any], version: str) -> dict[str, Any]:
    """The JSON object sent for one message.

    Args:
        prediction: what ``Model.predict`` returned: ``queue``, ``score`` and ``runner_up``.
        version: the release of the image that answers.
    """
    return {
        "queue": prediction["queue"],
        "score": prediction["score"],
        "version": version,
    }
