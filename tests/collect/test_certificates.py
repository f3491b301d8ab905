"""Facts about certificates and keys, of good and of bad ones."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hypothesis import given
from hypothesis import strategies as st

from autograder.collect import certificates

from .tls import HOST, NOW, certificate, key, key_pem

CERTIFICATE = certificate([HOST, "localhost"], addresses=["127.0.0.1"])


@pytest.mark.parametrize("which", ["ec", "rsa", "ed25519"])
def test_a_certificate_and_its_key(which):
    text = certificate([HOST, "localhost"], which=which, addresses=["127.0.0.1", "::1"])
    facts = certificates.certificate(text)
    assert facts["names"] == [HOST, "localhost"] and facts["addresses"] == ["127.0.0.1", "::1"]
    assert facts["common_name"] == HOST and facts["chain"] == 1
    assert facts["begins"] == (NOW - timedelta(days=1)).isoformat() and facts["ends"] > facts["begins"]
    key = certificates.key(key_pem(which), text)
    assert key["fits"] is True and key["fits_another"] is False and key["kind"].split()[0].upper() in (
        "RSA", "ECDSA", "ED25519",
    )  # fmt: skip


def test_a_certificate_without_alternative_names():
    facts = certificates.certificate(certificate([]))
    assert facts["names"] == [] and facts["common_name"] == HOST


def test_a_foreign_key_and_a_chain_in_the_wrong_order():
    own, authority = certificate(issuer=("CA", "ec-ca")), certificate(["ca.test"], which="ec-ca", common_name="CA")
    assert certificates.key(key_pem("ec-other"), own)["fits"] is False
    assert certificates.key(key_pem(), own + authority) == {
        "kind": "ECDSA secp256r1",
        "fits": True,
        "fits_another": False,
    }
    assert certificates.key(key_pem(), authority + own) == {
        "kind": "ECDSA secp256r1",
        "fits": False,
        "fits_another": True,
    }
    assert certificates.key(key_pem(), "nothing")["fits"] is False
    assert certificates.certificate(own + authority)["chain"] == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no certificate in PEM form"),
        ("\0", "no certificate in PEM form"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate in PEM form"),
        ("x" * 40_000, "more than 32 KiB"),
    ],
)
def test_no_certificate(text, says):
    assert says in certificates.certificate(text)["error"]


def test_a_certificate_file_that_holds_too_much():
    assert "private key as well" in certificates.certificate(certificate() + key_pem())["error"]
    assert "more than 10" in certificates.certificate(certificate() * 11)["error"]


def test_keys_that_will_not_do():
    own = certificate()
    assert "encrypted" in certificates.key(key_pem(passphrase=b"secret"), own)["error"]
    assert "1024 bits" in certificates.key(key_pem("weak"), own)["error"]
    assert "secp256k1" in certificates.key(key_pem("secp256k1"), own)["error"]
    assert "it holds a certificate" in certificates.key(own, own)["error"]
    assert "no private key" in certificates.key("", own)["error"]
    assert "more than 32 KiB" in certificates.key("x" * 40_000, own)["error"]


@given(st.text(max_size=300))
def test_any_text_is_answered(text):
    wrapped = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
    assert "error" in certificates.certificate(wrapped) and "error" in certificates.key(text, wrapped)


def test_a_certificate_with_a_kind_of_name_that_nobody_reads():
    odd = x509.UnrecognizedExtension(x509.ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x04\xa3\x02\x30\x00")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    builder = x509.CertificateBuilder(name, name, key("ec").public_key(), 1, NOW, NOW + timedelta(days=1))
    made = builder.add_extension(odd, critical=False).sign(key("ec"), hashes.SHA256())
    text = made.public_bytes(serialization.Encoding.PEM).decode()
    assert "no certificate in PEM form" in certificates.certificate(text)["error"]


def test_the_certificates_alone_are_ascii():
    text = certificate()
    assert certificates.alone(f"Zertifikat für Übungen\n{text}und noch eins\n{text}") == text + text


def test_a_huge_key_is_refused_before_anything_is_computed_with_it():
    p, q = 2**9941 - 1, 2**9689 - 1  # primes; to prove that takes minutes
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = (0, p * q, 65537, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    body = b"".join(_der(0x02, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in numbers)
    lines = base64.encodebytes(_der(0x30, body)).decode()
    text = f"-----BEGIN RSA PRIVATE KEY-----\n{lines}-----END RSA PRIVATE KEY-----\n"
    assert "an RSA key of 19630 bits" in certificates.key(text, "")["error"]


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), min_size=1, max_size=4))
def test_damaged_certificates_and_keys_are_answered(flips):
    def damaged(pem):
        body = bytearray(base64.b64decode("".join(pem.splitlines()[1:-1])))
        for place, bits in flips:
            body[place % len(body)] ^= bits
        first, *_, last = pem.splitlines()
        return f"{first}\n{base64.encodebytes(bytes(body)).decode()}{last}\n"

    certificate_text, key_text = damaged(CERTIFICATE), damaged(key_pem())
    assert "names" in certificates.certificate(certificate_text) or "error" in certificates.certificate(
        certificate_text
    )
    assert {"fits", "error"} & set(certificates.key(key_text, certificate_text))
