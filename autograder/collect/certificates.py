"""What a certificate file and a key file say, as plain data: names, dates, whether the two belong together.

A client compares the host with the subjectAltName and with nothing else (https://www.rfc-editor.org/rfc/rfc9525, 6.3);
the common name is only reported, so that a message can say that it does not count.
"""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

MAX_FILE = 32 * 1024  # bytes: a long chain has ten
MAX_CHAIN = 10
RSA_BITS = (2048, 8192)  # less is weak, more makes every handshake slow
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)  # what crypto/tls of Go serves

Facts = dict[str, Any]

# What cryptography raises for certificates and keys that others made; these three are no ValueErrors.
UNREADABLE = (
    *(ValueError, TypeError, UnsupportedAlgorithm),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)


def certificate(text: str) -> Facts:
    """The first certificate of a PEM file: the registry's own.

    Returns:
        ``error`` (text) when it cannot be read; else ``names`` and ``addresses`` of its subjectAltName,
        ``common_name``, ``begins`` and ``ends`` (RFC 3339), ``chain`` (how many certificates there are).
    """
    if len(text) > MAX_FILE:
        return {"error": f"it has more than {MAX_FILE // 1024} KiB"}
    if "PRIVATE KEY-----" in text:
        return {"error": "it holds a private key as well; the certificate goes to everyone, the key to nobody"}
    try:
        chain = x509.load_pem_x509_certificates(text.encode())
        if len(chain) > MAX_CHAIN:
            return {"error": f"it holds more than {MAX_CHAIN} certificates"}
        own = chain[0]
        try:
            alternative = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = alternative.get_values_for_type(x509.DNSName)
            addresses = [str(address) for address in alternative.get_values_for_type(x509.IPAddress)]
        except x509.ExtensionNotFound:
            names, addresses = [], []
        common = own.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return {
            "names": [str(name)[:300] for name in names[:100]],
            "addresses": addresses[:100],
            "common_name": str(common[0].value)[:300] if common else "",
            "begins": own.not_valid_before_utc.isoformat(),
            "ends": own.not_valid_after_utc.isoformat(),
            "chain": len(chain),
        }
    except UNREADABLE as error:
        return {"error": f"it is no certificate in PEM form ({_short(error)})"}


def alone(text: str) -> str:
    """The certificates of a PEM file that :func:`certificate` could read, in ASCII: without what stands around them."""
    chain = x509.load_pem_x509_certificates(text.encode())
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in chain)


def key(text: str, certificate_text: str) -> Facts:
    """A private key in PEM form, and whether it belongs to the certificate.

    Returns:
        ``error`` (text) when it cannot be used; else ``kind`` ("RSA 2048"), ``fits`` (the first certificate is of this
        key) and ``fits_another`` (a later one in the file is).
    """
    if len(text) > MAX_FILE:
        return {"error": f"it has more than {MAX_FILE // 1024} KiB"}
    try:
        # Not validated here: proving that the numbers of a hostile key are prime takes minutes. The registry that
        # runs with the key says whether it can use it.
        loaded = serialization.load_pem_private_key(text.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        return {"error": "it is encrypted, and nobody is there to type the passphrase when the registry starts"}
    except UNREADABLE as error:
        what = "it holds a certificate" if "BEGIN CERTIFICATE" in text else _short(error)
        return {"error": f"it is no private key in PEM form ({what})"}
    kind, weak = _kind(loaded)
    if weak:
        return {"error": weak}
    public = _public(loaded)
    try:
        owners = [_public(found) == public for found in x509.load_pem_x509_certificates(certificate_text.encode())]
    except UNREADABLE:
        owners = []
    return {"kind": kind, "fits": owners[:1] == [True], "fits_another": any(owners[1:])}


def _kind(loaded: Any) -> tuple[str, str]:
    """What a key is, and why it will not do ("" when it will)."""
    if isinstance(loaded, rsa.RSAPrivateKey):
        bits = loaded.key_size
        low, high = RSA_BITS
        return f"RSA {bits}", "" if low <= bits <= high else f"an RSA key of {bits} bits; take {low} to {high}"
    if isinstance(loaded, ec.EllipticCurvePrivateKey):
        curve = loaded.curve.name
        return f"ECDSA {curve}", "" if isinstance(loaded.curve, CURVES) else f"a key on {curve}, which TLS does not use"
    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        return "Ed25519", ""
    return "", "a kind of key that TLS does not use; take RSA or ECDSA"


def _public(owner: Any) -> bytes:
    made: bytes = owner.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return made


def _short(error: Exception) -> str:
    return (str(error).splitlines() or ["it cannot be read"])[0][:120]
