"""Findings as SARIF 2.1.0, which code-scanning services read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from harness.forecast.checks import CodedFinding
from harness.lint.codes import CODES

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_text(findings: Iterable[CodedFinding], version: str) -> str:
    """One run of the tool `signalbox`, with a rule for each code that is there."""
    known = list(findings)
    codes = sorted({finding.code for finding in known})
    rules = [_rule(code) for code in codes]
    driver = {"name": "signalbox", "version": version, "rules": rules}
    results = [_result(finding, codes.index(finding.code)) for finding in known]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _rule(code: str) -> dict[str, Any]:
    known = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": known.title},
        "help": {"text": f"See {known.page}."},
        "defaultConfiguration": {"level": known.level},
    }


def _result(finding: CodedFinding, index: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.file)}}
    if finding.line:
        place["region"] = {"startLine": finding.line}
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.level,
        "message": {"text": finding.sentence},
        "locations": [{"physicalLocation": place}],
    }
