"""Whether a cluster stays when its run is over, for whoever wants to look at it."""

from __future__ import annotations

import shlex
from enum import StrEnum

from harness.cluster.provider import Cluster
from harness.errors import Exit
from harness.kube.apply import RUN_LABEL


class Keep(StrEnum):
    """When a cluster stays."""

    NEVER = "never"
    ON_FAILURE = "on-failure"
    """If something did not hold, or the environment failed; not after an interruption, which shows nothing."""
    ALWAYS = "always"

    def stays_after(self, code: Exit) -> bool:
        """Whether the cluster stays after a run that ended so."""
        if self is Keep.ON_FAILURE:
            return code not in (Exit.HELD, Exit.INTERRUPTED)
        return self is Keep.ALWAYS

    def leaves(self, code: Exit) -> bool:
        """Whether a scenario that ended so leaves everything as it is; nothing can follow it then."""
        return code is not Exit.HELD and self.stays_after(code)


def entering(cluster: Cluster) -> list[str]:
    """How to enter a cluster, in lines that a shell can take."""
    lines = [f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig))}"]
    if cluster.ingress:
        lines.append(f"# ingress on http://{cluster.ingress}; hosts are told apart by their names")
    return lines


def way_in(cluster: Cluster, run_id: str) -> list[str]:
    """How to enter a cluster that stays, and how to take away what is there."""
    lines = [f"the cluster stays: {cluster.name}", *(f"  {line}" for line in entering(cluster))]
    if cluster.shared and not cluster.guest:
        return [*lines, f"  what the run left there: kubectl delete ns -l {RUN_LABEL}={run_id}"]
    what = "what the run left there" if cluster.guest else "it"
    return [*lines, f"  {what} stays until: signalbox down {shlex.quote(cluster.name)}"]
