"""Kubernetes objects to and from HTTP bodies."""

from __future__ import annotations

from typing import Any

import orjson

from harness.embedded.apiserver.errors import ApiError, bad_request, failure, unsupported_media_type
from harness.embedded.apiserver.httpd import Headers, Request, Response
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.objects import Obj, name_of, uid_of
from harness.embedded.apiserver.protobuf import MEDIA_TYPE, decode_protobuf

_JSON = ("", "application/json", "*/*")
_YAML = ("application/yaml", "text/yaml", "application/x-yaml", "application/apply-patch+yaml")
_YAML_NODES = 500_000
_REASONS = {400: "BadRequest", 413: "RequestEntityTooLarge", 431: "BadRequest", 500: "InternalError"}


def media_type(request: Request) -> str:
    """The Content-Type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def body_of(request: Request) -> Any:
    """The decoded body, an empty object for no body; ApiError 400 or 415."""
    sent = media_type(request)
    if not request.body:
        return {}
    if sent == MEDIA_TYPE:
        return decode_protobuf(request.body)
    if sent in _YAML:
        return _decode_yaml(request.body)
    if sent not in _JSON and not sent.endswith("+json"):
        raise unsupported_media_type(sent, ["application/json", "application/yaml"])
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"the body is not JSON: {error}") from None


def _decode_yaml(body: bytes) -> Any:
    import yaml  # 40 ms, and most clusters never see a YAML body

    try:
        loaded = yaml.load(body, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        _refuse_explosion(loaded)
        # Through JSON, so that types that no Kubernetes object has are refused here.
        return orjson.loads(orjson.dumps(loaded))
    except (yaml.YAMLError, orjson.JSONEncodeError, RecursionError) as error:
        raise bad_request(f"the body is not YAML: {error}") from None


def _refuse_explosion(loaded: Any) -> None:
    """Aliases let a few bytes of YAML stand for gigabytes; count what they stand for."""
    left = [loaded]
    for _ in range(_YAML_NODES):
        if not left:
            return
        node = left.pop()
        if isinstance(node, dict | list):
            left.extend(node.values() if isinstance(node, dict) else node)
    raise bad_request(f"the YAML body stands for more than {_YAML_NODES} values")


def object_answer(
    kind: Kind, version: str, obj: Obj, *, status: int = 200, warnings: list[str] | None = None
) -> Response:
    """An object as a client of `version` sees it."""
    return Response(orjson.dumps(as_version(kind, version, obj)), status, headers=_warning_headers(warnings or ()))


def json_answer(body: Any, *, status: int = 200, content_type: str = "application/json") -> Response:
    """Any JSON document."""
    return Response(orjson.dumps(body), status, content_type)


def error_answer(error: ApiError) -> Response:
    """The failure Status of an error."""
    headers: Headers = (("Retry-After", str(error.details["retryAfterSeconds"])),) if _retry(error) else ()
    return Response(orjson.dumps(error.status()), error.code, headers=headers)


def refusal(status: int, reason: str) -> Response:
    """The failure Status of a request that never became one."""
    return json_answer(failure(status, _REASONS.get(status, "InternalError"), reason), status=status)


def deleted_answer(kind: Kind, obj: Obj) -> Response:
    """The Status that tells which object is gone."""
    details = {"name": name_of(obj), "kind": kind.plural, "uid": uid_of(obj)}
    if kind.group:
        details["group"] = kind.group
    return json_answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})


def as_version(kind: Kind, version: str, obj: Obj) -> Obj:
    """The object under another served version; all conversions only relabel."""
    api_version = kind.api_version(version)
    return obj if obj["apiVersion"] == api_version else {**obj, "apiVersion": api_version}


def _retry(error: ApiError) -> bool:
    return "retryAfterSeconds" in error.details


def _warning_headers(warnings: list[str] | tuple[()]) -> Headers:
    quoted = [warning.replace("\\", "\\\\").replace('"', '\\"') for warning in warnings]
    return tuple(("Warning", f'299 - "{text}"') for text in quoted)
