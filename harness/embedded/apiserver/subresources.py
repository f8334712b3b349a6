"""Subresources that speak another kind than their parent: scale, eviction, token. Nothing here is stored by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.embedded.apiserver.api import MERGE_PATCH, STRATEGIC_PATCH, Api, Options
from harness.embedded.apiserver.errors import Cause, bad_request, invalid, method_not_allowed, modified
from harness.embedded.apiserver.httpd import Request, Response
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.messages import body_of, json_answer, media_type
from harness.embedded.apiserver.objects import Obj, clone, dig, name_of, shown, timestamp
from harness.embedded.apiserver.patches import json_patch, merge_patch
from harness.embedded.apiserver.refusals import refusal_findings
from harness.embedded.apiserver.schema import shape
from harness.embedded.apiserver.selectors import selector_text
from harness.embedded.apiserver.targets import Target
from harness.embedded.apiserver.tokens import ISSUER, ServiceAccountTokens
from harness.embedded.apiserver.verbs import write_options

_TOKEN_REQUEST = Kind("authentication.k8s.io", "v1", "tokenrequests", "TokenRequest", stored=False)


def serve_scale(api: Api, target: Target, request: Request) -> Response:
    """GET, PUT or PATCH the number of replicas of any kind that has one."""
    obj = api.get(target.kind.key, target.namespace, target.name)
    current = _scale(target, obj)
    match request.method:
        case "GET" | "HEAD":
            return json_answer(current)
        case "PUT":
            asked = body_of(request)
        case "PATCH":
            asked = _patched(current, body_of(request), media_type(request))
        case _:
            raise method_not_allowed()
    warnings: list[str] = []
    options = write_options(target, request, warnings)
    return json_answer(_scale(target, _set_replicas(api, target, obj, asked, options)))


def _patched(current: Obj, patch: Any, patch_type: str) -> Any:
    # Scale has no lists, so strategic merge and merge are the same.
    if patch_type in ("", STRATEGIC_PATCH, MERGE_PATCH):
        return merge_patch(current, patch)
    return json_patch(current, patch)


def _set_replicas(api: Api, target: Target, obj: Obj, asked: Any, options: Options) -> Obj:
    replicas = dig(asked, "spec", "replicas")
    replicas = 0 if replicas is None else replicas
    if type(replicas) is not int or replicas < 0:  # true is one to Python
        said = f"Invalid value: {shown(replicas)}: must be a whole number greater than or equal to 0"
        raise invalid(target.kind, target.name, [Cause("FieldValueInvalid", said, "spec.replicas")])
    version = dig(asked, "metadata", "resourceVersion")
    if version and version != obj["metadata"]["resourceVersion"]:
        raise modified(target.kind, target.name)
    changed = clone(obj)
    *parents, last = target.kind.paths_to_scale[0].split(".")
    place = changed
    for step in parents:
        place = place.setdefault(step, {})
    place[last] = replicas
    # The object is written as it is stored, whatever version the client scales through.
    return api.update(target.kind.key, changed, options=replace(options, version=""))


def _scale(target: Target, obj: Obj) -> Obj:
    spec_path, status_path, selector_path = target.kind.paths_to_scale
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    selector = dig(obj, *selector_path.split("."))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: obj["metadata"][name] for name in kept if name in obj["metadata"]},
        "spec": {"replicas": dig(obj, *spec_path.split(".")) or 0},
        "status": {
            "replicas": dig(obj, *status_path.split(".")) or 0,
            "selector": selector if isinstance(selector, str) else selector_text(selector),
        },
    }


def serve_token(api: Api, tokens: ServiceAccountTokens, target: Target, request: Request) -> Response:
    """Answer a TokenRequest with a token of the ServiceAccount; it ends with the account, and with its time."""
    if request.method != "POST":
        raise method_not_allowed()
    api.get(target.kind.key, target.namespace, target.name)
    sent = body_of(request)
    if not isinstance(sent, dict):
        raise bad_request("the body is not an object of kind TokenRequest")
    asked: Obj = {"spec": {}, **sent}
    asked.pop("status", None)  # typed clients send an empty one
    schema = api.schemas.of(_TOKEN_REQUEST, _TOKEN_REQUEST.version)
    shape(schema.node, asked)
    causes = [*schema.validator.findings(asked), *refusal_findings(_TOKEN_REQUEST.key, asked)]
    if causes:
        raise invalid(_TOKEN_REQUEST, target.name, causes)
    spec = asked["spec"]
    spec["audiences"] = spec["audiences"] or [ISSUER]
    token = tokens.issue(target.namespace, target.name, seconds=spec["expirationSeconds"], audiences=spec["audiences"])
    end = timestamp(datetime.now(UTC) + timedelta(seconds=spec["expirationSeconds"]))
    answer = {
        "kind": "TokenRequest",
        "apiVersion": _TOKEN_REQUEST.api_version(),
        "metadata": {"name": target.name, "namespace": target.namespace, "creationTimestamp": timestamp()},
        "spec": spec,
        "status": {"token": token, "expirationTimestamp": end},
    }
    return json_answer(answer, status=201)


def serve_eviction(api: Api, target: Target, request: Request) -> Response:
    """Delete a pod as a drain does; there are no disruption budgets here that could object."""
    if request.method != "POST":
        raise method_not_allowed()
    options = dig(body_of(request), "deleteOptions") or {}
    grace = dig(options, "gracePeriodSeconds")
    if not isinstance(grace, int | None):
        raise bad_request("deleteOptions.gracePeriodSeconds must be a whole number")
    pod = api.get(target.kind.key, target.namespace, target.name)
    api.delete(target.kind.key, target.namespace, name_of(pod), grace_seconds=grace)
    return json_answer(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, status=201
    )
