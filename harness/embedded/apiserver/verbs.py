"""The verbs over HTTP: query parameters and bodies in, `Api` calls, objects and lists out."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from harness.embedded.apiserver.api import APPLY_PATCH, STRATEGIC_PATCH, Api, FieldValidation, Options
from harness.embedded.apiserver.deletion import PROPAGATIONS, Propagation
from harness.embedded.apiserver.errors import ApiError, bad_request, method_not_allowed, unsupported
from harness.embedded.apiserver.httpd import Answer, Request, Response
from harness.embedded.apiserver.messages import (
    body_of,
    deleted_answer,
    json_answer,
    media_type,
    object_answer,
)
from harness.embedded.apiserver.objects import Obj, name_of, namespace_of, shown, uid_of
from harness.embedded.apiserver.selectors import object_matcher
from harness.embedded.apiserver.targets import Target
from harness.embedded.apiserver.views import View, view_of
from harness.embedded.apiserver.watch import is_watch, parse_revision, parse_watch, watch_stream

_LONGEST_MANAGER = 128
_TRUE = ("1", "true", "True")
_VALIDATIONS = ("Strict", "Warn", "Ignore")


def serve_object(api: Api, target: Target, request: Request) -> Answer:
    """Answer a request for an object, a collection, or the `status` or `finalize` subresource."""
    on_collection = not target.name
    match request.method:
        case "GET" | "HEAD" if is_watch(request.query) and not target.subresource:
            return watch_stream(api.store, parse_watch(api.store, target, request.query), _view(api, target, request))
        case "GET" | "HEAD" if on_collection:
            return _list(api, target, request)
        case "GET" | "HEAD":
            found = api.get(target.kind.key, target.namespace, target.name)
            return json_answer(_view(api, target, request).one(found))
        case "POST" if on_collection:
            return _create(api, target, request)
        case "PUT" if not on_collection:
            return _update(api, target, request)
        case "PATCH" if not on_collection:
            return _patch(api, target, request)
        case "DELETE" if not target.subresource and on_collection and "deletecollection" in target.kind.verbs:
            return _delete_collection(api, target, request)
        case "DELETE" if not target.subresource and not on_collection:
            return _delete(api, target, request)
    raise method_not_allowed()


def write_options(target: Target, request: Request, warnings: list[str]) -> Options:
    """How the client wants its write done; warnings for it are collected in `warnings`."""
    validation = request.query.get("fieldValidation") or "Warn"
    if validation not in _VALIDATIONS:
        raise unsupported("fieldValidation", validation, _VALIDATIONS)
    return Options(
        dry_run=_dry_run(request.query.get("dryRun", "")),
        field_validation=cast(FieldValidation, validation),
        warn=warnings.append,
        version=target.version,
        manager=_manager(request),
    )


def _dry_run(text: str) -> bool:
    if text not in ("", "All"):
        raise unsupported("dryRun", text, ["All"])
    return text == "All"


def _create(api: Api, target: Target, request: Request) -> Response:
    if target.kind.namespaced and not target.namespace:
        raise method_not_allowed()
    warnings: list[str] = []
    options = write_options(target, request, warnings)
    created = api.create(target.kind.key, body_of(request), namespace=target.namespace, options=options)
    return object_answer(target.kind, target.version, created, status=201, warnings=warnings)


def _update(api: Api, target: Target, request: Request) -> Response:
    warnings: list[str] = []
    options = write_options(target, request, warnings)
    body = body_of(request)
    metadata = body.get("metadata") if isinstance(body, dict) else None
    if not isinstance(metadata, dict) or metadata.get("name") != target.name:
        raise bad_request("the name of the object does not match the name on the URL")
    if target.kind.namespaced:
        metadata.setdefault("namespace", target.namespace)
        if metadata["namespace"] != target.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    updated = api.update(target.kind.key, body, subresource=target.subresource, options=options)
    return object_answer(target.kind, target.version, updated, warnings=warnings)


def _manager(request: Request) -> str:
    """Who writes: what the client calls itself, or its program."""
    asked = request.query.get("fieldManager", "")
    if len(asked) > _LONGEST_MANAGER or not asked.isprintable():
        raise bad_request(f"fieldManager: Invalid value: must be at most {_LONGEST_MANAGER} printable characters")
    return asked or request.headers.get("user-agent", "").partition("/")[0][:_LONGEST_MANAGER] or "unknown"


def _apply(api: Api, target: Target, request: Request) -> Response:
    warnings: list[str] = []
    if not request.query.get("fieldManager"):
        raise bad_request("fieldManager: Required value: is required for apply patch")
    place = (target.kind.key, target.namespace, target.name)
    is_new = api.store.get(*place) is None
    applied = api.apply(
        *place,
        body_of(request),
        force=request.query.get("force", "") in _TRUE,
        subresource=target.subresource,
        options=write_options(target, request, warnings),
    )
    return object_answer(target.kind, target.version, applied, status=201 if is_new else 200, warnings=warnings)


def _patch(api: Api, target: Target, request: Request) -> Response:
    warnings: list[str] = []
    if media_type(request) == APPLY_PATCH:
        return _apply(api, target, request)
    patched = api.patch(
        target.kind.key,
        target.namespace,
        target.name,
        body_of(request),
        media_type(request) or STRATEGIC_PATCH,
        subresource=target.subresource,
        options=write_options(target, request, warnings),
    )
    return object_answer(target.kind, target.version, patched, warnings=warnings)


def _delete(api: Api, target: Target, request: Request) -> Response:
    asked = _deletion(request)
    deleted = api.delete(target.kind.key, target.namespace, target.name, **asked)
    left = api.store.get(target.kind.key, target.namespace, target.name)
    is_gone = left is None or uid_of(left) != uid_of(deleted)
    if (is_gone or asked["dry_run"]) and not target.kind.returns_deleted:
        return deleted_answer(target.kind, deleted)
    return object_answer(target.kind, target.version, deleted)


def _delete_collection(api: Api, target: Target, request: Request) -> Response:
    asked = _deletion(request)
    deleted = []
    for obj in _selected(api, target, request):
        try:
            deleted.append(api.delete(target.kind.key, namespace_of(obj), name_of(obj), **asked))
        except ApiError as error:
            if error.code != 404:  # somebody's finalizer or owner was quicker: that is what was asked for
                raise
    return json_answer(_view(api, target, request).many(deleted, {"resourceVersion": str(api.store.revision)}))


def _deletion(request: Request) -> dict[str, Any]:
    """The DeleteOptions of a request, from its body or its query, as arguments of `Api.delete`."""
    body = body_of(request)
    if not isinstance(body, dict):
        raise bad_request("the body of a DELETE is an object of kind DeleteOptions")
    query = request.query
    orphan = body.get("orphanDependents", query.get("orphanDependents")) in (True, *_TRUE)
    propagation = body.get("propagationPolicy") or query.get("propagationPolicy") or ("Orphan" if orphan else None)
    if propagation not in (None, *PROPAGATIONS):
        raise unsupported("propagationPolicy", propagation, PROPAGATIONS)
    preconditions = body.get("preconditions") or {}
    if not isinstance(preconditions, dict):
        raise bad_request("preconditions: Invalid value: must be an object")
    return {
        "propagation": cast(Propagation, propagation or "Background"),
        "grace_seconds": _grace(body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))),
        "uid": preconditions.get("uid"),
        "resource_version": preconditions.get("resourceVersion"),
        "dry_run": _dry_run(query.get("dryRun", "")) or body.get("dryRun") == ["All"],
    }


def _grace(value: Any) -> int | None:
    """A number, or its text from a query; what is below zero is now."""
    if value is None or value == "":
        return None
    if type(value) is int or (isinstance(value, str) and re.fullmatch("-?[0-9]{1,9}", value)):
        return max(int(value), 0)
    raise bad_request(f"gracePeriodSeconds: Invalid value: {shown(value)}: must be a whole number")


def _list(api: Api, target: Target, request: Request) -> Response:
    """A list, in pages if asked; every page shows the state of the first."""
    query = request.query
    parse_revision(api.store, query.get("resourceVersion", ""))
    limit = _limit(query.get("limit", ""))
    revision, start = _continuation(query.get("continue", ""), api.store.revision)
    found = _selected(api, target, request, revision if start else None)
    left = [obj for obj in found if (namespace_of(obj), name_of(obj)) > start] if start else found
    page = left[:limit] if limit else left
    metadata: Obj = {"resourceVersion": str(revision)}
    if len(page) < len(left):
        token = [revision, namespace_of(page[-1]), name_of(page[-1])]
        metadata["continue"] = urlsafe_b64encode(orjson.dumps(token)).decode()
        if not (query.get("labelSelector") or query.get("fieldSelector")):
            metadata["remainingItemCount"] = len(left) - len(page)
    return json_answer(_view(api, target, request).many(page, metadata))


def _selected(api: Api, target: Target, request: Request, revision: int | None = None) -> Sequence[Obj]:
    query: Mapping[str, str] = request.query
    match = object_matcher(target.kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    if revision is None:
        found: Sequence[Obj] = api.store.list(target.kind.key, target.space)
    else:
        found = api.store.snapshot(target.kind.key, target.space, revision)
    return found if match is None else [obj for obj in found if match(obj)]


def _limit(text: str) -> int:
    if text and (not text.isascii() or not text.isdigit() or len(text) > 9):
        raise bad_request(f'limit: Invalid value: "{text[:40]}": must be a whole number')
    return int(text or 0)


def _continuation(token: str, current: int) -> tuple[int, tuple[str, str] | None]:
    """The revision to show and the place after which to go on, from a continue token."""
    if not token:
        return current, None
    try:
        revision, namespace, name = orjson.loads(urlsafe_b64decode(token))
        return int(revision), (str(namespace), str(name))
    except (ValueError, TypeError):
        raise bad_request("continue key is not valid") from None


def _view(api: Api, target: Target, request: Request) -> View:
    return view_of(api.schemas, target.kind, target.version, request)
