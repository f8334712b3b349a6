"""The frame of a CustomResourceDefinition around the schemas of its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.embedded.crds import fields
from harness.embedded.crds.fields import Schema, obj


def definition(
    group: str,
    kind: str,
    specs: Mapping[str, Schema],
    *,
    status: Schema,
    columns: Sequence[tuple[str, str, str]],
    categories: Sequence[str] = (),
) -> dict[str, Any]:
    """A namespaced kind with a status subresource.

    specs       the schema of `spec` by version, the stored version first; all are served
    columns     name, type and JSON path of what `kubectl get` prints
    """
    plural = kind.lower() + "s"
    names: dict[str, Any] = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    stored = next(iter(specs))
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": names | ({"categories": list(categories)} if categories else {}),
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == stored,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": name, "type": type_, "jsonPath": path} for name, type_, path in columns
                    ],
                    "schema": {"openAPIV3Schema": _document(spec, status)},
                }
                for version, spec in specs.items()
            ],
        },
    }


def _document(spec: Schema, status: Schema) -> Schema:
    meta = {"apiVersion": fields.text(), "kind": fields.text(), "metadata": {"type": "object"}}
    return obj(meta | {"spec": spec, "status": status}, required=("spec",))
