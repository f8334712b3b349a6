"""Whether two states of a cluster do the same to given requests."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction

from harness.oracle.asking import Request, Sender
from harness.oracle.objects import Objects
from harness.oracle.outcome import Key, Prediction
from harness.oracle.predict import predict


@dataclass(frozen=True, slots=True)
class Difference:
    """One request that ends differently."""

    sender: Sender
    request: Request
    before: Prediction
    after: Prediction


def differences(
    before: Objects, after: Objects, asks: Iterable[tuple[Sender, Request]], *, unready: Collection[Key] = ()
) -> tuple[Difference, ...]:
    """The requests by which the two can be told apart; none if they are equivalent for all that is asked.

    Two predictions are the same if everything that a client or an application can see has the same probability:
    who answers, status, timing, limits, redirects, changed headers. By which route it came about plays no part.
    """
    found = []
    for sender, request in asks:
        pair = predict(before, sender, request, unready=unready), predict(after, sender, request, unready=unready)
        if _seen(pair[0]) != _seen(pair[1]):
            found.append(Difference(sender, request, *pair))
    return tuple(found)


def _seen(prediction: Prediction) -> dict[tuple[object, ...], Fraction]:
    """Probabilities by what can be observed."""
    shares: dict[tuple[object, ...], Fraction] = {}
    for outcome in prediction.outcomes:
        key = outcome.observable
        shares[key] = shares.get(key, Fraction(0)) + outcome.probability
    return shares
