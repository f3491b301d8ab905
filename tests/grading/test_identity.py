"""Whose work it is: names of another student are found, and nobody is accused by chance."""

from __future__ import annotations

import pytest

from autograder.grading.handed_out import personal_texts
from autograder.grading.identity import Owners


@pytest.fixture
def owners(lab, course):
    return Owners(lab, course)


def test_own_names_are_fine_and_no_names_are_fine(owners, ada):
    assert owners.identify("ada", {ada.parameters["repository"], ada.parameters["team"]}).ok
    assert owners.identify("ada", set()).ok and owners.identify("ada", {"latest", "anything", "1.2.0"}).ok


def test_the_work_of_another_student_names_the_owner(owners, ben):
    found = owners.identify("ada", {ben.parameters["repository"], "1.0.0"})
    assert (found.ok, found.owner) == (False, "ben")
    assert "work of ben, not of ada" in found.message and ben.parameters["repository"] in found.message


def test_own_work_that_also_holds_anothers_is_reported_but_not_refused(owners, ada, ben):
    found = owners.identify("ada", {ada.parameters["repository"], ben.parameters["team"]})
    assert (found.ok, found.owner) == (True, "ben") and ben.parameters["team"] in found.message


def test_a_value_that_is_drawn_from_few_accuses_nobody(owners, ben):
    assert ben.parameters["tag"] in ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0")
    assert owners.identify("ada", {ben.parameters["tag"]}).ok


def test_personal_texts_are_found_wherever_they_are(lab):
    texts = personal_texts(lab, {"repository": "r" * 6, "a": ["bbbbbb", {"c": "dddddd"}], "n": 5, "short": "x"})
    assert texts == {"rrrrrr", "bbbbbb", "dddddd"}
