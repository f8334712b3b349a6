"""One way to talk to a Kubernetes API, whatever cluster is behind it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from harness.errors import ClusterLost, Finding, InputError, SignalboxError
from harness.kube.objects import ObjectRef

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

JsonObject = dict[str, Any]


class KubeError(SignalboxError):
    """The API server refused a request; carries its own words."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status = status
        self.reason = reason
        self.message = message
        super().__init__(message)


class NoKubeconfig(InputError):
    """A file that leads to no cluster; carries the client's words."""

    def __init__(self, place: Path, reason: str) -> None:
        self.reason = reason
        super().__init__([Finding(str(place), 0, f"this is no kubeconfig: {reason}")])


@dataclass(frozen=True, slots=True)
class PodAnswer:
    """What a pod answered through the API server's pod proxy."""

    status: int
    body: bytes


class Kube:
    """A connection to one cluster, from one kubeconfig file that is never `~/.kube/config` by default.

    scratch  a directory for the client's files with keys in them, there for as long as the connection. Left out, they
             lie beside the kubeconfig: for one of our own, which goes with its folder even if we are killed
    raises   NoKubeconfig for a file that is none; later KubeError when the API server refuses, ClusterLost when it
             cannot be reached
    """

    def __init__(self, kubeconfig: Path, *, scratch: Path | None = None, api: Any = None) -> None:
        from harness.kube import official

        self.kubeconfig = kubeconfig
        self._api = api or _opened(kubeconfig, lambda: official.api_of(kubeconfig, scratch or kubeconfig.parent))
        self._dynamic: Any = None

    @classmethod
    def in_pod(cls, account: Path) -> Self:
        """The cluster that this process is a pod of, as its ServiceAccount; the token is read again as it is renewed.

        account  the directory with `token` and `ca.crt`
        raises   NoKubeconfig if this is no pod, or one without a token
        """
        from harness.kube import official

        return cls(account, api=_opened(account, lambda: official.api_around(account)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections."""
        self._api.rest_client.pool_manager.clear()
        self._api.close()

    def get(self, ref: ObjectRef) -> JsonObject | None:
        """The object, or None if it does not exist (nor its kind)."""
        try:
            return self._call("get", ref, name=ref.name, namespace=ref.namespace)
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    def objects(self, api_version: str, kind: str, namespace: str | None = None, labels: str = "") -> list[JsonObject]:
        """All objects of one kind, in one namespace or in all, that match a label selector."""
        ref = ObjectRef(api_version, kind, namespace, "")
        extra = {"label_selector": labels} if labels else {}
        items: list[JsonObject] = self._call("get", ref, namespace=namespace, **extra)["items"]
        return items

    def objects_if_served(self, api_version: str, kind: str, namespace: str | None = None) -> list[JsonObject]:
        """Like `objects`, but empty on a cluster that does not know the kind."""
        try:
            return self.objects(api_version, kind, namespace)
        except KubeError as error:
            if error.status == 404:
                return []
            raise

    def logs(self, namespace: str, pod: str, *, tail: int, container: str | None = None) -> list[str]:
        """The last lines of a container's log; a container that has none yet gives its reason as one line."""
        query = f"tailLines={tail}" + (f"&container={container}" if container else "")
        answer = self.raw(f"/api/v1/namespaces/{namespace}/pods/{pod}/log?{query}")
        return answer.body.decode(errors="replace").splitlines()

    def create(self, obj: JsonObject) -> JsonObject:
        """The object as stored."""
        ref = ObjectRef.of(obj)
        return self._call("create", ref, body=obj, namespace=ref.namespace)

    def merge_patch(self, ref: ObjectRef, patch: JsonObject) -> JsonObject:
        """The object after an RFC 7386 merge patch."""
        return self._patch(ref, patch, "application/merge-patch+json")

    def patch(self, ref: ObjectRef, patch: Any, kind: str) -> JsonObject:
        """The object after a patch; kind is `merge`, `json` or `strategic`."""
        media = {"merge": "merge-patch", "json": "json-patch", "strategic": "strategic-merge-patch"}[kind]
        return self._patch(ref, patch, f"application/{media}+json")

    def _patch(self, ref: ObjectRef, patch: Any, media: str) -> JsonObject:
        return self._call("patch", ref, body=patch, name=ref.name, namespace=ref.namespace, content_type=media)

    def delete(self, ref: ObjectRef, *, grace_seconds: int | None = None) -> bool:
        """Ask for deletion; False if the object was not there."""
        body: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        try:
            self._call("delete", ref, name=ref.name, namespace=ref.namespace, body=body)
        except KubeError as error:
            if error.status == 404:
                return False
            raise
        return True

    def is_namespaced(self, api_version: str, kind: str) -> bool:
        """Whether objects of this kind live in a namespace."""
        return bool(self._resource(api_version, kind).namespaced)

    def observe(
        self, api_version: str, kind: str, namespace: str | None, *, labels: str = "", name: str = "", seconds: float
    ) -> Iterator[Mapping[str, JsonObject]]:
        """The present objects by name: once after a list, then after every change, for at most so many seconds.

        A list-then-watch without gaps. The stream may end early; a caller that still waits calls again.
        """
        resource = self._resource(api_version, kind)
        query: JsonObject = {"label_selector": labels} if labels else {}
        if name:
            query["field_selector"] = f"metadata.name={name}"
        with self._translated():
            listed = resource.get(namespace=namespace, **query).to_dict()
            present = {item["metadata"]["name"]: item for item in listed["items"]}
            yield present
            version = listed["metadata"]["resourceVersion"]
            timeout = max(1, math.ceil(seconds))
            for event in resource.watch(namespace=namespace, resource_version=version, timeout=timeout, **query):
                obj = event["raw_object"]
                if event["type"] == "DELETED":
                    present.pop(obj["metadata"]["name"], None)
                else:
                    present[obj["metadata"]["name"]] = obj
                yield present

    def pod_request(
        self,
        namespace: str,
        pod: str,
        port: int,
        path: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
    ) -> PodAnswer:
        """One request to a pod through the API server, whole answer."""
        with self.pod_stream(
            namespace, pod, port, path, method=method, body=body, headers=headers, timeout_seconds=timeout_seconds
        ) as response:
            return PodAnswer(response.status, response.read())

    @contextmanager
    def pod_stream(
        self,
        namespace: str,
        pod: str,
        port: int,
        path: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
    ) -> Iterator[BaseHTTPResponse]:
        """One request to a pod through the API server, answer read as it comes; leaving the block hangs up.

        timeout_seconds  the longest silence, not the whole
        """
        url = f"{self._api.configuration.host}/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/{path.lstrip('/')}"
        sent = self._headers() | dict(headers or {})
        with self._translated():
            response = self._api.rest_client.pool_manager.request(
                method, url, body=body, headers=sent, preload_content=False, timeout=timeout_seconds, retries=False
            )
        try:
            yield response
        finally:
            # An unread stream cannot be handed to the next request: closing it is how the pod learns that we left.
            response.close()

    def raw(self, path: str, *, timeout_seconds: float = 10.0) -> PodAnswer:
        """GET of any path of the API server, such as `/readyz`; refusals are returned, not raised."""
        with self._translated():
            url = self._api.configuration.host + path
            response = self._api.rest_client.pool_manager.request(
                "GET", url, headers=self._headers(), timeout=timeout_seconds, retries=False
            )
        return PodAnswer(response.status, response.data)

    def _headers(self) -> dict[str, str]:
        """What identifies us besides a client certificate."""
        headers = dict(self._api.default_headers)
        token = self._api.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return headers | ({"authorization": token} if token else {})

    def _resource(self, api_version: str, kind: str) -> Any:
        with self._translated():
            if self._dynamic is None:
                from harness.kube import official

                self._dynamic = official.dynamic(self._api)
            return self._dynamic.resources.get(api_version=api_version, kind=kind)

    def _call(self, verb: str, ref: ObjectRef, **arguments: Any) -> JsonObject:
        resource = self._resource(ref.api_version, ref.kind)
        if not resource.namespaced:
            arguments.pop("namespace", None)
        with self._translated():
            answer: JsonObject = getattr(resource, verb)(**arguments).to_dict()
            return answer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the client's many exceptions into ours."""
        from harness.kube import official

        try:
            yield
        except official.REFUSED as error:
            raise KubeError(error.status or 0, error.reason or "", _message(error)) from None
        except official.NOT_SERVED as error:
            raise KubeError(404, "NotFound", f"the cluster does not serve this kind: {error}") from None
        except official.NO_ANSWER as error:
            raise ClusterLost(f"the API server at {self._api.configuration.host} does not answer: {error}") from error


def _opened(place: Path, load: Callable[[], Any]) -> Any:
    from harness.kube import official

    try:
        return load()
    except official.UNUSABLE as error:
        raise NoKubeconfig(place, " ".join(str(error).split())) from None


def _message(error: Any) -> str:
    """The `message` of the Status that the API server sent, else whatever it sent."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body or str(error.reason)
