"""metadata of objects: what a new object gets, what an update cannot change, and which names are valid."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from uuid import uuid4

from harness.embedded.apiserver.errors import Cause
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.objects import Obj, name_of, same, timestamp

SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and nothing that looks alike, so that generated names never spell anything."""
_SUFFIX = 5
_LONGEST_PREFIX = 63 - _SUFFIX
"""A generated name stays a DNS label of 63."""
_ANNOTATIONS_BYTES = 256 * 1024

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_KEY_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_SERVER_OWNED = (*_KEPT, "resourceVersion", "selfLink", "managedFields")


def random_suffix(length: int = _SUFFIX) -> str:
    """A suffix as Kubernetes generates them for names."""
    return "".join(random.choices(SUFFIX_ALPHABET, k=length))


def stamp_new(kind: Kind, obj: Obj, is_taken: Callable[[str], bool]) -> None:
    """Give a new object its uid, creation time, generation and, from generateName, a name that is free."""
    metadata = obj["metadata"]
    for name in _SERVER_OWNED:
        metadata.pop(name, None)
    prefix = metadata.get("generateName")
    if isinstance(prefix, str) and prefix and not metadata.get("name"):
        metadata["name"] = prefix[:_LONGEST_PREFIX] + random_suffix()
        while is_taken(metadata["name"]):
            metadata["name"] = prefix[:_LONGEST_PREFIX] + random_suffix()
    metadata["uid"] = str(uuid4())
    metadata["creationTimestamp"] = timestamp()
    if kind.generation:
        metadata["generation"] = 1


def asked_name(obj: Obj) -> str:
    """The name that the client of a new object knows: the prefix of a generated one, the same at every attempt."""
    name, prefix = name_of(obj), str(obj["metadata"].get("generateName") or "")
    return prefix if prefix and name[:-_SUFFIX] == prefix[:_LONGEST_PREFIX] else name


def carry_over(old: Obj, new: Obj) -> None:
    """Put back into `new` the metadata that belongs to the server; managedFields only if the client has none."""
    metadata = new["metadata"]
    managed = metadata.get("managedFields")
    for name in _SERVER_OWNED:
        metadata.pop(name, None)
        if name in old["metadata"]:
            metadata[name] = old["metadata"][name]
    if managed is not None:
        metadata["managedFields"] = managed


def count_generation(kind: Kind, old: Obj, new: Obj) -> None:
    """Count generation up if anything but metadata and status (where status is a subresource) changed."""
    if kind.generation and not same(_counted(kind, old), _counted(kind, new)):
        new["metadata"]["generation"] = int(old["metadata"].get("generation", 0)) + 1


def _counted(kind: Kind, obj: Obj) -> Obj:
    left_out = {"metadata", "apiVersion", "status"} if kind.has_status else {"metadata", "apiVersion"}
    return {name: value for name, value in obj.items() if name not in left_out}


def metadata_findings(kind: Kind, obj: Obj, old: Obj | None) -> list[Cause]:
    """What is wrong with the metadata of an object whose types are right."""
    metadata = obj["metadata"]
    findings = list(_name_findings(kind, obj)) if old is None else []
    findings += _label_findings(metadata.get("labels") or {})
    findings += _annotation_findings(metadata.get("annotations") or {})
    if old is not None and old["metadata"].get("deletionTimestamp"):
        new = set(metadata.get("finalizers") or ()) - set(old["metadata"].get("finalizers") or ())
        if new:
            why = f"no new finalizers can be added if the object is being deleted, found new finalizers {sorted(new)}"
            findings.append(Cause("FieldValueForbidden", f"Forbidden: {why}", "metadata.finalizers"))
    return findings


def _name_findings(kind: Kind, obj: Obj) -> Iterator[Cause]:
    name = name_of(obj)
    if not name:
        yield Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")
        return
    pattern, longest, words = (
        (_LABEL, 63, "RFC 1123 label") if kind.label_names else (_SUBDOMAIN, 253, "RFC 1123 subdomain")
    )
    if len(name) > longest:
        said = f'Invalid value: "{name[:longest]}…": must be no more than {longest} characters'
        yield Cause("FieldValueInvalid", said, "metadata.name")
    elif not pattern.fullmatch(name):
        dots = "" if kind.label_names else ", '.'"
        said = (
            f"must consist of lower case alphanumeric characters{dots} or '-', and start and end with an alphanumeric"
        )
        yield Cause("FieldValueInvalid", f'Invalid value: "{name}": a lowercase {words} {said}', "metadata.name")


def _label_findings(labels: dict[str, str]) -> Iterator[Cause]:
    for key, value in labels.items():
        yield from _key_findings(key, "metadata.labels")
        if len(value) > 63 or not _VALUE.fullmatch(value):
            said = (
                "a valid label value has at most 63 alphanumeric characters, '-', '_' or '.', none of these at its ends"
            )
            yield Cause("FieldValueInvalid", f'Invalid value: "{value[:80]}": {said}', "metadata.labels")


def _annotation_findings(annotations: dict[str, str]) -> Iterator[Cause]:
    for key in annotations:
        yield from _key_findings(key, "metadata.annotations")
    if sum(len(key) + len(value.encode()) for key, value in annotations.items()) > _ANNOTATIONS_BYTES:
        yield Cause(
            "FieldValueTooLong", f"Too long: must have at most {_ANNOTATIONS_BYTES} bytes", "metadata.annotations"
        )


def _key_findings(key: str, field: str) -> Iterator[Cause]:
    prefix, slash, name = key.rpartition("/")
    bad_prefix = bool(slash) and (len(prefix) > 253 or not _SUBDOMAIN.fullmatch(prefix.lower()))
    if bad_prefix or len(name) > 63 or not _KEY_NAME.fullmatch(name):
        said = "a key has at most 63 alphanumeric characters, '-', '_' or '.', after an optional DNS prefix and '/'"
        yield Cause("FieldValueInvalid", f'Invalid value: "{key[:80]}": {said}', field)
