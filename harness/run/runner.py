"""Runs scenarios from the command line: loads all of them first, then one session, then one exit code."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.cluster.existing import CONTEXT, KUBECONFIG
from harness.cluster.provider import Cluster
from harness.errors import Exit, InputError, SignalboxError, exit_code_of
from harness.run import events as ev
from harness.run.keep import Keep
from harness.run.session import open_session
from harness.scenario.lint import load_checked
from harness.verdict.budget import RUN_BUDGET, alpha_of_each


def run_paths(
    paths: Sequence[Path],
    profile_name: str | None,
    emit: ev.Emit,
    *,
    pause: Callable[[Cluster, str], None] | None = None,
    false_alarm: float = RUN_BUDGET,
    keep: Keep = Keep.NEVER,
) -> Exit:
    """Run all scenarios under the paths on one cluster and say how it went.

    false_alarm  the chance that the run is red by bad luck alone, shared by all its claims
    keep         when the cluster stays; with anything but «never» the first scenario that does not hold is the last one
    raises  InputError with all findings of all files; EnvironmentFailed
    """
    try:
        return _run_all(paths, profile_name, emit, pause, false_alarm, keep)
    except BaseException as error:
        emit(aborted(error))
        raise


def _run_all(
    paths: Sequence[Path],
    profile_name: str | None,
    emit: ev.Emit,
    pause: Callable[[Cluster, str], None] | None,
    false_alarm: float,
    keep: Keep,
) -> Exit:
    begin = time.monotonic()
    name, profile, loaded, skipped = load_checked(paths, profile_name)
    emit(ev.RunStarted(name, profile.dialect, tuple(one.scenario.name for one in loaded)))
    for one in skipped:
        emit(ev.Note(f"{one.name} is skipped ({one.path}): it {one.reason}"))
    alpha = alpha_of_each(sum(one.scenario.promises() for one in loaded), false_alarm)
    with open_session(profile, emit, pause=pause, alpha=alpha, keep=keep) as session:
        session.options = "" if profile_name is None else asked_for_by(profile_name, profile.provider)
        for number, scenario in enumerate(loaded, 1):
            if keep.leaves(session.run(scenario).exit_code):
                if left := [one.scenario.name for one in loaded[number:]]:
                    emit(ev.Note(f"not run, because the cluster is left as it is: {', '.join(left)}"))
                break
    code = session.exit_code
    emit(ev.RunFinished(code, time.monotonic() - begin, session.false_alarm_sentence(), tuple(session.phases)))
    return code


def asked_for_by(profile_name: str, provider: str, environ: Mapping[str, str] = os.environ) -> str:
    """The options by which a cluster is asked for again, for a command line that a person copies."""
    words = ["--cluster", profile_name]
    if provider == "existing":
        for option, variable in (("--context", CONTEXT), ("--kubeconfig", KUBECONFIG)):
            words += [option, environ[variable]] if environ.get(variable) else []
    return f" {shlex.join(words)}"


def aborted(error: BaseException) -> ev.RunAborted:
    """What a report says of a run that an exception ended; whoever interrupts it knows why."""
    code = exit_code_of(error)
    match error:
        case InputError():
            return ev.RunAborted(code, "bad input", str(error))
        case SignalboxError():
            return ev.RunAborted(code, "environment failed", str(error))
        case Exception():
            return ev.RunAborted(code, "internal error", f"{type(error).__name__}: {error}")
    if code is Exit.INTERRUPTED:
        return ev.RunAborted(code, "interrupted")
    return ev.RunAborted(code, "ended from outside", str(error))
