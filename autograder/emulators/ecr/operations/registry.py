"""The registry as a whole: its authorization tokens, policy, replication and scanning configuration."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult

from autograder.emulators.ecr import validation
from autograder.emulators.ecr.operation import operation
from autograder.emulators.ecr.request import ApiRequest
from autograder.emulators.ecr.tokens import USER


@operation(journal="login", reader=True, any_account=True)
def get_authorization_token(request: ApiRequest) -> dict[str, Any]:
    token, expires = request.registry.tokens.issue(request.profile.name, request.registry.now())
    data = {
        "authorizationToken": base64.b64encode(f"{USER}:{token}".encode()).decode(),
        "expiresAt": datetime.fromtimestamp(expires, UTC),
        "proxyEndpoint": f"http://{request.host}",
    }
    return {"authorizationData": [data]}


@operation()
def describe_registry(request: ApiRequest) -> ActionResult:
    return request.moto()


@operation(journal="configure")
def put_registry_policy(request: ApiRequest) -> ActionResult:
    text = request.get("policyText")
    validation.registry_policy(text)
    request.ecr_backend.registry_policy = text
    return request.moto("GetRegistryPolicy")


@operation()
def get_registry_policy(request: ApiRequest) -> ActionResult:
    return request.moto()


@operation(journal="configure")
def delete_registry_policy(request: ApiRequest) -> ActionResult:
    return request.moto()


@operation(journal="configure")
def put_replication_configuration(request: ApiRequest) -> dict[str, Any]:
    configuration = request.get("replicationConfiguration")
    backend = request.ecr_backend
    validation.replication(configuration["rules"], backend.region_name, backend.account_id)
    backend.replication_config = configuration
    return {"replicationConfiguration": configuration}


@operation(journal="configure")
def put_registry_scanning_configuration(request: ApiRequest) -> dict[str, Any]:
    scan_type, rules = request.get("scanType", "BASIC"), request.get("rules") or []
    validation.scanning(scan_type, rules)
    request.ecr_backend.put_registry_scanning_configuration(scan_type, rules)
    return {"registryScanningConfiguration": {"scanType": scan_type, "rules": rules}}


@operation()
def get_registry_scanning_configuration(request: ApiRequest) -> ActionResult:
    return request.moto()


@operation()
def batch_get_repository_scanning_configuration(request: ApiRequest) -> ActionResult:
    return request.moto()
