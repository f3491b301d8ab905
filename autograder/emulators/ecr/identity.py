"""Who calls: the lab's AWS identities, their access keys, and the check of a request's signature.

The keys are made for each installation. Signature Version 4 is verified as AWS does it, so a wrong secret is refused:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.exceptions import ServiceException

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "210987654321"
REGION = "us-east-1"
SERVICES = ("ecr", "sts")


@dataclass(frozen=True)
class Profile:
    """One identity of the lab.

    Attributes:
        name: its name in ``~/.aws`` style: ``admin``.
        account: the account it lives in.
        arn: what ``aws sts get-caller-identity`` prints.
        user_id: AWS's unique id of it.
    """

    name: str
    account: str
    arn: str
    user_id: str


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("admin", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/admin", "AIDACKCEVSQ6C2ADMIN01"),
        Profile("ci-role", ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/ci-role/build", "AROACKCEVSQ6C2CIROL1:build"),
        Profile("reader", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/reader", "AIDACKCEVSQ6C2READER1"),
        Profile("other-account", OTHER_ACCOUNT, f"arn:aws:iam::{OTHER_ACCOUNT}:user/partner", "AIDACKCEVSQ6C2PARTNER"),
    )
}


def new_credentials() -> dict[str, Any]:
    """Fresh access keys for every profile: ``{"profiles": {name: {"access_key_id", "secret_access_key"}}}``."""
    letters = string.ascii_uppercase + "234567"
    made = {}
    for name in PROFILES:
        key_id = "AKIA" + "".join(secrets.choice(letters) for _ in range(16))
        secret = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40))
        made[name] = {"access_key_id": key_id, "secret_access_key": secret}
    return {"profiles": made}


@dataclass(frozen=True)
class Signed:
    """A request to the AWS API as it came in."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class Identities:
    """The installation's access keys.

    Args:
        credentials: what :func:`new_credentials` returned.
    """

    def __init__(self, credentials: Mapping[str, Any]) -> None:
        self._by_key = {
            keys["access_key_id"]: (PROFILES[name], keys["secret_access_key"])
            for name, keys in credentials["profiles"].items()
        }

    def caller(self, request: Signed) -> tuple[Profile, str, str]:
        """The profile that signed a request, the service and the region it was signed for.

        Raises:
            ServiceException: MissingAuthenticationTokenException, IncompleteSignatureException,
                UnrecognizedClientException or InvalidSignatureException
                (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html).
        """
        authorization = request.headers.get("authorization", "")
        if not authorization:
            raise ServiceException("MissingAuthenticationTokenException", "Missing Authentication Token")
        algorithm, _, rest = authorization.partition(" ")
        fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        scope = fields.get("Credential", "").split("/")
        if algorithm != "AWS4-HMAC-SHA256" or len(scope) != 5 or not fields.keys() >= {"SignedHeaders", "Signature"}:
            text = "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' of AWS4-HMAC-SHA256."
            raise ServiceException("IncompleteSignatureException", text)
        key_id, date, region, service, _ = scope
        if key_id not in self._by_key:
            text = "The security token included in the request is invalid."
            raise ServiceException("UnrecognizedClientException", text)
        profile, secret = self._by_key[key_id]
        timestamp = request.headers.get("x-amz-date", "")
        digest = request.headers.get("x-amz-content-sha256", "")
        genuine = not digest or digest == hashlib.sha256(request.body).hexdigest()
        expected = _signature(request, fields["SignedHeaders"], key_id, secret, region, service, timestamp)
        genuine = genuine and hmac.compare_digest(expected.encode(), fields["Signature"].encode())
        if not genuine or not timestamp.startswith(date):
            raise ServiceException(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
                "Access Key and signing method. Consult the service documentation for details.",
            )
        return profile, service, region


def _signature(request: Signed, names: str, key_id: str, secret: str, region: str, service: str, timestamp: str) -> str:
    signed = {name: request.headers.get(name, "") for name in names.split(";")}
    url = f"http://{request.headers.get('host', '')}{request.path}" + (f"?{request.query}" if request.query else "")
    copy = AWSRequest(method=request.method, url=url, data=request.body, headers=signed)
    copy.context["timestamp"] = timestamp
    signer = SigV4Auth(Credentials(key_id, secret), service, region)
    return str(signer.signature(signer.string_to_sign(copy, signer.canonical_request(copy)), copy))
