"""What the API refuses, as the Status objects a Kubernetes client expects.

One exception, `ApiError`; the functions build the ones clients tell apart by `reason`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.embedded.apiserver.kinds import Kind

ELSEWHERE = "run with --cluster kind|k3d"
"""What to do about something that the embedded cluster refuses and a real one offers."""


class ApiError(Exception):
    """A request that ends in a failure Status.

    code     HTTP status
    reason   machine-readable word of metav1.Status, e.g. "NotFound"; may be ""
    details  metav1.StatusDetails; empty if there are none
    """

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}

    def status(self) -> dict[str, Any]:
        """The body clients parse."""
        body = failure(self.code, self.reason, self.message)
        if self.details:
            body["details"] = self.details
        return body


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong: `reason` as in metav1.CauseType, path with dots and brackets."""

    reason: str
    message: str
    field: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def failure(code: int, reason: str, message: str) -> dict[str, Any]:
    """A metav1.Status with status Failure."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def bad_request(message: str) -> ApiError:
    """400: the request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def unsupported(parameter: str, value: object, supported: Sequence[str]) -> ApiError:
    """400: a parameter is one of a few words, and this is none of them."""
    listed = ", ".join(f'"{word}"' for word in supported)
    return bad_request(f'{parameter}: Unsupported value: "{value}": supported values: {listed}')


def unauthorized() -> ApiError:
    """401: neither a client certificate nor a token of this cluster was shown."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(kind: Kind, name: str, why: str, causes: Sequence[Cause] = ()) -> ApiError:
    """403: understood, and refused by admission."""
    details = _details(kind, name)
    if causes:
        details["causes"] = _causes(causes)
    return ApiError(403, "Forbidden", f'{kind.key} "{name}" is forbidden: {why}', details)


def not_found(kind: Kind, name: str) -> ApiError:
    """404: no such object."""
    return ApiError(404, "NotFound", f'{kind.key} "{name}" not found', _details(kind, name))


def no_such_resource() -> ApiError:
    """404: nothing is served at this path."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed() -> ApiError:
    """405: this resource does not know this verb."""
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message)


def already_exists(kind: Kind, name: str) -> ApiError:
    """409 on creation."""
    return ApiError(409, "AlreadyExists", f'{kind.key} "{name}" already exists', _details(kind, name))


def conflict(kind: Kind, name: str, why: str) -> ApiError:
    """409: the object moved on, or is not the one the caller meant."""
    message = f'Operation cannot be fulfilled on {kind.key} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(kind, name))


def modified(kind: Kind, name: str) -> ApiError:
    """409: the resourceVersion given is not the current one."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(kind, name, why)


def expired(asked: int, oldest: int) -> ApiError:
    """410: history does not reach back to the resourceVersion asked for."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def unsupported_media_type(sent: str, accepted: Sequence[str]) -> ApiError:
    """415: a body or patch format that is not served here."""
    message = f'the body of the request was in an unknown format "{sent}" - accepted media types include: '
    return ApiError(415, "UnsupportedMediaType", message + ", ".join(accepted))


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: the object breaks rules; every broken rule is a cause."""
    listed = ", ".join(map(str, causes))
    body = listed if len(causes) == 1 else f"[{listed}]"
    qualified = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    details = {"name": name, "group": kind.group, "kind": kind.kind, "causes": _causes(causes)}
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {body}', details)


def unavailable(message: str) -> ApiError:
    """503: something behind the API server cannot be reached."""
    return ApiError(503, "ServiceUnavailable", message)


def _details(kind: Kind, name: str) -> dict[str, Any]:
    details = {"name": name, "kind": kind.plural}
    return {**details, "group": kind.group} if kind.group else details


def _causes(causes: Sequence[Cause]) -> list[dict[str, str]]:
    return [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
