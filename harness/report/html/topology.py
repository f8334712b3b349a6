"""Who asked, and who answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from urllib.parse import urlsplit

from markupsafe import Markup

from harness.report.story import ALWAYS, ScenarioTold
from harness.run import events as ev

ROW, WIDE, BOX, APART = 46, 360, 136, 11
OWN_PROXY = "its own proxy"


@dataclass(frozen=True, slots=True)
class Edge:
    """Responses that one sender got from one answerer.

    told  who says so: «its proxy», or «the URL» where there is no proxy to ask
    """

    sender: str
    answerer: str
    count: int
    told: str


def edges(scenario: ScenarioTold) -> list[Edge]:
    """Who answered whom and how often, as far as it is known."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for made in _not_twice(scenario.requests):
        for answerer, told, count in _answerers(made):
            counts[made.sender, answerer, told] += count
    order = [sender.name for sender in scenario.senders]
    found = [Edge(sender, answerer, count, told) for (sender, answerer, told), count in counts.items() if count]
    return sorted(found, key=lambda e: (order.index(e.sender) if e.sender in order else len(order), -e.count))


def _not_twice(requests: Sequence[ev.RequestsMade]) -> list[ev.RequestsMade]:
    """The bursts whose counts may be added up: a proxy that was watched all the time has counted the others too."""
    watched = {made.sender: made for made in requests if made.step == ALWAYS and made.workloads}
    return [made for made in requests if watched.get(made.sender, made) is made]


def _answerers(made: ev.RequestsMade) -> list[tuple[str, str, int]]:
    refused = sum(outcome.by_proxy for outcome in made.outcomes)
    refused += sum(bucket.count for bucket in made.buckets if bucket.answer.by_proxy)
    own = [(OWN_PROXY, "its proxy", refused)]
    if made.workloads:
        return [(name or "an unmeshed endpoint", "its proxy", count) for name, count in made.workloads] + own
    answered = sum(outcome.status is not None for outcome in made.outcomes) - refused
    answered += sum(bucket.count for bucket in made.buckets if bucket.answer.status is not None)
    return [(urlsplit(made.request.url).netloc, "the URL", answered), *own]


def topology(scenario: ScenarioTold) -> Markup:
    """A drawing of the edges; the table beside it says the same."""
    drawn = edges(scenario)
    if not drawn:
        return Markup("")
    left = list(dict.fromkeys(edge.sender for edge in drawn))
    right = list(dict.fromkeys(edge.answerer for edge in drawn))
    askers = {sender.name: sender for sender in scenario.senders}
    shapes = [_edge(edge, left, right, drawn) for edge in drawn]
    rows = max(len(left), len(right))
    shapes += [_box(0, _middle(n, len(left), rows), name, _identity(askers.get(name))) for n, name in enumerate(left)]
    shapes += [_box(WIDE - BOX, _middle(n, len(right), rows), name, "") for n, name in enumerate(right)]
    return Markup('<svg class="topology" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        WIDE, rows * ROW, Markup("").join(shapes)
    )


def _middle(number: int, of: int, rows: int) -> float:
    return ROW * (number + 0.5 + (rows - of) / 2)


def _edge(edge: Edge, left: Sequence[str], right: Sequence[str], drawn: Sequence[Edge]) -> Markup:
    rows = max(len(left), len(right))
    y0 = _middle(left.index(edge.sender), len(left), rows)
    y1 = _middle(right.index(edge.answerer), len(right), rows)
    beside = [one for one in drawn if one.answerer == edge.answerer]
    y1 += (beside.index(edge) - (len(beside) - 1) / 2) * APART  # so that no count covers another
    x0, x1 = BOX, WIDE - BOX
    bend = (x1 - x0) / 2
    thick = 1 + log10(edge.count + 1)
    style = "refused" if edge.answerer == OWN_PROXY else "edge"
    return Markup(
        '<path class="{}" d="M{},{} C{},{} {},{} {},{}" stroke-width="{:.1f}"/>'
        '<text class="count" x="{}" y="{:.1f}">{}</text>'
    ).format(style, x0, y0, x0 + bend, y0, x1 - bend, y1, x1, y1, thick, x1 - 6, y1 + (y0 - y1) * 0.12 - 4, edge.count)


def _identity(asker: ev.Asker | None) -> str:
    if asker is None or not asker.namespace:
        return "through the ingress"
    return f"{asker.service_account}.{asker.namespace}" if asker.meshed else f"{asker.namespace}, unmeshed"


def _box(x: float, middle: float, name: str, below: str) -> Markup:
    top = middle - 17
    second = Markup('<text class="who" x="{}" y="{}">{}</text>').format(x + 8, middle + 11, _short(below, 24))
    return Markup(
        '<rect class="node" x="{}" y="{}" width="{}" height="34" rx="5"/><text x="{}" y="{}">{}</text>{}'
    ).format(
        x + 0.5, top, BOX - 1, x + 8, middle - 2 if below else middle + 4, _short(name, 19), second if below else ""
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
