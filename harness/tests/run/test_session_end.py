"""What becomes of a cluster when its session ends and it cannot be kept."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from harness.cluster.provider import Cluster
from harness.dialect import DIALECTS
from harness.errors import Exit
from harness.kube.apply import Applier
from harness.run import events as ev
from harness.run.keep import Keep
from harness.run.session import open_session
from harness.scenario.clusters import Profile

PROFILE = Profile(provider="existing", dialect="linkerd-2.14", provides=("linkerd",))
LEFT = "namespace/x is still there"


class Full:
    """A provider whose disk is full when a cluster is to be kept."""

    def __init__(self, *, full: bool = True) -> None:
        self.full = full
        self.released: list[str] = []

    def check(self, cluster: Cluster) -> None:
        """It is alive."""

    def keep(self, cluster: Cluster) -> Cluster:
        if self.full:
            raise OSError("no space left on device")
        return cluster

    def release(self, cluster: Cluster) -> None:
        self.released.append(cluster.name)


def told_by(monkeypatch: pytest.MonkeyPatch, chosen: Full) -> list[ev.Event]:
    """The list gets what a session on a shared cluster of this provider tells."""
    cluster = Cluster("theirs", Path("/nowhere"), DIALECTS["linkerd-2.14"], shared=True, guest="ab12")
    monkeypatch.setattr("harness.run.session.provider", lambda name: chosen)
    monkeypatch.setattr("harness.run.session.bring_up", lambda *_, **more: cluster)
    monkeypatch.setattr("harness.run.session.Kube", nullcontext)
    monkeypatch.setattr(Applier, "undo", lambda self, ledger: [LEFT])
    return []


def test_one_that_cannot_be_kept_is_released_without_what_was_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = told_by(monkeypatch, chosen := Full())
    with pytest.raises(OSError, match="no space"), open_session(PROFILE, told.append, keep=Keep.ALWAYS):
        pass
    assert chosen.released == ["theirs"]
    assert [event.text for event in told if isinstance(event, ev.Note)] == [LEFT]


@pytest.mark.parametrize(("before", "stays"), [({Exit.HELD, Exit.BROKEN}, True), ({Exit.HELD}, False), (set(), False)])
def test_what_a_failure_left_stays_also_if_somebody_interrupts_what_follows(
    monkeypatch: pytest.MonkeyPatch, before: set[Exit], stays: bool
) -> None:
    told = told_by(monkeypatch, Full(full=False))
    with suppress(KeyboardInterrupt), open_session(PROFILE, told.append, keep=Keep.ON_FAILURE) as session:
        session.codes |= before
        raise KeyboardInterrupt
    assert isinstance(told[-1], ev.ClusterKept) is stays


def test_one_that_is_kept_has_what_was_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = told_by(monkeypatch, chosen := Full(full=False))
    with open_session(PROFILE, told.append, keep=Keep.ALWAYS):
        pass
    assert chosen.released == ["theirs"]
    assert [type(event) for event in told] == [ev.ClusterReady, ev.ClusterKept]
