"""The Markdown summary puts failures first, and takes nothing that others wrote for markup."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import Exit
from harness.report.markdown import markdown
from harness.report.story import Story
from harness.run import events as ev
from harness.tests.report.made import runs

RUNS = runs()


def test_failures_come_before_the_tables() -> None:
    text = markdown(RUNS["broken"])
    assert text.startswith("## Signalbox: an expectation is broken\n")
    assert text.index("### ✗ broken: BROKEN") < text.index("<details open>")
    assert "made-up.yaml:12  step 'only'" in text


def test_what_holds_is_folded_away() -> None:
    text = markdown(RUNS["held"])
    assert "<details><summary>made-up: 1 of 2 hold" in text
    assert "###" not in text


@pytest.mark.parametrize("name", ["interrupted", "environment", "killed", "killed-at-once", "bad-input"])
def test_an_aborted_run_says_so_in_its_headline(name: str) -> None:
    run = RUNS[name]
    assert run.aborted is not None
    assert markdown(run).startswith(f"## Signalbox: {run.aborted.word}")


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_the_table_keeps_its_columns(run: Story) -> None:
    rows = [line for line in markdown(run).splitlines() if line.startswith("| ")]
    cells = [row.replace("\\|", "").count("|") for row in rows]
    assert set(cells) <= {6}


def test_hostile_text_stays_text() -> None:
    outside, inside = [], False
    for line in markdown(RUNS["hostile"]).splitlines():
        inside ^= line.startswith("```")
        outside += [] if inside else [line]
    text = "\n".join(outside)
    assert "<script" not in text.replace("\\<script", "")
    assert "<img" not in text.replace("\\<img", "")
    assert "@team" not in text
    assert "](javascript" not in text.replace("\\](javascript", "").replace("]\\(javascript", "")


def test_no_text_can_end_a_block_early() -> None:
    run = replace(RUNS["killed"], aborted=ev.RunAborted(Exit.ENVIRONMENT, "environment failed", "a\n```\nb\n`````"))
    assert "\n``````text\na\n```\nb\n`````\n``````\n" in markdown(run)
