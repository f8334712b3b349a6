"""What `signalbox lint --sarif` prints is SARIF by OASIS's own schema; runs where that is.

SIGNALBOX_SARIF_SCHEMA names the file `sarif-schema-2.1.0.json` (oasis-tcs/sarif-spec, sarif-2.1/schema).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema_rs
import pytest

from harness.forecast.checks import CodedFinding, check_objects
from harness.lint.codes import CODES
from harness.report.sarif import sarif_text
from harness.tests.lint.test_codes import BASE, CASES

SCHEMA = os.environ.get("SIGNALBOX_SARIF_SCHEMA", "")

if not SCHEMA:
    pytest.skip("SIGNALBOX_SARIF_SCHEMA names no file", allow_module_level=True)

VALIDATOR = jsonschema_rs.validator_for(json.loads(Path(SCHEMA).read_text()), validate_formats=True)


def problems(findings: list[CodedFinding]) -> list[str]:
    return [str(error) for error in VALIDATOR.iter_errors(json.loads(sarif_text(findings, "1.0")))]


def test_findings_of_files_whatever_they_are_called() -> None:
    names = ["a b#c%20?.yaml", "/tmp/ä/[x].yaml", "..\\w.yaml", "c:d.yaml"]
    findings = [CodedFinding(name, line, code, 'ä\n„x"') for name in names for line in (0, 7) for code in CODES]
    assert problems(findings) == []
    assert problems([]) == []


@pytest.mark.parametrize(("code", "dialect", "wrong"), [case[:3] for case in CASES], ids=[case[0] for case in CASES])
def test_findings_of_a_cluster(code: str, dialect: object, wrong: list[object]) -> None:
    findings = list(check_objects([*BASE, *wrong], dialect))  # type: ignore[arg-type]
    assert findings
    assert problems(findings) == []
