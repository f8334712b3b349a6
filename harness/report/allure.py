"""A scenario in Allure: steps as they happen, what was found out as attachments, and where promises are from."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Self

import allure

from harness.report.text import explained_text, result_lines
from harness.run import events as ev
from harness.verdict.judgement import Verdict

SEVERITIES = tuple(level.value for level in allure.severity_level)


class Inconclusive(Exception):
    """Nothing was shown; Allure calls a step «broken» that ends in anything but an AssertionError."""


class AllureSteps:
    """A consumer of run events within one test; without allure-pytest's `--alluredir` it does nothing.

    Use it as a context manager, so that the last step ends.
    """

    def __init__(self, profile: str) -> None:
        self._profile = profile
        self._step = contextlib.ExitStack()
        self._failures: list[Exception] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_step()

    def __call__(self, event: ev.Event) -> None:
        """Tell Allure of one event."""
        match event:
            case ev.ScenarioStarted():
                self._introduce(event)
            case ev.StepStarted(name, note):
                self._begin_step(name, note)
            case ev.ActionDone(text):
                with allure.step(text):
                    pass
            case ev.StepSettled(_, proof):
                with allure.step(f"settled: {'; '.join(proof)}"):
                    pass
            case ev.ExpectationJudged(result):
                self._judged(result)
            case ev.FailureExplained():
                _attach(explained_text(event), f"{event.expectation}: what was found out")
            case ev.TableShown(_, table):
                _attach(table.render(), table.command)
            case ev.ScenarioFinished():
                self._end_step()

    def _introduce(self, started: ev.ScenarioStarted) -> None:
        allure.dynamic.description(started.description)  # type: ignore[no-untyped-call]
        allure.dynamic.parameter("profile", self._profile)
        for name, value in started.labels:
            allure.dynamic.label(name, value)  # type: ignore[no-untyped-call]
            allure.dynamic.tag(f"{name}={value}")  # type: ignore[no-untyped-call]
        severity = dict(started.labels).get("severity", "normal")
        allure.dynamic.severity(severity if severity in SEVERITIES else "normal")  # type: ignore[no-untyped-call]
        for source in started.source:
            if source.startswith(("https://", "http://")):
                allure.dynamic.link(source, name=source)  # type: ignore[no-untyped-call]

    def _begin_step(self, name: str, note: str) -> None:
        self._end_step()
        self._step.enter_context(allure.step(name))
        if note:
            _attach(note, "note")

    def _end_step(self) -> None:
        """End the step that is open, with the worst of what happened in it."""
        worst = next((f for f in self._failures if isinstance(f, AssertionError)), next(iter(self._failures), None))
        self._failures.clear()
        stack, self._step = self._step, contextlib.ExitStack()
        if worst is None:
            stack.close()
        else:
            with contextlib.suppress(type(worst)), stack:
                raise worst

    def _judged(self, result: ev.ExpectationResult) -> None:
        failure = _failure(result)
        if failure is not None:
            self._failures.append(failure)
        with contextlib.suppress(AssertionError, Inconclusive), allure.step(f"{result.name}: {result.judgement.seen}"):
            _attach("\n".join(result_lines(result)), "promised and seen")
            if failure is not None:
                raise failure


def _failure(result: ev.ExpectationResult) -> Exception | None:
    message = f"{result.verdict}: promised {result.judgement.promised}; saw {result.judgement.seen}"
    match result.verdict:
        case Verdict.BROKEN:
            return AssertionError(message)
        case Verdict.INCONCLUSIVE:
            return Inconclusive(message)
    return None


def _attach(text: str, name: str) -> None:
    allure.attach(text, name, allure.attachment_type.TEXT)
