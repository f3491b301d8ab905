"""Dates in Moment's format language: ``YYYYMMDD``, ``[v]YYYY.MM``, ``Do``, ``HH:mm:ss`` and the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final

from autograder.domain.github_actions.errors import NotKnownHere

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS: Final = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

# Source of both patterns: https://github.com/moment/moment/blob/2.30.1/src/lib/format/format.js
_TOKEN: Final = re.compile(
    r"(\[[^\[]*\])|(\\)?([Hh]mm(ss)?|Mo|MM?M?M?|Do|DDDo|DD?D?D?|ddd?d?|do?|w[o|w]?|W[o|W]?|Qo?|N{1,5}|YYYYYY|YYYYY"
    r"|YYYY|YY|y{2,4}|yo?|gg(ggg?)?|GG(GGG?)?|e|E|a|A|hh?|HH?|kk?|mm?|ss?|S{1,9}|x|X|zz?|ZZ?|.)"
)
_LOCAL_TOKEN: Final = re.compile(r"(\[[^\[]*\])|(\\)?(LTS|LT|LL?L?L?|l{1,4})")
_LOCAL_FORMATS: Final = {
    "LTS": "h:mm:ss A",
    "LT": "h:mm A",
    "L": "MM/DD/YYYY",
    "LL": "MMMM D, YYYY",
    "LLL": "MMMM D, YYYY h:mm A",
    "LLLL": "dddd, MMMM D, YYYY h:mm A",
    "l": "M/D/YYYY",
    "ll": "MMM D, YYYY",
    "lll": "MMM D, YYYY h:mm A",
    "llll": "ddd, MMM D, YYYY h:mm A",
}
_DEFAULT_FORMAT: Final = "YYYY-MM-DDTHH:mm:ssZ"
_DEFAULT_FORMAT_UTC: Final = "YYYY-MM-DDTHH:mm:ss[Z]"


def format_date(when: datetime, pattern: str, zone: str = "UTC") -> str:
    """Write ``when`` (with time zone) in the zone and format given.

    A zone that does not exist leaves the time as it is, in UTC as on GitHub's runners: the action writes a line to the
    log and goes on.

    Raises:
        NotKnownHere: where this Python has no time-zone data.

    Source: https://momentjs.com/docs/#/displaying/format/; English names, as the action never sets a locale.
    """
    local = when.astimezone(_zone(zone))
    pattern = pattern or (_DEFAULT_FORMAT if local.utcoffset() else _DEFAULT_FORMAT_UTC)
    for _ in range(6):
        if not _LOCAL_TOKEN.search(pattern):
            break
        pattern = _LOCAL_TOKEN.sub(lambda token: _LOCAL_FORMATS.get(token.group(), token.group()), pattern)
    return "".join(_write(token.group(), local) for token in _TOKEN.finditer(pattern))


def _zone(name: str) -> tzinfo:
    if name.lower() in ("utc", "etc/utc", "zulu", "etc/zulu", "universal", "uct", "etc/uct"):
        return UTC
    from zoneinfo import ZoneInfo  # read only when a rule names a zone

    names = _zone_names()
    if not names:
        raise NotKnownHere(f"time-zone data for {name} (install the package tzdata)")
    return ZoneInfo(names[name.lower()]) if name.lower() in names else timezone(timedelta(), "")


@cache
def _zone_names() -> dict[str, str]:
    """Lower-case name -> name of every zone this Python knows; Moment ignores case."""
    from zoneinfo import available_timezones

    return {zone.lower(): zone for zone in available_timezones()}


def _write(token: str, when: datetime) -> str:
    if token in _TOKENS:
        return _TOKENS[token](when)
    if re.search(r"\[[\s\S]", token):
        return re.sub(r"^\[|\]\Z", "", token)
    return token.replace("\\", "")


def _ordinal(number: int) -> str:
    teens = number % 100 // 10 == 1
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _us_week(when: datetime) -> tuple[int, int]:
    """Year and week where weeks begin on Sunday and week 1 holds 1 January, as in Moment's English locale."""
    saturday = when.date() + timedelta(days=(5 - when.weekday()) % 7)
    first = saturday.replace(month=1, day=1)
    return saturday.year, ((saturday - first).days) // 7 + 1


def _offset(when: datetime, separator: str) -> str:
    offset = when.utcoffset() or timedelta()
    sign = "-" if offset < timedelta() else "+"
    minutes = int(abs(offset).total_seconds()) // 60
    return f"{sign}{minutes // 60:02}{separator}{minutes % 60:02}"


def _day_of_year(when: datetime) -> int:
    return when.timetuple().tm_yday


def _quarter(when: datetime) -> int:
    return (when.month + 2) // 3


def _twelve(when: datetime) -> int:
    return when.hour % 12 or 12


def _sunday_first(when: datetime) -> int:
    return when.isoweekday() % 7


def _zone_name(when: datetime) -> str:
    return when.tzname() or ""


def _milliseconds(when: datetime) -> int:
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _fraction(digits: int) -> Callable[[datetime], str]:
    """JavaScript's dates hold milliseconds; further digits are zeros."""
    return lambda when: f"{when.microsecond // 1000:03}000000"[:digits]


_TOKENS: Final[dict[str, Callable[[datetime], str]]] = {
    "M": lambda t: str(t.month),
    "Mo": lambda t: _ordinal(t.month),
    "MM": lambda t: f"{t.month:02}",
    "MMM": lambda t: _MONTHS[t.month - 1][:3],
    "MMMM": lambda t: _MONTHS[t.month - 1],
    "Q": lambda t: str(_quarter(t)),
    "Qo": lambda t: _ordinal(_quarter(t)),
    "D": lambda t: str(t.day),
    "Do": lambda t: _ordinal(t.day),
    "DD": lambda t: f"{t.day:02}",
    "DDD": lambda t: str(_day_of_year(t)),
    "DDDo": lambda t: _ordinal(_day_of_year(t)),
    "DDDD": lambda t: f"{_day_of_year(t):03}",
    "d": lambda t: str(_sunday_first(t)),
    "do": lambda t: _ordinal(_sunday_first(t)),
    "dd": lambda t: _DAYS[t.weekday()][:2],
    "ddd": lambda t: _DAYS[t.weekday()][:3],
    "dddd": lambda t: _DAYS[t.weekday()],
    "e": lambda t: str(_sunday_first(t)),
    "E": lambda t: str(t.isoweekday()),
    "w": lambda t: str(_us_week(t)[1]),
    "wo": lambda t: _ordinal(_us_week(t)[1]),
    "ww": lambda t: f"{_us_week(t)[1]:02}",
    "W": lambda t: str(t.isocalendar().week),
    "Wo": lambda t: _ordinal(t.isocalendar().week),
    "WW": lambda t: f"{t.isocalendar().week:02}",
    "YY": lambda t: f"{t.year % 100:02}",
    "YYYY": lambda t: f"{t.year:04}",
    "YYYYY": lambda t: f"{t.year:05}",
    "YYYYYY": lambda t: f"+{t.year:06}",
    "Y": lambda t: str(t.year),
    "y": lambda t: str(t.year),
    "yy": lambda t: f"{t.year:02}",
    "yyy": lambda t: f"{t.year:03}",
    "yyyy": lambda t: f"{t.year:04}",
    "yo": lambda t: _ordinal(t.year),
    "N": lambda _: "AD",
    "NN": lambda _: "AD",
    "NNN": lambda _: "AD",
    "NNNN": lambda _: "Anno Domini",
    "NNNNN": lambda _: "AD",
    "gg": lambda t: f"{_us_week(t)[0] % 100:02}",
    "gggg": lambda t: f"{_us_week(t)[0]:04}",
    "ggggg": lambda t: f"{_us_week(t)[0]:05}",
    "GG": lambda t: f"{t.isocalendar().year % 100:02}",
    "GGGG": lambda t: f"{t.isocalendar().year:04}",
    "GGGGG": lambda t: f"{t.isocalendar().year:05}",
    "A": lambda t: "AM" if t.hour < 12 else "PM",
    "a": lambda t: "am" if t.hour < 12 else "pm",
    "H": lambda t: str(t.hour),
    "HH": lambda t: f"{t.hour:02}",
    "h": lambda t: str(_twelve(t)),
    "hh": lambda t: f"{_twelve(t):02}",
    "k": lambda t: str(t.hour or 24),
    "kk": lambda t: f"{t.hour or 24:02}",
    "hmm": lambda t: f"{_twelve(t)}{t.minute:02}",
    "hmmss": lambda t: f"{_twelve(t)}{t.minute:02}{t.second:02}",
    "Hmm": lambda t: f"{t.hour}{t.minute:02}",
    "Hmmss": lambda t: f"{t.hour}{t.minute:02}{t.second:02}",
    "m": lambda t: str(t.minute),
    "mm": lambda t: f"{t.minute:02}",
    "s": lambda t: str(t.second),
    "ss": lambda t: f"{t.second:02}",
    **{"S" * digits: _fraction(digits) for digits in range(1, 10)},
    "z": _zone_name,
    "zz": _zone_name,
    "Z": lambda t: _offset(t, ":"),
    "ZZ": lambda t: _offset(t, ""),
    "X": lambda t: str(_milliseconds(t) // 1000),
    "x": lambda t: str(_milliseconds(t)),
}
