"""The printed tables of `stat`, character by character."""

from __future__ import annotations

import json
from dataclasses import replace

from harness.mesh.stat import StatRow, as_json, render

BOOKS = StatRow("books", "1/1", 0.89887, 8.9, (1, 19, 123), 4, 102.44, 0.0, "booksapp")
IDLE = replace(BOOKS, name="traffic", success=None, rps=0.0)
WEBAPP = replace(BOOKS, name="webapp", meshed="3/3", success=1.0, rps=1234.56, namespace="b")


def printed(*rows: StatRow, wide: bool = False, all_namespaces: bool = False) -> str:
    return render(rows, wide=wide, all_namespaces=all_namespaces) + "\n"


def test_deployments() -> None:
    assert printed(BOOKS, IDLE, WEBAPP) == (
        "NAME      MESHED   SUCCESS         RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN\n"
        "books        1/1    89.89%      8.9rps           1ms          19ms         123ms          4\n"
        "traffic      1/1         -           -             -             -             -          -\n"
        "webapp       3/3   100.00%   1234.6rps           1ms          19ms         123ms          4\n"
    )


def test_all_namespaces_come_first() -> None:
    assert printed(WEBAPP, BOOKS, all_namespaces=True) == (
        "NAMESPACE   NAME     MESHED   SUCCESS         RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN\n"
        "b           webapp      3/3   100.00%   1234.6rps           1ms          19ms         123ms          4\n"
        "booksapp    books       1/1    89.89%      8.9rps           1ms          19ms         123ms          4\n"
    )


def test_pods_have_a_status() -> None:
    pod = replace(BOOKS, kind="pod", status="CrashLoopBackOff")
    assert printed(pod, replace(IDLE, kind="pod", status="Running")) == (
        "NAME                STATUS   MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN\n"
        "books     CrashLoopBackOff      1/1    89.89%   8.9rps           1ms          19ms         123ms          4\n"
        "traffic            Running      1/1         -        -             -             -             -          -\n"
    )


def test_wide_adds_bytes() -> None:
    assert [line[-45:] for line in printed(BOOKS, IDLE, wide=True).splitlines()] == [
        "  TCP_CONN   READ_BYTES/SEC   WRITE_BYTES/SEC",
        "         4         102.4B/s            0.0B/s",
        "         -                -                 -",
    ]


def test_several_kinds_are_several_tables_with_prefixes() -> None:
    service = replace(BOOKS, kind="service", meshed="-", tcp_connections=None)
    assert printed(service, WEBAPP) == (
        "NAME            MESHED   SUCCESS         RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN\n"
        "deploy/webapp      3/3   100.00%   1234.6rps           1ms          19ms         123ms          4\n"
        "\n"
        "NAME            MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN\n"
        "svc/books            -    89.89%   8.9rps           1ms          19ms         123ms          -\n"
    )


def test_names_are_as_wide_in_all_tables_of_a_kind_as_the_longest_of_all() -> None:
    pod = replace(BOOKS, kind="pod", name="books-6f7c", status="Running")
    first, second = printed(pod, BOOKS).split("\n\n")
    assert first.splitlines()[0].startswith("NAME            MESHED")
    assert second.splitlines()[1].startswith("po/books-6f7c   Running")


def test_numbers_are_rounded_as_go_prints_them() -> None:
    row = replace(BOOKS, success=1 / 3, rps=123 / 60)
    assert printed(row).splitlines()[1].split()[2:4] == ["33.33%", "2.0rps"]


def test_json_has_fractions_and_null_without_traffic() -> None:
    busy, idle = json.loads(as_json([replace(WEBAPP, rps=2.5, read_rate=None, write_rate=None), IDLE]))
    assert busy == {
        "namespace": "b",
        "kind": "deployment",
        "name": "webapp",
        "success": 1,
        "rps": 2.5,
        "latency_ms_p50": 1,
        "latency_ms_p95": 19,
        "latency_ms_p99": 123,
        "tcp_open_connections": 4,
    }
    assert idle == {
        "namespace": "booksapp",
        "kind": "deployment",
        "name": "traffic",
        "success": None,
        "rps": None,
        "latency_ms_p50": None,
        "latency_ms_p95": None,
        "latency_ms_p99": None,
    }
    assert as_json([]) == "[]"
    assert '"success": 1,' in as_json([WEBAPP])
