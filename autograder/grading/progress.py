"""Where the judging of a submission stands: told step by step, so that whoever watches can end it and go on after it.

Code that reads what a student wrote calls :meth:`Progress.step` before each step, and :meth:`Progress.keep` when
something costly is done. Outside the walls nobody watches, and both do nothing.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Progress:
    """Progress that nobody watches.

    Attributes:
        over: name of a step -> why it was ended before, in words; it is not tried again.
        kept: name of a part -> what an earlier try made of it, pickled.
    """

    over: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, bytes] = field(default_factory=dict)

    def step(self, name: str, subject: str = "") -> None:
        """Say what comes next; the parts of a step, told one after the other, share its limit.

        Args:
            name: a key of ``limits.STEPS``, or such a key, a blank, and which of several it is.
            subject: the file or part that it is about, for a message.
        """

    def keep(self, name: str, value: object) -> None:
        """Hand over what need not be done again."""

    def has(self, name: str) -> bool:
        """Whether an earlier try has made this part."""
        return name in self.kept

    def get(self, name: str) -> Any:
        """What an earlier try made of a part."""
        return pickle.loads(self.kept[name])
