"""What an API server would do with an object of one definition."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from harness.dialect import DIALECTS
from harness.embedded.apiserver.schema import ANYTHING, Node, compile_node, shape
from harness.embedded.apiserver.validation import Validator, to_json_schema
from harness.embedded.crds import definitions
from harness.tests.resources_policy.documents import Obj, document

Engine = tuple[Node, Validator]


def compiled(schema: Any) -> Engine:
    """The two halves of the API server's treatment of one schema."""
    node = compile_node(schema)
    node.properties["metadata"] = ANYTHING  # the API server knows it better than any CustomResourceDefinition
    return node, Validator(to_json_schema(schema))


@cache
def definition(kind: str, dialect: str) -> Any:
    """Our definition of a kind of policy.linkerd.io."""
    (found,) = (
        one
        for one in definitions(DIALECTS[dialect])
        if one["spec"]["names"]["kind"] == kind and one["spec"]["group"] == "policy.linkerd.io"
    )
    return found


@cache
def engine(kind: str, version: str, dialect: str = "linkerd-edge") -> Engine:
    """The engine of our definition."""
    (served,) = (one for one in definition(kind, dialect)["spec"]["versions"] if one["name"] == version)
    return compiled(served["schema"]["openAPIV3Schema"])


def submit(engine: Engine, kind: str, version: str, spec: Any, **more: Any) -> tuple[Obj, list[str]]:
    """The object as it would be stored, and why it would not be."""
    node, validator = engine
    obj: Obj = json.loads(json.dumps(document(kind, "x", spec, version=version) | more))
    shaped = shape(node, obj)
    return obj, [str(cause) for cause in [*shaped.causes, *validator.findings(obj)]]
