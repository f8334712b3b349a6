"""The verbs of the API, the same for HTTP clients, controllers and the node.

Every write goes one way: shape along the schema, validate, admission, then one commit to the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from harness.embedded.apiserver.admission import Admission, AdmissionAnswer, Mutator, Validator
from harness.embedded.apiserver.apply import apply_config
from harness.embedded.apiserver.deletion import Propagation, deleted_state, is_finished
from harness.embedded.apiserver.errors import (
    ApiError,
    Cause,
    already_exists,
    bad_request,
    conflict,
    invalid,
    modified,
    no_such_resource,
    not_found,
    unsupported_media_type,
)
from harness.embedded.apiserver.kinds import Kind, Kinds
from harness.embedded.apiserver.managers import Writer, record_apply, record_update
from harness.embedded.apiserver.metadata import asked_name, carry_over, count_generation, metadata_findings, stamp_new
from harness.embedded.apiserver.objects import Obj, clone, name_of, namespace_of, same, uid_of
from harness.embedded.apiserver.patches import json_patch, merge_patch
from harness.embedded.apiserver.rules import rule_findings
from harness.embedded.apiserver.schema import shape
from harness.embedded.apiserver.schemas import Schemas
from harness.embedded.apiserver.semantics import semantic_findings
from harness.embedded.apiserver.store import Event, Store
from harness.embedded.apiserver.strategic import strategic_merge

__all__ = ["AdmissionAnswer", "Api", "ApiError", "Event", "Kind", "Obj", "Options", "Store"]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
FieldValidation = Literal["Strict", "Warn", "Ignore"]


def _tell_nobody(_warning: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Options:
    """How a write is to be done.

    dry_run           everything but the commit
    field_validation  unknown fields refuse the write, are warned about, or are dropped silently
    warn              receives each warning for the client
    version           the API version the caller speaks; "" means the one the object names, or the storage version
    manager           who writes, for managedFields; "" for the cluster's own parts, which manage nothing
    """

    dry_run: bool = False
    field_validation: FieldValidation = "Ignore"
    warn: Callable[[str], None] = _tell_nobody
    version: str = ""
    manager: str = ""


INTERNAL = Options()
_Record = Callable[[Obj | None, Obj], None]
"""Writes into the new object who manages which of its fields: (old or None, new)."""


class Api:
    """The API of one cluster over one store.

    allocate_cluster_ip  called once for each Service that gets an address
    admission            validators, as admission webhooks: (new, old or None) -> AdmissionAnswer
    mutating             mutators, called before validation: (new, old or None) -> new
    """

    def __init__(self, allocate_cluster_ip: Callable[[], str], *, store: Store | None = None) -> None:
        self.store = store or Store()
        self.kinds = Kinds()
        self.schemas = Schemas()
        self._admission = Admission(self.store, allocate_cluster_ip)
        self.admission: list[Validator] = self._admission.validators
        self.mutating: list[Mutator] = self._admission.mutators

    def kind(self, key: str) -> Kind:
        """The kind with this key; ApiError 404 if it is not served."""
        kind = self.kinds.get(key)
        if kind is None:
            raise no_such_resource()
        return kind

    def get(self, key: str, namespace: str, name: str) -> Obj:
        """The object; ApiError 404 if there is none."""
        obj = self.store.get(key, namespace, name)
        if obj is None:
            raise not_found(self.kind(key), name)
        return obj

    def create(self, key: str, obj: Obj, *, namespace: str = "", options: Options = INTERNAL) -> Obj:
        """Store a new object and return it as stored.

        raises  ApiError 400, 403, 404 (namespace), 409 (exists), 422
        """
        kind = self.kind(key)
        new, version = self._received(kind, obj, namespace, options)
        if new["metadata"].get("resourceVersion"):  # a real server says so with a 500
            raise bad_request("resourceVersion should not be set on objects to be created")
        return self._create(kind, new, version, options, self._update_record(kind, version, "", options))

    def _create(self, kind: Kind, new: Obj, version: str, options: Options, record: _Record) -> Obj:
        key = kind.key
        if kind.has_status and not kind.born_with_status:
            new.pop("status", None)
        stamp_new(kind, new, lambda name: self.store.get(key, namespace_of(new), name) is not None)
        self._shape(kind, version, new, None, options)
        self._admission.check_namespace(kind, new, self.kinds["namespaces"])
        new = self._admit(kind, version, new, None, options)
        if self.store.get(key, namespace_of(new), name_of(new)) is not None:
            raise already_exists(kind, name_of(new))
        record(None, new)
        if not kind.managed:
            options.warn(f"{kind.key}: stored only, nothing in the embedded cluster acts on this kind")
        return new if options.dry_run else self.store.put(kind, new)

    def update(self, key: str, obj: Obj, *, subresource: str = "", options: Options = INTERNAL) -> Obj:
        """Replace an object and return it: all but status where that is a subresource, or only the subresource.

        subresource  "status", "finalize" (namespaces), or "" for the object itself

        A write that changes nothing commits nothing. One that removes what held a deleted object finishes it.

        raises  ApiError 400, 404, 409 (resourceVersion or uid differ), 422
        """
        kind = self.kind(key)
        received, version = self._received(kind, obj, namespace_of(obj), options)
        record = self._update_record(kind, version, subresource, options)
        return self._update(kind, received, version, subresource, options, record)

    def _update(
        self, kind: Kind, received: Obj, version: str, subresource: str, options: Options, record: _Record
    ) -> Obj:
        key = kind.key
        old = self.get(key, namespace_of(received), name_of(received))
        _check_current(kind, received, old)
        new = _combined(kind, old, received, subresource)
        self._shape(kind, version, new, old, options)
        count_generation(kind, old, new)
        new = self._admit(kind, version, new, old, options)
        record(old, new)
        if same(new, old):
            return old
        if options.dry_run:
            return new
        if is_finished(kind, new):
            return self.store.remove(kind, namespace_of(new), name_of(new), new)
        return self.store.put(kind, new)

    def update_status(self, key: str, obj: Obj) -> Obj:
        """Replace only the status of an object; generation stays."""
        return self.update(key, obj, subresource="status")

    def patch(
        self,
        key: str,
        namespace: str,
        name: str,
        patch: Any,
        patch_type: str,
        *,
        subresource: str = "",
        options: Options = INTERNAL,
    ) -> Obj:
        """Change an object by a patch of the given media type and return it.

        raises  ApiError as `update`; 415 for strategic merge of custom kinds
        """
        kind = self.kind(key)
        old = self.get(key, namespace, name)
        seen = {**old, "apiVersion": kind.api_version(options.version)}
        patched = self.apply_patch(kind, seen, patch, patch_type)
        if not isinstance(patched, dict) or not isinstance(patched.get("metadata"), dict):
            raise bad_request("the patch leaves no object")
        if (namespace_of(patched), name_of(patched)) != (namespace, name):
            raise bad_request("the patch may not change the name or the namespace of the object")
        return self.update(key, patched, subresource=subresource, options=options)

    def apply_patch(self, kind: Kind, target: Obj, patch: Any, patch_type: str) -> Any:
        """`target`, an object of `kind`, after the patch; nothing is stored."""
        if patch_type == JSON_PATCH:
            return json_patch(target, patch)
        if patch_type == MERGE_PATCH:
            return merge_patch(target, patch)
        if patch_type == STRATEGIC_PATCH and not kind.custom:
            return strategic_merge(self.schemas.of(kind, kind.version).node, target, patch)
        accepted = [JSON_PATCH, MERGE_PATCH] if kind.custom else [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH]
        raise unsupported_media_type(patch_type, accepted)

    def apply(
        self,
        key: str,
        namespace: str,
        name: str,
        config: Any,
        *,
        force: bool = False,
        subresource: str = "",
        options: Options = INTERNAL,
    ) -> Obj:
        """Server-side apply: make `options.manager` the manager of what `config` says, and of nothing else.

        An object that is not there is created.

        force  take what others manage

        raises  ApiError as `create` and `update`; 409 names the fields that others manage
        """
        kind = self.kind(key)
        config = _checked_config(kind, config, namespace, name, options)
        wanted, version = self._received(kind, config, namespace, options)
        node = self.schemas.of(kind, version).node
        writer = Writer(options.manager, "Apply", subresource)
        old = self.store.get(key, namespace, name)
        if old is None and subresource:
            raise not_found(kind, name)
        live = {**old, "apiVersion": wanted["apiVersion"]} if old else {**wanted, "metadata": {}}
        applied = apply_config(node, live, wanted, writer, force=force)

        def record(before: Obj | None, new: Obj) -> None:
            record_apply(node, before, new, writer, applied.paths, applied.taken, kind.api_version(version))

        if old is None:
            return self._create(kind, wanted, version, options, record)
        return self._update(kind, applied.obj, version, subresource, options, record)

    def _update_record(self, kind: Kind, version: str, subresource: str, options: Options) -> _Record:
        def record(old: Obj | None, new: Obj) -> None:
            if options.manager:
                writer = Writer(options.manager, "Update", subresource)
                node = self.schemas.of(kind, version).node
                record_update(node, old, new, writer, kind.api_version(version))

        return record

    def delete(
        self,
        key: str,
        namespace: str,
        name: str,
        *,
        propagation: Propagation = "Background",
        grace_seconds: int | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        dry_run: bool = False,
    ) -> Obj:
        """Delete an object, or mark it while finalizers, grace or contents hold it; returns its last or new state.

        grace_seconds  pods only; None means the pod's own, 0 means now (the node says so when all processes ended)
        uid            refuse (409) if the object is another one of the same name by now

        raises  ApiError 403, 404, 409
        """
        kind = self.kind(key)
        old = self.get(key, namespace, name)
        _check_preconditions(kind, old, uid, resource_version)
        self._admission.check_deletion(kind, old)
        state = deleted_state(kind, old, propagation=propagation, grace_seconds=grace_seconds)
        if dry_run or same(state, old):
            return old
        if state is None:
            return self.store.remove(kind, namespace, name)
        return self.store.put(kind, state)

    def _received(self, kind: Kind, obj: Any, namespace: str, options: Options) -> tuple[Obj, str]:
        """A copy of what the caller sent with apiVersion, kind and namespace checked and filled in, and its version."""
        if not isinstance(obj, dict) or not isinstance(obj.get("metadata", {}), dict):
            raise bad_request(f"the body is not an object of kind {kind.kind}")
        try:
            new = {"apiVersion": obj.get("apiVersion"), "kind": kind.kind, "metadata": {}, **clone(obj)}
        except TypeError as error:  # what orjson raises for nesting beyond 254 levels
            raise bad_request(f"the body cannot be stored: {error}") from None
        version = options.version or _version(kind, obj)
        expected = kind.api_version(version)
        if (new["apiVersion"] or expected) != expected or new["kind"] != kind.kind:
            sent = f'{new["kind"]} in version "{new["apiVersion"]}"'
            raise bad_request(f"{sent} cannot be handled as a {kind.kind} in version {expected}")
        new["apiVersion"] = expected
        if kind.namespaced:
            if (new["metadata"].get("namespace") or namespace) != namespace:
                raise bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
            new["metadata"]["namespace"] = namespace
        else:
            new["metadata"].pop("namespace", None)
        return new, version

    def _shape(self, kind: Kind, version: str, obj: Obj, old: Obj | None, options: Options) -> None:
        schema = self.schemas.of(kind, version)
        found = shape(schema.node, obj)
        if found.unknown:
            _report_unknown(kind, version, found.unknown, options)
        causes = found.causes + schema.validator.findings(obj)
        if not causes and schema.node.has_rules:
            causes = rule_findings(schema.node, obj, old)
        if not kind.custom and any(cause.reason == "FieldValueTypeInvalid" for cause in causes):
            mistyped = next(cause for cause in causes if cause.reason == "FieldValueTypeInvalid")
            raise bad_request(f'{kind.kind} in version "{version}" cannot be handled as a {kind.kind}: {mistyped}')
        _refuse(kind, obj, old, causes)

    def _admit(self, kind: Kind, version: str, new: Obj, old: Obj | None, options: Options) -> Obj:
        new["apiVersion"] = kind.api_version()
        new = self._admission.mutate(kind, new, old, dry_run=options.dry_run)
        causes = metadata_findings(kind, new, old) + semantic_findings(kind, new, old)
        if self._admission.mutators:
            checked = {**new, "apiVersion": kind.api_version(version)}
            causes += self.schemas.of(kind, version).validator.findings(checked)
        _refuse(kind, new, old, causes)
        self._admission.validate(new, old, options.warn)
        return new


def _checked_config(kind: Kind, config: Any, namespace: str, name: str, options: Options) -> Obj:
    """What is applied, with its name and namespace; ApiError 400 or 422 if it cannot be."""
    if not isinstance(config, dict) or not isinstance(metadata := config.get("metadata", {}), dict):
        raise bad_request(f"the body is not an object of kind {kind.kind}")
    if not options.manager:
        cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
        raise invalid(kind, name, [cause])
    if metadata.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if not config.get("apiVersion") or not config.get("kind"):
        raise bad_request("an applied object names its apiVersion and kind")
    if metadata.get("name", name) != name:
        raise bad_request("the name of the object does not match the name on the URL")
    return {**config, "metadata": {**metadata, "name": name, **({"namespace": namespace} if namespace else {})}}


def _version(kind: Kind, obj: Obj) -> str:
    group, _, version = str(obj.get("apiVersion") or kind.api_version()).rpartition("/")
    return version if group == kind.group and version in kind.served else kind.version


def _refuse(kind: Kind, new: Obj, old: Obj | None, causes: list[Cause]) -> None:
    if causes:
        raise invalid(kind, asked_name(new) if old is None else name_of(old), causes)


def _check_current(kind: Kind, received: Obj, old: Obj) -> None:
    version = received["metadata"].get("resourceVersion")
    _check_preconditions(kind, old, received["metadata"].get("uid"), None)
    if version and version != old["metadata"]["resourceVersion"]:
        raise modified(kind, name_of(old))
    if not version and kind.custom:
        said = "Invalid value: 0: must be specified for an update"
        raise invalid(kind, name_of(old), [Cause("FieldValueInvalid", said, "metadata.resourceVersion")])


def _check_preconditions(kind: Kind, old: Obj, uid: str | None, resource_version: str | None) -> None:
    believed = (("UID", uid, uid_of(old)), ("ResourceVersion", resource_version, old["metadata"]["resourceVersion"]))
    for what, asked, current in believed:
        if asked and asked != current:
            why = f"Precondition failed: {what} in precondition: {asked}, {what} in object meta: {current}"
            raise conflict(kind, name_of(old), why)


def _combined(kind: Kind, old: Obj, received: Obj, subresource: str) -> Obj:
    """What an update results in: the status half or the other half from the caller, the rest from `old`."""
    if subresource == "status":
        return {**clone(old), "apiVersion": received["apiVersion"], "status": received.get("status")}
    if subresource == "finalize":
        return {**clone(old), "apiVersion": received["apiVersion"], "spec": received.get("spec")}
    carry_over(old, received)
    if kind.key == "namespaces":  # its only spec field says what still has to be cleared away
        received["spec"] = clone(old)["spec"]
    if kind.has_status:
        received.pop("status", None)
        if "status" in old:
            received["status"] = clone(old)["status"]
    return received


def _report_unknown(kind: Kind, version: str, unknown: list[str], options: Options) -> None:
    said = [f'unknown field "{path}"' for path in unknown]
    if options.field_validation == "Strict":
        prefix = f'{kind.kind} in version "{version}" cannot be handled as a {kind.kind}: strict decoding error: '
        raise bad_request(prefix + ", ".join(said))
    if options.field_validation == "Warn":
        for sentence in said:
            options.warn(sentence)
