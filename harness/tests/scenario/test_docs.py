"""docs/scenario-language.md: its examples load, its complaints are the real ones; every key is on some page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.scenario.lint import load_checked
from harness.scenario.part import Part

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/scenario-language.md").read_text()
PAGES = {"harness.scenario.article": "reports.md", "harness.prove.twins": "prove.md"}
"""Where the keys of files that are no scenarios are explained, by the module that reads them."""
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
SCENARIOS = [text for language, text in BLOCKS if language == "yaml"]
*EXAMPLES, WRONG = SCENARIOS


def _all_parts(part: type[Part]) -> set[type[Part]]:
    return {part}.union(*(_all_parts(kind) for kind in part.__subclasses__()))


def test_the_examples_can_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for number, text in enumerate(EXAMPLES):
        (tmp_path / f"{number}.yaml").write_text(text)
    names = [loaded.scenario.name for loaded in load_checked([tmp_path]).scenarios]
    assert names == ["three-calls-in-ten-fail", "nothing-but-a-header"]


def test_the_complaints_are_the_real_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    with pytest.raises(InputError) as caught:
        load_checked([tmp_path / "wrong.yaml"])
    printed = BLOCKS[[text for _, text in BLOCKS].index(WRONG) + 1][1]
    assert str(caught.value).replace(f"{tmp_path}/", "") == printed.rstrip("\n")


PARTS = sorted(_all_parts(Part), key=lambda part: part.__name__)


@pytest.mark.parametrize("part", PARTS, ids=[part.__name__ for part in PARTS])
def test_every_key_is_on_the_page(part: type[Part]) -> None:
    page = PAGES.get(part.__module__, "scenario-language.md")
    text = (ROOT / "docs" / page).read_text()
    for key in part.key_names():
        assert re.search(rf"\b{re.escape(key)}\b", text), f"{key} of {part.said} is not in {page}"
