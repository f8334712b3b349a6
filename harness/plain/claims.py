"""What a plain test claims, and what comes of it.

A claim is written with the words of the scenario language, with underscores for dashes. One that holds gives the
answers that it was judged by; one that does not raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from harness.plain.asking import Requests
from harness.report.text import result_lines
from harness.run import events as ev
from harness.scenario.expectations import Metrics
from harness.traffic.outcome import Outcome


class DoesNotHold(Exception):
    """A claim was refuted or not shown: one of the two below.

    result  everything that is known
    """

    def __init__(self, result: ev.ExpectationResult, found: Sequence[str] = ()) -> None:
        self.result = result
        super().__init__("\n".join([*result_lines(result), *found]))


class NotShown(DoesNotHold):
    """A claim was not shown to hold: there was too little evidence for either verdict."""


class Broken(DoesNotHold, AssertionError):
    """A claim was refuted; the message has the requests that did it."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a claim that holds was judged by; may be asked a second question with `mesh.expect`.

    result    the verdict with everything a report needs
    outcomes  what became of each request, in the order in which they were due
    """

    result: ev.ExpectationResult
    outcomes: tuple[Outcome, ...]

    def __str__(self) -> str:
        return self.result.judgement.seen


Judged: TypeAlias = Callable[[str, Mapping[str, Any], Mapping[str, Any], str, str], Answers]
"""Judges a claim: its key in the language, where its responses come from, what is claimed, name and reason."""


@dataclass(frozen=True, slots=True)
class Expecting:
    """A claim about responses, when one of these is called.

    Each gives what the claim was judged by; raises Broken if it is refuted, NotShown if it stays open, and InputError
    if it cannot be meant. Properties of a response are those of the language: status, by, answered_by, header,
    faster_than, body_has, body_lacks.
    """

    _judged: Judged
    _asked: Requests | Answers | Metrics
    _name: str
    _why: str

    def every(self, **said: Any) -> Answers:
        """Each response has these properties; `times` is how many are asked for."""
        __tracebackhide__ = True
        return self._judge("every", said)

    def share(self, *, resolution: str, is_: str = "", at_most: str = "", at_least: str = "", **of: Any) -> Answers:
        """The responses with these properties are this share of all, told apart from shares a `resolution` away."""
        __tracebackhide__ = True
        bounds = {"is": is_, "at-most": at_most, "at-least": at_least}
        given = {key: value for key, value in bounds.items() if value}
        return self._judge("share", {"of": spelled(of), **given, "resolution": resolution})

    def split(self, *, resolution: str, **parts: Any) -> Answers:
        """Responses divide like this by `answered_by`, `body_has` or `header`, with nothing left over."""
        __tracebackhide__ = True
        return self._judge("split", {**parts, "resolution": resolution})

    def latency(self, **quantiles: Any) -> Answers:
        """Quantiles of response times are within ranges, such as p99="..200ms"; `of` says of which responses."""
        __tracebackhide__ = True
        return self._judge("latency", quantiles)

    def _judge(self, claim: str, said: Mapping[str, Any]) -> Answers:
        __tracebackhide__ = True
        return self._judged(claim, _source(self._asked), said, self._name, self._why)


def _source(asked: Requests | Answers | Metrics) -> Mapping[str, Any]:
    match asked:
        case Requests():
            return {"send": asked.written}
        case Answers():
            return {"about": asked.result.name}
    return {"metrics": asked.model_dump(mode="json", exclude_none=True)}


def spelled(said: Mapping[str, Any]) -> dict[str, Any]:
    """Keys as YAML spells them, also those of mappings inside; what is not given is left out."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in said.items() if value is not None}
    return {key: spelled(value) if _has_keys(key, value) else value for key, value in given.items()}


def _has_keys(key: str, value: Any) -> bool:
    """Whether keys of the language are inside, and not names of headers or workloads, or data."""
    return key in ("every", "share", "of", "ramp") and isinstance(value, Mapping)
