"""How a sentence names the properties of responses."""

from __future__ import annotations

import pytest

from harness.run.criteria import described
from harness.scenario.claims import Every


@pytest.mark.parametrize(
    ("text", "named"),
    [("A backend", "'A backend'"), ("日本", "'日本'"), ("\x08\x01", r"'\x08\x01'"), ("a\nb\x85", r"'a\nb\x85'")],
)
def test_what_no_terminal_shows_is_escaped(text: str, named: str) -> None:
    every = Every.model_validate({"body-has": text, "body-lacks": text})
    assert described(every) == f"responses whose body has {named} whose body lacks {named}"
