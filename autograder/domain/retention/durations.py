"""Durations as gcloud and ``acr purge`` write them, ages as the clouds compare them, ages as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

BEGINNING = datetime.min.replace(tzinfo=UTC)
LONGEST = timedelta(days=150 * 365)

_GCLOUD_SECONDS = {
    "Y": 365.2422 * 86400,
    "MONTH": 365.2422 * 86400 / 12,
    "W": 7 * 86400,
    "D": 86400,
    "H": 3600,
    "M": 60,
    "S": 1,
}
_GO_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_GO_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_GO_DURATION = re.compile(rf"0|(?:{_GO_PART.pattern})*")


def gcloud_duration(text: str) -> timedelta:
    """Read a duration as gcloud reads the ``olderThan`` of a cleanup policy: ``30d``, ``12h``, ``2592000s``, ``P30D``.

    Source: https://docs.cloud.google.com/artifact-registry/docs/repositories/cleanup-policy and the parser in the
    Google Cloud SDK, ``googlecloudsdk/core/util/iso_duration.py`` (upper and lower case alike; without a leading
    ``P`` an ``m`` is minutes).

    Raises:
        ValueError: when it is not such a duration, or negative.
    """
    rest = text.upper()
    calendar = rest.startswith("P")
    before_t = calendar
    rest = rest[1:] if calendar else rest
    if not re.fullmatch(r"(?:[0-9]+(?:[.,][0-9]+)?[YWDHMS]|T)+", rest, re.ASCII) or rest.count("T") > 1:
        raise ValueError("a number and a unit, such as 30d, 12h or 2592000s")
    seconds = 0.0
    for number, unit in re.findall(r"([0-9.,]*)([A-Z])", rest):
        if unit == "T":
            before_t = False
            continue
        if unit == "M" and before_t:
            unit = "MONTH"
        seconds += float(number.replace(",", ".")) * _GCLOUD_SECONDS[unit]
        before_t = before_t and unit not in "HS"
    return capped(seconds)


def go_duration(text: str) -> timedelta:
    """Read the ``--ago`` of ``acr purge``: whole days, then a Go duration: ``30d``, ``2d3h6m``, ``1h15m``.

    Source: https://learn.microsoft.com/azure/container-registry/container-registry-auto-purge and ``parseDuration`` in
    https://github.com/Azure/acr-cli/blob/main/cmd/acr/purge.go, which caps at 150 years. That function also lets
    malformed text pass (``abcd`` becomes zero, so everything is old enough); here it is an error.

    Raises:
        ValueError: when it is not such a duration, or negative.
    """
    days, found, rest = text.partition("d")
    if not found:
        days, rest = "0", text
    days_are_whole = days.isascii() and days.isdigit()
    if not (days_are_whole and _GO_DURATION.fullmatch(rest) and (found or rest)):
        raise ValueError("whole days and a Go duration, such as 30d, 2d3h6m or 1h15m")
    parts = _GO_PART.findall(rest)
    return capped(float(days) * 86400 + sum(float(number) * _GO_SECONDS[unit] for number, unit in parts))


def capped(seconds: float) -> timedelta:
    """A timedelta of ``seconds``, at most 150 years, so that no arithmetic on dates can overflow."""
    return timedelta(seconds=min(seconds, LONGEST.total_seconds()))


def cutoff(now: datetime, age: timedelta) -> datetime:
    """The moment ``age`` before ``now``; the beginning of time if that is earlier than dates can say."""
    try:
        return now - age
    except OverflowError:
        return BEGINNING


def days_before(now: datetime, days: int) -> datetime:
    """The moment ``days`` days before ``now``, for any whole number, however large."""
    return cutoff(now, timedelta(days=min(days, 999_999_999)))


def age_text(now: datetime, then: datetime) -> str:
    """An age for people: ``45 days``, ``1 day``, ``2.5 days``, ``3 hours``; the future is ``0 hours``."""
    hours = max((now - then).total_seconds(), 0.0) / 3600
    if hours < 24:
        whole = int(hours)
        return f"{whole} hour{'' if whole == 1 else 's'}"
    number = f"{int(hours / 24 * 10) / 10:.1f}".removesuffix(".0")
    return f"{number} day{'' if number == '1' else 's'}"
