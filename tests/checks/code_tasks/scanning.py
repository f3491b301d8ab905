"""Lab 09, ``gate``."""

from __future__ import annotations

from tests.checks.code_tasks import Wrong

SIGNATURE = "gate(report, accepted, today)"

RIGHT = {
    "step after step": r"""
import json
import re

until = {}
for line in accepted.splitlines():
    words = line.split("#")[0].split()
    if len(words) == 2 and re.fullmatch(r"exp:\d{4}-\d\d-\d\d", words[1]):
        until.setdefault(words[0], []).append(words[1][4:])
try:
    document = json.loads(report)
except ValueError:
    return [2, []]
if not isinstance(document, dict) or document.get("SchemaVersion") != 2:
    return [2, []]
results = document.get("Results")
if not isinstance(results, list):
    return [2, []]
packages = 0
blocking = set()
for result in results:
    if not isinstance(result, dict):
        return [2, []]
    if result.get("Class") not in ("os-pkgs", "lang-pkgs"):
        continue
    packages += 1
    findings = result.get("Vulnerabilities")
    if findings is None:
        continue
    if not isinstance(findings, list):
        return [2, []]
    for one in findings:
        if not isinstance(one, dict):
            return [2, []]
        id, severity = one.get("VulnerabilityID"), one.get("Severity")
        if not isinstance(id, str) or severity not in ("UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"):
            return [2, []]
        if severity in ("HIGH", "CRITICAL") and one.get("FixedVersion"):
            if not any(today <= day for day in until.get(id, [])):
                blocking.add(id)
if not packages:
    return [2, []]
if blocking:
    return [1, sorted(blocking)]
return [0, []]
""",
    "asserts in one try": r"""
import json
from datetime import date

def days():
    for line in accepted.split("\n"):
        words = line.partition("#")[0].split()
        try:
            id, day = words
            assert day.startswith("exp:") and len(day) == 14 and day[8] == day[11] == "-"
            yield id, date.fromisoformat(day[4:])
        except (ValueError, AssertionError):
            pass

now = date.fromisoformat(today)
good = {id for id, day in days() if day >= now}
try:
    document = json.loads(report)
    assert document["SchemaVersion"] == 2 and isinstance(document["Results"], list)
    mine = [result for result in document["Results"] if result.get("Class") in ("os-pkgs", "lang-pkgs")]
    assert mine
    lists = [result.get("Vulnerabilities") for result in mine]
    assert all(each is None or isinstance(each, list) for each in lists)
    found = sum((each for each in lists if each), [])
    assert all(isinstance(one["VulnerabilityID"], str) for one in found)
    assert all(one["Severity"] in ["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"] for one in found)
except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
    return 2, []
left = {
    one["VulnerabilityID"] for one in found if one["Severity"] in ["HIGH", "CRITICAL"] and one.get("FixedVersion", "")
} - good
return int(bool(left)), sorted(left)
""",
    "errors of its own, and a match": r"""
import json
import re


class Shut(Exception):
    pass


def need(value, kind):
    if not isinstance(value, kind):
        raise Shut(kind)
    return value


def findings():
    try:
        document = need(json.loads(report), dict)
    except ValueError as error:
        raise Shut(error) from None
    if document.get("SchemaVersion") != 2:
        raise Shut("version")
    seen = False
    for result in need(document.get("Results"), list):
        match need(result, dict).get("Class"):
            case "os-pkgs" | "lang-pkgs":
                seen = True
                listed = result.get("Vulnerabilities")
                for one in need([] if listed is None else listed, list):
                    yield need(need(one, dict).get("VulnerabilityID"), str), need(one.get("Severity"), str), one
    if not seen:
        raise Shut("packages")


LEVELS = {"UNKNOWN": 0, "LOW": 0, "MEDIUM": 0, "HIGH": 1, "CRITICAL": 1}
try:
    blocking = set()
    for id, severity, one in findings():
        if severity not in LEVELS:
            raise Shut(severity)
        lines = re.findall(rf"(?m)^[ \t]*{re.escape(id)}[ \t]+exp:(\d{{4}}-\d\d-\d\d)[ \t]*(?:#.*)?$", accepted)
        if LEVELS[severity] and one.get("FixedVersion") and not any(day >= today for day in lines):
            blocking |= {id}
except Shut:
    return [2, []]
return [len(blocking) and 1, sorted(blocking)]
""",
    "all findings first, then filters": r"""
import json

SHUT = [2, []]
try:
    data = json.loads(report)
except json.JSONDecodeError:
    return SHUT
if type(data) is not dict or data.get("SchemaVersion") != 2 or type(data.get("Results")) is not list:
    return SHUT
if any(type(result) is not dict for result in data["Results"]):
    return SHUT
results = list(filter(lambda result: result.get("Class") in ["os-pkgs", "lang-pkgs"], data["Results"]))
if len(results) == 0:
    return SHUT
findings = []
for result in results:
    part = result.pop("Vulnerabilities", None)
    if part is not None:
        if type(part) is not list:
            return SHUT
        findings.extend(part)
for finding in findings:
    if type(finding) is not dict or type(finding.get("VulnerabilityID")) is not str:
        return SHUT
    if finding.get("Severity") not in "UNKNOWN LOW MEDIUM HIGH CRITICAL".split():
        return SHUT
findings = [f for f in findings if f["Severity"] in ("HIGH", "CRITICAL") and f.get("FixedVersion")]
exceptions = {}
for line in accepted.splitlines():
    line = line[: line.index("#")] if "#" in line else line
    fields = line.split()
    if len(fields) == 2 and fields[1][:4] == "exp:" and len(fields[1]) == 14:
        date = fields[1][4:]
        if all(c.isdigit() if i not in (4, 7) else c == "-" for i, c in enumerate(date)):
            exceptions[fields[0]] = max(date, exceptions.get(fields[0], date))
ids = []
for finding in findings:
    id = finding["VulnerabilityID"]
    if id not in ids and not (id in exceptions and today <= exceptions[id]):
        ids.append(id)
ids.sort()
return [1, ids] if ids else [0, ids]
""",
    "dates as datetime": r"""
import contextlib
import json
import re
from collections import defaultdict
from datetime import datetime

FORM = "exp:%Y-%m-%d"
ends = defaultdict(list)
for raw in accepted.strip().split("\n"):
    found = re.match(r"\s*(\S+)\s+(exp:[0-9]{4}-[0-9]{2}-[0-9]{2})\s*$", raw.split("#", 1)[0])
    if found:
        with contextlib.suppress(ValueError):
            ends[found[1]].append(datetime.strptime(found[2], FORM))
now = datetime.strptime("exp:" + today, FORM)
try:
    document = json.loads(report)
    if document["SchemaVersion"] != 2:
        raise ValueError("version")
    results, seen, bad = document["Results"], 0, set()
    for number in range(len(results)):
        result = results[number]
        if result.get("Class") not in {"os-pkgs": 1, "lang-pkgs": 1}.keys():
            continue
        seen += 1
        found = result.get("Vulnerabilities")
        if not isinstance(found, (list, type(None))):
            raise TypeError("list")
        for one in found or ():
            level = ("UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL").index(one["Severity"])
            id = one["VulnerabilityID"]
            id.encode()
            if level >= 3 and one.get("FixedVersion") not in (None, "") and not [d for d in ends[id] if d >= now]:
                bad.add(id)
    if seen == 0:
        raise ValueError("no packages")
except (ValueError, TypeError, KeyError, AttributeError):
    return [2, []]
return [min(len(bad), 1), sorted(bad)]
""",
}

STEPS, ASSERTS, FILTERS, DATES = (
    "step after step",
    "asserts in one try",
    "all findings first, then filters",
    "dates as datetime",
)
DAY = r're.fullmatch(r"exp:\d{4}-\d\d-\d\d", words[1])'
LINE = f"if len(words) == 2 and {DAY}:"
ENDED = "not any(today <= day for day in until.get(id, []))"
FIX = 'severity in ("HIGH", "CRITICAL") and one.get("FixedVersion")'
LEVELS = 'severity not in ("UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL")'

WRONG: dict[str, Wrong] = {
    "ids begin with CVE-": (STEPS, LINE, f'if len(words) == 2 and words[0].startswith("CVE-") and {DAY}:'),
    "ids are a year and a number": (
        STEPS,
        LINE,
        r'if len(words) == 2 and re.fullmatch(r"CVE-\d{4}-\d+", words[0]) and ' + DAY + ":",
    ),
    "findings are CVEs": (STEPS, "if not isinstance(id, str) or", 'if not str(id).startswith("CVE-") or'),
    "the date's pattern has no end": (STEPS, DAY, DAY.replace("fullmatch", "match")),
    "the date is what stands behind exp:": (STEPS, DAY, 'words[1].startswith("exp:")'),
    "the first ten characters are the date": (
        STEPS,
        DAY,
        'words[1].startswith("exp:")',
        "words[1][4:]",
        "words[1][4:14]",
    ),
    "a line without a date accepts for ever": (
        STEPS,
        LINE,
        f'if len(words) == 1:\n        words.append("exp:9999-12-31")\n    {LINE}',
    ),
    "a word for a date stops it": (
        DATES,
        "contextlib.suppress(ValueError)",
        "contextlib.nullcontext()",
        "(exp:[0-9]{4}-[0-9]{2}-[0-9]{2})",
        r"(exp:\\S+)".replace("\\\\", "\\"),
    ),
    "what else stands in a line does not matter": (STEPS, "len(words) == 2", "len(words) > 1"),
    "the date may stand in the comment": (STEPS, 'line.split("#")[0].split()', 'line.replace("#", " ").split()'),
    "only lines that begin with # are comments": (
        STEPS,
        'line.split("#")[0].split()',
        '[] if line.startswith("#") else line.split()',
    ),
    "comments are not thought of": (
        STEPS,
        "len(words) == 2",
        "len(words) >= 2",
        'line.split("#")[0].split()',
        'line.replace("# ", "").split()',
    ),
    "a blank stands before each comment": (STEPS, 'line.split("#")[0]', 'line.split(" #")[0]'),
    "the first line alone": (STEPS, "accepted.splitlines()", "accepted.splitlines()[:1]"),
    "the first exception alone": (STEPS, "append(words[1][4:])\n", "append(words[1][4:])\n        break\n"),
    "the first of two lines for an id": (
        STEPS,
        "until.setdefault(words[0], []).append(words[1][4:])",
        "until.setdefault(words[0], [words[1][4:]])",
    ),
    "the last of two lines for an id": (
        STEPS,
        "until.setdefault(words[0], []).append(words[1][4:])",
        "until[words[0]] = [words[1][4:]]",
    ),
    "the earliest of two lines for an id": (FILTERS, "max(date, ", "min(date, "),
    "the last day does not count": (STEPS, "today <= day", "today < day"),
    "the day after counts": (ASSERTS, "if day >= now", "if (now - day).days <= 1"),
    "the days of the month are compared": (STEPS, "today <= day", "today[8:] <= day[8:]"),
    "months and days are compared": (STEPS, "today <= day", "today[5:] <= day[5:]"),
    "the clock's day instead of today": (ASSERTS, "now = date.fromisoformat(today)", "now = date.today()"),
    "an exception holds for ever": (STEPS, ENDED, "id not in until"),
    "exceptions are not looked at": (STEPS, ENDED, "True"),
    "the id stands somewhere in the text": (STEPS, ENDED, "id not in accepted"),
    "an id that begins alike": (
        STEPS,
        ENDED,
        "not any(today <= day for one in until if id.startswith(one) for day in until[one])",
    ),
    "an accepted id that begins alike": (
        STEPS,
        ENDED,
        "not any(today <= day for one in until if one.startswith(id) for day in until[one])",
    ),
    "any exception that holds accepts everything": (
        STEPS,
        ENDED,
        "not any(today <= day for days in until.values() for day in days)",
    ),
    "the schema version as a text": (
        STEPS,
        'document.get("SchemaVersion") != 2',
        'str(document.get("SchemaVersion")) != "2"',
    ),
    "the schema version as a number of a text": (
        STEPS,
        'document.get("SchemaVersion") != 2',
        'int(document.get("SchemaVersion", 2)) != 2',
    ),
    "a report without a schema version": (
        STEPS,
        'document.get("SchemaVersion") != 2',
        'document.get("SchemaVersion", 2) != 2',
    ),
    "a newer schema version": (STEPS, 'document.get("SchemaVersion") != 2', 'document.get("SchemaVersion", 0) < 2'),
    "the schema version is not looked at": (STEPS, ' or document.get("SchemaVersion") != 2', ""),
    "severities in small letters": (STEPS, 'one.get("Severity")\n', 'str(one.get("Severity")).upper()\n'),
    "any severity": (STEPS, f" or {LEVELS}", ""),
    "severities in a set": (STEPS, LEVELS, 'severity not in {"UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"}'),
    "UNKNOWN is no severity": (STEPS, '("UNKNOWN", ', "("),
    "UNKNOWN blocks": (STEPS, 'severity in ("HIGH", "CRITICAL")', 'severity not in ("LOW", "MEDIUM")'),
    "MEDIUM blocks": (STEPS, 'severity in ("HIGH",', 'severity in ("MEDIUM", "HIGH",'),
    "CRITICAL alone blocks": (STEPS, 'severity in ("HIGH", "CRITICAL")', 'severity == "CRITICAL"'),
    "what has no fix blocks": (STEPS, ' and one.get("FixedVersion")', ""),
    "an empty fix is a fix": (STEPS, 'one.get("FixedVersion")', '"FixedVersion" in one'),
    "what has no fixed version stops it": (STEPS, 'one.get("FixedVersion")', 'one["FixedVersion"]'),
    "the first result alone": (STEPS, "for result in results:", "for result in results[:1]:"),
    "the last result alone": (STEPS, "for result in results:", "for result in results[-1:]:"),
    "the first finding alone": (STEPS, "for one in findings:", "for one in findings[:1]:"),
    "back at the first that blocks": (STEPS, "blocking.add(id)", "return [1, [id]]"),
    "each result by itself": (
        STEPS,
        "blocking.add(id)\n",
        "blocking.add(id)\n    if blocking:\n        return [1, sorted(blocking)]\n",
    ),
    "an id by its last finding": (
        FILTERS,
        "findings = [f for f in findings if",
        'findings = [f for f in {f["VulnerabilityID"]: f for f in findings}.values() if',
    ),
    "every class is packages": (STEPS, 'result.get("Class") not in ("os-pkgs", "lang-pkgs")', "False"),
    "Python's packages alone": (STEPS, '("os-pkgs", "lang-pkgs")', '("lang-pkgs",)'),
    "the system's packages alone": (STEPS, '("os-pkgs", "lang-pkgs")', '("os-pkgs",)'),
    "findings of any class": (FILTERS, "for result in results:\n    part", 'for result in data["Results"]:\n    part'),
    "any results will do": (STEPS, "if not packages:", "if not results:"),
    "nothing scanned, nothing found": (STEPS, "if not packages:\n    return [2, []]\n", ""),
    "no findings, no report": (
        STEPS,
        "if findings is None:\n        continue\n",
        "if findings is None:\n        return [2, []]\n",
    ),
    "packages are those with findings": (
        STEPS,
        "    packages += 1\n",
        "",
        "    for one in findings:\n",
        "    packages += 1\n    for one in findings:\n",
    ),
    "an empty object is an empty list": (STEPS, "if findings is None:", "if not findings:"),
    "a text of findings is a list": (
        STEPS,
        "if not isinstance(findings, list):",
        "if not hasattr(findings, '__len__'):",
        "if not isinstance(one, dict):\n            return [2, []]",
        "if not isinstance(one, dict):\n            continue",
    ),
    "what is no object is passed over": (
        STEPS,
        "if not isinstance(one, dict):\n            return [2, []]",
        "if not isinstance(one, dict):\n            continue",
    ),
    "a result that is no object is passed over": (
        STEPS,
        "if not isinstance(result, dict):\n        return [2, []]",
        "if not isinstance(result, dict):\n        continue",
    ),
    "a finding without an id is passed over": (
        STEPS,
        "        if not isinstance(id, str) or",
        "        if id is None:\n            continue\n        if not isinstance(id, str) or",
    ),
    "an id of any type": (STEPS, "not isinstance(id, str) or", "id is None or"),
    "an id as a text": (STEPS, 'one.get("VulnerabilityID"), one', 'str(one.get("VulnerabilityID")), one'),
    "an empty report is a good one": (STEPS, "try:\n", "if not report.strip():\n    return [0, []]\ntry:\n"),
    "a broken report blocks": (
        STEPS,
        "except ValueError:\n    return [2, []]",
        "except ValueError:\n    return [1, []]",
    ),
    "a broken report is an error": (
        STEPS,
        "try:\n    document = json.loads(report)\nexcept ValueError:\n    return [2, []]\n",
        "document = json.loads(report)\n",
    ),
    "a list or a text is an error": (STEPS, "not isinstance(document, dict) or ", ""),
    "results are not looked at": (STEPS, "if not isinstance(results, list):\n    return [2, []]\n", ""),
    "the worst first": (
        FILTERS,
        "ids.sort()\n",
        "ids.sort(key=lambda id: min((one['Severity'], id) for one in findings if one['VulnerabilityID'] == id))\n",
    ),
    "it stops at a result without findings": (
        STEPS,
        "if findings is None:\n        continue",
        "if not findings:\n        break",
    ),
    "findings of every class must be whole": (
        ASSERTS,
        "for result in mine]\n    assert all(each",
        'for result in document["Results"]]\n    assert all(each',
    ),
    "every result has a class": (ASSERTS, 'result.get("Class")', 'result["Class"]'),
    "ids in capitals": (STEPS, "until.setdefault(words[0],", "until.setdefault(words[0].upper(),"),
    "an empty severity is UNKNOWN": (STEPS, LEVELS, f"severity and {LEVELS}"),
    "not sorted": (FILTERS, "ids.sort()\n", ""),
    "each as often as it is found": (FILTERS, "id not in ids and ", ""),
    "the code alone": (STEPS, "return [1, sorted(blocking)]", "return 1"),
    "true and false": (STEPS, "return [1, sorted(blocking)]", "return [True, sorted(blocking)]"),
    "a set": (STEPS, "sorted(blocking)", "blocking"),
    "a text of ids": (STEPS, "sorted(blocking)", '", ".join(sorted(blocking))'),
    "ids beside a report that cannot be judged": (
        STEPS,
        "if not packages:\n    return [2, []]",
        "if not packages:\n    return [2]",
    ),
}
