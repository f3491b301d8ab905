"""Certificates, keys and password files for tests: right ones, and each way to be wrong."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

HOST = "registry.heron-1a2b.test"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def key(which: str = "ec") -> Any:
    """A private key; the same one for the same name."""
    kind, _, _ = which.partition("-")
    match kind:
        case "rsa":
            return rsa.generate_private_key(65537, 2048)
        case "weak":
            return rsa.generate_private_key(65537, 1024)
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "secp256k1":
            return ec.generate_private_key(ec.SECP256K1())
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(which: str = "ec", passphrase: bytes | None = None) -> str:
    cipher = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    made: bytes = key(which).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher)
    return made.decode()


def certificate(
    names: Sequence[str] = (HOST,),
    *,
    which: str = "ec",
    common_name: str = HOST,
    addresses: Sequence[str] = (),
    begins: datetime = NOW - timedelta(days=1),
    days: int = 30,
    issuer: tuple[str, str] | None = None,
    ca: bool = False,
) -> str:
    """A certificate in PEM form, signed by itself or by ``issuer`` (common name, key)."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    signer_name, signer = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer[0])]), key(issuer[1])) if (
        issuer
    ) else (subject, key(which))  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer_name)
        .public_key(key(which).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signer, algorithm).public_bytes(serialization.Encoding.PEM).decode()


@cache
def line(user: str, password: str, cost: int = 4, prefix: bytes = b"2b") -> str:
    """A line of an htpasswd file, the same in every process: pytest-xdist compares the tests' names, which hold it."""
    salt = hashlib.sha256(f"{user} {password}".encode()).hexdigest()[:21] + "."
    return f"{user}:{bcrypt.hashpw(password.encode(), b'$%s$%02d$%s' % (prefix, cost, salt.encode())).decode()}\n"


COMPOSE = """\
services:
  registry:
    image: registry:2
    restart: always
    ports:
      - "127.0.0.1:5443:5000"
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: Images of heron-1a2b
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
      REGISTRY_HTTP_TLS_CERTIFICATE: /certs/domain.crt
      REGISTRY_HTTP_TLS_KEY: /certs/domain.key
      REGISTRY_STORAGE_DELETE_ENABLED: "true"
    volumes:
      - ./certs:/certs:ro
      - ./auth:/auth:ro
      - registry-data:/var/lib/registry

volumes:
  registry-data:
"""
