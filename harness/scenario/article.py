"""What an article says, as data: its tables, its claims, and which expectations show whether each of them is true."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from harness.errors import Finding, InputError, nearest
from harness.scenario.actions import Text
from harness.scenario.loading import LoadedScenario, fit, read_document
from harness.scenario.part import Part, Problem
from harness.scenario.words import Slug
from harness.scenario.yaml_source import Unreadable

FILE_NAME: Final = "article.yaml"
"""Lies beside the scenarios that reproduce the article."""


class PrintedTable(Part):
    """A table as it was printed, to be put beside the one that was measured."""

    said: ClassVar[str] = "a table"
    printed_in: Text
    """Who printed it, such as «article» or «Linkerd's documentation»."""
    scenario: Slug | None = None
    """Where it is measured; left out, the section's."""
    step: Text
    """The step that shows the same table."""
    command: Text
    """The command that prints it."""
    note: Text | None = None
    """What a reader must know to compare them."""
    columns: Annotated[tuple[Text, ...], Field(min_length=2)]
    rows: Annotated[tuple[Mapping[Text, Text], ...], Field(min_length=1)]
    """Each a mapping of column to what was printed; columns that are not known are left out."""


class PrintedClaim(Part):
    """One thing that the article says, in our words."""

    said: ClassVar[str] = "a claim"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "exactly one way to know": ("shown-by", "refuted-by", "unchecked")
    }
    says: Text
    by: Text = "article"
    """Who says it."""
    shown_by: Annotated[tuple[Slug, ...], Field(min_length=1)] | None = None
    """If these expectations hold, it is true; if one is broken, it is not."""
    refuted_by: Annotated[tuple[Slug, ...], Field(min_length=1)] | None = None
    """If these expectations hold, it is not true."""
    unchecked: Text | None = None
    """Why no expectation can tell."""
    instead: Text | None = None
    """What is true, beside `refuted-by`; or a reservation beside `shown-by`."""

    def value_problems(self) -> Iterable[Problem]:
        if self.refuted_by is not None and self.instead is None:
            yield "refuted-by", "say with 'instead' what is true"


class Section(Part):
    """A part of the article that one scenario reproduces."""

    said: ClassVar[str] = "a section"
    title: Text
    scenario: Slug
    claims: Annotated[tuple[PrintedClaim, ...], Field(min_length=1)]
    tables: tuple[PrintedTable, ...] = ()


class ArticleSpec(Part):
    """The article."""

    said: ClassVar[str] = "'spec'"
    title: Text
    about: Text
    """What it is and which versions it used."""
    sections: Annotated[tuple[Section, ...], Field(min_length=1)]


class ArticleMetadata(Part):
    """What the article is called."""

    said: ClassVar[str] = "'metadata'"
    name: Slug


class Article(Part):
    """The file beside the scenarios."""

    said: ClassVar[str] = "an article"
    api_version: Literal["signalbox/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["Article"]
    metadata: ArticleMetadata
    spec: ArticleSpec


def read_article(path: Path) -> Article:
    """The article in a file; raises InputError with everything that is wrong with it."""
    try:
        article, findings = fit(Article, read_document(str(path)), str(path))
    except Unreadable as error:
        raise InputError([Finding(str(path), error.line, error.sentence)]) from None
    if findings or article is None:
        raise InputError(findings)
    return article


def article_findings(path: Path, scenarios: Iterable[LoadedScenario]) -> list[Finding]:
    """What the article names and no scenario has, so that a renamed expectation takes no claim away in silence.

    raises  InputError if the article itself cannot be read
    """
    article, document, known = (
        read_article(path),
        read_document(str(path)),
        {one.scenario.name: one for one in scenarios},
    )
    findings = []
    for number, section in enumerate(article.spec.sections):
        for place, sentence in _unknown(section, known):
            findings.append(Finding(str(path), document.line("spec", "sections", number, *place), sentence))
    return sorted(findings)


def _unknown(section: Section, known: Mapping[str, LoadedScenario]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if section.scenario not in known:
        yield ("scenario",), f"no scenario is called '{section.scenario}'{nearest(section.scenario, list(known))}"
        return
    scenario = known[section.scenario].scenario
    names = [e.expect for _, e in scenario.expectations()] + [watch.expect for watch in scenario.spec.always]
    for number, claim in enumerate(section.claims):
        for name in (*(claim.shown_by or ()), *(claim.refuted_by or ())):
            if name not in names:
                yield ("claims", number), f"'{section.scenario}' expects no '{name}'{nearest(name, names)}"
    for number, table in enumerate(section.tables):
        where = known.get(table.scenario or section.scenario)
        steps = [step.name for step in where.scenario.spec.steps] if where else []
        if table.step not in steps:
            there = table.scenario or section.scenario
            yield ("tables", number), f"'{there}' has no step '{table.step}'{nearest(table.step, steps)}"
