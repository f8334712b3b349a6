"""`/store` keeps what is sent to it, named by its hash; `/configs` shows the files of a mounted directory."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import web

from harness.embedded.apps.podinfo.answers import bytes_answer, error_answer, json_answer
from harness.embedded.apps.podinfo.log import Log
from harness.embedded.apps.podinfo.routes import Variables


class Store:
    """Both handlers of `/store`.

    directory  the real place of --data-path; without a volume there it does not exist and nothing can be kept
    """

    def __init__(self, directory: Path, log: Log) -> None:
        self._directory = directory
        self._log = log

    async def write(self, request: web.Request, _variables: Variables) -> web.Response:
        body = await request.read()
        name = hashlib.sha1(body, usedforsecurity=False).hexdigest()
        try:
            (self._directory / name).write_bytes(body)
        except OSError as error:
            self._log.warn("writing file failed", error=str(error))
            return error_answer(500, "writing file failed")
        return json_answer({"hash": name}, 202)

    async def read(self, _request: web.Request, variables: Variables) -> web.Response:
        """The content; its name is one segment of a clean path, so it leads nowhere else."""
        try:
            content = (self._directory / variables["hash"]).read_bytes()
        except (OSError, ValueError) as error:
            self._log.warn("reading file failed", error=str(error))
            return error_answer(500, "reading file failed")
        return bytes_answer(content, 202)


class Configs:
    """The handler of `/configs`; the original notices changed files a little later."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    async def __call__(self, _request: web.Request, _variables: Variables) -> web.Response:
        if self._directory is None or not self._directory.is_dir():
            return json_answer({})
        files = sorted(path for path in self._directory.iterdir() if path.is_file() and ".." not in path.name)
        return json_answer({path.name: path.read_text(errors="replace") for path in files})
