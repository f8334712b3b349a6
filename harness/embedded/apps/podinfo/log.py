"""podinfo's log: one JSON object a line, on standard error."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

LEVELS = ("debug", "info", "warn", "error", "fatal", "panic")


class Log:
    """Writes what is at least as grave as `level`; an unknown level means info."""

    def __init__(self, level: str) -> None:
        self._least = LEVELS.index(level if level in LEVELS else "info")

    def debug(self, message: str, **fields: object) -> None:
        self._write("debug", message, fields)

    def info(self, message: str, **fields: object) -> None:
        self._write("info", message, fields)

    def warn(self, message: str, **fields: object) -> None:
        self._write("warn", message, fields)

    def error(self, message: str, **fields: object) -> None:
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, object]) -> None:
        if LEVELS.index(level) < self._least:
            return
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        print(json.dumps({"level": level, "ts": moment, "msg": message, **fields}), file=sys.stderr, flush=True)
