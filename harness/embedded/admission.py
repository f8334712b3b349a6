"""What the mesh's webhooks change in or refuse about an object, for the API server to call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from harness.dialect import Dialect
from harness.embedded.apiserver.admission import AdmissionAnswer, Mutator, Validator
from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.objects import same
from harness.embedded.apiserver.store import Store
from harness.embedded.dataplane.injection import inject
from harness.resources.admission import review
from harness.resources.gateway_rules import gateway_rule_problems
from harness.resources.routes import GATEWAY_GROUP

Obj = dict[str, Any]

POLICY_WEBHOOK: Final = "linkerd-policy-validator.linkerd.io"
GATEWAY_WEBHOOK: Final = "httproutes.gateway.networking.k8s.io"
"""No webhook on a real cluster but rules inside the CustomResourceDefinition; named after it."""


def register_mesh_admission(api: Api, dialect: Dialect) -> None:
    """Let the mesh inject new pods and review its objects from now on."""
    api.mutating.append(pod_injector(api.store, dialect))
    api.admission.append(gateway_rules)
    api.admission.append(policy_reviewer(api.store, dialect))


def pod_injector(store: Store, dialect: Dialect) -> Mutator:
    """Gives new pods their proxy (§4.7); pods that exist already stay as they were made."""

    def inject_new(new: Obj, old: Obj | None) -> Obj:
        if old is not None or new.get("kind") != "Pod":
            return new
        namespace = store.get("namespaces", "", new["metadata"].get("namespace", ""))
        return inject(new, namespace or {}, dialect)

    return inject_new


def policy_reviewer(store: Store, dialect: Dialect) -> Validator:
    """The policy webhook (§1.71, §1.74)."""

    def servers(namespace: str) -> Iterable[Obj]:
        return store.list("servers.policy.linkerd.io", namespace)

    def answer(new: Obj, old: Obj | None) -> AdmissionAnswer:
        if _is_only_status(new, old):
            return AdmissionAnswer()
        denials, warnings = review(new, dialect, servers)
        return AdmissionAnswer(denials, warnings, POLICY_WEBHOOK)

    return answer


def gateway_rules(new: Obj, old: Obj | None) -> AdmissionAnswer:
    """The rules across fields of gateway-group routes."""
    of_gateway = new.get("kind") in ("HTTPRoute", "GRPCRoute") and new.get("apiVersion", "").startswith(
        f"{GATEWAY_GROUP}/"
    )
    if not of_gateway or _is_only_status(new, old):
        return AdmissionAnswer()
    return AdmissionAnswer(tuple(str(problem) for problem in gateway_rule_problems(new)), (), GATEWAY_WEBHOOK)


def _is_only_status(new: Obj, old: Obj | None) -> bool:
    """Status is a subresource that the webhooks are not registered for."""
    return old is not None and all(same(new.get(part), old.get(part)) for part in ("metadata", "spec"))
