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
    ]  # fmt: skip
    return {"parse_reference": draw.shuffle("order", found)}
