"""What the kit takes from a compose file, in each form that Compose allows, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import CourseError
from autograder.services.compose import readonly, settings
from autograder.services.compose.settings import Mount, Published, read

from ...collect.tls import COMPOSE


def service(*lines: str, tail: str = "") -> str:
    return "services:\n  registry:\n    image: registry:2\n" + "".join(f"    {line}\n" for line in lines) + tail


def test_a_whole_file():
    found = read(COMPOSE)
    assert found.service == "registry" and found.image == "registry:2" and found.restart == "always"
    assert found.published == (Published("127.0.0.1", 5443, 5000),) and found.published[0].loopback
    assert found.mounts == (
        Mount("./certs", "/certs", True), Mount("./auth", "/auth", True), Mount("registry-data", settings.DATA),
    )  # fmt: skip
    assert found.listens == 5000 and found.data is not None and found.data.named
    assert (
        found.file_at("/certs/domain.crt") == "certs/domain.crt" and found.file_at("/auth/htpasswd") == "auth/htpasswd"
    )
    assert found.file_at("/elsewhere/x") is None and found.file_at("/certsx/y") is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ('"127.0.0.1:5443:5000"', Published("127.0.0.1", 5443, 5000)),
        ("127.0.0.1:5443:5000/tcp", Published("127.0.0.1", 5443, 5000)),
        ('"127.0.0.1::5000"', Published("127.0.0.1", None, 5000)),
        ('"[::1]:5443:5000"', Published("::1", 5443, 5000)),
        ('"5443:5000"', Published("", 5443, 5000)),
        ("5000", Published("", None, 5000)),
        ('"0.0.0.0:5443:5000"', Published("0.0.0.0", 5443, 5000)),
        ("{target: 5000, published: 5443, host_ip: 127.0.0.1}", Published("127.0.0.1", 5443, 5000)),
        ("{target: 5000}", Published("", None, 5000)),
    ],
)
def test_ports(entry, expected):
    [found] = read(service("ports:", f"  - {entry}")).published
    assert found == expected and found.loopback == (found.address in ("127.0.0.1", "::1"))


@pytest.mark.parametrize(
    "entry",
    [
        "5000-5002",
        "localhost:5443:5000",
        "5443:5000/udp",
        "5443:99999",
        "0:5000",
        '""',
        "[1]",
        "a",
        "{target: x}",
        "1:2:3:4:5:6",
    ],
)
def test_ports_that_are_none(entry):
    with pytest.raises(CourseError):
        read(service("ports:", f"  - {entry}"))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("./certs:/certs:ro", Mount("./certs", "/certs", True)),
        ("./certs:/certs:ro,z", Mount("./certs", "/certs", True)),
        ("./certs:/certs:rw,z", Mount("./certs", "/certs")),
        ("data:/var/lib/registry:nocopy", Mount("data", "/var/lib/registry")),
        ("{type: bind, source: ./auth, target: /auth, read_only: yes}", Mount("./auth", "/auth", True)),
        ("{type: bind, source: ./auth, target: /auth, bind: {create_host_path: false}}", Mount("./auth", "/auth")),
        ("{type: volume, source: data, target: /d, x-why: it lasts, volume: {nocopy: true}}", Mount("data", "/d")),
        ("./certs/:/certs/", Mount("./certs", "/certs")),
        (".:/all", Mount(".", "/all")),
        ("./certs/domain.crt:/registry.crt", Mount("./certs/domain.crt", "/registry.crt")),
        ("data:/var/lib/registry", Mount("data", "/var/lib/registry")),
        ("/var/lib/registry", Mount("", "/var/lib/registry")),
        ("{type: bind, source: ./auth, target: /auth, read_only: true}", Mount("./auth", "/auth", True)),
        ("{type: bind, source: auth, target: /auth}", Mount("./auth", "/auth")),
        ("{type: volume, source: data, target: /var/lib/registry}", Mount("data", "/var/lib/registry")),
    ],
)
def test_volumes(entry, expected):
    assert read(service("volumes:", f"  - {entry}", tail="volumes:\n  data:\n")).mounts == (expected,)


@pytest.mark.parametrize(
    "entry",
    [
        "/:/host",
        "/etc:/certs",
        "~/x:/certs",
        "../x:/certs",
        "./a/../../x:/certs",
        "C:\\x:/certs",
        "./x:certs",
        "./x:/certs:rw,ro",
        "./x:/certs:shared",
        "./x:/../etc",
        "{type: tmpfs, target: /x}",
        "{type: bind, source: /, target: /x}",
        "a b:/x",
        "$HOME:/x",
        "other:/x",
        "{type: bind, source: ./x, target: /x, bind: {propagation: shared}}",
    ],
)
def test_volumes_that_are_refused(entry):
    with pytest.raises(CourseError):
        read(service("volumes:", f"  - {entry}", tail="volumes:\n  data:\n"))


@pytest.mark.parametrize("form", ["mapping", "list"])
def test_environment_in_both_forms(form):
    wanted = {settings.DELETE: "true", settings.REALM: "Our images", settings.ADDRESS: ":5443"}
    lines = [f"  {n}: {v}" if form == "mapping" else f"  - {n}={v}" for n, v in wanted.items()]
    found = read(service("environment:", *lines))
    assert found.environment == wanted and found.listens == 5443


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REGISTRY_PROXY_REMOTEURL", "http://169.254.169.254/"),
        ("REGISTRY_STORAGE_S3_BUCKET", "x"),
        ("REGISTRY_STORAGE", "s3"),
        ("REGISTRY_NOTIFICATIONS_ENDPOINTS", "[{url: 'http://10.0.0.1/'}]"),
        ("REGISTRY_AUTH_TOKEN_REALM", "http://evil/"),
        ("REGISTRY_AUTH", "{htpasswd: {path: /etc/passwd}}"),
        ("REGISTRY_HTTP_TLS_CERTIFICATE", "../../etc/shadow"),
        ("REGISTRY_HTTP_TLS_CERTIFICATE", "/certs/../x"),
        ("REGISTRY_AUTH_HTPASSWD_REALM", "'{a: b}'"),
        ("REGISTRY_AUTH_HTPASSWD_REALM", '"line\\nbreak"'),
        ("REGISTRY_HTTP_ADDR", "127.0.0.1:5000"),
        ("REGISTRY_HTTP_ADDR", ":70000"),
        ("REGISTRY_HTTP_TLS_LETSENCRYPT_CACHEFILE", "/x"),
        ("REGISTRY_STORAGE_DELETE_ENABLED", "yes"),
        ("REGISTRY_HTTP_SECRET", "${SECRET}"),
        ("LD_PRELOAD", "/x.so"),
        ("HTTP_PROXY", "http://10.0.0.1:80"),
    ],
)
def test_settings_that_are_refused(name, value):
    with pytest.raises(CourseError) as raised:
        read(service("environment:", f"  {name}: {value}"))
    assert name in raised.value.found and raised.value.next_step


@pytest.mark.parametrize(
    "line",
    [
        "command: [sh]",
        "entrypoint: sh",
        "privileged: true",
        "network_mode: host",
        "build: .",
        "cap_add: [ALL]",
        "devices: [/dev/sda]",
        "pid: host",
        "user: root",
        "env_file: .env",
        "secrets: [x]",
        "extends: {file: x}",
        "depends_on: [x]",
        "security_opt: [x]",
        "volumes_from: [x]",
        "sysctls: {a: b}",
        "image2: x",
        "tmpfs: /x",
        "ipc: host",
    ],
)
def test_keys_that_are_refused_by_name(line):
    with pytest.raises(CourseError) as raised:
        read(service(line))
    assert line.partition(":")[0] in raised.value.found


@pytest.mark.parametrize(
    "line", ["container_name: x", "healthcheck: {test: [CMD, x]}", "labels: {a: b}", "x-note: hello"]
)
def test_keys_that_do_not_matter_may_stand_there(line):
    assert read(service(line)).service == "registry"


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("alpine:3", "another image"),
        ("registry", "which version"),
        ("registry:latest", "which version"),
        ("localhost:5000/registry:2", "another image"),
        ("evil/registry:2", "another image"),
        ("Registry:2", "no image reference"),
        ("", "no image"),
        ("$IMAGE", "shell"),
    ],
)
def test_images_that_are_refused(image, says):
    with pytest.raises(CourseError, match=says):
        read(f"services:\n  registry:\n    image: {image}\n")


@pytest.mark.parametrize("image", ["registry:2", "registry:2.8.3", "docker.io/library/registry:3", "registry:3.0.0"])
def test_images_that_are_the_official_one(image):
    assert read(f"services:\n  registry:\n    image: {image}\n").image == image


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "services"),
        ("services:\n", "services"),
        ("a", "services"),
        ("services: {}\n", "one service"),
        ("services: {a: {image: 'registry:2'}, b: {image: 'registry:2'}}", "one service"),
        ("services: {a: x}", "settings below a"),
        ("networks: {}\nservices: {a: {image: 'registry:2'}}", "networks"),
        ("volumes: {data: {driver_opts: {device: /}}}\nservices: {a: {image: 'registry:2'}}", "options"),
        (service("restart: sometimes"), "restart"),
    ],
)
def test_files_that_are_none(text, says):
    with pytest.raises(CourseError) as raised:
        read(text)
    assert says in raised.value.expected + raised.value.found


# Whole files, each with the same meaning as COMPOSE or with one thing that differs.
DEFAULTS = """
x-defaults: &defaults
  image: registry:2
  restart: always
"""
TLS = """
x-tls: &tls
  REGISTRY_HTTP_TLS_CERTIFICATE: /certs/domain.crt
  REGISTRY_HTTP_TLS_KEY: /certs/domain.key
"""
TLS_LINES = """      REGISTRY_HTTP_TLS_CERTIFICATE: /certs/domain.crt
      REGISTRY_HTTP_TLS_KEY: /certs/domain.key
"""
IMAGE_LINES = "    image: registry:2\n    restart: always\n"
LIST_MERGE = "      <<: [*tls, {REGISTRY_HTTP_TLS_KEY: /other}]\n"
OVER = "      REGISTRY_HTTP_TLS_CERTIFICATE: /certs/domain.crt\n      <<: {REGISTRY_HTTP_TLS_CERTIFICATE: /other, \
REGISTRY_HTTP_TLS_KEY: /certs/domain.key}\n"
MOUNTS = """      - ./certs:/certs:ro
      - ./auth:/auth:ro
      - registry-data:/var/lib/registry
"""
BODY = COMPOSE.partition("services:\n  registry:\n")[2].partition("\nvolumes:")[0]
LONG_MOUNTS = """      - {type: bind, source: ./certs, target: /certs, read_only: true}
      - &auth
        type: bind
        source: ./auth
        target: /auth
        read_only: True
      - <<: *auth
        type: volume
        source: registry-data
        target: /var/lib/registry
        read_only: false
"""


@pytest.mark.parametrize(
    "text",
    [
        DEFAULTS + COMPOSE.replace(IMAGE_LINES, "    <<: *defaults\n"),
        COMPOSE.replace(IMAGE_LINES, "    <<: *defaults\n").replace("services:", DEFAULTS + "services:"),
        TLS + COMPOSE.replace(TLS_LINES, "      <<: *tls\n"),
        TLS + COMPOSE.replace(TLS_LINES, LIST_MERGE),
        COMPOSE.replace(TLS_LINES, OVER),
        "x-tag: &image registry:2\n" + COMPOSE.replace("image: registry:2", "image: *image"),
        "x-all: &all\n" + BODY.replace("    ", "  ") + "\nservices:\n  registry: *all\nvolumes:\n  registry-data:\n",
        COMPOSE.replace(MOUNTS, LONG_MOUNTS),
        COMPOSE.replace('"true"', "true"),
        COMPOSE.replace('"true"', "True"),
        COMPOSE.replace('"true"', "!!str true"),
        COMPOSE.replace("  registry-data:\n", "  registry-data: {}\n"),
        COMPOSE.replace("  registry-data:\n", "  registry-data: ~\n"),
        COMPOSE.replace("  registry-data:\n", "  registry-data: null\n"),
        COMPOSE.replace("  registry-data:\n", "  registry-data:\n    driver: local\n    labels: {team: heron}\n"),
        COMPOSE.replace("restart: always", "restart: always\n    x-owner: [the team, {since: 2026}]"),
        COMPOSE.replace("restart: always", "restart: always\n    read_only: true\n    stop_signal: SIGTERM"),
        "---\n" + COMPOSE + "...\n",
        "%YAML 1.2\n---\n" + COMPOSE,
        "{services: {registry: &r {image: 'registry:2'}}, x-copy: *r}",
    ],
    ids=range(20),
)  # fmt: skip
def test_a_legal_file_means_what_compose_makes_of_it(text):
    found, plain = read(text), read(COMPOSE)
    if "x-copy" in text:
        assert found.image == "registry:2" and not found.mounts
    else:
        assert found == plain and found.stores


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (COMPOSE.replace(TLS_LINES, "      <<: *tls\n"), "undefined alias"),
        (COMPOSE.replace(TLS_LINES, "      <<: registry\n"), "merges mappings"),
        (COMPOSE.replace(TLS_LINES, "      <<: [[a, b]]\n"), "merges mappings"),
        (COMPOSE.replace(TLS_LINES, '      "<<": {REGISTRY_AUTH: htpasswd}\n'), "environment.<<"),
        ("x-a: &a {b: *a}\n" + COMPOSE, "inside what it names"),
        ("x-a: &a\n  <<: *a\n" + COMPOSE, "inside what it names"),
        (TLS + COMPOSE.replace(TLS_LINES, "      <<: *tls\n      <<: *tls\n"), "<< is there twice"),
        (COMPOSE.replace("always", "!reset null"), "tag"),
        (COMPOSE.replace("always", "!!python/name:os.system x"), "tag"),
        (COMPOSE.replace("always", '"True"'), "restart"),
        ("x-b: &b {privileged: true}\n" + COMPOSE.replace("    restart: always", "    <<: *b"), "privileged"),
        ("x-b: &b {volumes: ['/:/host']}\n" + COMPOSE.replace(f"    volumes:\n{MOUNTS}", "    <<: *b\n"), "mounts '/'"),
        (COMPOSE.replace("  registry-data:\n", "  registry-data: {external: true}\n"), "options"),
        (COMPOSE.replace("  registry-data:\n", "  registry-data: {driver: nfs}\n"), "options"),
        (COMPOSE.replace("    restart: always", "    extends: {service: base}"), "extends"),
        (COMPOSE.replace("    restart: always", "    profiles: [later]"), "profiles"),
    ],
    ids=range(16),
)  # fmt: skip
def test_what_anchors_and_merges_do_not_hide(text, says):
    with pytest.raises(CourseError) as raised:
        read(text)
    assert says in raised.value.expected + raised.value.found


def test_an_alias_counts_as_what_it_stands_for():
    lines = [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" if n else "x-0: &a0 [1]" for n in range(5)]
    with pytest.raises(CourseError, match="too deep, or too long"):
        read("\n".join(lines) + "\n" + COMPOSE)
    deep = [f"x-{n}: &d{n} {{a: *d{n - 1}}}" if n else "x-0: &d0 {a: b}" for n in range(20)]
    with pytest.raises(CourseError, match="too deep, or too long"):
        read("\n".join(deep) + "\n" + COMPOSE)
    assert read("\n".join(lines[:3]) + "\n" + "\n".join(deep[:5]).replace("x-", "x-d") + "\n" + COMPOSE).stores


@pytest.mark.parametrize(
    ("mounts", "stores"),
    [
        (("registry-data:/var/lib/registry",), True),
        (("registry-data:/var/lib/registry:rw",), True),
        (("registry-data:/var/lib:rw",), True),
        (("./data:/var/lib/registry",), True),
        (("registry-data:/var/lib/registry", "./certs:/var/lib/certs:ro"), True),
        ((".:/var/lib:ro", "registry-data:/var/lib/registry"), True),
        (("registry-data:/var/lib/registry:ro",), False),
        (("registry-data:/var/lib/registry:ro,z",), False),
        (("registry-data:/var/lib:ro",), True),  # the image's own volume lies over it
        (("./data:/var/lib/registry/:ro",), False),
        (("registry-data:/var/lib/registry", "./seed:/var/lib/registry/docker:ro"), False),
        (("{type: volume, source: registry-data, target: /var/lib/registry, read_only: true}",), False),
        (("{type: bind, source: ./data, target: /var/lib/registry, read_only: on}",), False),
        (("{type: volume, source: registry-data, target: /var/lib/registry, read_only: TRUE}",), False),
    ],
)
def test_whether_the_registry_may_write_its_data(mounts, stores):
    lines = ["volumes:", *(f"  - {mount}" for mount in mounts)]
    assert read(service(*lines, tail="volumes:\n  registry-data:\n")).stores is stores
    elsewhere = service(*lines, "environment:", "  REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /elsewhere")
    assert read(elsewhere + "volumes:\n  registry-data:\n").stores


def test_an_old_files_version_is_passed_over():
    assert read('version: "3.8"\n' + COMPOSE).listens == 5000


BILLION = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefghi", "bcdefghij", strict=True))


@pytest.mark.parametrize(
    "text",
    [
        BILLION,
        "x: &a [*a]",
        "[" * 50,
        "{a: " * 50,
        "- \n" * 6000,
        "x: " + "y" * 70_000,
        "a: 1\na: 2\n",
        "!!python/object:os.system x",
        "a: !!binary AAAA",
        "a: \x00",
        "%YAML 9.9\n---\na: 1",
        "a: 1\n---\nb: 2\n",
        "? [x]\n: y",
        "<<: {a: b}\n<<: {c: d}",
        "\t",
    ],
    ids=range(15),
)
def test_hostile_yaml_is_refused_in_words(text):
    with pytest.raises(CourseError) as raised:
        read(text)
    assert raised.value.found.startswith("compose.yaml")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    try:
        readonly.load(text)
        read(text)
    except CourseError as error:
        assert error.expected and error.found and error.next_step


@given(
    st.recursive(
        st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    )
)
def test_any_service_is_read_or_refused(value):
    import yaml

    try:
        read(
            yaml.safe_dump(
                {
                    "services": {
                        "registry": {"image": "registry:2", "ports": value, "volumes": value, "environment": value}
                    }
                }
            )
        )
    except CourseError as error:
        assert error.expected and error.found and error.next_step


@pytest.mark.parametrize(
    ("target", "root", "kept"),
    [
        ("/var/lib/registry", "/var/lib/registry", True),
        ("/var/lib", "/var/lib/registry", False),  # the engine puts a volume of no name at the image's own place
        ("/var/lib", "/var/lib/registry/more", False),
        ("/var/lib", "/var/lib/elsewhere", True),
        ("/data", "/data/registry", True),
        ("/var/lib/registry/more", "/var/lib/registry/more", True),
    ],
)
def test_where_the_data_is_kept_beside_the_images_own_volume(target, root, kept):
    lines = ["volumes:", f"  - registry-data:{target}", "environment:", f"  {settings.ROOT}: {root}"]
    data = read(service(*lines, tail="volumes:\n  registry-data:\n")).data
    assert (data is not None and data.source == "registry-data") is kept


@pytest.mark.parametrize("target", ["/etc/docker/registry/config.yml", "/etc/docker/registry", "/etc", "/bin"])
def test_nothing_is_mounted_over_what_the_image_needs(target):
    with pytest.raises(CourseError, match="of the image"):
        read(service("volumes:", f"  - ./mine:{target}"))
    assert read(service("volumes:", "  - ./mine:/etc/docker/registry/certs")).mounts


def test_two_mounts_at_one_path_are_named():
    with pytest.raises(CourseError, match="/auth is there twice"):
        read(service("volumes:", "  - ./auth:/auth", "  - ./other:/auth/:ro"))
