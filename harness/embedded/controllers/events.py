"""Events: what happened to an object, for people who look at it."""

from __future__ import annotations

from hashlib import sha256

from harness.embedded.apiserver.api import Api, ApiError
from harness.embedded.apiserver.objects import Obj, clone, name_of, namespace_of, timestamp, uid_of


def record_event(api: Api, involved: Obj, type: str, reason: str, message: str, component: str = "signalbox") -> None:
    """Note that something happened to `involved`; the same thing again only counts up.

    type       "Normal" or "Warning"
    component  who says so, e.g. "deployment-controller"
    """
    namespace = namespace_of(involved) or "default"
    identity = "\0".join((uid_of(involved), type, reason, message, component))
    name = f"{name_of(involved)}.{sha256(identity.encode()).hexdigest()[:16]}"
    known = api.store.get("events", namespace, name)
    try:
        if known is None:
            api.create("events", _event(involved, name, type, reason, message, component), namespace=namespace)
        else:
            again = {**clone(known), "lastTimestamp": timestamp(), "count": known["count"] + 1}
            api.update("events", again)
    except ApiError as error:
        # A namespace that is going away takes no new events, and nobody will read them.
        if error.code not in (403, 404):
            raise


def _event(involved: Obj, name: str, type: str, reason: str, message: str, component: str) -> Obj:
    now = timestamp()
    return {
        "metadata": {"name": name},
        "involvedObject": {
            "apiVersion": involved["apiVersion"],
            "kind": involved["kind"],
            "namespace": namespace_of(involved),
            "name": name_of(involved),
            "uid": uid_of(involved),
        },
        "type": type,
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "reportingComponent": component,
        "reportingInstance": component,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
