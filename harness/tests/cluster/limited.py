"""A user with few rights: an API server in front of another one that answers questions about rights itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from harness.kube.client import Kube

QUESTIONS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@contextmanager
def limited_user(kubeconfig: Path, denied: Collection[tuple[str, str]], target: Path) -> Iterator[Path]:
    """The kubeconfig of a user who may not (verb, resource) what is denied; its context is `limited`."""
    with Kube(kubeconfig) as kube:

        class Front(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = kube.raw(self.path)
                self._answer(answer.status, answer.body)

            def do_POST(self) -> None:
                assert self.path.partition("?")[0] == QUESTIONS, self.path
                review = json.loads(self.rfile.read(int(self.headers["content-length"])))
                asked = review["spec"]["resourceAttributes"]
                resource = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
                review["status"] = {"allowed": (asked["verb"], resource) not in denied}
                self._answer(201, json.dumps(review).encode())

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Tests print nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            target.write_text(_kubeconfig(f"http://127.0.0.1:{server.server_port}"), encoding="utf-8")
            yield target
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _kubeconfig(server: str) -> str:
    name = "limited"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": "of no importance"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    return yaml.safe_dump(document)
