"""Lab 02, ``parse_reference``."""

from __future__ import annotations

from tests.checks.code_tasks import Wrong

SIGNATURE = "parse_reference(text)"

RIGHT = {
    "part after part": r"""
import re

host, slash, rest = text.partition("/")
if not slash or not (host == "localhost" or re.search("[.:A-Z]", host)):
    host, rest = "docker.io", text
if host == "index.docker.io":
    host = "docker.io"
name, at, digest = rest.partition("@")
repository, colon, tag = name.partition(":")
if host == "docker.io" and "/" not in repository:
    repository = "library/" + repository
if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?", host):
    raise ValueError("host")
part = r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*"
if not re.fullmatch(f"{part}(/{part})*", repository):
    raise ValueError("repository")
if colon and not re.fullmatch("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", tag):
    raise ValueError("tag")
if at and not re.fullmatch("sha256:[0-9a-f]{64}", digest):
    raise ValueError("digest")
if not colon and not at:
    tag = "latest"
return {"registry": host, "repository": repository, "tag": tag or None, "digest": digest or None}
""",
    "from the right": r"""
import string

small, digits = string.ascii_lowercase + string.digits, string.digits
name, at, digest = text.partition("@")
if at:
    algorithm, colon, hexes = digest.partition(":")
    if algorithm != "sha256" or len(hexes) != 64 or not set(hexes) <= set("0123456789abcdef"):
        raise ValueError("digest")
head, colon, tag = name.rpartition(":")
if "/" in tag or not colon:
    head, tag = name, None
elif not 1 <= len(tag) <= 128 or tag[0] in ".-" or not all(c in string.ascii_letters + digits + "_.-" for c in tag):
    raise ValueError("tag")
parts = head.split("/")
if len(parts) > 1 and (parts[0] == "localhost" or any(c in ".:" or "A" <= c <= "Z" for c in parts[0])):
    host = parts.pop(0)
else:
    host = "docker.io"
if host == "index.docker.io":
    host = "docker.io"
if host == "docker.io" and len(parts) == 1:
    parts.insert(0, "library")
machine, colon, port = host.partition(":")
if not machine or not set(machine) <= set(string.ascii_letters + digits + ".-"):
    raise ValueError("host")
if colon and (port == "" or not set(port) <= set(digits)):
    raise ValueError("port")
for part in parts:
    if part == "" or part[0] not in small or part[-1] not in small:
        raise ValueError("path")
    for run in "".join(" " if c in small else c for c in part).split():
        if run not in (".", "_", "__") and set(run) != {"-"}:
            raise ValueError("path")
if tag is None and not at:
    tag = "latest"
return {"registry": host, "repository": "/".join(parts), "tag": tag, "digest": digest or None}
""",
    "one pattern with names": r"""
import re

part = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
pattern = rf'''
    (?: (?P<registry> localhost(?=/) | (?=[^/]*[.:A-Z]) [A-Za-z0-9] [A-Za-z0-9.-]* (?: : [0-9]+ )? ) / )?
    (?P<repository> {part} (?: / {part} )* )
    (?: : (?P<tag> [A-Za-z0-9_] [A-Za-z0-9_.-]{{0,127}} ) )?
    (?: @ (?P<digest> sha256: [0-9a-f]{{64}} ) )?
'''
first, slash, _ = text.partition("/")
found = re.fullmatch(pattern, text, re.VERBOSE)
if found is None or (slash and found["registry"] is None and (first == "localhost" or set(".:") & set(first))):
    raise ValueError(f"no reference: {text!r}")
parts = found.groupdict()
if parts["registry"] in (None, "index.docker.io"):
    parts["registry"] = "docker.io"
if parts["registry"] == "docker.io" and "/" not in parts["repository"]:
    parts["repository"] = "library/" + parts["repository"]
if parts["tag"] is None and parts["digest"] is None:
    parts["tag"] = "latest"
return parts
""",
    "a class and an error of its own": r"""
import re
from dataclasses import asdict, dataclass


class BadName(ValueError):
    pass


def need(pattern, value):
    if re.fullmatch(pattern, value, re.ASCII) is None:
        raise BadName(value)
    return value


@dataclass
class Name:
    registry: str
    repository: str
    tag: "str | None" = None
    digest: "str | None" = None


rest, *digest = text.split("@", 1)
registry = "docker.io"
if "/" in rest:
    first = rest.split("/", 1)[0]
    if first == "localhost" or first != first.lower() or "." in first or ":" in first:
        registry, rest = rest.split("/", 1)
registry = need(r"[A-Za-z\d][A-Za-z\d.-]*(:\d+)?", registry)
registry = "docker.io" if registry == "index.docker.io" else registry
path, *tag = rest.split(":", 1)
path = "/".join(need(r"[a-z\d]+((\.|_|__|-+)[a-z\d]+)*", part) for part in path.split("/"))
name = Name(registry, path if registry != "docker.io" or "/" in path else f"library/{path}")
for value in tag:
    name.tag = need(r"\w[\w.-]{0,127}", value)
for value in digest:
    name.digest = need("sha256:[0-9a-f]{64}", value)
if not tag and not digest:
    name.tag = "latest"
return asdict(name)
""",
    "sign after sign": r"""
def check(right):
    if not right:
        raise ValueError(text)

SMALL, BIG, FIGURES = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
before_at, at, digest = text.partition("@")
slash = before_at.find("/")
first = before_at[:slash] if slash >= 0 else ""
host, rest = "docker.io", before_at
if first == "localhost" or any(sign in ".:" + BIG for sign in first):
    host, rest = first, before_at[slash + 1:]
for number, sign in enumerate(host):
    if sign == ":":
        check(host[number + 1:] and all(figure in FIGURES for figure in host[number + 1:]))
        break
    check(sign in SMALL + BIG + FIGURES + ".-")
check(host and host[0] not in ".-:")
tag = None
if ":" in rest:
    at_colon = rest.index(":")
    rest, tag = rest[:at_colon], rest[at_colon + 1:]
    check(0 < len(tag) < 129 and tag[0] not in ".-")
    for sign in tag:
        check(sign in SMALL + BIG + FIGURES + "_.-")
inside = ""
for sign in rest + "/":
    if sign in SMALL + FIGURES or sign == "/":
        check(sign != "/" or inside not in ("", "."))
        inside = "" if sign == "/" else "x"
        continue
    check(sign in "._-" and inside != "")
    following = {("x", "."): ".", ("x", "_"): "_", ("_", "_"): ".", ("x", "-"): "-", ("-", "-"): "-"}
    check((inside, sign) in following)
    inside = following[inside, sign]
for part in rest.split("/"):
    check(part[-1:] not in ("", ".", "_", "-"))
if at:
    check(len(digest) == 71 and digest.startswith("sha256:") and all(c in FIGURES + "abcdef" for c in digest[7:]))
host = "docker.io" if host == "index.docker.io" else host
result = dict.fromkeys(["registry", "repository", "tag", "digest"])
result["registry"] = host
result["repository"] = rest if host != "docker.io" or "/" in rest else "library/" + rest
result["tag"] = tag if tag or at else "latest"
result["digest"] = digest if at else None
return result
""",
}

PARTS, RIGHTMOST, OBJECT = "part after part", "from the right", "a class and an error of its own"
DIGEST = 're.fullmatch("sha256:[0-9a-f]{64}", digest)'
TAG = 're.fullmatch("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", tag)'
HOST = 're.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?", host)'
PATH = 're.fullmatch(f"{part}(/{part})*", repository)'
PART = r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*"
KNOWN = 'if not slash or not (host == "localhost" or re.search("[.:A-Z]", host)):'

WRONG: dict[str, Wrong] = {
    "the digest's pattern has no end": (PARTS, DIGEST, 're.match("sha256:[0-9a-f]{64}", digest)'),
    "the digest is searched for": (PARTS, DIGEST, 're.search("sha256:[0-9a-f]{64}", text)'),
    "a digest of 64 digits or more": (PARTS, "{64}", "{64,}"),
    "a digest of any length": (PARTS, "sha256:[0-9a-f]{64}", "sha256:[0-9a-f]+"),
    "the digest's length is not asked": (RIGHTMOST, " or len(hexes) != 64", ""),
    "the digest's digits are not asked": (RIGHTMOST, ' or not set(hexes) <= set("0123456789abcdef")', ""),
    "capitals in the digest are made small": (
        PARTS,
        'rest.partition("@")\n',
        'rest.partition("@")\ndigest = digest.lower()\n',
    ),
    "the digest is read as a number": (
        RIGHTMOST,
        'or not set(hexes) <= set("0123456789abcdef")',
        "or int(hexes, 16) < 0",
    ),
    "any algorithm": (RIGHTMOST, 'algorithm != "sha256" or ', ""),
    "the algorithm in capitals": (RIGHTMOST, 'algorithm != "sha256"', 'algorithm.lower() != "sha256"'),
    "the last @ counts, and the first is passed over": (
        OBJECT,
        'text.split("@", 1)',
        '[text.split("@")[0], *text.split("@")[1:][-1:]]',
    ),
    "a digest makes the tag go away": (PARTS, "if not colon and not at:", "if at:\n    tag = None\nelif not colon:"),
    "latest beside a digest": (PARTS, "if not colon and not at:", "if not colon:"),
    "what stands behind the digest is cut off": (
        PARTS,
        'rest.partition("@")\n',
        'rest.partition("@")\ndigest = digest[:71]\n',
    ),
    "any algorithm of 64 digits": (PARTS, '"sha256:[0-9a-f]', '"sha[0-9]+:[0-9a-f]'),
    "a dot makes a host, also without a slash": (PARTS, "if not slash or not (host", "if not (host"),
    "every address of Docker Hub": (PARTS, 'if host == "index.docker.io"', 'if host.endswith(".docker.io")'),
    "match and a dollar sign": (
        PARTS,
        "re.fullmatch(",
        "re.match(",
        "(:[0-9]+)?",
        "(:[0-9]+)?$",
        "{0,127}",
        "{0,127}$",
        "{64}",
        "{64}$",
        "(/{part})*",
        "(/{part})*$",
    ),
    "the patterns have no end": (PARTS, "re.fullmatch(", "re.match("),
    "blanks around are taken off": (PARTS, 'text.partition("/")', 'text.strip().partition("/")'),
    "everything in small letters": (PARTS, "import re\n", "import re\n\ntext = text.lower()\n"),
    "the repository is made small": (
        PARTS,
        'name.partition(":")\n',
        'name.partition(":")\nrepository = repository.lower()\n',
    ),
    "letters of every language in a tag": (PARTS, TAG, 're.fullmatch(r"\\w[\\w.-]{0,127}", tag)'),
    "letters of every language in the repository": (
        RIGHTMOST,
        "part[0] not in small or part[-1] not in small",
        "part != part.lower() or part[0] in '._-' or part[-1] in '._-'",
        "if c in small",
        "if c.isalnum()",
    ),
    "digits of every language in a port": (PARTS, "(:[0-9]+)?", r"(:\d+)?"),
    "a tag of 129 characters": (PARTS, "{0,127}", "{0,128}"),
    "a tag of 127 characters at most": (PARTS, "{0,127}", "{0,126}"),
    "the first character of a tag as any other": (PARTS, "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "[A-Za-z0-9_.-]{1,128}"),
    "no underscore first in a tag": (PARTS, "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"),
    "a letter or digit last in a tag": (
        PARTS,
        "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
        "[A-Za-z0-9_]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?",
    ),
    "small letters alone in a tag": (PARTS, "[A-Za-z0-9_][A-Za-z0-9_.-]", "[a-z0-9_][a-z0-9_.-]"),
    "an empty tag is none": (PARTS, "if colon and not re", "if tag and not re"),
    "the last of two tags": (OBJECT, 'rest.split(":", 1)', '[rest.split(":")[0], *rest.split(":")[1:][-1:]]'),
    "a host has a dot": (PARTS, 're.search("[.:A-Z]", host)', '"." in host'),
    "a host has a dot or a colon": (PARTS, "[.:A-Z]", "[.:]"),
    "a host has a dot, and localhost is none": (PARTS, 'host == "localhost" or ', ""),
    "what begins with localhost is a host": (PARTS, 'host == "localhost"', 'host.startswith("localhost")'),
    "a first part before a slash is a host": (PARTS, KNOWN, "if not slash:"),
    "the dot may stand anywhere": (
        PARTS,
        KNOWN,
        'if not slash or not (host == "localhost" or re.search("[.:A-Z]", text)):',
    ),
    "three parts have a host": (PARTS, KNOWN, KNOWN[:-2] + ' or rest.count("/") > 0):'),
    "an underscore in a host": (PARTS, "[A-Za-z0-9][A-Za-z0-9.-]*", r"[\w.-]+"),
    "a host is not looked at": (PARTS, f"if not {HOST}", "if False"),
    "a host has an ending in letters": (
        PARTS,
        "[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?",
        r"(localhost|[A-Za-z0-9-]+|([A-Za-z0-9-]+\.)+[A-Za-z]+)(:[0-9]+)?",
    ),
    "the host in small letters": (PARTS, '{"registry": host,', '{"registry": host.lower(),'),
    "the port is thrown away": (PARTS, '{"registry": host,', '{"registry": host.partition(":")[0],'),
    "a port is four or five digits, and the rest a tag": (PARTS, ":[0-9]+", ":[0-9]{4}"),
    "the old address stays": (PARTS, 'if host == "index.docker.io":', "if False:"),
    "the old address is replaced wherever it stands": (
        PARTS,
        "import re\n",
        'import re\n\ntext = text.replace("index.docker.io", "docker.io")\n',
    ),
    "what begins with docker.io is Docker Hub": (
        PARTS,
        'if host == "index.docker.io":',
        'if host == "index.docker.io" or host.startswith("docker.io"):',
    ),
    "library/ only where no host was written": (
        PARTS,
        'if host == "docker.io" and "/" not in repository:',
        'if "/" not in text:',
    ),
    "library/ on every registry": (PARTS, 'host == "docker.io" and "/" not in repository', '"/" not in repository'),
    "library/ always on Docker Hub": (
        PARTS,
        'if host == "docker.io" and "/" not in repository:',
        'if host == "docker.io":',
    ),
    "no library/": (PARTS, 'repository = "library/" + repository', "pass"),
    "any run of signs between letters": (PARTS, PART, "[a-z0-9]+([._-]+[a-z0-9]+)*"),
    "signs in any mixture": (PARTS, r"(\.|__?|-+)[", r"(\.|__?|-)+["),
    "one sign between letters": (PARTS, PART, "[a-z0-9]+([._-][a-z0-9]+)*"),
    "no underscore": (PARTS, PART, r"[a-z0-9]+((\.|-+)[a-z0-9]+)*"),
    "a part has two characters": (PARTS, PART, r"[a-z0-9]([a-z0-9]|(\.|__?|-+)(?=[a-z0-9]))*[a-z0-9]"),
    "a part begins with a letter": (PARTS, PART, r"[a-z][a-z0-9]*((\.|__?|-+)[a-z0-9]+)*"),
    "a part may begin with a sign": (PARTS, PART, r"((\.|__?|-+)?[a-z0-9]+)+"),
    "a part may end with a sign": (PARTS, PART, r"([a-z0-9]+(\.|__?|-+)?)+"),
    "capitals in the repository": (PARTS, PART, r"[A-Za-z0-9]+((\.|__?|-+)[A-Za-z0-9]+)*"),
    "two parts at most": (
        PARTS,
        "(/{part})*",
        "(/{part})?",
        'repository = "library/" + repository\n',
        'repository = "library/" + repository\nrepository = str(repository)\n',
    ),
    "empty parts are passed over": (OBJECT, 'path.split("/"))', 'path.split("/") if part)'),
    "another error": (PARTS, "raise ValueError", "raise TypeError"),
    "assert instead of raise": (
        PARTS,
        'if not re.fullmatch(f"{part}(/{part})*", repository):\n    raise ValueError("repository")',
        'assert re.fullmatch(f"{part}(/{part})*", repository)',
    ),
    "None instead of an error": (PARTS, 'raise ValueError("tag")', "return None"),
    "empty texts instead of None": (PARTS, "tag or None", "tag", "digest or None", "digest"),
    "a tuple": (
        PARTS,
        '{"registry": host, "repository": repository, "tag": tag or None, "digest": digest or None}',
        "host, repository, tag or None, digest or None",
    ),
    "only the keys that have something": (
        RIGHTMOST,
        "return {",
        "return {k: v for k, v in {",
        "digest or None}",
        "digest or None}.items() if v}",
    ),
}
