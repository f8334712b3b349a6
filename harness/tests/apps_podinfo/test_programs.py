"""podinfo, podcli and the echo servers as processes, as a pod runs them."""

from __future__ import annotations

import http.client
import json
import signal

import grpc
import pytest

from harness.tests.apps.test_programs import ADDRESS, called, get, line, program

PODINFO = "harness.embedded.apps.podinfo:main"
PODCLI = "harness.embedded.apps.podinfo.podcli:main"
CHART = ["--port=9898", "--port-metrics=9797", "--grpc-port=9999", "--grpc-service-name=podinfo", "--level=info"]


def test_podinfo_serves_three_ports_and_ends_quickly() -> None:
    with program(PODINFO, *CHART, env={"PODINFO_UI_MESSAGE": "A backend"}) as process:
        assert line(process) == "listening on port 9898"
        assert line(process) == "listening on port 9797"
        assert line(process) == "listening on port 9999"
        assert json.loads(get(f"http://{ADDRESS}:9898/")[1])["message"] == "A backend"
        assert get(f"http://{ADDRESS}:9797/healthz") == (200, b"OK")
        assert b'http_requests_total{status="200"} 1\n' in get(f"http://{ADDRESS}:9797/metrics")[1]
        assert get(f"http://{ADDRESS}:9797/")[0] == 404
        with grpc.insecure_channel(f"{ADDRESS}:9999", options=[("grpc.enable_http_proxy", 0)]) as channel:
            assert channel.unary_unary("/echo.EchoService/Echo")(b"\x0a\x02hi", timeout=20) == b"\x0a\x02hi"
        with program(PODCLI, "check", "http", "localhost:9898/readyz") as probe:
            assert probe.wait(20) == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr is not None
        log = [json.loads(text) for text in process.stderr]
    said = [(entry["level"], entry["msg"]) for entry in log]
    assert said == [("info", "Starting podinfo"), ("info", "Received message body from client:")]


def test_panic_ends_podinfo_without_an_answer() -> None:
    with program(PODINFO, "--level=error", "--port=9899") as process:
        assert line(process) == "listening on port 9899"
        with pytest.raises((http.client.HTTPException, OSError)):
            get(f"http://{ADDRESS}:9899/panic")
        assert process.wait(20) == 255


@pytest.mark.parametrize(
    ("call", "argv", "exit_code", "output"),
    [
        (PODINFO, ["--version"], 0, "6.9.3"),
        (PODINFO, ["--unknown"], 2, "unknown flag: --unknown"),
        (PODINFO, ["--random-delay-max=-1"], 2, "--random-delay-max must not be less than --random-delay-min"),
        (PODCLI, ["check", "http", "localhost:1/readyz"], 1, "\tINFO\tcheck failed\t"),
        ("harness.embedded.apps.echo:fortio", ["load"], 1, "fortio: only `fortio server` is offered"),
        ("harness.embedded.apps.echo:main", [], 1, "echo: SIGNALBOX_ECHO_PORTS must name ports"),
    ],
)
def test_ends_at_once(
    call: str, argv: list[str], exit_code: int, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(call, *argv) == exit_code
    said = capsys.readouterr()
    assert output in (said.err if exit_code else said.out)


def test_a_port_that_is_taken() -> None:
    with program(PODINFO, "--port=9896") as first:
        assert line(first) == "listening on port 9896"
        with program(PODINFO, "--port=9896", "--level=error") as second:
            _, errors = second.communicate(timeout=20)
            assert second.returncode == 1
            assert json.loads(errors)["msg"] == "HTTP server crashed"


def test_echo_listens_on_all_its_ports() -> None:
    environment = {"SIGNALBOX_ECHO_PORTS": "9701, 9702", "HOSTNAME": "pod-1"}
    with program("harness.embedded.apps.echo:main", "any", "argument", env=environment) as process:
        for port in (9701, 9702):
            assert line(process) == f"listening on port {port}"
            status, body = get(f"http://{ADDRESS}:{port}/x?y")
            facts = json.loads(body)
            assert (status, facts["path"], facts["port"], facts["hostname"]) == (200, "/x?y", port, "pod-1")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
