"""References against the facts of Docker's own published tests, the host rule, the limits, and their properties."""

from __future__ import annotations

import pickle
import re
import shutil
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograder.domain.references import RULES, InvalidReference, Reference, grammar, is_digest, is_tag, parse
from autograder.domain.references.faults import docker_words

HEX = "86e0e091d0da6bde2456dbb48306f3956bbeb2eae1b5b9a43045843f69fe4aaa"
SHA256 = f"sha256:{HEX}"
SHA512 = "sha512:" + "f" * 128

# text -> (registry, repository, tag, digest). Data points of normalize_test.go, reference_test.go, regexp_test.go
# (https://github.com/distribution/reference) and of the course's facts on names.
VALID = {
    # the host rule: localhost, a dot, a colon, upper case, index.docker.io
    "docker/docker": ("docker.io", "docker/docker", "latest", None),
    "test_com/foo": ("docker.io", "test_com/foo", "latest", None),
    "test.com/foo": ("test.com", "foo", "latest", None),
    "test-com:8080/foo": ("test-com:8080", "foo", "latest", None),
    "team/app": ("docker.io", "team/app", "latest", None),
    "team.local/app": ("team.local", "app", "latest", None),
    "team:5000/app": ("team:5000", "app", "latest", None),
    "localhost/app": ("localhost", "app", "latest", None),
    "localhost:5001/ml-model:1.0.0": ("localhost:5001", "ml-model", "1.0.0", None),
    "Foo/bar": ("Foo", "bar", "latest", None),
    "FOO/bar": ("FOO", "bar", "latest", None),
    "Asdf.com/foo/bar": ("Asdf.com", "foo/bar", "latest", None),
    "xn--n3h.com:18080/foo": ("xn--n3h.com:18080", "foo", "latest", None),
    "192.168.1.1:5000/repo:5050": ("192.168.1.1:5000", "repo", "5050", None),
    "[fc00::1]:5000/docker": ("[fc00::1]:5000", "docker", "latest", None),
    "[2001:db8::]/repo": ("[2001:db8::]", "repo", "latest", None),
    "192.168.1.1:750050/repo": ("192.168.1.1:750050", "repo", "latest", None),  # the grammar counts no port digits
    # without a slash there is no host
    "localhost": ("docker.io", "library/localhost", "latest", None),
    "localhost:8080": ("docker.io", "library/localhost", "8080", None),
    "test.com:5000": ("docker.io", "library/test.com", "5000", None),
    "192.168.0.1": ("docker.io", "library/192.168.0.1", "latest", None),
    "foo_bar.com:8080": ("docker.io", "library/foo_bar.com", "8080", None),
    # Docker Hub: library/, docker.io, index.docker.io
    "redis": ("docker.io", "library/redis", "latest", None),
    "library/ubuntu": ("docker.io", "library/ubuntu", "latest", None),
    "docker.io/foo": ("docker.io", "library/foo", "latest", None),
    "index.docker.io/foo": ("docker.io", "library/foo", "latest", None),
    "index.docker.io/library/debian": ("docker.io", "library/debian", "latest", None),
    "index.docker.io/fooo/bar": ("docker.io", "fooo/bar", "latest", None),
    "library/foo/bar": ("docker.io", "library/foo/bar", "latest", None),
    "store/foo/bar": ("docker.io", "store/foo/bar", "latest", None),
    "nonlibrary/ubuntu": ("docker.io", "nonlibrary/ubuntu", "latest", None),
    "other/library": ("docker.io", "other/library", "latest", None),
    "docker.io/localhost/app": ("docker.io", "localhost/app", "latest", None),
    # separators
    "docker---rules/docker": ("docker.io", "docker---rules/docker", "latest", None),
    "dock__er/docker": ("docker.io", "dock__er/docker", "latest", None),
    "registry.io/foo/project--id.module--name.ver---sion--name": (
        "registry.io",
        "foo/project--id.module--name.ver---sion--name",
        "latest",
        None,
    ),
    "b.gcr.io/test.example.com/my-app:test.example.com": (
        "b.gcr.io",
        "test.example.com/my-app",
        "test.example.com",
        None,
    ),
    # tags
    "lowercase:Uppercase": ("docker.io", "library/lowercase", "Uppercase", None),
    "x:_under": ("docker.io", "library/x", "_under", None),
    "x:" + "t" * 128: ("docker.io", "library/x", "t" * 128, None),
    # digests; beside a tag both stay
    f"redis@{SHA256}": ("docker.io", "library/redis", None, SHA256),
    f"busybox:latest@{SHA256}": ("docker.io", "library/busybox", "latest", SHA256),
    f"xn--7o8h.com/myimage:xn--7o8h.com@{SHA512}": ("xn--7o8h.com", "myimage", "xn--7o8h.com", SHA512),
    "x@sha384:" + "0" * 96: ("docker.io", "library/x", None, "sha384:" + "0" * 96),
    # 64 hexadecimal digits are an id only when nothing stands around them
    HEX[:-1]: ("docker.io", f"library/{HEX[:-1]}", "latest", None),
    f"docker.io/{HEX}": ("docker.io", f"library/{HEX}", "latest", None),
    "thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev": (
        "docker.io",
        "library/thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev",
        "latest",
        None,
    ),
    # lengths: 255 characters of path, the host not counted, library/ counted (tried with Docker's client 28.2)
    "example.com/" + "a" * 255: ("example.com", "a" * 255, "latest", None),
    "a" * 247: ("docker.io", "library/" + "a" * 247, "latest", None),
    "a/" * 127 + "a:tag-puts-this-over-max": ("docker.io", "a/" * 127 + "a", "tag-puts-this-over-max", None),
}

# text -> (position, rule)
INVALID = {
    "": (0, "empty"),
    " redis": (0, "space"),
    "redis\n": (5, "space"),
    "my image": (2, "space"),
    "https://github.com/docker/docker": (5, "scheme"),
    HEX: (0, "identifier"),
    "docker/Docker": (7, "upper-case"),
    "Uppercase:tag": (0, "upper-case"),
    "test:5000/Uppercase/lowercase:tag": (10, "upper-case"),
    "Foo/FarB": (4, "upper-case"),
    "-docker.io/docker/docker": (0, "host"),
    "ab-.com/x": (2, "host"),
    "a..b/x": (2, "host"),
    "docker./docker": (7, "host"),
    "bad_hostname.com:8080/myapp:tag": (3, "host"),
    "my_host.com/app": (2, "host"),
    "fc00::1:5000/debian": (4, "ipv6"),
    "[fe80::1%eth0]:5000/repo": (8, "ipv6"),
    "[2001:db8:3:4::192.0.2.33]:5000/debian": (18, "ipv6"),
    "[]:5000/x": (1, "ipv6"),
    "[fd00:1:2::3]75050/x": (13, "port"),
    "[fc00::1]": (9, "host-alone"),
    "[fc00::1]:5000": (14, "host-alone"),
    "foo.com:http/bar": (8, "port"),
    "localhost:/bar": (10, "port"),
    "docker///docker": (7, "path-empty"),
    "docker/": (7, "path-empty"),
    "/docker": (0, "path-empty"),
    ":justtag": (0, "path-empty"),
    f"@{SHA256}": (0, "path-empty"),
    "-docker/docker": (0, "path-edge"),
    "docker-/docker": (6, "path-edge"),
    "_docker/_docker": (0, "path-edge"),
    "example.com/.dots/myimage": (12, "path-edge"),
    "a/dock..er": (6, "path-separator"),
    "a/dock_.er": (6, "path-separator"),
    "a/dock-.er": (6, "path-separator"),
    "a___b": (1, "path-separator"),
    "aa/asdf$$^/aa": (7, "path-character"),
    "a^a": (1, "path-character"),
    "café": (3, "path-character"),
    "a" * 248: (247, "path-length"),
    "example.com/" + "a" * 256: (267, "path-length"),
    "a/" * 128 + "a:tag": (255, "path-length"),
    "x:": (2, "tag-empty"),
    "x:.a": (2, "tag-start"),
    "x:-a": (2, "tag-start"),
    "x:1.0.0+cu124": (7, "tag-character"),
    "registry.com:8080/myapp:invalid~tag": (31, "tag-character"),
    "a/b:feature/x": (11, "tag-character"),
    "x:" + "t" * 129: (130, "tag-length"),
    "x@": (2, "digest-empty"),
    "registry.com:8080/myapp@bad": (27, "digest-form"),
    "x@2:" + "a" * 64: (2, "digest-form"),
    "validname@invaliddigest:" + "f" * 128: (10, "digest-algorithm"),
    "x@md5:" + "a" * 32: (2, "digest-algorithm"),
    f"x@SHA256:{HEX}": (2, "digest-algorithm"),
    "repo@sha256:" + "f" * 34: (46, "digest-length"),
    f"x@{SHA256}a": (73, "digest-length"),
    f"x@sha256:{HEX.upper()}": (11, "digest-character"),
    f"x@{SHA256}@y": (73, "digest-character"),
}


@pytest.mark.parametrize("text", VALID, ids=lambda text: text[:50])
def test_parts(text: str) -> None:
    assert parse(text) == Reference(*VALID[text])


@pytest.mark.parametrize("text", INVALID, ids=lambda text: text[:50] or "empty")
def test_each_way_to_be_wrong_names_the_character_and_the_rule(text: str) -> None:
    with pytest.raises(InvalidReference) as wrong:
        parse(text)
    assert (wrong.value.position, wrong.value.rule) == INVALID[text]
    assert wrong.value.source.startswith("https://")


def test_every_rule_has_a_case() -> None:
    assert {rule for _, rule in INVALID.values()} == set(RULES)


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("redis", "docker.io/library/redis:latest", "redis:latest"),
        ("index.docker.io/library/redis", "docker.io/library/redis:latest", "redis:latest"),
        ("dmcgowan/myapp:1", "docker.io/dmcgowan/myapp:1", "dmcgowan/myapp:1"),
        ("docker.io/dmcgowan/myapp:1", "docker.io/dmcgowan/myapp:1", "dmcgowan/myapp:1"),
        ("library/foo/bar", "docker.io/library/foo/bar:latest", "library/foo/bar:latest"),
        ("127.0.0.1:8000/privatebase", "127.0.0.1:8000/privatebase:latest", "127.0.0.1:8000/privatebase:latest"),
        (f"redis@{SHA256}", f"docker.io/library/redis@{SHA256}", f"redis@{SHA256}"),
        (f"redis:7@{SHA256}", f"docker.io/library/redis:7@{SHA256}", f"redis:7@{SHA256}"),
        ("myregistry.com/ml-model:v1.0", "myregistry.com/ml-model:v1.0", "myregistry.com/ml-model:v1.0"),
    ],
)
def test_forms(text: str, canonical: str, familiar: str) -> None:
    found = parse(text)
    assert (found.canonical(), found.familiar()) == (canonical, familiar)


def test_with_and_without_docker_io_is_the_same_reference() -> None:
    assert parse("docker.io/johndoe/ml-model:v1.0") == parse("johndoe/ml-model:v1.0")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("docker/Docker", "invalid reference format: repository name (docker/Docker) must be lowercase"),
        ("Foo/Bar", "invalid reference format: repository name (Bar) must be lowercase"),
        (HEX, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
        ("a" * 248, "repository name must not be more than 255 characters"),
        ("x@sha256:abc", "invalid reference format"),
        ("x@sha256:" + "f" * 34, "invalid checksum digest length"),
        ("x@md5:" + "a" * 32, "unsupported digest algorithm"),
        (f"x@sha256:{HEX.upper()}", "invalid checksum digest format"),
        ("x:", "invalid reference format"),
        ("my_host.com/app", None),
    ],
)
def test_the_error_carries_dockers_own_words(text: str, words: str | None) -> None:
    with pytest.raises(InvalidReference) as wrong:
        parse(text)
    assert wrong.value.docker == words


def test_the_message_counts_characters_from_one() -> None:
    with pytest.raises(InvalidReference, match=r"^character 8 \('D'\): a repository name is lower-case"):
        parse("docker/Docker")
    with pytest.raises(InvalidReference, match=r"^at the end: after ':' comes a tag"):
        parse("x:")


def test_the_error_survives_pickling() -> None:
    wrong = InvalidReference("x:", 2, "tag-empty")
    again = pickle.loads(pickle.dumps(wrong))
    assert (again.text, again.position, again.rule, str(again)) == ("x:", 2, "tag-empty", str(wrong))


def test_tags_and_digests_alone() -> None:
    assert is_tag("1.0_x-Y") and not is_tag("") and not is_tag("1+2") and not is_tag("a" * 129) and not is_tag("a\n")
    assert is_digest(SHA256) and not is_digest(SHA256 + "\n") and not is_digest("sha256:" + "a" * 63)


PART = st.from_regex(r"[a-z0-9]{1,4}((\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}", fullmatch=True)
HOSTS = st.one_of(
    st.sampled_from(["localhost", "docker.io", "index.docker.io", "Foo", "[::1]", "[fe80::1]:5000", "team:80"]),
    st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,3})?\.[a-z]{2,4}(:[0-9]{1,5})?", fullmatch=True),
)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
DIGESTS = st.from_regex(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", fullmatch=True)


@st.composite
def references(draw: st.DrawFn) -> str:
    host = draw(st.none() | HOSTS)
    parts = draw(st.lists(PART, min_size=1, max_size=4))
    if host is None and "." in parts[0]:
        parts[0] = parts[0].replace(".", "-").replace("_", "-")  # or it would be read as a host
    path = "/".join(parts)
    tag, digest = draw(st.none() | TAGS), draw(st.none() | DIGESTS)
    return (f"{host}/" if host else "") + path + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


@given(references())
@example("localhost:5000")
@example(f"docker.io/{HEX}")
def test_the_canonical_form_reads_back_as_the_same(text: str) -> None:
    found = parse(text)
    assert parse(found.canonical()) == found
    assert parse(found.canonical()).canonical() == found.canonical()


@given(references())
def test_the_familiar_form_reads_back_as_the_same(text: str) -> None:
    found = parse(text)
    first, slash, _ = found.repository.partition("/")
    looks_like_a_host = bool(slash) and ("." in first or first == "localhost")  # Docker's short form is ambiguous here
    if found.registry != "docker.io" or not looks_like_a_host:
        assert parse(found.familiar()) == found


NEARLY = st.text(alphabet="aZ09._-:/@[]+ \n\té", max_size=40) | st.text(max_size=30)


@given(NEARLY)
@example("x@sha256:ab/c")
@example("[::1]@x/y")
@example("A" * 300)
def test_any_text_is_a_reference_or_has_a_named_fault(text: str) -> None:
    try:
        found = parse(text)
    except InvalidReference as wrong:
        assert 0 <= wrong.position <= len(text)
        assert wrong.rule in RULES
        assert str(wrong)
    else:
        assert parse(found.canonical()) == found


@given(NEARLY | references())
def test_what_docker_refuses_is_refused_and_the_other_way_round(text: str) -> None:
    """``docker_words`` follows Docker's own steps, ``parse`` ours; they differ only on a host with an underscore."""
    try:
        parse(text)
    except InvalidReference as wrong:
        assert wrong.docker is not None or wrong.rule == "host"
    else:
        assert docker_words(text) is None


@given(references(), st.integers(min_value=0, max_value=60), st.sampled_from("$ \t"))
def test_a_sign_that_is_legal_nowhere_is_found_where_it_stands(text: str, at: int, sign: str) -> None:
    at = min(at, len(text))
    with pytest.raises(InvalidReference) as wrong:
        parse(text[:at] + sign + text[at:])
    in_the_algorithm = wrong.value.rule in ("digest-form", "digest-algorithm")  # blamed as a whole
    assert wrong.value.position == at or in_the_algorithm


ABSENT = "no-such-image-anywhere/for-the-grammar-test:0"


def docker_tag(target: str) -> str:
    """What the real ``docker tag`` says. The source does not exist, so nothing is ever tagged."""
    docker = shutil.which("docker")
    assert docker, "these tests need the docker client"
    done = subprocess.run([docker, "tag", ABSENT, target], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    return done.stderr


@pytest.mark.engine
@pytest.mark.parametrize("text", [text for text, (*_, digest) in VALID.items() if digest is None], ids=lambda t: t[:50])
def test_docker_takes_what_we_take(text: str) -> None:
    assert "No such image" in docker_tag(text)


@pytest.mark.engine
@pytest.mark.parametrize("text", INVALID, ids=lambda text: text[:50] or "empty")
def test_docker_refuses_what_we_refuse_in_the_words_we_give(text: str) -> None:
    words, said = docker_words(text), docker_tag(text)
    # A host with an underscore: Docker lets the name pass, and no pull can work.
    assert ("No such image" if words is None else words) in said


_LOOSE_PART = r"[a-z0-9]+(?:(?:[._-]+)[a-z0-9]+)*"

# Each documented rule, broken: (name in the grammar, broken value). At least one case above must notice.
MUTANTS: dict[str, tuple[str, object]] = {
    "localhost is no host": ("LOCALHOST", "nowhere"),
    "index.docker.io stays": ("LEGACY_DOCKER_HUB", "index.docker.example"),
    "another default registry": ("DOCKER_HUB", "registry-1.docker.io"),
    "no library/": ("OFFICIAL_NAMESPACE", ""),
    "another default tag": ("DEFAULT_TAG", "newest"),
    "a dot makes no host": ("is_host", lambda part: part == "localhost" or ":" in part or part.lower() != part),
    "a colon makes no host": ("is_host", lambda part: part == "localhost" or "." in part or part.lower() != part),
    "upper case makes no host": ("is_host", lambda part: part == "localhost" or "." in part or ":" in part),
    "a longer path": ("PATH_LIMIT", 256),
    "a shorter path": ("PATH_LIMIT", 254),
    "any mix of separators": ("PATH", re.compile(rf"{_LOOSE_PART}(?:/{_LOOSE_PART})*")),
    "upper case in the path": ("PATH", re.compile(grammar.PATH.pattern, re.IGNORECASE)),
    "one part only": ("PATH", re.compile(r"[a-z0-9]+")),
    "a longer tag": ("TAG", re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,128}")),
    "a shorter tag": ("TAG", re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,126}")),
    "plus in a tag": ("TAG", re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")),
    "slash in a tag": ("TAG", re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}")),
    "a tag may start with a dash": ("TAG", re.compile(r"[A-Za-z0-9_.-]{1,128}")),
    "lower-case tags only": ("TAG", re.compile(r"[a-z0-9_][a-z0-9_.-]{0,127}")),
    "underscore in a host": ("HOST", re.compile(r"[A-Za-z0-9._\[\]:-]+")),
    "any port": ("HOST", re.compile(r"[A-Za-z0-9.\[\]-]+(:.*)?")),
    "no IPv6": ("HOST", re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?")),
    "md5 digests": ("DIGEST_HEX_DIGITS", {"sha256": 64, "sha384": 96, "sha512": 128, "md5": 32}),
    "no sha384": ("DIGEST_HEX_DIGITS", {"sha256": 64, "sha512": 128}),
    "short sha256": ("DIGEST_HEX_DIGITS", {"sha256": 34, "sha384": 96, "sha512": 128}),
    "64 hexadecimal digits are a name": ("IDENTIFIER", re.compile("never")),
}


def notices() -> bool:
    """Whether any case above has another answer than it should have."""
    for text, parts in VALID.items():
        try:
            if parse(text) != Reference(*parts):
                return True
        except InvalidReference:
            return True
    for text in INVALID:
        try:
            parse(text)
        except (InvalidReference, StopIteration, RuntimeError):
            continue
        return True
    return False


def test_without_a_mutation_nothing_is_noticed() -> None:
    assert not notices()


@pytest.mark.parametrize("broken", MUTANTS)
def test_a_broken_rule_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value = MUTANTS[broken]
    monkeypatch.setattr(grammar, name, value)
    assert notices()
