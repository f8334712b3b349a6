"""The article beside the run: every claim gets what it deserves, every table its twin, and no name is stale."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from harness.errors import Exit, InputError
from harness.mesh.authz import AuthzRow, AuthzTable
from harness.mesh.stat import StatRow, StatTable
from harness.report.html import page
from harness.report.story import Story
from harness.report.tutorial import ArticleTold, Standing, compare, find_article, tutorial_markdown
from harness.run import events as ev
from harness.scenario.article import Article, article_findings, read_article
from harness.scenario.loading import LoadedScenario, load_all
from harness.tests.report.made import events, finished, result, story
from harness.verdict.judgement import Verdict

ROOT = Path(__file__).parents[3]
ARTICLE = ROOT / "scenarios" / "tutorial" / "article.yaml"
TEXT = """\
apiVersion: signalbox/v1alpha1
kind: Article
metadata: {name: made-up}
spec:
  title: Made up
  about: An article.
  sections:
    - title: One
      scenario: made-up
      claims:
        - {says: A tenth fails., shown-by: [one, two]}
        - {says: All fail., refuted-by: [one], instead: A tenth fails.}
        - {says: It is fast., unchecked: Nobody asks.}
      tables:
        - printed-in: article
          step: only
          command: stat
          columns: [NAME, SUCCESS, RPS]
          rows:
            - {NAME: books, SUCCESS: 90.07%}
            - {NAME: ghost, RPS: 1.0rps}
        - printed-in: article
          step: only
          command: authz deploy
          columns: [ROUTE, SERVER, UNAUTHORIZED]
          rows: [{ROUTE: default, SERVER: server, UNAUTHORIZED: 5.1rps}]
        - {printed-in: article, step: later, command: stat, columns: [NAME, RPS], rows: [{NAME: books, RPS: 1.0rps}]}
"""
TABLES = (
    ev.TableShown("only", StatTable("stat", (StatRow("books", "1/1", 0.912, 5.0, (1, 2, 3), 4),))),
    ev.TableShown("only", AuthzTable("authz deploy", (AuthzRow("server", "default", "", 4.9),))),
)


@pytest.fixture
def article(tmp_path: Path) -> Article:
    path = tmp_path / "article.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return read_article(path)


def run(*results: ev.ExpectationResult) -> Story:
    told = events(*results)
    return story(*told[:-1], *TABLES, told[-1], finished(Exit.HELD))


def standings(told: ArticleTold) -> list[Standing]:
    return [claim.standing for section in told.sections for claim in section.claims]


@cache
def scenarios() -> list[LoadedScenario]:
    """Those beside the article, read once."""
    return load_all([ARTICLE.parent])


ONE, TWO = (result(Verdict.HOLDS, name) for name in ("one", "two"))


@pytest.mark.parametrize(
    ("results", "first", "second"),
    [
        ((ONE, TWO), Standing.HELD, Standing.WRONG),
        ((ONE,), Standing.UNEXERCISED, Standing.WRONG),
        ((), Standing.UNEXERCISED, Standing.UNEXERCISED),
        ((ONE, result(Verdict.BROKEN, "two")), Standing.WRONG, Standing.WRONG),
        ((ONE, result(Verdict.INCONCLUSIVE, "two")), Standing.UNDECIDED, Standing.WRONG),
        ((result(Verdict.BROKEN, "one"),), Standing.WRONG, Standing.UNDECIDED),
        ((ONE, replace(TWO, known_gap=True)), Standing.WRONG, Standing.WRONG),
    ],
)
def test_a_claim_gets_what_its_expectations_show(
    article: Article, results: tuple[ev.ExpectationResult, ...], first: Standing, second: Standing
) -> None:
    assert standings(compare(article, run(*results))) == [first, second, Standing.UNCHECKED]


def test_a_run_without_the_scenario_exercises_nothing(article: Article) -> None:
    told = compare(article, story(finished(Exit.HELD)))
    assert set(standings(told)) == {Standing.UNEXERCISED, Standing.UNCHECKED}
    assert all(table.missing for section in told.sections for table in section.tables)


def test_what_is_true_instead_is_said(article: Article) -> None:
    text = tutorial_markdown(compare(article, run(ONE, TWO)))
    assert "| All fail. | article | **not so** | A tenth fails.<br>one: 10 of 100 |" in text
    assert "Of its claims 1 held, 1 not so, 1 not checked." in text


def test_tables_stand_beside_each_other(article: Article) -> None:
    text = tutorial_markdown(compare(article, run(ONE, TWO)))
    assert "| NAME | SUCCESS printed | measured | RPS printed | measured |" in text
    assert "| books | 90.07% | 91.20% | ? | 5.0rps |" in text
    assert "| ghost | ? | ? | 1.0rps | ? |" in text
    assert "| default | server | 5.1rps | 4.9rps |" in text
    assert "*this run has no such table*" in text


def test_the_page_shows_the_article(article: Article) -> None:
    text = page(run(ONE, TWO), compare(article, run(ONE, TWO)))
    assert text.count('<span class="standing">') == 3
    assert "90.07%</td><td>91.20%" in text


def test_the_articles_names_are_those_of_the_scenarios() -> None:
    assert article_findings(ARTICLE, scenarios()) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[books-recovers]", "[books-recover]", "did you mean 'books-recovers'?"),
        ("scenario: canary", "scenario: canari", "did you mean 'canary'?"),
        ("step: readers read", "step: readers reed", "did you mean 'readers read'?"),
    ],
)
def test_a_stale_name_is_found_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = ARTICLE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "article.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    (finding,) = article_findings(path, scenarios())
    assert said in finding.message
    assert finding.line


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("unchecked: Nobody asks.", "unchecked: x, shown-by: [one]", "exactly one way to know"),
        (", instead: A tenth fails.", "", "say with 'instead' what is true"),
        ("says: It is fast.", "sais: It is fast.", "did you mean 'says'?"),
    ],
)
def test_mistakes_in_an_article_are_found(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "article.yaml"
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_article(path)
    assert said in str(caught.value)


def test_the_article_is_found_beside_the_scenarios_that_ran(tmp_path: Path) -> None:
    (tmp_path / "article.yaml").write_text(TEXT, encoding="utf-8")
    for folder, found in ((tmp_path, True), (tmp_path / "gateway", False)):
        started = ev.ScenarioStarted("made-up", str(folder / "x.yaml"), "One.")
        assert (find_article(story(started)) is not None) is found
