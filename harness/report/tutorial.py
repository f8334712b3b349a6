"""What an article says beside what was measured: each claim with what became of it, each table with its twin. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.mesh import authz, stat
from harness.mesh.authz import AuthzTable
from harness.mesh.stat import StatTable
from harness.report.markdown import escaped
from harness.report.story import ScenarioTold, Story
from harness.run.events import ExpectationResult
from harness.scenario.article import FILE_NAME, Article, PrintedClaim, PrintedTable, read_article
from harness.verdict.judgement import Verdict


class Standing(StrEnum):
    """What became of a claim."""

    HELD = "held"
    WRONG = "not so"
    UNDECIDED = "undecided"
    UNCHECKED = "not checked"
    UNEXERCISED = "not exercised in this run"


@dataclass(frozen=True, slots=True)
class ClaimTold:
    """A claim and what became of it; evidence is what was promised and seen."""

    claim: PrintedClaim
    standing: Standing
    remark: str
    evidence: tuple[ExpectationResult, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure twice; "" where it is not known."""

    printed: str
    measured: str


@dataclass(frozen=True, slots=True)
class TableTold:
    """A printed table with the measured one; rows are (key, cells), and `missing` says why there is none to measure."""

    table: PrintedTable
    key_columns: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[Cell, ...]], ...]
    missing: str = ""


@dataclass(frozen=True, slots=True)
class SectionTold:
    """A section of the article."""

    title: str
    scenario: str
    claims: tuple[ClaimTold, ...]
    tables: tuple[TableTold, ...]


@dataclass(frozen=True, slots=True)
class ArticleTold:
    """An article against a run."""

    title: str
    about: str
    sections: tuple[SectionTold, ...]

    def count(self, standing: Standing) -> int:
        """How many claims came out so."""
        return sum(claim.standing is standing for section in self.sections for claim in section.claims)


KEYS = ("NAME", "ROUTE", "SERVER", "AUTHORIZATION")
"""Columns that say which row it is."""


def find_article(story: Story) -> Article | None:
    """The article beside the scenarios of a run, as far as it can still be found.

    raises  InputError if it is there and makes no sense
    """
    for scenario in story.scenarios:
        path = Path(scenario.started.path).parent / FILE_NAME
        if path.is_file():
            return read_article(path)
    return None


def compare(article: Article, story: Story) -> ArticleTold:
    """The article, claim by claim and table by table, against what the run saw."""
    ran = {scenario.name: scenario for scenario in story.scenarios}
    sections = []
    for section in article.spec.sections:
        results = {result.name: result for result in ran[section.scenario].results} if section.scenario in ran else {}
        claims = tuple(_claim(claim, results) for claim in section.claims)
        tables = tuple(_table(table, ran.get(table.scenario or section.scenario)) for table in section.tables)
        sections.append(SectionTold(section.title, section.scenario, claims, tables))
    return ArticleTold(article.spec.title, article.spec.about, tuple(sections))


def _claim(claim: PrintedClaim, results: dict[str, ExpectationResult]) -> ClaimTold:
    if claim.unchecked is not None:
        return ClaimTold(claim, Standing.UNCHECKED, claim.unchecked, ())
    names = claim.shown_by or claim.refuted_by or ()
    evidence = tuple(results[name] for name in names if name in results)
    if any(not result.is_kept and result.verdict is not Verdict.INCONCLUSIVE for result in evidence):
        return ClaimTold(claim, *_broken(claim, evidence), evidence)
    if len(evidence) < len(names):
        missing = ", ".join(name for name in names if name not in results)
        return ClaimTold(claim, Standing.UNEXERCISED, f"not judged: {missing}", evidence)
    if any(result.verdict is Verdict.INCONCLUSIVE for result in evidence):
        return ClaimTold(claim, Standing.UNDECIDED, "an expectation is inconclusive", evidence)
    return ClaimTold(claim, Standing.HELD if claim.shown_by else Standing.WRONG, claim.instead or "", evidence)


def _broken(claim: PrintedClaim, evidence: Sequence[ExpectationResult]) -> tuple[Standing, str]:
    against = [result for result in evidence if not result.is_kept and result.verdict is not Verdict.INCONCLUSIVE]
    seen = "; ".join(
        f"{result.name}: promised {result.judgement.promised}, saw {result.judgement.seen}" for result in against
    )
    if claim.shown_by:
        gaps = [result for result in against if result.verdict is Verdict.HOLDS]
        return Standing.WRONG, f"a known gap of this mesh; {seen}" if gaps else seen
    return Standing.UNDECIDED, f"what should refute it is itself broken; {seen}"


def _table(table: PrintedTable, scenario: ScenarioTold | None) -> TableTold:
    keys = tuple(column for column in table.columns if column in KEYS)
    others = tuple(column for column in table.columns if column not in KEYS)
    found = _measured(table, scenario)
    rows = []
    for row in table.rows:
        key = tuple(row.get(column, "") for column in keys)
        twin = next((m for m in found or () if all(m.get(c, "") == v for c, v in zip(keys, key, strict=True))), {})
        rows.append((key, tuple(Cell(row.get(column, ""), twin.get(column, "")) for column in others)))
    missing = "" if found is not None else "this run has no such table"
    return TableTold(table, keys, others, tuple(rows), missing)


def _measured(table: PrintedTable, scenario: ScenarioTold | None) -> list[dict[str, str]] | None:
    """The rows of the measured table by column, or None if the run has none."""
    steps = [step for step in scenario.steps if step.name == table.step] if scenario else []
    for step in steps:
        for measured in step.tables:
            if measured.command == table.command:
                return list(_rows(measured))
    return None


def _rows(table: StatTable | AuthzTable) -> Iterator[dict[str, str]]:
    if isinstance(table, StatTable):
        yield from (
            dict(zip(("NAME", "MESHED", *stat.NUMBERS), (row.name, *row.cells()), strict=True)) for row in table.rows
        )
    else:
        yield from (dict(zip(authz.HEADER, row.cells(), strict=True)) for row in table.rows)


# -- Markdown ----------------------------------------------------------------------------------------------------------


def tutorial_markdown(article: ArticleTold) -> str:
    """The article against the run, as Markdown."""
    return "\n".join(_document(article)) + "\n"


def summary(article: ArticleTold) -> str:
    """«18 held, 5 not so, 1 not checked»."""
    return ", ".join(f"{article.count(standing)} {standing}" for standing in Standing if article.count(standing))


def _document(article: ArticleTold) -> Iterator[str]:
    yield f"# {escaped(article.title)}: claims and measurements"
    yield from ("", escaped(article.about), "", f"Of its claims {summary(article)}.")
    for section in article.sections:
        yield from ("", f"## {escaped(section.title)}", "", f"Scenario `{section.scenario}`.", "")
        yield "| claim | said by | in this run | because |"
        yield "|---|---|---|---|"
        for told in section.claims:
            yield f"| {escaped(told.claim.says)} | {escaped(told.claim.by)} | **{told.standing}** | {_because(told)} |"
        for table in section.tables:
            yield from ("", *_printed_beside_measured(table))


def _because(told: ClaimTold) -> str:
    seen = "; ".join(f"{escaped(result.name)}: {escaped(result.judgement.seen)}" for result in told.evidence)
    return "<br>".join(filter(None, (escaped(told.remark), seen)))


def _printed_beside_measured(told: TableTold) -> Iterator[str]:
    yield f"`{told.table.command}` while «{escaped(told.table.step)}», printed in {escaped(told.table.printed_in)}:"
    if told.table.note:
        yield from ("", escaped(told.table.note))
    if told.missing:
        yield from ("", f"*{told.missing}*")
    heads = [*told.key_columns, *(name for column in told.columns for name in (f"{column} printed", "measured"))]
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for key, cells in told.rows:
        figures = [text or "?" for cell in cells for text in (cell.printed, cell.measured)]
        yield f"| {' | '.join(escaped(text) for text in (*key, *figures))} |"
