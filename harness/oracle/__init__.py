"""What the manifests promise before anything runs: objects, sender and request in, outcomes with their reasons out.

    objects ─► dialling ─► routing ─► backends ─► endpoints ─► policy ─► prediction
    (read)     (§1.6)      (§1A–1E)   (§1B, 1C)   (Services)   (§3)      (who answers what, how often, and why)

It reads the rules slowly and word by word. The data plane of the embedded cluster does the same in another way, on
purpose: they share the parsed objects of `harness.resources`, and tests hold them against each other. No I/O.

Not looked at: EgressNetworks, addresses of pods (§1.7), and how a balancer spreads
requests over the pods of one Service (§4.1). What applications answer is not known, so neither is whether a circuit
breaks (§4.3): it is among what may be. Of the headers that begin with `l5d-` only l5d-require-id means anything in an
install as it comes (§2.11, §4.11, §4.12). docs/explain.md says which rules have no part in an outcome, and why.
"""

from harness.oracle.asking import Request, Sender
from harness.oracle.equivalence import Difference, differences
from harness.oracle.objects import Objects, Unread
from harness.oracle.outcome import Outcome, PolicyDecision, Prediction, Reason, RouteDecision
from harness.oracle.predict import locked_out, predict
from harness.oracle.workloads import Workload

__all__ = [
    "Difference",
    "Objects",
    "Outcome",
    "PolicyDecision",
    "Prediction",
    "Reason",
    "Request",
    "RouteDecision",
    "Sender",
    "Unread",
    "Workload",
    "differences",
    "locked_out",
    "predict",
]
