"""`signalbox judge`: a recorded run judged by changed scenarios, or compared with another run."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from harness.dialect import RULES
from harness.errors import Exit, Finding, InputError, worst
from harness.record.compare import Compared, compare, missing_from
from harness.record.reader import Record, read_record
from harness.record.rejudge import Rejudged, rejudge
from harness.run import events as ev
from harness.scenario.lint import load_named
from harness.verdict.judgement import Judgement, Verdict

_CODES = {Verdict.BROKEN: Exit.BROKEN, Verdict.INCONCLUSIVE: Exit.INCONCLUSIVE, Verdict.HOLDS: Exit.HELD}


@click.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN.ndjson.gz")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
def judge(run: Path, paths: tuple[Path, ...]) -> None:
    """Judge a recorded run again by the scenarios under PATH, or compare it with the record of a later run.

    Nothing is started and nothing is sent. With scenarios the exit code is that of their verdicts; with a record it
    is 1 if something that held before does not hold any more.
    """
    record = read_record(run)
    if len(paths) == 1 and ".ndjson" in paths[0].name:
        sys.exit(_compare(record, read_record(paths[0])))
    sys.exit(_rejudge(record, run, paths))


def _rejudge(record: Record, run: Path, paths: Sequence[Path]) -> Exit:
    started = next(record.of(ev.RunStarted), None)
    if started is None or started.dialect not in RULES:
        raise InputError([Finding(str(run), 0, "the record does not say which mesh it is of")])
    recorded, judged = set(started.scenarios), list[Rejudged]()
    for loaded in load_named(paths):
        if loaded.scenario.name not in recorded:
            click.echo(f"{loaded.scenario.name} ({loaded.path}) is not in the record")
            continue
        click.echo(f"{loaded.scenario.name}  {loaded.path}")
        for one in rejudge(record, loaded, RULES[started.dialect]):
            judged.append(one)
            _print(_rejudged_lines(one))
    if not judged:
        raise InputError([Finding(str(run), 0, f"the record has other scenarios: {', '.join(sorted(recorded))}")])
    changed = sum(
        one.now is not None and (one.then is None or one.then.verdict is not one.now.verdict) for one in judged
    )
    kept = sum(one.now is None for one in judged)
    click.echo(f"\n{len(judged)} expectations, {changed} with another verdict, {kept} that the record cannot tell")
    click.echo("bounds hold for claims chosen before the responses were seen; one fitted to them proves nothing")
    codes = [_CODES[known.verdict] for one in judged if (known := one.now or one.then) is not None]
    return worst(codes) if codes else Exit.INCONCLUSIVE


def _rejudged_lines(one: Rejudged) -> Iterable[str]:
    then = _word(one.then)
    if one.now is None:
        yield f"  {then}  {one.name}  as recorded: {one.why_not}"
        return
    word = then if one.then is not None and one.then.verdict is one.now.verdict else f"{then} -> {one.now.verdict}"
    yield f"  {word}  {one.name}  {one.now.seen}"
    if one.now.verdict is not Verdict.HOLDS:
        yield f"    {one.place}  promised {one.now.promised}"
        if one.now.cause is not None:
            yield f"    cause: {one.now.cause}"


def _compare(before: Record, after: Record) -> Exit:
    for which, missing in (("later", missing_from(after, before)), ("earlier", missing_from(before, after))):
        _print(f"{name} is no part of the {which} run" for name in missing)
    rows = list(compare(before, after))
    if not rows:
        raise InputError([Finding("", 0, "the two records have no scenario in common")])
    for row in rows:
        _print(_compared_lines(row))
    worse = [row.name for row in rows if row.worse]
    differ = sum(row.differs for row in rows)
    click.echo(f"\n{len(rows)} expectations, {len(worse)} worse, {differ} with another share than before")
    return Exit.BROKEN if worse else Exit.HELD


def _compared_lines(row: Compared) -> Iterable[str]:
    words = [_word(judgement) for judgement in (row.before, row.after)]
    mark = "worse: " if row.worse else ""
    yield f"{mark}{row.scenario} / {row.name}  {words[0] if words[0] == words[1] else ' -> '.join(words)}"
    for label, judgement, median in (("before", row.before, row.medians[0]), ("after", row.after, row.medians[1])):
        if judgement is not None:
            took = f"; median latency {median * 1000:.1f} ms" if median is not None else ""
            yield f"  {label:<6}  {judgement.seen}{took}"
    if row.differs:
        yield "  the true share is another one: the two intervals do not meet"


def _word(judgement: Judgement | None) -> str:
    return "not reached" if judgement is None else judgement.verdict.value


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
