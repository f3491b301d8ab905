"""Hidden cases of lab 02: references drawn with the grading seed, judged by the kit's own grammar."""

from __future__ import annotations

from typing import Any

from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain import references
from autograder.evidence.model import Case

WORDS = ("router", "ranker", "embedder", "triage", "whisper", "lemma", "stemmer", "parser", "corpus", "reviews")
COMPANIES = ("acme", "umbra", "nordwind", "kestrel-ai", "oakhill", "brightline", "delta9", "papaya")


def case(kind: str, text: str) -> Case:
    """What the grammar says of a text."""
    try:
        found = references.parse(text)
    except references.InvalidReference:
        return Case(kind=kind, args=(text,), expected={"raises": "ValueError"}, raises=True)
    parts = {"registry": found.registry, "repository": found.repository, "tag": found.tag, "digest": found.digest}
    return Case(kind=kind, args=(text,), expected=parts)


# Kinds of cases that came with a later version of the lab than the first.
SINCE = dict.fromkeys(
    (
        "a digest of more than 64 digits",
        "something behind the digest",
        "two digests",
        "the digest's algorithm in capitals",
        "a digest of another algorithm",
        "letters beyond a to z in the tag",
        "letters beyond a to z in the repository",
        "digits of another script in the port",
        "an underscore at the beginning of the tag",
        "a sign at the end of the tag",
        "localhost before a slash, and a tag",
        "a namespace that begins with localhost",
        "an underscore in the host",
        "a host of numbers",
        "a port of three digits",
        "the old address of Docker Hub behind another host",
        "a host that begins like docker.io",
        "a path part of one character",
        "a path part that begins with a digit",
        "a path part that begins with a sign",
        "a dot and an underscore side by side",
        "a slash at the beginning",
        "a dot in a name of one part",
        "the algorithm sha512 before 64 digits",
        "another address of Docker Hub",
    ),
    2,
)


def cases(draw: SeededRandom, parameters: dict[str, Any]) -> dict[str, list[Case]]:
    """Cases of ``parse_reference``; each kind is a way to be wrong that the visible ones leave open."""
    one, two, three = draw.sample("words", WORDS, 3)
    company = draw.choice("company", COMPANIES)
    host = f"{draw.choice('sub', ('registry', 'hub', 'r2'))}.{company}.example.{draw.choice('end', ('com', 'org'))}"
    port = draw.integer("port", 1024, 65535)
    version = f"{draw.integer('major', 0, 9)}.{draw.integer('minor', 0, 20)}.{draw.integer('patch', 0, 20)}"
    hexes = draw.hex("digest", 64)
    digest = f"sha256:{hexes}"
    long_tag = (f"{one}-{version}-" + draw.hex("tag", 64) + draw.hex("more", 64))[:128]
    found = [
        case("a name of one part, in letters and digits", f"{one}{port}"),
        case("the word localhost without a slash", f"localhost:{version}"),
        case("localhost as a namespace's second part", f"{company}/localhost:{version}"),
        case("a namespace that sounds like a registry", f"{company}-registry/{one}:{version}"),
        case("a dot in the repository, and none before the first slash", f"{company}/{one}.{two}/{three}"),
        case("a repository of three parts on Docker Hub", f"{company}/{one}/{two}:{version}"),
        case("a host that has a port and no dot", f"{company}:{port}/{one}"),
        case("a host with a port, and a tag", f"{host}:{port}/{company}/{one}:{version}"),
        case("a host and one path part", f"{host}/{one}"),
        case("a capital before the first slash", f"{company.capitalize()}/{one}:{version}"),
        case("a capital at the end of the first part", f"{company}R/{one}"),
        case("docker.io and one path part", f"docker.io/{one}"),
        case("the old address of Docker Hub", f"index.docker.io/{one}:{version}"),
        case("a digest and no tag", f"{company}/{one}@{digest}"),
        case("tag and digest", f"{host}/{one}:{version}@{digest}"),
        case("a digest behind a host with a port", f"localhost:{port}/{one}@{digest}"),
        case("a digest behind a name of one part", f"{one}@{digest}"),
        case("capitals and underscores in the tag", f"{one}:RC_{draw.hex('rc', 6).upper()}"),
        case("a tag of 128 characters", f"{company}/{one}:{long_tag}"),
        case("two underscores and several dashes between letters", f"{company}/{one}__{two}---{three}"),
        case("no text at all", ""),
        case("a capital in the repository", f"{company}/{one.capitalize()}:{version}"),
        case("a capital in a name of one part", f"{one}{two.upper()}"),
        case("a plus sign in the tag", f"{company}/{one}:{version}+cu{draw.integer('cuda', 110, 129)}"),
        case("a slash in the tag", f"{company}/{one}:{two}/{three}"),
        case("two tags", f"{company}/{one}:{two}:{three}"),
        case("a tag of 129 characters", f"{company}/{one}:{long_tag}x"),
        case("a tag that begins with a dash", f"{one}:-{version}"),
        case("a tag that begins with a dot", f"{one}:.{two}"),
        case("nothing behind the colon", f"{host}/{one}:"),
        case("nothing behind the @", f"{company}/{one}@"),
        case("a digest that is cut short", f"{company}/{one}@sha256:{hexes[: draw.integer('cut', 7, 40)]}"),
        case("capitals in the digest", f"{company}/{one}@sha256:{hexes[:-1].upper()}F"),
        case("a digest without its algorithm", f"{company}/{one}@{hexes}"),
        case("an empty tag before a digest", f"{company}/{one}:@{digest}"),
        case("http:// or https:// in front", f"{draw.choice('scheme', ('http', 'https'))}://{host}/{one}:{version}"),
        case("a port that is no number", f"{host}:{one}/{two}"),
        case("a line end at the end", f"{host}/{one}:{version}\n"),
        case("a blank", f"{company}/{one}: {version}"),
        case("two slashes in a row", f"{company}//{one}"),
        case("a slash at the end", f"{host}/{one}/"),
        case("a path part that ends in a dash", f"{company}/{one}-:{version}"),
        case("two dots in a row", f"{company}/{one}..{two}"),
        case("three underscores in a row", f"{company}/{one}___{two}"),
        case("a digest of more than 64 digits", f"{company}/{one}@{digest}{hexes[:1]}"),
        case("something behind the digest", f"{company}/{one}@{digest}:{version}"),
        case("two digests", f"{company}/{one}@{digest}@{digest}"),
        case("the digest's algorithm in capitals", f"{company}/{one}@SHA256:{hexes}"),
        case("a digest of another algorithm", f"{one}@{draw.choice('algorithm', ('md5', 'sha1', 'crc'))}:{hexes}"),
        case("letters beyond a to z in the tag", f"{company}/{one}:{two}-größe"),
        case("letters beyond a to z in the repository", f"{company}/{one}-für-{two}:{version}"),
        case("digits of another script in the port", f"{company}:٥{port}/{one}"),
        case("an underscore at the beginning of the tag", f"{one}:_{two}"),
        case("a sign at the end of the tag", f"{company}/{one}:{version}{draw.choice('last', '-._')}"),
        case("localhost before a slash, and a tag", f"localhost/{one}:{version}"),
        case("a namespace that begins with localhost", f"localhost-{company}/{one}:{version}"),
        case("an underscore in the host", f"{two}_{host}/{one}"),
        case("a host of numbers", f"10.{draw.integer('net', 0, 255)}.0.{draw.integer('last', 1, 254)}/{company}/{one}"),
        case("a port of three digits", f"{host}:{draw.integer('short port', 80, 999):03}/{one}:{version}"),
        case("the old address of Docker Hub behind another host", f"{host}/index.docker.io/{one}:{version}"),
        case("a host that begins like docker.io", f"docker.io.{company}.example.org/{one}"),
        case("a path part of one character", f"{company}/{one[0]}:{version}"),
        case("a path part that begins with a digit", f"{company}/{port}{two}"),
        case("a path part that begins with a sign", f"{company}/{draw.choice('first', '-._')}{one}"),
        case("a dot and an underscore side by side", f"{company}/{one}._{two}"),
        case("a slash at the beginning", f"/{one}:{version}"),
        case("a dot in a name of one part", f"{one}.{two}:{version}"),
        case("the algorithm sha512 before 64 digits", f"{company}/{one}@sha512:{hexes}"),
        case("another address of Docker Hub", f"registry-1.docker.io/{one}"),
    ]  # fmt: skip
    return {"parse_reference": draw.shuffle("order", found)}
