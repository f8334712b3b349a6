"""What an idle API server holds in memory with its controllers and the definitions of the mesh's kinds.

A process of its own, which loads nothing that only tests need; `benchmarks/apiserver.py` runs it. A folder as argument
names further definitions (YAML), such as the Gateway API's own.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from harness.embedded.apiserver.api import Api
from harness.embedded.apiserver.certs import Authority, server_context
from harness.embedded.apiserver.crds import CRD_KEY, serve_custom_kinds
from harness.embedded.apiserver.server import serve
from harness.embedded.apiserver.streams import NodeStreams
from harness.embedded.controllers.loop import ControllerLoop
from harness.embedded.controllers.startup import create_first_namespaces, standard_controllers
from harness.embedded.crds import definitions


async def main() -> None:
    """Serve, and print the resident megabytes."""
    api, authority = Api(lambda: "127.200.1.1"), Authority()
    controllers = ControllerLoop(api.store, standard_controllers(api))
    controllers.start()
    serve_custom_kinds(api)
    create_first_namespaces(api, authority.certificate.decode())
    with tempfile.TemporaryDirectory() as directory:
        context = server_context(authority, authority.server(["127.0.0.1"]), Path(directory))
        server = await serve(api, context, cast(NodeStreams, None))  # no pod is asked for anything
        found = {definition["metadata"]["name"]: definition for definition in [*definitions(), *_given(sys.argv[1:])]}
        for definition in found.values():
            api.create(CRD_KEY, definition)
        print(f"{_resident_megabytes():.0f} MB with {len(found)} custom kinds")
        await server.close()
    controllers.close()


def _given(folders: list[str]) -> Iterator[dict[str, Any]]:
    for folder in folders:
        import yaml  # not part of what is measured, unless it is asked for

        for path in sorted(Path(folder).rglob("*.yaml")):
            for document in yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader):
                if document and document["kind"] == "CustomResourceDefinition":
                    yield document


def _resident_megabytes() -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else float("nan")


if __name__ == "__main__":
    asyncio.run(main())
