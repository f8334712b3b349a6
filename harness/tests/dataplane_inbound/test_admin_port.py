"""Policy on the port that a pod's own proxy serves (§3.5b, §4.8), on a whole cluster and as the harness meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.kube.apply import Applier, Ledger
from harness.kube.objects import JsonObject, ObjectRef
from harness.mesh.metrics import MeshedPod, ScrapeDenied, Snapshot, increase, scrape
from harness.run.senders import start_senders
from harness.run.session import Session, open_session
from harness.scenario.model import PodSender
from harness.scenario.project import Project

ROOT = Path(__file__).parents[3]
RUN = "admin"
NAMESPACE = "outside"
GROUP = "policy.linkerd.io"

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    _, profile = Project(ROOT).profile("embedded")
    with open_session(profile, lambda event: None) as opened:
        yield opened


@pytest.fixture
def sender(session: Session) -> Iterator[MeshedPod]:
    """Some meshed pod."""
    spec = PodSender.model_validate({"namespace": NAMESPACE, "serviceAccount": "somebody"})
    applier, ledger = Applier(session.kube, RUN), Ledger()
    found = start_senders(session.kube, session.cluster, applier, ledger, {"some": spec}, RUN)["some"].pod
    assert found is not None
    yield found
    assert applier.undo(ledger) == []


def policy(kind: str, name: str, spec: JsonObject, version: str = "v1alpha1") -> JsonObject:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": metadata, "spec": spec}


CLOSED = policy("Server", "proxies", {"podSelector": {}, "port": "linkerd-admin"}, "v1beta1")
EVERYWHERE = policy("NetworkAuthentication", "everywhere", {"networks": [{"cidr": "0.0.0.0/0"}]})
LOCALHOST = policy("NetworkAuthentication", "localhost", {"networks": [{"cidr": "127.0.0.1/32"}]})


def letting_in(network: JsonObject) -> JsonObject:
    reference = {"group": GROUP, "kind": "NetworkAuthentication", "name": network["metadata"]["name"]}
    target = {"group": GROUP, "kind": "Server", "name": "proxies"}
    return policy("AuthorizationPolicy", "scrapes", {"targetRef": target, "requiredAuthenticationRefs": [reference]})


def test_a_policy_closes_the_metrics_and_opens_them_again(session: Session, sender: MeshedPod) -> None:
    applier, ledger = Applier(session.kube, RUN), Ledger()
    before = scrape(session.kube, [sender])
    applier.apply(CLOSED, ledger)
    with pytest.raises(
        ScrapeDenied, match=rf"inbound policy of pod {NAMESPACE}/{sender.name} denies its metrics"
    ) as denied:
        scrape(session.kube, [sender])
    assert "AuthorizationPolicy" in denied.value.remedy

    # The API server comes from the node's address, so localhost's built-in authorization does not let it in (§3.5).
    for network in (LOCALHOST, EVERYWHERE):
        applier.apply(network, ledger)
        applier.apply(letting_in(network), ledger)
        if network is LOCALHOST:
            with pytest.raises(ScrapeDenied):
                scrape(session.kube, [sender])
    after = scrape(session.kube, [sender])
    assert served(before, after, "inbound_http_authz_deny_total", srv_kind="server", srv_name="proxies") == 2
    assert served(before, after, "inbound_http_authz_allow_total", srv_kind="default") == 1

    assert applier.undo(ledger) == []
    last = scrape(session.kube, [sender])
    assert served(after, last, "inbound_http_authz_allow_total", srv_name="proxies", authz_name="scrapes") == 1


def test_a_pod_that_denies_by_default_still_answers_probes_of_its_proxy(session: Session) -> None:
    """§3.4: the paths of its proxy's probes are open to all, its metrics are not."""
    kube, ledger = session.kube, Ledger()
    pod: JsonObject = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "shut",
            "namespace": "default",
            "annotations": {
                "linkerd.io/inject": "enabled",
                "config.linkerd.io/default-inbound-policy": "deny",
                "signalbox.dev/echo": "true",
            },
        },
        "spec": {"containers": [{"name": "app", "image": "example.org/app", "ports": [{"containerPort": 8080}]}]},
    }
    applier = Applier(kube, RUN)
    applier.apply(pod, ledger)
    for seen in kube.observe("v1", "Pod", "default", name="shut", seconds=60):
        conditions = {one["type"]: one["status"] for one in (seen["shut"].get("status") or {}).get("conditions") or ()}
        if conditions.get("Ready") == "True":
            break
    asked = {path: kube.pod_request("default", "shut", 4191, path).status for path in ("live", "ready", "metrics")}
    assert asked == {"live": 200, "ready": 200, "metrics": 403}
    assert kube.pod_request("default", "shut", 8080, "").status == 403
    assert applier.undo(ledger) == []
    assert kube.get(ObjectRef("v1", "Pod", "default", "shut")) is None


def served(before: Snapshot, after: Snapshot, name: str, **labels: str) -> int:
    """How often the proxy counted somebody on its own port."""
    return increase(
        before, after, name, where=lambda seen: seen.get("srv_port") == "4191" and labels.items() <= dict(seen).items()
    )[()]
