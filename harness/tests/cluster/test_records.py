"""Who makes, uses and takes away a cluster: once made for all who ask alike, gone with the last, whatever dies."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cluster import made
from harness.cluster.made import XDIST_RUN, Maker
from harness.cluster.preflight import Check
from harness.cluster.provider import Cluster, Request
from harness.cluster.records import Lease, Record, all_of, read
from harness.cluster.turns import take_turn
from harness.dialect import LINKERD_2_14, LINKERD_EDGE
from harness.errors import EnvironmentFailed


class Tool:
    """A tool that makes clusters by writing their names down."""

    def __init__(self) -> None:
        self.there: list[str] = []
        self.made = 0
        self.break_on: Callable[[], None] = lambda: None

    def maker(self) -> Maker:
        def make(request: Request, record: Record) -> str:
            self.made += 1
            self.there.append(request.name)
            self.break_on()
            return "127.0.0.1:1"

        def preflight(request: Request) -> list[Check]:
            return [Check("anything", True, "fine", "")]

        return Maker("tool", preflight, make, self.there.remove, lambda: list(self.there), lambda name: [])

    def obtain(self, name: str = "a", *, keep: bool = False, edge: bool = False) -> Cluster:
        request = Request(name, LINKERD_EDGE if edge else LINKERD_2_14, keep=keep, node_image="i")
        return made.obtain(self.maker(), request, progress=lambda text: None, furnish=lambda cluster: None)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv(XDIST_RUN, raising=False)
    return Tool()


def files(tmp_path: Path) -> list[str]:
    return [path.name for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith("turn-")]


def test_workers_of_one_pytest_run_share_a_cluster_that_the_last_one_takes_away(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(XDIST_RUN, "0123456789abcdef")
    one, two = tool.obtain("a"), tool.obtain("b")
    assert (tool.made, tool.there) == (1, ["signalbox-01234567"])
    assert one.turn == two.turn != ""
    made.release(tool.maker(), one)
    assert tool.there == ["signalbox-01234567"]
    made.release(tool.maker(), two)
    assert tool.there == []
    assert files(tmp_path) == []


def test_others_get_a_cluster_of_their_own(tool: Tool) -> None:
    one, two = tool.obtain("a"), tool.obtain("b")
    assert tool.there == ["a", "b"]
    made.release(tool.maker(), one)
    made.release(tool.maker(), two)
    assert tool.there == []


def test_a_kept_cluster_serves_those_who_ask_for_the_same_and_nobody_else(tool: Tool) -> None:
    made.release(tool.maker(), tool.obtain("kept", keep=True))
    run = tool.obtain("a")
    assert (run.name, run.shared) == ("kept", True)
    other = tool.obtain("b", edge=True)
    assert other.name == "b"
    for cluster in (run, other):
        made.release(tool.maker(), cluster)
    assert tool.there == ["kept"]


def test_runs_on_a_kept_cluster_follow_each_other(tool: Tool) -> None:
    made.release(tool.maker(), tool.obtain("kept", keep=True))
    first = tool.obtain("a")
    got: list[Cluster] = []
    second = threading.Thread(target=lambda: got.append(tool.obtain("b")), daemon=True)
    second.start()
    second.join(0.3)
    assert got == []
    made.release(tool.maker(), first)
    second.join(10)
    assert [cluster.name for cluster in got] == ["kept"]
    made.release(tool.maker(), got[0])


@pytest.mark.parametrize("error", [EnvironmentFailed("x"), KeyboardInterrupt()], ids=["failure", "ctrl-c"])
def test_a_half_made_cluster_goes(tool: Tool, tmp_path: Path, error: BaseException) -> None:
    def break_it() -> None:
        raise error

    tool.break_on = break_it
    with pytest.raises(type(error)):
        tool.obtain()
    assert tool.there == []
    assert files(tmp_path) == []


def _die_with_a_cluster(state: str) -> None:
    os.environ["XDG_STATE_HOME"] = state
    Tool().obtain("left")
    os._exit(9)


def test_what_a_killed_process_left_is_swept_by_the_next(tool: Tool, tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_die_with_a_cluster, args=(str(tmp_path),))
    process.start()
    process.join(20)
    assert [record.name for record in all_of("tool")] == ["left"]
    tool.there.append("left")
    made.release(tool.maker(), tool.obtain("a"))
    assert tool.there == []
    assert read("left") is None


def test_a_cluster_in_use_is_not_swept(tool: Tool) -> None:
    mine = tool.obtain("mine")
    assert made.sweep(tool.maker()) == []
    assert tool.there == ["mine"]
    made.release(tool.maker(), mine)


def test_a_cluster_of_another_hand_is_not_touched(tool: Tool) -> None:
    tool.there.append("a")
    with pytest.raises(EnvironmentFailed, match="not ours"):
        tool.obtain("a")
    assert (tool.there, tool.made) == (["a"], 0)


def test_a_lease_excludes_others_until_it_is_shared(tool: Tool) -> None:
    lease = Lease.at_once("x")
    assert lease is not None
    assert Lease.at_once("x") is None
    lease.share()
    assert Lease.at_once("x") is None
    lease.end(remove=True)
    again = Lease.at_once("x")
    assert again is not None
    again.end(remove=True)


def test_without_a_place_for_records_the_remedy_is_said(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    with pytest.raises(EnvironmentFailed, match="set XDG_STATE_HOME"):
        tool.obtain()


def test_a_cluster_that_was_not_to_stay_may_be_kept_while_it_is_used(tool: Tool, tmp_path: Path) -> None:
    cluster = tool.obtain()
    made.keep(cluster)
    made.release(tool.maker(), cluster)
    assert tool.there == ["a"]
    assert [one.name for one in made.kept(tool.maker())] == ["a"]
    made.delete(tool.maker(), made.kept(tool.maker())[0])
    assert tool.there == []


def test_what_one_worker_keeps_no_other_takes_away(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(XDIST_RUN, "0123456789abcdef")
    failed, held = tool.obtain("a"), tool.obtain("b")
    made.keep(failed)
    made.release(tool.maker(), failed)
    made.release(tool.maker(), held)
    assert [one.name for one in made.kept(tool.maker())] == ["signalbox-01234567"]
    assert tool.there == ["signalbox-01234567"]
    made.delete(tool.maker(), made.kept(tool.maker())[0])


def test_nobody_takes_turns_on_a_cluster_that_is_no_more(tool: Tool, tmp_path: Path) -> None:
    made.release(tool.maker(), tool.obtain("kept", keep=True))
    made.release(tool.maker(), tool.obtain("a"))
    made.delete(tool.maker(), made.kept(tool.maker())[0])
    other = tool.obtain("b")
    take_turn(other.turn).end()
    made.release(tool.maker(), other)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_is_kept_while_somebody_sweeps_is_not_swept(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = tool.obtain()
    before = all_of("tool")

    def seen_too_early(provider: str) -> list[Record]:
        made.keep(cluster)
        made.release(tool.maker(), cluster)
        return before

    monkeypatch.setattr(made, "all_of", seen_too_early)
    assert made.sweep(tool.maker()) == []
    assert tool.there == ["a"]
