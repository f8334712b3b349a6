"""How a client wants to see objects: whole, as rows of a Table (kubectl get), or their metadata only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.embedded.apiserver.columns import columns_of
from harness.embedded.apiserver.errors import unsupported
from harness.embedded.apiserver.httpd import Request
from harness.embedded.apiserver.kinds import Kind
from harness.embedded.apiserver.messages import as_version
from harness.embedded.apiserver.objects import Obj
from harness.embedded.apiserver.schemas import Schemas

Form = Literal["Object", "Table", "PartialObjectMetadata"]
_META = "meta.k8s.io/v1"
_INCLUDES = ("None", "Metadata", "Object")


@dataclass(frozen=True, slots=True)
class View:
    """One way to show objects of a kind.

    include  what a Table's rows carry: "None", "Metadata" or "Object"
    """

    kind: Kind
    version: str
    form: Form
    include: str
    schemas: Schemas

    def one(self, obj: Obj, *, with_columns: bool = True) -> Obj:
        """A single object."""
        if self.form == "Table":
            metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return self._table([obj], metadata, with_columns=with_columns)
        return _metadata_only(obj) if self.form == "PartialObjectMetadata" else self._whole(obj)

    def bookmark(self, obj: Obj) -> Obj:
        """An object that only tells a resourceVersion."""
        return self._table([], obj["metadata"], with_columns=False) if self.form == "Table" else self.one(obj)

    def many(self, objs: Sequence[Obj], metadata: Obj) -> Obj:
        """A list."""
        if self.form == "Table":
            return self._table(objs, metadata, with_columns=True)
        if self.form == "PartialObjectMetadata":
            return _list("PartialObjectMetadataList", _META, metadata, [_metadata_only(obj) for obj in objs])
        items = [self._whole(obj) if self.kind.custom else _untyped(obj) for obj in objs]
        return _list(self.kind.list_kind, self.kind.api_version(self.version), metadata, items)

    def _whole(self, obj: Obj) -> Obj:
        return as_version(self.kind, self.version, obj)

    def _table(self, objs: Sequence[Obj], metadata: Obj, *, with_columns: bool) -> Obj:
        columns = columns_of(self.kind, self.schemas.printed(self.kind, self.version))
        rows = [{"cells": [column.cell(obj) for column in columns], **self._carried(obj)} for obj in objs]
        definitions = [column.definition() for column in columns] if with_columns else []
        table = {"kind": "Table", "apiVersion": _META, "metadata": metadata}
        return {**table, "columnDefinitions": definitions, "rows": rows}

    def _carried(self, obj: Obj) -> Obj:
        if self.include == "None":
            return {}
        return {"object": self._whole(obj) if self.include == "Object" else _metadata_only(obj)}


def view_of(schemas: Schemas, kind: Kind, version: str, request: Request) -> View:
    """What the first media type of Accept that is served here asks for; ApiError 400 for a bad includeObject."""
    include = request.query.get("includeObject") or "Metadata"
    if include not in _INCLUDES:
        raise unsupported("includeObject", include, _INCLUDES)
    return View(kind, version, _form(request.headers.get("accept", "")), include, schemas)


def _form(accept: str) -> Form:
    for offer in accept.replace(" ", "").split(","):
        media_type, *parameters = offer.split(";")
        asked = dict(parameter.partition("=")[::2] for parameter in parameters)
        if media_type not in ("application/json", "*/*", "application/*", ""):
            continue
        if "as" not in asked:
            return "Object"
        if (asked.get("g"), asked.get("v")) != ("meta.k8s.io", "v1"):
            continue
        if asked["as"] == "Table":
            return "Table"
        if asked["as"] in ("PartialObjectMetadata", "PartialObjectMetadataList"):
            return "PartialObjectMetadata"
    return "Object"


def _metadata_only(obj: Obj) -> Obj:
    return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": obj["metadata"]}


def _untyped(obj: Obj) -> Obj:
    # Items of built-in kinds are typed by their list alone, on a real API server too.
    return {name: value for name, value in obj.items() if name not in ("kind", "apiVersion")}


def _list(kind: str, api_version: str, metadata: Obj, items: list[Obj]) -> Obj:
    return {"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items}
