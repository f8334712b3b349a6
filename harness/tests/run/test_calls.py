"""Calls of gRPC on a cluster: sent from pods, answered by the proxies of sender and server, judged by their status."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import cli

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

# A gap that is known must fail: that is how the opposite of each promise is seen to be broken.
SCENARIO = """
apiVersion: signalbox/v1alpha1
kind: Scenario
metadata: {name: calls}
spec:
  description: authors speaks HTTP/1.1 alone, so only proxies can answer a call.
  cluster: linkerd-viz
  apps: [booksapp]
  senders:
    webapp: {namespace: booksapp, serviceAccount: webapp}
    stranger: {namespace: outside, meshed: false}
  steps:
    - name: a Server closes the door
      given:
        - scale: {deployment: booksapp/traffic, replicas: 0}
      when:
        - apply: manifests/booksapp/authors-server.yaml
      settle: {within: 60s}
      then:
        - expect: denied
          send: {from: webapp, request: POST http://authors.booksapp:7001/shop.A/Get, protocol: grpc, message: CAE=}
          every: {grpc-status: PERMISSION_DENIED, by: app}
        - expect: nothing-else
          known-gap: linkerd
          about: denied
          every: {grpc-status: OK}
        - expect: strangers-are-denied-on-fresh-ones
          send: {from: stranger, request: POST http://authors.booksapp:7001/s.A/Get, protocol: grpc, connections: fresh}
          every: {grpc-status: 7}
        - expect: denied-over-http2
          send: {from: webapp, request: GET http://authors.booksapp:7001/authors.json, protocol: h2c}
          every: {status: 403}
    - name: a route that nothing matches
      when:
        - apply: manifests/booksapp/timeouts-httproute-as-printed.yaml
      settle: {within: 60s}
      then:
        - expect: no-route
          send: {from: webapp, request: POST http://authors.booksapp:7001/shop.A/Get, protocol: grpc}
          every: {grpc-status: NOT_FOUND, by: proxy}
        - expect: not-by-the-app
          known-gap: linkerd
          about: no-route
          every: {by: app}
"""


def test_proxies_answer_calls_with_their_statuses(tmp_path: Path) -> None:
    for folder in ("manifests", "fixtures"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "calls.yaml").write_text(SCENARIO)
    result = CliRunner().invoke(cli, ["run", str(tmp_path / "calls.yaml"), "--cluster", "embedded-edge"])
    assert result.exit_code == 0, result.output
    assert "grpc-status 7 x 20" in result.output
    assert "grpc-status 5 (by the proxy: " in result.output
