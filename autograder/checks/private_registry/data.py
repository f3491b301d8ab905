"""Lab 05's breaks: what a student spoils on purpose, and how one knows the error, in the words of each program.

Sources: the texts of the registry (https://github.com/distribution/distribution), of Go's crypto/tls and net/http
(https://go.dev/src/crypto/tls/tls.go, https://go.dev/src/net/http/server.go), of curl with OpenSSL, LibreSSL and
Schannel (https://curl.se/libcurl/c/libcurl-errors.html), of Python's ssl module and of Docker.
"""

from __future__ import annotations

from dataclasses import dataclass

from autograder.checks.shared.http_status import status


@dataclass(frozen=True)
class Break:
    """A break.

    Attributes:
        task: what to do, with parameters in braces.
        pattern: what its error says, in lower case, whichever program tells it.
        means: the error in words.
    """

    task: str
    pattern: str
    means: str


ASKED = {
    "other-name": Break(
        "ask your registry under the name {other}, while you trust your certificate",
        r"no alternative certificate subject name|subject name does not match|hostname mismatch|doesn't match"
        r"|certificate is valid for .* not|not valid for|wrong_principal|0x80090322|principal name is incorrect",
        "the certificate is trusted, but it is for another name",
    ),
    "unknown-authority": Break(
        "ask your registry under its right name, without naming your certificate to the client",
        r"self[- ]signed certificate|unable to get local issuer|unknown authority|untrusted_?root|0x80090325"
        r"|not trusted",
        "nobody that the client trusts has signed the certificate",
    ),
}
REFUSED = {
    "plain-http": Break(
        "ask your registry with http:// in the place of https://",
        rf"http request to an https server|{status(400)}",
        "the registry got plain HTTP on a port where it speaks TLS",
    ),
    "no-deletion": Break(
        "run a copy with deletion switched off, and delete there any digest, say sha256: and 64 zeros",
        rf"unsupported|{status(405)}",
        "a registry whose deletion is off refuses the method",
    ),
}
BROKEN = {
    "foreign-key": Break(
        "run a copy with a new private key that does not belong to the certificate, and read what it says",
        r"private key does not match public key",
        "the registry does not even start with somebody else's key",
    ),
    "other-hash": Break(
        "run a copy whose password file holds a SHA-1 or MD5 hash in the place of bcrypt, and log in with the right "
        "password",
        rf"unauthorized|authentication required|{status(401)}",
        "the registry knows bcrypt alone, so the user does not exist for it",
    ),
}
BREAKS = ASKED | REFUSED | BROKEN
