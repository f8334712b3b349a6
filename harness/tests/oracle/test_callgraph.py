"""booksapp's pages under faults: the call graph against the article, the scenarios and the stand-ins' own matrix."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from harness.oracle import Objects
from harness.oracle.callgraph import PAGES, Answer, Answers, Call, generator_cycle, mesh_answers, page_results
from harness.scenario.claims import Share
from harness.scenario.loading import load
from harness.tests.apps.test_webapp_faults import AUTHORS_BROKEN, BOOKS_BROKEN
from harness.tests.oracle.cluster import ROOT, booksapp
from harness.tests.oracle.test_tutorial_states import STATES

INJECTED: dict[tuple[str, str], Answer] = {("booksapp", "error-injector"): "failing"}


def split(*more: str) -> Objects:
    return booksapp("error-injector", "error-split-httproute", *more)


def claimed(scenario: str, expectation: str) -> Share:
    claim = load(ROOT / f"scenarios/tutorial/{scenario}.yaml").scenario.expectation(expectation).claim
    assert isinstance(claim, Share)
    return claim


def test_one_call_in_ten_failing_leaves_nine_pages_in_ten() -> None:
    """§7.1.4: 10.80 pages a round, 9.6 of them succeed."""
    cycle = generator_cycle(mesh_answers(split(), INJECTED))
    assert cycle.requests is not None
    assert float(cycle.requests) == pytest.approx(10.8025, abs=1e-4)
    assert cycle.succeeded == Fraction("9.6")


def test_the_fault_injection_scenario_promises_what_the_call_graph_says() -> None:
    share = claimed("fault-injection", "the-page-fails-as-the-call-graph-says")
    predicted = generator_cycle(mesh_answers(split(), INJECTED)).success
    assert share.is_ == pytest.approx(float(predicted), abs=5e-4)


def test_with_the_background_of_three_pods_it_is_what_the_article_saw() -> None:
    """§7.1.4: probes and scrapes are 3 times 0.4 of 8.9 requests a second; the article's table says 90.07%."""
    cycle = generator_cycle(mesh_answers(split(), INJECTED))
    seen = (1.2 + (8.9 - 1.2) * float(cycle.success)) / 8.9
    assert seen == pytest.approx(0.904, abs=5e-4)
    assert abs(seen - 0.9007) < 0.0133  # 1.33 points are 99% of minutes with 8.9 requests a second


def test_the_printed_timeout_route_stops_the_visitor_at_its_first_author() -> None:
    """§7.2.4, §7.2.5: no page succeeds any more; what is left of the article's 11.41% are 1.2 of 10.5 requests."""
    cycle = generator_cycle(mesh_answers(booksapp("timeouts-httproute-as-printed")))
    assert cycle.stuck_at == "POST /authors"
    assert cycle.success == 0
    share = claimed("timeouts", "pages-succeed-for-probes-alone")
    assert share.at_most is not None
    assert float(cycle.success) <= share.at_most
    assert abs(1.2 / 10.5 - 0.1141) < 5e-4


def test_the_timeout_route_as_meant_costs_no_page() -> None:
    assert claimed("timeouts", "pages-succeed").at_least is not None
    assert generator_cycle(mesh_answers(booksapp("timeouts-httproute"))).success == 1
    assert generator_cycle(mesh_answers(booksapp())).requests == 10


def test_the_articles_last_state_still_cannot_save_a_book() -> None:
    """§7.4.7: HEAD finds no route, which webapp takes for a missing author; the repaired route mends it."""
    last = mesh_answers(booksapp(*STATES[:6]))
    assert page_results("POST /books", last)["home"] == 1
    assert page_results("POST /authors", last)["done"] == 1
    assert page_results("POST /books", mesh_answers(booksapp(*STATES)))["done"] == 1


@pytest.mark.parametrize(
    ("state", "page", "result"),
    [
        (1, "GET /", "crash"),
        (4, "GET /", "done"),
        (4, "GET /authors/1", "done"),
        (4, "POST /authors", "crash"),
        (4, "POST /authors/1/delete", "home"),
        (5, "POST /authors/1/delete", "crash"),
        (6, "POST /authors/1/delete", "done"),
    ],
)
def test_pages_by_state_of_the_policies(state: int, page: str, result: str) -> None:
    """§7.4.1, §7.4.4 to §7.4.6."""
    found = page_results(page, mesh_answers(booksapp(*STATES[:state])))
    assert {name for name, chance in found.items() if chance} == {result}


def broken(service: str, answer: Answer) -> Answers:
    return lambda call: {answer if call.service == service else "ok": Fraction(1)}


@pytest.mark.parametrize("answer", ["missing", "failing"])
@pytest.mark.parametrize(("service", "table"), [("authors", AUTHORS_BROKEN), ("books", BOOKS_BROKEN)])
def test_it_is_the_matrix_that_the_stand_ins_are_tested_with(service: str, table: list[Any], answer: Answer) -> None:
    """§8.2.1, for each page that the generator visits; the same rows are held against running stand-ins."""
    compared = 0
    for method, path, _, if_missing, otherwise in table:
        page = f"{method} {path}"
        if page not in PAGES:
            continue
        status, _location = if_missing if answer == "missing" else otherwise
        crash = page_results(page, broken(service, answer))["crash"]
        assert crash == (1 if status == 500 else 0), page
        compared += 1
    assert compared == len(PAGES)


def test_chances_of_a_page_sum_to_one() -> None:
    def answers(call: Call) -> dict[Answer, Fraction]:
        return {"ok": Fraction(1, 2), "missing": Fraction(1, 4), "invalid": Fraction(1, 8), "failing": Fraction(1, 8)}

    for page in PAGES:
        assert sum(page_results(page, answers).values()) == 1
