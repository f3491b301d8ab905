"""Lab 04, ``release_tags``. Students write the values of their rules into the function: here they are ``RULES``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.checks.code_tasks import Wrong

SIGNATURE = "release_tags(version, commit, branch, published)"
NAMES = "RULES = {_spec}\n"  # what stands before it in the cell, with a student's values


RIGHT = {
    "rule after rule": r"""
import re

def numbers(text):
    return tuple(int(part) for part in text.split("."))

commit_tag = RULES["commit"] + commit[: RULES["digits"]]
if version is None:
    slug = re.sub("[^a-z0-9]+", RULES["dash"], branch.lower())
    slug = slug[: RULES["length"]].strip(RULES["dash"])
    return sorted([RULES["branch"] + slug, commit_tag])
tags = [version.replace("+", RULES["plus"]), commit_tag]
if "+" in version:
    return sorted(tags)
release, dash, label = version.partition("-")
major, minor, patch = release.split(".")
if dash:
    if RULES["candidate"] == "next":
        tags.append("next")
    elif RULES["candidate"] == "line":
        tags.append(f"{major}.{minor}-{label.split('.')[0]}")
    return sorted(tags)
stable = [numbers(other) for other in published if "-" not in other and "+" not in other]
mine = numbers(version)
if all(other <= mine for other in stable):
    tags.append(RULES["newest"])
if all(other <= mine for other in stable if other[:2] == mine[:2]):
    tags.append(f"{major}.{minor}")
if RULES["major"] and major != "0" and all(other <= mine for other in stable if other[0] == mine[0]):
    tags.append(major)
return sorted(tags)
""",
    "a set, and the newest of each group": r"""
tags = {f"{RULES['commit']}{commit:.{RULES['digits']}}"}
if branch is not None:
    slug = ""
    for sign in branch.lower():
        if sign in "abcdefghijklmnopqrstuvwxyz0123456789":
            slug += sign
        elif not slug.endswith(RULES["dash"]):
            slug += RULES["dash"]
    slug = slug[: RULES["length"]].removeprefix(RULES["dash"]).removesuffix(RULES["dash"])
    return sorted(tags | {RULES["branch"] + slug})
tags.add(RULES["plus"].join(version.split("+")))
key = lambda text: list(map(int, text.split(".")))
plain = lambda text: not {"-", "+"} & set(text)
if plain(version):
    groups = {RULES["newest"]: 0, ".".join(version.split(".")[:2]): 2}
    if RULES["major"] and not version.startswith("0."):
        groups[version.split(".")[0]] = 1
    for tag, length in groups.items():
        line = [v for v in [version, *published] if plain(v) and key(v)[:length] == key(version)[:length]]
        if max(line, key=key) == version:
            tags.add(tag)
elif "+" not in version and RULES["candidate"] != "nothing":
    numbers, label = version.split("-", 1)
    tags.add("next" if RULES["candidate"] == "next" else numbers.rsplit(".", 1)[0] + "-" + label.partition(".")[0])
return sorted(tags)
""",
    "a class that compares": r"""
import re
from dataclasses import dataclass
from functools import total_ordering


@total_ordering
@dataclass
class Version:
    major: int
    minor: int
    patch: int
    more: "str"

    @classmethod
    def of(cls, text):
        found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(.*)", text)
        return cls(*map(int, found.groups()[:3]), found[4])

    def __lt__(self, other):
        return (self.major, self.minor, self.patch) < (other.major, other.minor, other.patch)


out = [RULES["commit"] + commit[:RULES["digits"]]]
if not version:
    words = re.findall("[a-z0-9]+|[^a-z0-9]+", branch.lower())
    text = "".join(w if re.match("[a-z0-9]", w) else RULES["dash"] for w in words)[:RULES["length"]]
    out.append(RULES["branch"] + re.sub(f"^[{re.escape(RULES['dash'])}]+|[{re.escape(RULES['dash'])}]+$", "", text))
else:
    this = Version.of(version)
    out.append(version.translate({ord("+"): RULES["plus"]}))
    if this.more == "":
        rest = [v for v in map(Version.of, published) if v.more == "" and v > this]
        if not rest:
            out.append(RULES["newest"])
        if not any((v.major, v.minor) == (this.major, this.minor) for v in rest):
            out.append(f"{this.major}.{this.minor}")
        if RULES["major"] and this.major and not any(v.major == this.major for v in rest):
            out.append(f"{this.major}")
    elif "+" not in this.more:
        label = this.more[1:].split(".")[0]
        out += {"nothing": [], "next": ["next"], "line": [f"{this.major}.{this.minor}-{label}"]}[RULES["candidate"]]
out.sort()
return out
""",
    "it sorts the list that it gets": r"""
import re

tags = [RULES["commit"] + commit[0:RULES["digits"]]]
if branch:
    slug = RULES["dash"].join(re.split("[^a-z0-9]+", branch.lower()))[0:RULES["length"]]
    while slug.startswith(RULES["dash"]):
        slug = slug[1:]
    while slug.endswith(RULES["dash"]):
        slug = slug[:-1]
    return sorted(tags + [RULES["branch"] + slug])
tags += [version.replace("+", RULES["plus"])]
if re.fullmatch("[0-9.]+", version):
    published.append(version)
    for other in list(published):
        if not re.fullmatch("[0-9.]+", other):
            published.remove(other)
    published.sort(key=lambda text: [int(number) for number in text.split(".")])
    if published[-1] == version:
        tags.append(RULES["newest"])
    major, minor, patch = version.split(".")
    in_minor = [other for other in published if other.startswith(major + "." + minor + ".")]
    in_major = [other for other in published if other.startswith(major + ".")]
    if in_minor[-1] == version:
        tags.append(major + "." + minor)
    if RULES["major"] and in_major[-1] == version and major != "0":
        tags.append(major)
elif "+" in version or RULES["candidate"] == "nothing":
    pass
elif RULES["candidate"] == "next":
    tags.append("next")
else:
    tags.append(re.sub(r"^(\d+\.\d+)\.\d+-([^.]+).*$", r"\1-\2", version))
return sorted(tags)
""",
    "a generator, and one number for each version": r"""
import string

def rank(text):
    major, minor, patch = text.split(".")
    return int(major) * 10**12 + int(minor) * 10**6 + int(patch)

def slugs():
    kept = "".join(c if c in string.ascii_lowercase + string.digits else " " for c in branch.lower())
    dash = RULES["dash"]
    text = dash.join(kept.split())
    text = (dash if kept[0] == " " else "") + text + (dash if kept[-1] == " " else "")
    yield RULES["branch"] + text[: RULES["length"]].strip(dash)

def moved(major, minor):
    others = [v for v in published if v.replace(".", "").isdigit() and rank(v) > rank(version)]
    if not others:
        yield RULES["newest"]
    if RULES["major"] and int(major) > 0 and not [v for v in others if v.split(".")[0] == major]:
        yield major
    if not [v for v in others if v.split(".")[:2] == [major, minor]]:
        yield ".".join((major, minor))

def all_of_them():
    yield RULES["commit"] + "".join(list(commit)[: RULES["digits"]])
    if version is None:
        yield from slugs()
        return
    yield RULES["plus"].join(version.split("+"))
    core = version.split("+")[0].split("-")[0]
    if core == version:
        yield from moved(*core.split(".")[:2])
    elif "+" not in version and RULES["candidate"] != "nothing":
        label = version[len(core) + 1:].split(".")[0]
        yield "next" if RULES["candidate"] == "next" else ".".join(core.split(".")[:2]) + "-" + label

return sorted(all_of_them())
""",
}

RULE, GROUPS, PLACE = "rule after rule", "a set, and the newest of each group", "it sorts the list that it gets"
MINOR = "all(other <= mine for other in stable if other[:2] == mine[:2])"
MAJOR = "all(other <= mine for other in stable if other[0] == mine[0])"
NEWEST = "all(other <= mine for other in stable)"
STABLE = 'if "-" not in other and "+" not in other]'
SLUG = 're.sub("[^a-z0-9]+", RULES["dash"], branch.lower())'

WRONG: dict[str, Wrong] = {
    "the whole commit": (RULE, 'commit[: RULES["digits"]]', "commit"),
    "seven digits of the commit, as Git shows them": (RULE, 'commit[: RULES["digits"]]', "commit[:7]"),
    "one digit more": (RULE, 'commit[: RULES["digits"]]', 'commit[: RULES["digits"] + 1]'),
    "the last digits of the commit": (RULE, 'commit[: RULES["digits"]]', 'commit[-RULES["digits"] :]'),
    "nothing before the commit": (RULE, 'RULES["commit"] + commit', "commit"),
    "a branch has no tag of its commit": (RULE, '[RULES["branch"] + slug, commit_tag]', '[RULES["branch"] + slug]'),
    "build metadata is left out of the tag": (RULE, 'version.replace("+", RULES["plus"])', 'version.split("+")[0]'),
    "the plus stays": (RULE, 'version.replace("+", RULES["plus"])', "version"),
    "a v in front": (RULE, 'version.replace("+"', '("v" + version).replace("+"'),
    "build metadata moves what a stable release moves": (
        RULE,
        '    return sorted(tags)\nrelease, dash, label = version.partition("-")',
        '    version = version.split("+")[0]\nrelease, dash, label = version.partition("-")',
    ),
    "build metadata with a dash is a pre-release": (
        RULE,
        'if "+" in version:',
        'if "+" in version and "-" not in version:',
    ),
    "a pre-release with build metadata is a pre-release": (
        RULE,
        'if "+" in version:',
        'if "+" in version and "-" not in version.split("+")[0]:',
    ),
    "a pre-release is a stable release": (RULE, "if dash:", "if False:"),
    "a pre-release moves its minor tag": (RULE, "if dash:\n", 'if dash:\n    tags.append(f"{major}.{minor}")\n'),
    "a pre-release moves latest": (RULE, "if dash:\n", 'if dash:\n    tags.append("latest")\n'),
    "rc is the one pre-release": (RULE, "if dash:", 'if label.startswith("rc"):'),
    "a release called latest": (RULE, 'tags.append(RULES["newest"])', 'tags.append("latest")'),
    "latest as well": (RULE, 'tags.append(RULES["newest"])', 'tags += [RULES["newest"], "latest"]'),
    "the newest tag follows each stable release": (RULE, f"if {NEWEST}:", "if True:"),
    "the minor tag follows each release of its line": (RULE, f"if {MINOR}:", "if True:"),
    "the major tag follows each stable release": (PLACE, "in_major[-1] == version and ", "", 'RULES["major"]', "True"),
    "the minor tag moves only with the newest of all": (RULE, f"if {MINOR}:", f"if {NEWEST}:"),
    "the newest of its line is the newest of all": (RULE, f"if {NEWEST}:", f"if {MINOR}:"),
    "the tag of the newest is held against its own major number": (RULE, f"if {NEWEST}:", f"if {MAJOR}:"),
    "versions as texts": (RULE, 'tuple(int(part) for part in text.split("."))', 'tuple(text.split("."))'),
    "versions as decimal numbers": (
        RULE,
        'tuple(int(part) for part in text.split("."))',
        '(int(text.split(".")[0]), float(text.partition(".")[2]))',
    ),
    "the digits without dots": (
        RULE,
        'return tuple(int(part) for part in text.split("."))',
        'return tuple(c for c in text.split(".")[:2]) + (int(text.replace(".", "")),)',
        NEWEST,
        "all(o[2] <= mine[2] for o in stable)",
        MINOR,
        "all(o[2] <= mine[2] for o in stable if o[:2] == mine[:2])",
    ),
    "only the last one that was published": (RULE, "for other in published if", "for other in published[-1:] if"),
    "only the first one that was published": (RULE, "for other in published if", "for other in published[:1] if"),
    "published is in order": (GROUPS, "[version, *published] if", "[version, *published[-2:]] if"),
    "the same version again is not the newest": (RULE, "other <= mine", "other < mine"),
    "pre-releases count when the newest is looked for": (
        RULE,
        STABLE,
        'if "+" not in other]',
        "in text.split(",
        'in text.split("-")[0].split(',
    ),
    "build metadata counts when the newest is looked for": (
        RULE,
        STABLE,
        'if "-" not in other]',
        "in text.split(",
        'in text.split("+")[0].split(',
    ),
    "metadata with a dash in it counts": (
        PLACE,
        'if not re.fullmatch("[0-9.]+", other):',
        'if "-" in other:',
        "int(number) for number in text",
        'int(number) for number in text.split("+")[0]',
    ),
    "a line is what begins alike": (
        PLACE,
        'other.startswith(major + "." + minor + ".")',
        'other.startswith(major + "." + minor)',
    ),
    "a major number is what begins alike": (PLACE, 'other.startswith(major + ".")', "other.startswith(major)"),
    "numbers have one digit": (PLACE, '"[0-9.]+"', r'"\\d[.]\\d[.]\\d"'),
    "a hundred patches in a minor version": (
        RULE,
        'tuple(int(part) for part in text.split("."))',
        'int(text.split(".")[0]) * 10**4 + int(text.split(".")[1]) * 100 + int(text.split(".")[2])',
        MINOR,
        "all(other <= mine for other in stable if other // 100 == mine // 100)",
        MAJOR,
        "all(other <= mine for other in stable if other // 10**4 == mine // 10**4)",
    ),
    "each number with zeros in front, as texts": (
        RULE,
        'tuple(int(part) for part in text.split("."))',
        'tuple(part.zfill(3) for part in text.split("."))',
    ),
    "of those published only rc is a pre-release": (
        RULE,
        STABLE,
        'if "rc" not in other and "+" not in other]',
        'text.split("."))',
        'text.split("-")[0].split("."))',
    ),
    "an empty list of published versions": (RULE, f"if {NEWEST}:", "if max(stable) <= mine:"),
    "an older version is refused": (
        RULE,
        "mine = numbers(version)\n",
        'mine = numbers(version)\nif stable and mine < max(stable):\n    raise ValueError("too old")\n',
    ),
    "a branch as it is": (RULE, SLUG, "branch"),
    "capitals in a branch stay": (RULE, "[^a-z0-9]+", "[^A-Za-z0-9]+", "branch.lower()", "branch"),
    "capitals in a branch are signs": (RULE, "branch.lower()", "branch"),
    "only the slash is replaced": (RULE, SLUG, 'branch.lower().replace("/", RULES["dash"])'),
    "each sign by itself": (RULE, "[^a-z0-9]+", "[^a-z0-9]"),
    "signs are left out": (RULE, f"slug = {SLUG}", 'slug = re.sub("[^a-z0-9]+", "", branch.lower())'),
    "the underscore is no sign": (RULE, "[^a-z0-9]+", "[^a-z0-9_]+"),
    "the dot is no sign": (RULE, "[^a-z0-9]+", "[^a-z0-9.]+"),
    "letters of every language": (RULE, "[^a-z0-9]+", r"[\\W_]+"),
    "letters without their dots": (
        RULE,
        "branch.lower()",
        'branch.lower().replace("ü", "u").replace("ö", "o").replace("ß", "ss")',
    ),
    "digits are signs": (RULE, "[^a-z0-9]+", "[^a-z]+"),
    "a slug of any length": (RULE, '[: RULES["length"]]', ""),
    "cut after 63 characters": (RULE, '[: RULES["length"]]', "[:63]"),
    "the length counts what stands in front": (
        RULE,
        'RULES["branch"] + slug, commit_tag',
        '(RULES["branch"] + slug)[: RULES["length"]], commit_tag',
    ),
    "taken off at the ends before it is cut": (
        RULE,
        '[: RULES["length"]].strip(RULES["dash"])',
        '.strip(RULES["dash"])[: RULES["length"]]',
    ),
    "taken off at the ends before and after it is cut": (
        RULE,
        '[: RULES["length"]].strip(',
        '.strip(RULES["dash"])[: RULES["length"]].strip(',
    ),
    "nothing taken off at the ends": (RULE, '.strip(RULES["dash"])', ""),
    "taken off at one end": (RULE, '.strip(RULES["dash"])', '.rstrip(RULES["dash"])'),
    "only the last part of a branch": (RULE, "branch.lower()", 'branch.split("/")[-1].lower()'),
    "a branch moves the newest tag": (RULE, "slug, commit_tag]", 'slug, commit_tag, RULES["newest"]]'),
    "a branch called like a version is a release": (
        RULE,
        "if version is None:",
        'if version is None and re.search(r"[0-9]+[.][0-9]+$", branch):\n'
        '    version = branch.split("/")[-1] + ".0"\nif version is None:',
    ),
    "not sorted": (RULE, "return sorted(tags)", "return tags"),
    "sorted backwards": (RULE, "return sorted(tags)", "return sorted(tags, reverse=True)"),
    "a set": (RULE, "return sorted(tags)", "return set(tags)"),
    "a text with commas": (RULE, "return sorted(tags)", 'return ",".join(sorted(tags))'),
    "sorted in place, and nothing given back": (RULE, "return sorted(tags)", "return tags.sort()"),
}

MOVES: Callable[[dict[str, Any]], bool] = lambda values: values["_spec"]["candidate"] != "nothing"  # noqa: E731
MAJORS: Callable[[dict[str, Any]], bool] = lambda values: values["_spec"]["major"]  # noqa: E731
# What is a mistake only by some rules.
NEEDS = {
    "build metadata with a dash is a pre-release": MOVES,
    "a pre-release with build metadata is a pre-release": MOVES,
    "a major number is what begins alike": MAJORS,
}
