"""One request to the API as the operations see it: who asks, for what, and moto's answer where it is AWS's too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.request import Request
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.ecr.responses import ECRResponse

from autograder.emulators.ecr import problems
from autograder.emulators.ecr.identity import Profile
from autograder.emulators.ecr.images import StoredImage
from autograder.emulators.ecr.moto_fixes import MotoBackend
from autograder.emulators.ecr.registry import Registry

ANSWER_HEADERS = ("content-type", "x-amzn-errortype")  # of moto's; the others are about moto


class ApiRequest(ECRResponse):  # type: ignore[misc]
    """One request, its parameters already checked against AWS's description.

    Args:
        registry: the emulator's state.
        profile: who calls.
        host: the address the client used; repository URIs begin with it, so that they can be pushed to.
        operation: AWS's name of what is asked for.
        parameters: the request's JSON object.
    """

    def __init__(
        self, registry: Registry, profile: Profile, host: str, operation: str, parameters: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.registry = registry
        self.profile = profile
        self.host = host
        self.operation = operation
        self.parameters = parameters
        # moto reads parameters through _get_param alone, so it needs no body, and a large one is not parsed again.
        self.setup_class(Request.from_primitives("POST", f"http://{host}/", {"Content-Type": problems.JSON}, b""))

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter's value, ``default`` where it was not given."""
        return self.parameters.get(name, default)

    def repository(self) -> Any:
        """The repository the request names. Raises RepositoryNotFoundException, also for another registry id."""
        return self.ecr_backend._get_repository(self.get("repositoryName"), self.get("registryId"))

    def wanted_image(self) -> tuple[Any, StoredImage]:
        """Repository and image that ``imageId`` names. Raises ImageNotFoundException."""
        repository = self.repository()
        return repository, self.image(repository, self.get("imageId"))

    def image(self, repository: Any, image_id: Mapping[str, str]) -> StoredImage:
        """The image with that digest, tag or both. Raises ImageNotFoundException."""
        digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
        image = self.ecr_backend.image(repository.name, digest, tag) if digest or tag else None
        if image is None:
            raise problems.image_missing(digest, tag, repository.name, repository.registry_id)
        return image

    # moto's part

    def moto(self, operation: str = "") -> ActionResult:
        """What moto answers to this operation, or to another one with the same parameters."""
        answer: ActionResult = getattr(self, camelcase_to_underscores(operation or self.operation))()
        return answer

    def serialize(self, result: object) -> tuple[int, dict[str, str], bytes]:
        """An operation's result, or the ServiceException that ended it, in the form of AWS's JSON protocol.

        moto looks errors up by their Python module, so those that are not its own are written here.
        """
        if isinstance(result, ServiceException) and not type(result).__module__.startswith("moto.ecr."):
            return problems.as_json(result)
        status, headers, body = self.serialized(result if isinstance(result, ActionResult) else ActionResult(result))
        kept = {name: str(value) for name, value in headers.items() if name.lower() in ANSWER_HEADERS}
        return int(status), kept, body if isinstance(body, bytes) else str(body).encode("utf-8")

    @property
    def ecr_backend(self) -> MotoBackend:
        return self.registry.moto

    def get_current_account(self) -> str:
        return str(self.ecr_backend.account_id)

    def get_region_from_url(self, request: Any, full_url: str) -> str:
        return str(self.ecr_backend.region_name)

    def _get_action(self) -> str:
        return self.operation

    def _get_param(self, param_name: str, if_none: Any = None) -> Any:
        return self.get(param_name, if_none)
