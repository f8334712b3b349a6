"""Every error a caller of Signalbox can catch, and the exit code each one ends in.

    SignalboxError
    ├── InputError          bad scenario, manifest or usage; carries all findings at once    exit 2
    └── EnvironmentFailed   the cluster, a tool or an image failed; says the remedy          exit 4
        ├── ClusterLost     the cluster went away while a scenario ran                       exit 4
        └── ClusterLeft     it is to stay as a failure left it, so nothing can run on it     exit 4

A broken expectation is not an error: it is a verdict (exit 1), and «inconclusive» is one too (exit 3).
Anything else that escapes is a bug of ours and keeps its stack trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the command line; a run with several ends in the worst of them."""

    HELD = 0
    BROKEN = 1
    INPUT = 2
    INCONCLUSIVE = 3
    ENVIRONMENT = 4
    INTERRUPTED = 130


_WORST_FIRST = (Exit.INTERRUPTED, Exit.BROKEN, Exit.INPUT, Exit.ENVIRONMENT, Exit.INCONCLUSIVE, Exit.HELD)


def worst(codes: Iterable[Exit]) -> Exit:
    """What a whole ends in whose parts ended in these; a whole without parts held."""
    return min(codes, key=_WORST_FIRST.index, default=Exit.HELD)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing wrong with what the user wrote, at one place.

    file    path as the user typed it; "" if there is no file
    line    1-based line; 0 if unknown
    """

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return place + self.message


class SignalboxError(Exception):
    """Base of all errors raised on purpose."""

    exit_code: Exit = Exit.ENVIRONMENT


class InputError(SignalboxError):
    """What the user wrote cannot be run; all findings are listed, never only the first."""

    exit_code = Exit.INPUT

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(sorted(findings))
        super().__init__("\n".join(str(finding) for finding in self.findings))


class EnvironmentFailed(SignalboxError):
    """The cluster, a tool or an image failed, so nothing can be said about the mesh.

    remedy  the next thing to do, one line; may be empty
    """

    exit_code = Exit.ENVIRONMENT

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message}\n  remedy: {remedy}" if remedy else message)


class ClusterLost(EnvironmentFailed):
    """The cluster stopped answering, or a part of it died, while a scenario ran."""


class ClusterLeft(EnvironmentFailed):
    """The cluster is to stay as a failure in another process left it, so nothing can run on it any more."""


def exit_code_of(error: BaseException) -> Exit:
    """The exit code that a run ends in because of this."""
    if isinstance(error, SignalboxError):
        return error.exit_code
    # Not every BaseException is somebody's wish to end: pytest-timeout ends a test by one, too.
    return Exit.INTERRUPTED if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit) else Exit.ENVIRONMENT


def nearest(word: str, valid: Sequence[str]) -> str:
    """A clause like «; did you mean 'then'?» or, if nothing is near, the list of valid words."""
    # A word that differs in case alone is the one meant; difflib would not prefer it.
    close = [v for v in valid if v.lower() == word.lower()][:1] or get_close_matches(word, valid, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known are {', '.join(sorted(valid))}" if valid else ""
