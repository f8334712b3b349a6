"""What happens in a run, in order. Reports are consumers of this one stream and know nothing else.

RunStarted
  ClusterReady  AppReady...
  ScenarioStarted  SendersReady
    StepStarted  ActionDone...  StepSettled  [Progress...  RequestsMade...  ExpectationJudged]...  TableShown...
    FailureExplained  Note...
  ScenarioFinished
ClusterKept, if it is
RunFinished, or RunAborted at any moment
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.errors import Exit
from harness.mesh.authz import AuthzTable
from harness.mesh.stat import StatTable
from harness.run.trail import Trail
from harness.traffic.outcome import Bucket, Outcome
from harness.traffic.plan import GRPC, HTTP_1, Request
from harness.verdict.judgement import Judgement, Verdict


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run begins; nothing exists yet."""

    profile: str
    dialect: str
    scenarios: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a line that is no result."""

    text: str


@dataclass(frozen=True, slots=True)
class ClusterReady:
    """The cluster serves its API."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AppReady:
    """An app is installed and ready."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Promised:
    """An expectation that a scenario has; place is its file:line."""

    step: str
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class ScenarioStarted:
    """A scenario begins.

    source    where its promises come from: articles, documents, issues
    promises  everything it will judge if nothing breaks before
    """

    name: str
    path: str
    description: str
    source: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    promises: tuple[Promised, ...] = ()


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks in a scenario.

    pod  its name in the cluster; "" for one that asks through the ingress
    """

    name: str
    namespace: str
    service_account: str
    meshed: bool
    pod: str = ""


@dataclass(frozen=True, slots=True)
class SendersReady:
    """The senders of a scenario run."""

    scenario: str
    senders: tuple[Asker, ...]


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins."""

    name: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ActionDone:
    """One `given` or `when` line is done; text as a person would say it."""

    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StepSettled:
    """The step's changes are in force, with what proved it."""

    seconds: float
    proof: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an expectation is; sent a few times a second while requests flow."""

    expectation: str
    text: str


@dataclass(frozen=True, slots=True)
class RequestsMade:
    """Requests of one expectation, or of one row of its table, with what became of each; told when they are over.

    case       the row of a table in words; "" where there is no table
    began      moment of the monotonic clock that `scheduled` of the outcomes counts from
    outcomes   in issue order
    workloads  how many each workload answered, as the sender's proxy counted; empty without a proxy to ask
    buckets    what followed the outcomes, counted together; only a record has them
    protocol   as in a plan
    """

    scenario: str
    step: str
    expectation: str
    sender: str
    request: Request
    rate: float
    began: float
    outcomes: tuple[Outcome, ...]
    workloads: tuple[tuple[str, int], ...] = ()
    case: str = ""
    buckets: tuple[Bucket, ...] = ()
    protocol: str = HTTP_1

    @property
    def is_calls(self) -> bool:
        """Whether calls of gRPC were sent, which have a status of their own."""
        return self.protocol == GRPC


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """One expectation, judged.

    place      file:line of the expectation
    answered   who answered, with counts; "" if no request was sent for it
    notes      lines that explain a verdict that is not `holds`, or warn about one that is
    requests   responses this expectation sent for itself
    why        what makes the promise true, in the scenario's words
    trail      how the verdict came about, if it is a matter of counting
    known_gap  it holds because the promise is not kept, as is known of this mesh
    """

    scenario: str
    step: str
    name: str
    place: str
    judgement: Judgement
    seconds: float
    requests: int = 0
    answered: str = ""
    notes: tuple[str, ...] = ()
    why: str = ""
    trail: Trail | None = None
    known_gap: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether the promise itself is shown to be kept."""
        return self.verdict is Verdict.HOLDS and not self.known_gap

    @property
    def verdict(self) -> Verdict:
        """The verdict alone."""
        return self.judgement.verdict


@dataclass(frozen=True, slots=True)
class ExpectationJudged:
    """An expectation has its verdict."""

    result: ExpectationResult


@dataclass(frozen=True, slots=True)
class Offence:
    """Requests of one burst that speak against a claim.

    rule       what they have in common, in words
    outcomes   up to three of them, of different kinds
    offending  how many there were of `total`
    counted    what the sender's proxy counted while they were sent, a line per series; empty without a proxy
    """

    sender: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    case: str
    rule: str
    outcomes: tuple[Outcome, ...]
    offending: int
    total: int
    counted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Foretold:
    """What the rules make of a request, by the objects on the cluster when an expectation broke.

    request  such as «GET http://books:7002/books.json»
    case     the row of a table in words; "" where there is no table
    lines    an outcome each, and what was seen that is none of them
    """

    sender: str
    request: str
    case: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Something collected for whoever looks into a failure, such as the end of a log."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class FailureExplained:
    """What was found out about a broken expectation before anything was undone.

    expectation  "" if a step failed before it had one
    """

    scenario: str
    step: str
    expectation: str
    offences: tuple[Offence, ...] = ()
    foretold: tuple[Foretold, ...] = ()
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class TableShown:
    """A table of the mesh's own numbers over the step's window."""

    step: str
    table: StatTable | AuthzTable


@dataclass(frozen=True, slots=True)
class ScenarioReport:
    """All that is known of a scenario when it ends.

    settled   seconds per step that settled
    failures  sentences about what went wrong outside the expectations, such as an undo that failed
    """

    name: str
    path: str
    results: tuple[ExpectationResult, ...]
    seconds: float
    settled: tuple[tuple[str, float], ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def exit_code(self) -> Exit:
        """Broken beats inconclusive; a failed undo is the environment's failure."""
        verdicts = {result.verdict for result in self.results}
        if Verdict.BROKEN in verdicts:
            return Exit.BROKEN
        if self.failures:
            return Exit.ENVIRONMENT
        return Exit.INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts else Exit.HELD


@dataclass(frozen=True, slots=True)
class ScenarioFinished:
    """A scenario ended, undone and diagnosed."""

    report: ScenarioReport


@dataclass(frozen=True, slots=True)
class ClusterKept:
    """The cluster stays when the run is over; the lines say how to enter it and how to take it away."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run ended; the cluster is gone, or kept.

    phases  (name, seconds) of what was not a scenario: cluster, apps, teardown
    """

    exit_code: Exit
    seconds: float
    false_alarm: str
    phases: tuple[tuple[str, float], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class RunAborted:
    """The run ended before its end; what was judged until then stands.

    word     «interrupted», «environment failed», «bad input» or «internal error»
    message  what is known of it; may be empty
    """

    exit_code: Exit
    word: str
    message: str = ""


Event = (
    RunStarted
    | Note
    | ClusterReady
    | AppReady
    | ScenarioStarted
    | SendersReady
    | StepStarted
    | ActionDone
    | StepSettled
    | Progress
    | RequestsMade
    | ExpectationJudged
    | FailureExplained
    | TableShown
    | ScenarioFinished
    | ClusterKept
    | RunFinished
    | RunAborted
)

Emit = Callable[[Event], None]
