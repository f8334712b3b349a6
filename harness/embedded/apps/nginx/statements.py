"""Reads configuration files with their includes into one list of statements; grammar errors become findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crossplane

from harness.embedded.apps.nginx.files import ContainerFiles
from harness.errors import Finding

CONFIG_DIRECTORY = "/etc/nginx"


@dataclass(frozen=True, slots=True)
class Statement:
    """One directive where it stands; `block` is None for one that ends in a semicolon."""

    name: str
    args: tuple[str, ...]
    block: tuple[Statement, ...] | None
    file: str
    line: int

    def finding(self, message: str) -> Finding:
        """A finding at this directive."""
        return Finding(self.file, self.line, message)


def read_statements(path: str, files: ContainerFiles, report: Callable[[Finding], None]) -> tuple[Statement, ...]:
    """The statements of a file in the container, with every `include` replaced by what it includes."""
    real = files.find(path)
    if real is None or not real.is_file():
        report(Finding(path, 0, "there is no such configuration file in the container"))
        return ()
    return _Reader(files, report).read(path, real)


class _Reader:
    def __init__(self, files: ContainerFiles, report: Callable[[Finding], None]) -> None:
        self._files = files
        self._report = report
        self._open: list[str] = []

    def read(self, path: str, real: Path) -> tuple[Statement, ...]:
        # A file may be included anywhere, so which directive may stand where is not checked here but by the site.
        parsed = crossplane.parse(str(real), single=True, check_ctx=False)["config"][0]
        for error in parsed["errors"]:
            message = str(error["error"]).rpartition(" in ")[0] or str(error["error"])
            self._report(Finding(path, error["line"] or 0, message))
        self._open.append(path)
        statements = self._statements(path, parsed["parsed"])
        self._open.pop()
        return statements

    def _statements(self, path: str, parsed: list[dict[str, Any]]) -> tuple[Statement, ...]:
        found: list[Statement] = []
        for item in parsed:
            block = item.get("block")
            statement = Statement(
                name=item["directive"],
                args=tuple(item["args"]),
                block=None if block is None else self._statements(path, block),
                file=path,
                line=item["line"],
            )
            found += self._included(statement) if statement.name == "include" else (statement,)
        return tuple(found)

    def _included(self, include: Statement) -> tuple[Statement, ...]:
        path = include.args[0] if include.args[0].startswith("/") else f"{CONFIG_DIRECTORY}/{include.args[0]}"
        if set(path) & set("*?["):
            matches = self._files.glob(path)
        elif (real_file := self._files.find(path)) is not None:
            matches = [(path, real_file)]
        else:
            self._report(include.finding(f"there is no file {path} in the container"))
            return ()
        found: list[Statement] = []
        for name, real in matches:
            if name in self._open:
                self._report(include.finding(f"{name} includes itself"))
            else:
                found += self.read(name, real)
        return tuple(found)
