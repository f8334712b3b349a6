"""The scenario: a story in steps, each with its ground, its change and what must then be true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Discriminator, Field, StrictBool, StrictInt, StrictStr, Tag

from harness.scenario.actions import Action, Text
from harness.scenario.expectations import Claim, ErrorBounds, Expectation, Metrics, Promise, Send, Watch
from harness.scenario.mesh_range import Meshes
from harness.scenario.part import Part
from harness.scenario.units import Duration
from harness.scenario.words import KubernetesName, Named, ServicePort, Slug

API_VERSION: Final = "signalbox/v1alpha1"


class Metadata(Part):
    """What the scenario is called and found by."""

    said: ClassVar[str] = "'metadata'"
    name: Slug
    labels: Mapping[Text, StrictStr] = {}
    """Become pytest markers and columns of reports."""


class Requires(Part):
    """What the mesh must be able to do."""

    said: ClassVar[str] = "'requires'"
    features: tuple[Text, ...] = ()
    mesh: Meshes | None = None
    """Meshes that can be asked at all, such as «linkerd >= edge-25.5.1»; on others the scenario is skipped."""


class PodSender(Part):
    """A pod of the harness with an identity; it asks from inside the cluster."""

    said: ClassVar[str] = "a sender"
    namespace: KubernetesName
    """Created for the run if no app or manifest creates it."""
    service_account: KubernetesName = Field(default="default", alias="serviceAccount")
    meshed: StrictBool = True
    """Whether the pod gets a proxy, and with it an identity."""
    copies: Annotated[StrictInt, Field(ge=1, le=50)] = 1
    """How many pods share the requests, for more load than one can make: an Indexed Job whose counts are summed."""


class IngressSender(Part):
    """Asks from outside, through the cluster's ingress."""

    said: ClassVar[str] = "a sender by way of the ingress"
    via: Literal["ingress"]
    host: Text
    """The Host that the ingress routes by."""


def _sender_tag(value: Any) -> str:
    by_ingress = "via" in value if isinstance(value, dict) else isinstance(value, IngressSender)
    return "<ingress>" if by_ingress else "<pod>"


Sender = Annotated[
    Annotated[PodSender, Tag("<pod>")] | Annotated[IngressSender, Tag("<ingress>")], Discriminator(_sender_tag)
]


class Settle(Part):
    """Part of the change: conditions of this generation, then the sender's own proxy knows the route."""

    said: ClassVar[str] = "'settle'"
    within: Duration


class Step(Part):
    """One turn of the story."""

    said: ClassVar[str] = "a step"
    reasons: ClassVar[Mapping[str, str]] = {"then": "a step that expects nothing proves nothing"}
    name: Text
    note: Text | None = None
    """For readers of the file and of reports."""
    given: tuple[Action, ...] = ()
    """Makes the ground ready and is not on trial."""
    when: tuple[Action, ...] = ()
    """The change under test; undone at the end, last first."""
    settle: Settle | None = None
    """How long the change may take to be in force everywhere."""
    then: Annotated[tuple[Expectation, ...], Field(min_length=1)]
    """What must now be true."""

    def actions(self) -> tuple[Action, ...]:
        """Everything the step does, in order."""
        return self.given + self.when


class Logs(Part):
    """The end of a log."""

    said: ClassVar[str] = "'logs'"
    deployment: Named
    """The Deployment whose pods' logs are wanted, as namespace/name."""
    container: KubernetesName | None = None
    tail: Annotated[StrictInt, Field(ge=1, le=10_000)] = 50
    """Lines."""


class ProxyPolicy(Part):
    """What a sender's proxy knows of a Service."""

    said: ClassVar[str] = "'proxy-policy'"
    from_: Slug
    """A name from `senders`."""
    to: ServicePort
    """The Service as a client dials it, as host:port."""


class Authorizations(Part):
    """Who was let in where, and who was not, as the proxies of a workload counted it."""

    said: ClassVar[str] = "'authorizations'"
    workload: Named
    """The workload that was asked, as namespace/name."""


class Diagnosis(Part):
    """Something to collect when an expectation breaks, on top of the harness's own list."""

    said: ClassVar[str] = "a line of 'diagnose'"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "exactly one thing to collect": ("logs", "proxy-policy", "authorizations")
    }
    logs: Logs | None = None
    proxy_policy: ProxyPolicy | None = None
    authorizations: Authorizations | None = None


class Spec(Part):
    """The story and its cast."""

    said: ClassVar[str] = "'spec'"
    description: Text
    """One sentence: what is shown."""
    source: tuple[Text, ...] = ()
    """Where the promise comes from: articles, documents, issues."""
    requires: Requires = Requires()
    cluster: Slug = "linkerd"
    """A profile of fixtures/clusters.yaml, or something that profiles provide, such as linkerd-viz."""
    apps: tuple[Slug, ...] = ()
    """Recipes of fixtures/apps/, installed in this order."""
    senders: Mapping[Slug, Sender] = {}
    """Who asks, by name."""
    always: tuple[Watch, ...] = ()
    """What must be true all the time, while the steps change things."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    diagnose: tuple[Diagnosis, ...] = ()
    verdict: ErrorBounds | None = None
    """Error bounds of all claims of this scenario."""


class Scenario(Part):
    """One behaviour of the mesh, as a story that can be run."""

    said: ClassVar[str] = "a scenario"
    api_version: Literal["signalbox/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["Scenario"]
    metadata: Metadata
    spec: Spec

    @property
    def name(self) -> str:
        """The name in the metadata."""
        return self.metadata.name

    def expectations(self) -> Iterator[tuple[Step, Expectation]]:
        """All expectations in the order of the story, each with its step."""
        return ((step, expectation) for step in self.spec.steps for expectation in step.then)

    def promises(self) -> int:
        """How many verdicts a run of the whole story gives."""
        return len(self.spec.always) + sum(1 for _ in self.expectations())

    def expectation(self, name: str) -> Expectation:
        """The expectation of this name; raises KeyError."""
        for _, expectation in self.expectations():
            if expectation.expect == name:
                return expectation
        raise KeyError(name)

    def claim_of(self, expectation: Expectation) -> Claim:
        """What it promises, by way of `again` if need be."""
        while expectation.claim is None:
            assert expectation.again is not None, "an expectation has a claim or repeats one"
            expectation = self.expectation(expectation.again)
        return expectation.claim

    def asked_by(self, expectation: Expectation) -> Expectation:
        """The expectation whose requests it is about, by way of `about` alone; often itself: `again` sends anew."""
        while expectation.about is not None:
            expectation = self.expectation(expectation.about)
        return expectation

    def asking_of(self, expectation: Expectation) -> tuple[Expectation, ...]:
        """All that ask of the same responses, itself among them."""
        asked = self.asked_by(expectation).expect
        return tuple(one for _, one in self.expectations() if self.asked_by(one).expect == asked)

    def source_of(self, expectation: Expectation) -> Send | Metrics | None:
        """Where its responses come from, by way of `about` and `again`; None for a table and for a resource."""
        origin = self.origin_of(expectation)
        return origin.send or origin.metrics

    def origin_of(self, expectation: Expectation) -> Expectation:
        """The expectation that asks for the responses, by way of `about` and `again`; often itself."""
        while (earlier := expectation.about or expectation.again) is not None:
            expectation = self.expectation(earlier)
        return expectation

    def draws_once(self, expectation: Promise) -> bool:
        """Whether a backend is drawn for each connection, not for each request: outside the mesh, if it is kept."""
        send = expectation.send if isinstance(expectation, Watch) else None
        if isinstance(expectation, Expectation):
            source = self.source_of(expectation)
            send = source if isinstance(source, Send) else None
        if send is None or send.connections == "fresh":
            return False
        sender = self.spec.senders.get(send.from_)
        return isinstance(sender, PodSender) and not sender.meshed
