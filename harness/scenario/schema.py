"""JSON Schema of the language, for editors. Loading uses the same models but words its complaints itself."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from harness.scenario.model import Scenario

SCHEMA_FILE: Final = Path(__file__).parent.parent / "schema" / "scenario-v1alpha1.json"
"""The committed schema, which the first line of a scenario points an editor to."""

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


class _ForEditors(GenerateJsonSchema):
    """Without what only says how pydantic works: titles made from names, and null for what is left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        default, spelling = schema.get("default"), schema["schema"].get("serialization", {})
        described.pop("default", None)
        if isinstance(default, bool | int | float | str | timedelta):
            described["default"] = spelling["function"](default) if "function" in spelling else default
        return described


def schema() -> dict[str, Any]:
    """The schema of a scenario file."""
    made = Scenario.model_json_schema(by_alias=True, schema_generator=_ForEditors)
    for part in (made, *made["$defs"].values()):
        part.pop("title", None)
    return {"$schema": _DRAFT, "title": "Signalbox scenario", **made}


def schema_text() -> str:
    """The schema as it is committed and printed, with the final newline."""
    return json.dumps(schema(), indent=2, ensure_ascii=False, sort_keys=False) + "\n"
