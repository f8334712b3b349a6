"""Claims on the cluster's state: a condition of pods or of a Deployment, for a while or before long."""

from __future__ import annotations

from harness.kube.client import Kube
from harness.kube.objects import workload
from harness.kube.waits import WaitFailed, wait_deployment_condition, wait_pods_condition, wait_pods_differ
from harness.scenario.claims import ResourceState
from harness.verdict.judgement import Judgement, Verdict


def judge_state(kube: Kube, claim: ResourceState) -> Judgement:
    """The verdict on a state; it takes as long as the claim says, or until it is broken."""
    target = claim.pods or claim.deployment
    if claim.within is not None:
        within = claim.within.total_seconds()
        promised = f"{target} {claim.condition} within {within:g} s"
        try:
            took = _wait(kube, claim, within, met=claim.condition.met)
        except WaitFailed as failure:
            return state_judgement(Verdict.BROKEN, promised, failure.message)
        return state_judgement(Verdict.HOLDS, promised, f"{claim.condition} after {took:.1f} s")
    assert claim.for_ is not None, "the language lets no state without a time through"
    length = claim.for_.total_seconds()
    promised = f"{target} {claim.condition} for {length:g} s"
    try:
        seen = _until_it_ends(kube, claim, length)
    except WaitFailed:
        return state_judgement(Verdict.HOLDS, promised, f"{claim.condition} for {length:g} s without a break")
    return state_judgement(Verdict.BROKEN, promised, seen)


def _until_it_ends(kube: Kube, claim: ResourceState, seconds: float) -> str:
    """What ended the state; raises WaitFailed if it lasts."""
    if claim.pods is None:
        took = _wait(kube, claim, seconds, met=not claim.condition.met)
        return f"no longer so after {took:.1f} s"
    labels, name = f"{claim.pods.label}={claim.pods.value}", claim.condition.name
    took, others = wait_pods_differ(kube, claim.pods.namespace, labels, name, met=claim.condition.met, within=seconds)
    return f"no longer so after {took:.1f} s: {', '.join(others)}"


def _wait(kube: Kube, claim: ResourceState, seconds: float, *, met: bool) -> float:
    name = claim.condition.name
    if claim.pods is not None:
        labels = f"{claim.pods.label}={claim.pods.value}"
        return wait_pods_condition(kube, claim.pods.namespace, labels, name, met=met, within=seconds)
    ref = workload("Deployment", str(claim.deployment))
    return wait_deployment_condition(kube, ref, name, met=met, within=seconds).seconds


def state_judgement(verdict: Verdict, promised: str, seen: str, *, hits: int = 0, total: int = 0) -> Judgement:
    """A judgement on what is or is not so: nothing was estimated."""
    return Judgement(
        verdict=verdict, hits=hits, total=total, low=0.0, high=1.0, level=1.0, promised=promised, seen=seen
    )
