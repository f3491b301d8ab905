"""Dates in Moment's format language, versions, quotes and patterns, against what the action's own libraries give."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from autograder.domain.github_actions import javascript
from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.metadata_action import moment
from autograder.domain.metadata_action.lists import fields, input_lines
from autograder.domain.metadata_action.moment import format_date
from autograder.domain.metadata_action.render import render
from autograder.domain.metadata_action.versions import read_pep440, semver_values

MOMENTS = (
    ("2020-01-10T00:30:05.678Z", "UTC"),
    ("2023-12-31T13:07:09.001Z", "America/New_York"),
    ("2025-01-01T23:59:59.999Z", "asia/kolkata"),
)

# Token -> what Moment 2.30.1 writes at the three moments above.
TOKENS: dict[str, tuple[str, str, str]] = {
    "M": ("1", "12", "1"),
    "Mo": ("1st", "12th", "1st"),
    "MM": ("01", "12", "01"),
    "MMM": ("Jan", "Dec", "Jan"),
    "MMMM": ("January", "December", "January"),
    "Q": ("1", "4", "1"),
    "Qo": ("1st", "4th", "1st"),
    "D": ("10", "31", "2"),
    "Do": ("10th", "31st", "2nd"),
    "DD": ("10", "31", "02"),
    "DDD": ("10", "365", "2"),
    "DDDo": ("10th", "365th", "2nd"),
    "DDDD": ("010", "365", "002"),
    "d": ("5", "0", "4"),
    "do": ("5th", "0th", "4th"),
    "dd": ("Fr", "Su", "Th"),
    "ddd": ("Fri", "Sun", "Thu"),
    "dddd": ("Friday", "Sunday", "Thursday"),
    "e": ("5", "0", "4"),
    "E": ("5", "7", "4"),
    "w": ("2", "1", "1"),
    "wo": ("2nd", "1st", "1st"),
    "ww": ("02", "01", "01"),
    "W": ("2", "52", "1"),
    "Wo": ("2nd", "52nd", "1st"),
    "WW": ("02", "52", "01"),
    "YY": ("20", "23", "25"),
    "YYYY": ("2020", "2023", "2025"),
    "YYYYY": ("02020", "02023", "02025"),
    "YYYYYY": ("+002020", "+002023", "+002025"),
    "Y": ("2020", "2023", "2025"),
    "y": ("2020", "2023", "2025"),
    "yy": ("2020", "2023", "2025"),
    "yyy": ("2020", "2023", "2025"),
    "yyyy": ("2020", "2023", "2025"),
    "yo": ("2020th", "2023rd", "2025th"),
    "N": ("AD", "AD", "AD"),
    "NN": ("AD", "AD", "AD"),
    "NNN": ("AD", "AD", "AD"),
    "NNNN": ("Anno Domini", "Anno Domini", "Anno Domini"),
    "NNNNN": ("AD", "AD", "AD"),
    "gg": ("20", "24", "25"),
    "gggg": ("2020", "2024", "2025"),
    "ggggg": ("02020", "02024", "02025"),
    "GG": ("20", "23", "25"),
    "GGGG": ("2020", "2023", "2025"),
    "GGGGG": ("02020", "02023", "02025"),
    "A": ("AM", "AM", "AM"),
    "a": ("am", "am", "am"),
    "H": ("0", "8", "5"),
    "HH": ("00", "08", "05"),
    "h": ("12", "8", "5"),
    "hh": ("12", "08", "05"),
    "k": ("24", "8", "5"),
    "kk": ("24", "08", "05"),
    "hmm": ("1230", "807", "529"),
    "hmmss": ("123005", "80709", "52959"),
    "Hmm": ("030", "807", "529"),
    "Hmmss": ("03005", "80709", "52959"),
    "m": ("30", "7", "29"),
    "mm": ("30", "07", "29"),
    "s": ("5", "9", "59"),
    "ss": ("05", "09", "59"),
    "S": ("6", "0", "9"),
    "SS": ("67", "00", "99"),
    "SSS": ("678", "001", "999"),
    "SSSS": ("6780", "0010", "9990"),
    "SSSSS": ("67800", "00100", "99900"),
    "SSSSSS": ("678000", "001000", "999000"),
    "SSSSSSS": ("6780000", "0010000", "9990000"),
    "SSSSSSSS": ("67800000", "00100000", "99900000"),
    "SSSSSSSSS": ("678000000", "001000000", "999000000"),
    "z": ("UTC", "EST", "IST"),
    "zz": ("UTC", "EST", "IST"),
    "Z": ("+00:00", "-05:00", "+05:30"),
    "ZZ": ("+0000", "-0500", "+0530"),
    "X": ("1578616205", "1704028029", "1735775999"),
    "x": ("1578616205678", "1704028029001", "1735775999999"),
    "LTS": ("12:30:05 AM", "8:07:09 AM", "5:29:59 AM"),
    "LT": ("12:30 AM", "8:07 AM", "5:29 AM"),
    "L": ("01/10/2020", "12/31/2023", "01/02/2025"),
    "LL": ("January 10, 2020", "December 31, 2023", "January 2, 2025"),
    "LLL": ("January 10, 2020 12:30 AM", "December 31, 2023 8:07 AM", "January 2, 2025 5:29 AM"),
    "LLLL": (
        "Friday, January 10, 2020 12:30 AM",
        "Sunday, December 31, 2023 8:07 AM",
        "Thursday, January 2, 2025 5:29 AM",
    ),
    "l": ("1/10/2020", "12/31/2023", "1/2/2025"),
    "ll": ("Jan 10, 2020", "Dec 31, 2023", "Jan 2, 2025"),
    "lll": ("Jan 10, 2020 12:30 AM", "Dec 31, 2023 8:07 AM", "Jan 2, 2025 5:29 AM"),
    "llll": ("Fri, Jan 10, 2020 12:30 AM", "Sun, Dec 31, 2023 8:07 AM", "Thu, Jan 2, 2025 5:29 AM"),
}

FORMATS = [
    ("2020-01-10T00:30:05.678Z", "UTC", "[YYYY]", "YYYY"),
    ("2020-01-10T00:30:05.678Z", "UTC", "[v]YYYY.MM", "v2020.01"),
    ("2020-01-10T00:30:05.678Z", "UTC", "\\D", "D"),
    ("2020-01-10T00:30:05.678Z", "UTC", "YYYY-MM-DDTHH:mm:ss.SSS[Z]", "2020-01-10T00:30:05.678Z"),
    ("2020-01-10T00:30:05.678Z", "UTC", "[a[b]", "[amb"),
    ("2020-01-10T00:30:05.678Z", "UTC", "]x", "]1578616205678"),
    ("2020-01-10T00:30:05.678Z", "UTC", "é", "é"),
    ("2020-01-10T00:30:05.678Z", "UTC", "", "2020-01-10T00:30:05Z"),
    ("2020-01-10T00:30:05.678Z", "Nowhere/Land", "HH z Z", "00  +00:00"),
    ("2020-01-10T00:30:05.678Z", "Asia/Tokyo", "YYYYMMDD-HHmmss z", "20200110-093005 JST"),
    ("2023-12-31T13:07:09.001Z", "Europe/Berlin", "z Z ZZ", "CET +01:00 +0100"),
    ("2024-03-10T06:59:00.000Z", "America/New_York", "HH:mm z", "01:59 EST"),
    ("2024-03-10T07:00:00.000Z", "America/New_York", "HH:mm z", "03:00 EDT"),
]


@pytest.mark.parametrize("token", TOKENS)
def test_token(token: str) -> None:
    found = tuple(format_date(datetime.fromisoformat(when), token, zone) for when, zone in MOMENTS)
    assert found == TOKENS[token]


def test_every_token_has_a_row() -> None:
    assert set(TOKENS) == set(moment._TOKENS) | set(moment._LOCAL_FORMATS)


@pytest.mark.parametrize(("when", "zone", "pattern", "text"), FORMATS)
def test_format(when: str, zone: str, pattern: str, text: str) -> None:
    assert format_date(datetime.fromisoformat(when), pattern, zone) == text


@given(st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)), st.text(max_size=15))
def test_no_format_crashes(when: datetime, pattern: str) -> None:
    assert isinstance(format_date(when.replace(tzinfo=UTC), pattern), str)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)))
def test_week_dates_agree_with_python(when: datetime) -> None:
    assert format_date(when.replace(tzinfo=UTC), "GGGG-WW-E DDDD") == when.strftime("%G-%V-%u %j")


PEP440 = st.from_regex(
    r"v?([0-9]!)?[0-9]{1,2}(\.[0-9]{1,2}){0,3}([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?[0-9]{0,2})?"
    r"(-[0-9]|[-_.]?(post|rev|r)[0-9]{0,2})?([-_.]?dev[0-9]{0,2})?(\+[a-z0-9]{1,4})?",
    fullmatch=True,
)


@given(PEP440 | st.text(alphabet="0123456789.abrcdevpost-_+! v", max_size=12))
def test_pep440_agrees_with_packaging(text: str) -> None:
    found = read_pep440(text)
    try:
        version = Version(text)
    except InvalidVersion:
        assert found is None
        return
    if text != text.strip():  # packaging strips, the action's library does not
        assert found is None
        return
    assert found is not None
    assert found.clean.replace(",", ".") == str(version)
    assert [found.number(i) for i in range(3)] == [version.major, version.minor, version.micro]
    assert found.final is not (version.is_prerelease or version.is_postrelease)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.2.3", "1.2.3"),
        ("v1.2.3", "1.2.3"),
        (" 1.2.3 ", "1.2.3"),
        ("1.2.3-rc.1+build.5", "1.2.3-rc.1"),
        ("1.2.3+001", "1.2.3"),
        ("1.2.3-0a", "1.2.3-0a"),
        ("1.2.3--", "1.2.3--"),
        ("1.2", None),
        ("=1.2.3", None),
        ("V1.2.3", None),
        ("01.2.3", None),
        ("1.2.3-01", None),
        ("1.2.3.4", None),
        ("9007199254740992.0.0", None),
        ("1.2.3-" + "a" * 251, None),
        ("", None),
    ],
)
def test_semver(text: str, version: str | None) -> None:
    found = semver_values(text)
    assert (found and found["version"]) == version


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        (" a \n\n  b ", ["a", "b"]),
        ("# c\na # b", ["a # b"]),
        (" # c", []),
        ("x\n # c", ["x", "# c"]),
        ("a,b", ["a,b"]),
        ('"a,b"', ["a,b"]),
        ('a"b', ['a"b']),
        ('"a""b"', ['a"b']),
        ('"a\nb"', ["a\nb"]),
        ('"a"b', ['"a"b']),
        ("", []),
    ],
)
def test_input_lines(text: str, lines: list[str]) -> None:
    assert input_lines(text) == lines


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a,b,", ["a", "b", ""]),
        ('a,"b,c"', ["a", "b,c"]),
        ('"a=""x"""', ['a="x"']),
        ('a"b', None),
        ('"a"b', None),
        ('"a', None),
        ("", None),
    ],
)
def test_fields(line: str, found: list[str] | None) -> None:
    if found is None:
        with pytest.raises(WorkflowError):
            fields(line)
    else:
        assert fields(line) == found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0),
        (" 12 ", 12),
        ("0x1F", 31),
        ("0b11", 3),
        ("1e3", 1000),
        (".5", 0.5),
        ("-2.", -2),
        ("-Infinity", float("-inf")),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert javascript.number(text) == value


@pytest.mark.parametrize("text", ["x", "1x", "0x", "1_000", "--1", "infinity", "nan", "١"])
def test_no_numbers(text: str) -> None:
    assert javascript.number(text) != javascript.number(text)


@pytest.mark.parametrize(
    ("pattern", "flags", "text", "found"),
    [
        (r"v(\d+)\.(\d+)", "", "v1.22", ["v1.22", "1", "22"]),
        (r"(x)?1", "", "1", ["1", None]),
        (r"(?<a>1)\k<a>", "", "x11", ["11", "1"]),
        (r"\d", "g", "1a2", ["1", "2"]),
        (r"\d*?", "g", "a1", ["", "", ""]),
        (r"V", "i", "v", ["v"]),
        (r"a$", "", "a\n", None),
        (r"a$", "m", "a\n", ["a"]),
        (r"a.b", "", "a\nb", None),
        (r"a.b", "s", "a\nb", ["a\nb"]),
        (r"b", "y", "ab", None),
        (r"[^]", "", "x", ["x"]),
        (r"[]", "", "x", None),
        (r"x{,2}", "", "x{,2}", ["x{,2}"]),
        (r"\d", "", "١", None),
        (r"[[a]", "", "[", ["["]),
    ],
)
def test_patterns(pattern: str, flags: str, text: str, found: list[str | None] | None) -> None:
    hit = javascript.match(pattern, flags, text)
    assert (None if hit is None else list(hit)) == found


@pytest.mark.parametrize(
    ("pattern", "flags"), [("(", ""), ("a", "z"), ("a", "gg"), ("*", ""), ("a++", ""), ("(?i)a", "")]
)
def test_patterns_that_javascript_refuses(pattern: str, flags: str) -> None:
    with pytest.raises(WorkflowError):
        javascript.match(pattern, flags, "a")


@pytest.mark.parametrize(
    ("pattern", "flags"), [("a", "u"), ("[a--b]", "v"), ("(?<=(a))b", ""), ("(?i:a)", ""), ("a" * 1_001, "")]
)
def test_patterns_that_are_not_evaluated(pattern: str, flags: str) -> None:
    with pytest.raises(NotKnownHere):
        javascript.match(pattern, flags, "a")


@given(st.text(alphabet="a1.*+?()[]{}|^$\\\\/<>=!:-k", max_size=10), st.text(alphabet="a1.", max_size=5))
def test_no_pattern_crashes(pattern: str, text: str) -> None:
    try:
        javascript.match(pattern, "", text)
    except (WorkflowError, NotKnownHere) as stopped:
        assert str(stopped)


def test_keys_are_ordered_as_on_github() -> None:
    keys = ["b", "a.b", "ab", "aB", "Ab", "a-b", "a_b", "1", "é", "e", "f"]
    in_order = ["1", "a_b", "a-b", "a.b", "ab", "aB", "Ab", "b", "e", "é", "f"]
    assert sorted(keys, key=javascript.locale_key) == in_order


VALUES = {
    "branch": lambda *_: "a&b",
    "none": "",
    "n": 0,
    "list": ["x", "y"],
    "map": {"k": "v"},
    "yes": True,
    "no": False,
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{branch}}|{{{branch}}}|{{&branch}}", "a&amp;b|a&b|a&b"),
        ("{{#if none}}1{{else if n}}2{{else}}3{{/if}}", "3"),
        ("{{#if n includeZero=true}}1{{/if}}", "1"),
        ("{{#unless none}}1{{/unless}}", "1"),
        ("{{#each list}}{{@index}}{{this}}{{#unless @last}},{{/unless}}{{/each}}", "0x,1y"),
        ("{{#each none}}1{{else}}2{{/each}}", "2"),
        ("{{#with map}}{{k}}{{../n}}{{/with}}", "v0"),
        ("{{map.k}}{{map/k}}{{map.[k]}}{{lookup map 'k'}}{{lookup list 1}}", "vvvvy"),
        ("{{#list}}{{.}}{{/list}}{{^no}}!{{/no}}{{#yes}}?{{/yes}}", "xy!?"),
        ("a {{~branch~}} b", "aa&amp;bb"),
        (r"\{{branch}} \\{{n}}", r"{{branch}} \0"),
        ("{{! note }}{{!-- }} --}}x", "x"),
        ("{{missing}}{{map.missing.deeper}}{{true}}{{'branch'}}", "a&amp;b"),
        ("{{list}}{{map}}{{yes}}{{no}}{{n}}", "x,y[object Object]truefalse0"),
        ("{{list.length}}{{list.[0]}}{{@root.n}}", "2x0"),
    ],
)
def test_templates(template: str, text: str) -> None:
    assert render(template, VALUES) == text


@pytest.mark.parametrize(
    "template",
    [
        *("{{", "{{}}", "{{a", "{{#if yes}}", "{{/if}}", "{{else}}", "{{#if yes}}{{/unless}}", "{{a}}}"),
        *("{{foo 'x'}}", "{{n 1}}", "{{if}}", "{{#if}}{{/if}}", "{{#if a b}}{{/if}}", "{{a/../b}}", "{{a 'x}}"),
    ],
)
def test_templates_that_handlebars_refuses(template: str) -> None:
    with pytest.raises(WorkflowError):
        render(template, VALUES)


@pytest.mark.parametrize(
    "template", ["{{> x}}", "{{#> x}}{{/x}}", "{{* x}}", "{{{{raw}}}}", "{{#each list as |x|}}{{/each}}"]
)
def test_templates_that_are_not_evaluated(template: str) -> None:
    with pytest.raises(NotKnownHere):
        render(template, VALUES)


@given(st.text(alphabet="{}#/^~! abif'\"=.@&>*[]()\\\\\n", max_size=25))
def test_no_template_crashes(template: str) -> None:
    try:
        assert isinstance(render(template, VALUES), str)
    except (WorkflowError, NotKnownHere) as stopped:
        assert str(stopped)


def test_nesting_has_a_limit() -> None:
    deep = "{{#if yes}}" * 5000 + "{{/if}}" * 5000
    with pytest.raises(WorkflowError, match=re.escape("nested too deeply")):
        render(deep, VALUES)
