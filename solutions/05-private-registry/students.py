"""The scripted students of lab 05: what each does, and what each must get."""

from __future__ import annotations

from typing import Any

from autograder.quality.samples import Scripted, Stage, copied, header, nothing, perfect, rewrite


def prepared(s: Stage) -> None:
    """Makes certificate and passwords, and comes no further."""
    s.run(s.mixed("make-certificate", "write-passwords"))
    s.submit()


def change(notebook: Any, cell_id: str, *pairs: tuple[str, str]) -> None:
    """Replace texts in a cell; each must be there."""
    for cell in notebook.cells:
        if cell.id == cell_id:
            for old, new in pairs:
                assert old in cell.source, f"{old} is not in {cell_id}"
                cell.source = cell.source.replace(old, new)


def old_recipes(s: Stage) -> None:
    """A certificate with a common name alone, a SHA-1 hash, and a port on every address, as old pages have it."""
    notebook = s.mixed("make-certificate", "write-passwords", "write-settings", "break-three")
    change(notebook, "make-certificate", ("[x509.SubjectAlternativeName([x509.DNSName(name)])]", "[]"))
    change(
        notebook,
        "write-passwords",
        (
            "hashed = bcrypt.hashpw(me.password.encode(), bcrypt.gensalt(rounds=10)).decode()",
            'hashed = "{SHA}" + base64.b64encode(hashlib.sha1(me.password.encode()).digest()).decode()',
        ),
    )
    change(notebook, "write-settings", ('"127.0.0.1:{me.port}:443"', '"{me.port}:443"'))
    s.run(notebook)
    s.submit()


def without_collecting(s: Stage) -> None:
    """Deletes the first release and thinks that this was all."""
    notebook = s.solved()
    change(
        notebook,
        "collect-garbage",
        ("!{COMPOSE} exec -T registry registry garbage-collect /etc/docker/registry/config.yml\n", ""),
        (
            "freed = sum(size for one, size in first.items() if one not in second)",
            "freed = sum(first.values())",
        ),
    )
    s.run(notebook)
    s.submit()


HOSTILE = """services:
  registry:
    image: registry:2
    privileged: true
    network_mode: host
    ports: ["127.0.0.1:5000:5000"]
    environment:
      REGISTRY_PROXY_REMOTEURL: http://169.254.169.254/latest/meta-data
    volumes: ["/:/host", "/var/run/docker.sock:/var/run/docker.sock"]
"""


def hostile(s: Stage) -> None:
    """Does everything, then puts files into the zip that would harm whoever ran them."""
    s.run(s.solved())
    zipped = s.submit()

    def forge(content: dict[str, bytes]) -> None:
        content["files/compose.yaml"] = HOSTILE.encode()
        content["files/auth/htpasswd"] = content["files/auth/htpasswd"].replace(b"$10$", b"$31$")
        header(content)

    rewrite(zipped, forge)


ANOTHER_CERTIFICATE = """
from datetime import UTC, datetime, timedelta
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

def named(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

def signed(subject, key, issuer, signer, *extensions):
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=30))
    for extension in extensions:
        made = made.add_extension(extension, critical=False)
    return made.sign(signer, hashes.SHA256())

authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
root = signed(named("team"), authority, named("team"), authority, x509.BasicConstraints(ca=True, path_length=0))
names = x509.SubjectAlternativeName([x509.DNSName(f"*.{me.team}.test"), x509.DNSName("localhost")])
leaf = signed(named("registry"), own, named("team"), authority, names)
PEM = serialization.Encoding.PEM
Path("certs").mkdir(exist_ok=True)
Path("certs/domain.crt").write_bytes(leaf.public_bytes(PEM) + root.public_bytes(PEM))
Path("certs/domain.key").write_bytes(
    own.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
)
"""
ANOTHER_COMPOSE = '''
settings = f"""services:
  images:
    image: docker.io/library/registry:2
    ports:
      - target: 5000
        published: {me.port}
        host_ip: 127.0.0.1
    environment:
      - REGISTRY_HTTP_TLS_CERTIFICATE=/here/certs/domain.crt
      - REGISTRY_HTTP_TLS_KEY=/here/certs/domain.key
      - REGISTRY_AUTH=htpasswd
      - REGISTRY_AUTH_HTPASSWD_REALM={me.realm}
      - REGISTRY_AUTH_HTPASSWD_PATH=/here/auth/htpasswd
      - REGISTRY_STORAGE_DELETE_ENABLED=true
    volumes:
      - .:/here:ro
      - ./data:/var/lib/registry
"""
Path("data").mkdir(exist_ok=True)
Path("compose.yaml").write_text(settings, encoding="utf-8", newline="\\n")
!{COMPOSE} up --detach
!{COMPOSE} restart
'''


def another_way(s: Stage) -> None:
    """An authority of its own, a list of settings, a folder for the data, skopeo, du; and everything twice."""
    notebook = s.solved()
    for cell in notebook.cells:
        if cell.id == "make-certificate":
            cell.source = ANOTHER_CERTIFICATE
        if cell.id == "write-settings":
            cell.source = ANOTHER_COMPOSE
    change(
        notebook,
        "push-both",
        (
            "!docker push {name}",
            "!skopeo copy --quiet --dest-tls-verify=false --dest-creds {me.user}:{me.password} "
            "docker-daemon:{name} docker://{name}",
        ),
    )
    change(
        notebook,
        "collect-garbage",
        ("exec -T registry", "exec -T images"),
        ("old, new = ", "before = !{COMPOSE} exec -T images du -sk /var/lib/registry\nold, new = "),
        (
            "freed = sum(size for one, size in first.items() if one not in second)",
            "after = !{COMPOSE} exec -T images du -sk /var/lib/registry\n"
            "freed = (int(before[0].split()[0]) - int(after[0].split()[0])) * 1024",
        ),
    )
    change(notebook, "break-three", ("""'"true"', '"false"'""", "'=true', '=false'"))
    s.run(notebook)
    s.run(notebook)
    s.submit()


STUDENTS = [
    Scripted("ada", "does everything as the lesson shows it", perfect, passes="all"),
    Scripted("ben", "makes certificate and passwords, and stops", prepared, passes=("certificate", "passwords")),
    Scripted("cem", "hands in ada's work under an own name", copied, says={"": "ada"}, after=("ada",)),
    Scripted("fay", "runs the notebook as it came", nothing),
    Scripted(
        "gus",
        "does everything, then plants settings that would harm the grader",
        hostile,
        passes=("certificate", "pushed", "freed", "breaks"),
        says={"settings": "does not run", "passwords": "cost 31"},
    ),
    Scripted(
        "hana",
        "follows old recipes: a common name alone, SHA-1, every address",
        old_recipes,
        says={"certificate": "common name", "passwords": "SHA-1", "settings": "every address"},
    ),
    Scripted(
        "ivo",
        "deletes without collecting, and counts the shared layer",
        without_collecting,
        passes=("certificate", "passwords", "settings", "runs", "challenge", "pushed", "breaks"),
        says={"freed": "whole release"},
    ),
    Scripted(
        "jun",
        "takes another way: an authority, lists, a data folder, skopeo, du; twice",
        another_way,
        passes="all",
    ),
]
