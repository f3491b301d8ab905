"""Make a private key and a certificate that signs itself: make_certificate.py NAME

For machines without openssl. It writes certs/domain.key and certs/domain.crt. As it stands, the name is only in the
common name, as in old recipes; clients look for it elsewhere, so the certificate is not good yet.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

name = sys.argv[1]
now = datetime.now(UTC)
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

builder = (
    x509.CertificateBuilder()
    .subject_name(subject)
    .issuer_name(subject)
    .public_key(key.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - timedelta(hours=1))
    .not_valid_after(now + timedelta(days=90))
)
extensions = []  # what else the certificate says; see https://cryptography.io/en/latest/x509/reference/

for extension in extensions:
    builder = builder.add_extension(extension, critical=False)
certificate = builder.sign(key, hashes.SHA256())

Path("certs").mkdir(exist_ok=True)
Path("certs/domain.key").write_bytes(
    key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
)
Path("certs/domain.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
print(f"certs/domain.crt and certs/domain.key for {name}")
