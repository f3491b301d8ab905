"""What each lab of the course is worth and how long it takes; all twelve together make 100 points."""

from __future__ import annotations

import pytest

from autograder.labs import manifest

# lab: points, minutes, points that a person gives
PLAN = {
    "01-first-push": (6, 30, 0),
    "02-names": (4, 20, 0),
    "03-docker-hub": (8, 35, 0),
    "04-tagging": (10, 45, 2),
    "05-private-registry": (9, 75, 0),
    "06-ecr": (10, 60, 0),
    "07-google-azure": (7, 45, 0),
    "08-lifecycle": (11, 60, 0),
    "09-scanning": (11, 75, 2),
    "10-ci-cd": (8, 45, 0),
    "11-multi-arch": (4, 30, 0),
    "12-multi-registry": (12, 120, 2),
}


def test_the_plan_makes_100_points():
    assert sum(points for points, _, _ in PLAN.values()) == 100


@pytest.mark.parametrize("slug", manifest.slugs())
def test_a_lab_is_worth_what_was_planned(slug):
    lab = manifest.find(slug)
    by_hand = sum(lab.points[id] for id in lab.by_hand)
    assert (lab.total, lab.minutes, by_hand) == PLAN[slug]


@pytest.mark.parametrize("slug", manifest.slugs())
def test_a_core_check_needs_core_checks_alone(slug):
    """Else the core path would lead to a check that it has left out."""
    lab = manifest.find(slug)
    core = {part.id for part in lab.checks if part.core}
    needed = {need for id, check in lab.declared_checks().items() if id in core for need in check.needs}
    assert needed <= core
