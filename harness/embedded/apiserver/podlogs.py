"""pods/log: checks the question, then passes on what the node streams."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.errors import bad_request, method_not_allowed
from harness.embedded.apiserver.httpd import Request, Stream
from harness.embedded.apiserver.objects import Obj, name_of
from harness.embedded.apiserver.streams import NodeStreams
from harness.embedded.apiserver.targets import Target

_TRUE = ("1", "true", "True")


async def serve_log(api: Api, node: NodeStreams, target: Target, request: Request) -> Stream:
    """The log of one container as chunked text."""
    if request.method not in ("GET", "HEAD"):
        raise method_not_allowed()
    pod = api.get(target.kind.key, target.namespace, target.name)
    query = request.query
    chunks = await node.logs(
        target.namespace,
        target.name,
        container_of(pod, query.get("container", "")),
        follow=query.get("follow") in _TRUE,
        tail_lines=_number(query, "tailLines"),
        previous=query.get("previous") in _TRUE,
        since_seconds=_since(query),
        timestamps=query.get("timestamps") in _TRUE,
        limit_bytes=_number(query, "limitBytes"),
    )
    return Stream(chunks, content_type="text/plain")


def container_of(pod: Obj, asked: str) -> str:
    """The container a client means: the one it names, or the only one; ApiError 400."""
    names = [entry["name"] for entry in pod["spec"]["containers"]]
    inits = [entry["name"] for entry in pod["spec"].get("initContainers") or ()]
    if not asked and len(names) == 1:
        return str(names[0])
    if not asked:
        choice = f"choose one of: [{' '.join(names)}]" + (
            f" or one of the init containers: [{' '.join(inits)}]" * bool(inits)
        )
        raise bad_request(f"a container name must be specified for pod {name_of(pod)}, {choice}")
    if asked not in (*names, *inits):
        raise bad_request(f"container {asked} is not valid for pod {name_of(pod)}")
    return asked


def _number(query: dict[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise bad_request(f'{name}: Invalid value: "{text[:40]}": must be a whole number')
    return int(text)


def _since(query: dict[str, str]) -> float | None:
    if text := query.get("sinceTime", ""):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise bad_request(f'sinceTime: Invalid value: "{text[:40]}": must be an RFC 3339 time') from None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((datetime.now(UTC) - aware).total_seconds(), 0.0)
    return _number(query, "sinceSeconds")
