"""podinfo's settings: a flag beats its PODINFO_* variable, which beats the default (§8.4.7)."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.embedded.apps.podinfo.flags import Flags, Reader, duration, number, read_flags, text, truth, words
from harness.embedded.apps.traffic import UsageError

VERSION = "6.9.3"
REVISION = "d9fec9778d564fe00d17919121b5822488e0c2d0"  # the commit of tag 6.9.3, which its image was built from


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All settings that this stand-in obeys; times in seconds, `random_delay_*` in `random_delay_unit`.

    http_server_timeout  infinite if it is switched off
    not_offered          a sentence for each setting that asks for something this stand-in has not
    """

    port: int
    port_metrics: int
    grpc_port: int
    grpc_service_name: str
    level: str
    backend_url: tuple[str, ...]
    http_client_timeout: float
    http_server_timeout: float
    data_path: str
    config_path: str
    ui_logo: str
    ui_color: str
    ui_message: str
    random_delay: bool
    random_delay_unit: str
    random_delay_min: int
    random_delay_max: int
    random_error: bool
    unhealthy: bool
    unready: bool
    jwt_secret: str
    hostname: str
    not_offered: tuple[str, ...] = ()


_LOGO = "https://raw.githubusercontent.com/stefanprodan/podinfo/gh-pages/cuddle_clap.gif"

FLAGS: Flags = {
    "host": (text, ""),
    "prefix": (text, "/"),  # since 6.10; its chart always passes it
    "port": (number, 9898),
    "secure-port": (number, 0),
    "port-metrics": (number, 0),
    "grpc-port": (number, 0),
    "grpc-service-name": (text, "podinfo"),
    "level": (text, "info"),
    "backend-url": (words, ()),
    "http-client-timeout": (duration, 120.0),
    "http-server-timeout": (duration, 30.0),
    "server-shutdown-timeout": (duration, 5.0),
    "data-path": (text, "/data"),
    "config-path": (text, ""),
    "cert-path": (text, "/data/cert"),
    "config": (text, "config.yaml"),
    "ui-path": (text, "./ui"),
    "ui-logo": (text, _LOGO),
    "ui-color": (text, "#34577c"),
    "ui-message": (text, f"greetings from podinfo v{VERSION}"),
    "h2c": (truth, False),
    "random-delay": (truth, False),
    "random-delay-unit": (text, "s"),
    "random-delay-min": (number, 0),
    "random-delay-max": (number, 5),
    "random-error": (truth, False),
    "unhealthy": (truth, False),
    "unready": (truth, False),
    "stress-cpu": (number, 0),
    "stress-memory": (number, 0),
    "cache-server": (text, ""),
    "otel-service-name": (text, ""),
    "version": (truth, False),
}
# A setting without a flag.
_JWT_SECRET = (text, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9")

_NOT_OFFERED: Mapping[str, str] = {
    "host": "the pod's own address is listened on, whatever --host says",
    "prefix": "all paths begin at /, whatever --prefix says",
    "secure-port": "HTTPS is not offered: nothing listens on port {}",
    "h2c": "HTTP/2 without TLS is not offered",
    "ui-path": "the page is the stand-in's own, nothing is read from {}",
    "stress-cpu": "stress is not offered",
    "stress-memory": "stress is not offered",
    "cache-server": "no cache server is used: /cache answers as if none were configured",
    "otel-service-name": "tracing is not offered",
}


def parse_options(line: Sequence[str], environ: Mapping[str, str]) -> Options:
    """The settings that a command line (without the program's name) and an environment make.

    raises  UsageError with the exit code that podinfo ends with
    """
    given, _ = read_flags(["--version" if word == "-v" else word for word in line], {n: f[0] for n, f in FLAGS.items()})
    if given.get("version"):
        raise UsageError(VERSION, 0)
    known = {**FLAGS, "jwt-secret": _JWT_SECRET}
    values = {name: given[name] if name in given else _from_environment(name, *known[name], environ) for name in known}
    _check(values, environ)
    if values["http-server-timeout"] <= 0:
        values["http-server-timeout"] = math.inf
    obeyed = {field.name for field in fields(Options)}
    return Options(
        **{key: value for name, value in values.items() if (key := name.replace("-", "_")) in obeyed},
        hostname=environ.get("HOSTNAME") or socket.gethostname(),
        not_offered=tuple(
            message.format(values[name]) for name, message in _NOT_OFFERED.items() if values[name] != FLAGS[name][1]
        ),
    )


def container_path(path: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where an absolute path of the container really is."""
    root = environ.get("SIGNALBOX_ROOT")
    return Path(root) / path.lstrip("/") if root else Path(path)


def _from_environment(name: str, reader: Reader, default: Any, environ: Mapping[str, str]) -> Any:
    variable = f"PODINFO_{name.upper().replace('-', '_')}"
    written = environ.get(variable, "")
    if not written:  # an empty variable counts as none
        return default
    try:
        return reader(written)
    except ValueError as error:
        # Kubernetes itself sets PODINFO_PORT=tcp://… in every pod beside a Service called podinfo.
        if name in ("port", "secure-port"):
            return default
        raise UsageError(f"{variable}: {error}", 2) from None


def _check(values: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    if values["random-delay-max"] < values["random-delay-min"]:
        raise UsageError("--random-delay-max must not be less than --random-delay-min", 2)
    if values["random-delay-unit"] not in ("s", "ms"):
        raise UsageError(f"--random-delay-unit must be s or ms, not {values['random-delay-unit']!r}", 2)
    config = f"{values['config-path']}/{values['config']}"
    if values["config-path"] and container_path(config, environ).is_file():
        raise UsageError(f"{config}: configuration files are not read by this stand-in; use flags or PODINFO_*", 1)
