"""Flags and PODINFO_* variables, which of them wins, and what ends podinfo at once (§8.4.7)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.embedded.apps.podinfo.flags import Reader, duration, number, read_flags, text, truth, words
from harness.embedded.apps.podinfo.options import FLAGS, VERSION, parse_options
from harness.embedded.apps.traffic import UsageError

A, B = "http://a:9898/env", "http://b:9898/env"


@pytest.mark.parametrize(
    ("line", "environ", "setting", "value"),
    [
        ([], {}, "port", 9898),
        (["--port=80"], {}, "port", 80),
        (["--port", "0x50"], {}, "port", 80),
        ([], {"PODINFO_PORT": "81"}, "port", 81),
        (["--port=80"], {"PODINFO_PORT": "81"}, "port", 80),
        ([], {"PODINFO_PORT": "tcp://10.43.0.9:9898"}, "port", 9898),
        ([], {}, "ui_message", f"greetings from podinfo v{VERSION}"),
        ([], {"PODINFO_UI_MESSAGE": "A backend"}, "ui_message", "A backend"),
        ([], {"PODINFO_UI_MESSAGE": ""}, "ui_message", f"greetings from podinfo v{VERSION}"),
        (["--ui-message", "B"], {"PODINFO_UI_MESSAGE": "A"}, "ui_message", "B"),
        (["--ui-message="], {"PODINFO_UI_MESSAGE": "A"}, "ui_message", ""),
        (["--ui-message=x=y"], {}, "ui_message", "x=y"),
        ([], {"PODINFO_UI_COLOR": "red"}, "ui_color", "red"),
        (["--random-error"], {}, "random_error", True),
        (["--random-error", "false"], {}, "random_error", True),
        ([], {"PODINFO_RANDOM_ERROR": "T"}, "random_error", True),
        # The chart always gives this flag, so with the chart the variable does nothing.
        (["--random-error=false"], {"PODINFO_RANDOM_ERROR": "true"}, "random_error", False),
        ([], {"PODINFO_RANDOM_DELAY_MAX": "9"}, "random_delay_max", 9),
        ([], {"PODINFO_UNHEALTHY": "1"}, "unhealthy", True),
        ([], {"PODINFO_UNREADY": "0"}, "unready", False),
        ([], {"PODINFO_BACKEND_URL": A}, "backend_url", (A,)),
        ([], {"PODINFO_BACKEND_URL": f"{A},{B}"}, "backend_url", (A, B)),
        ([f"--backend-url={B}", "--backend-url", A], {}, "backend_url", (B, A)),
        ([f"--backend-url={B}"], {"PODINFO_BACKEND_URL": A}, "backend_url", (B,)),
        ([], {"PODINFO_HTTP_CLIENT_TIMEOUT": "1m30s"}, "http_client_timeout", 90.0),
        (["--http-server-timeout=250ms"], {}, "http_server_timeout", 0.25),
        (["--http-server-timeout=0"], {}, "http_server_timeout", math.inf),
        ([], {"PODINFO_JWT_SECRET": "s"}, "jwt_secret", "s"),
        ([], {"HOSTNAME": "pod-1"}, "hostname", "pod-1"),
        (["anything", "--", "--port=80"], {}, "port", 9898),
    ],
)
def test_setting(line: list[str], environ: Mapping[str, str], setting: str, value: object) -> None:
    assert getattr(parse_options(line, environ), setting) == value


@pytest.mark.parametrize(
    ("line", "environ", "exit_code", "message"),
    [
        (["--colour=red"], {}, 2, "unknown flag: --colour"),
        (["-port=80"], {}, 2, "unknown flag: -port"),
        (["--port"], {}, 2, "flag needs an argument: --port"),
        (["--port=high"], {}, 2, 'invalid argument "high" for "--port" flag'),
        (["--unready=perhaps"], {}, 2, 'invalid argument "perhaps" for "--unready" flag'),
        (["--http-client-timeout=2"], {}, 2, 'invalid argument "2" for "--http-client-timeout" flag'),
        ([], {"PODINFO_UNREADY": "perhaps"}, 2, "PODINFO_UNREADY: parsing 'perhaps'"),
        ([], {"PODINFO_GRPC_PORT": "tcp://x"}, 2, "PODINFO_GRPC_PORT"),
        (["--random-delay-min=6"], {}, 2, "--random-delay-max must not be less than --random-delay-min"),
        (["--random-delay-unit=m"], {}, 2, "--random-delay-unit must be s or ms, not 'm'"),
        (["--version"], {}, 0, VERSION),
        (["-v"], {}, 0, VERSION),
        (["--help"], {}, 0, "flags: --backend-url, "),
    ],
)
def test_refused(line: list[str], environ: Mapping[str, str], exit_code: int, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_options(line, environ)
    assert caught.value.exit_code == exit_code
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ([], ()),
        (["--grpc-port=9999", "--grpc-service-name=shop"], ()),
        (["--h2c"], ("HTTP/2 without TLS is not offered",)),
        (["--prefix=/"], ()),
        (["--prefix=/x"], ("all paths begin at /, whatever --prefix says",)),
        (["--secure-port=9899"], ("HTTPS is not offered: nothing listens on port 9899",)),
        (["--cache-server=tcp://redis:6379"], ("no cache server is used: /cache answers as if none were configured",)),
    ],
)
def test_what_is_not_offered_is_named(line: list[str], said: tuple[str, ...]) -> None:
    assert parse_options(line, {}).not_offered == said


def test_every_flag_has_a_default_of_its_own_kind() -> None:
    kinds: dict[Reader, type] = {number: int, truth: bool, text: str, words: tuple, duration: float}
    for name, (reader, default) in FLAGS.items():
        assert type(default) is kinds[reader], name


def test_a_configuration_file_is_refused_where_the_original_would_read_it(tmp_path: Path) -> None:
    directory = tmp_path / "config"
    directory.mkdir()
    environ = {"SIGNALBOX_ROOT": str(tmp_path), "PODINFO_CONFIG_PATH": "/config"}
    assert parse_options([], environ).config_path == "/config"
    (directory / "config.yaml").write_text("ui-message: hello")
    with pytest.raises(UsageError, match=r"/config/config\.yaml: configuration files are not read"):
        parse_options([], environ)


@pytest.mark.parametrize(
    ("line", "dashes", "given", "rest"),
    [
        (["--a=1", "b", "--a", "2"], ("--",), {"a": "2"}, ["b"]),
        (["-a=1", "--a=2", "-"], ("--", "-"), {"a": "2"}, ["-"]),
        (["--list=1,2", "--list=3", "--yes", "no"], ("--",), {"list": ("1", "2", "3"), "yes": True}, ["no"]),
        (["--a", "--yes"], ("--",), {"a": "--yes"}, []),
    ],
)
def test_flags(line: list[str], dashes: tuple[str, ...], given: dict[str, object], rest: list[str]) -> None:
    assert read_flags(line, {"a": text, "list": words, "yes": truth}, dashes=dashes) == (given, rest)
