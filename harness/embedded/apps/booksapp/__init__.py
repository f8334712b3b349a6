"""booksapp: a bookshelf in three programs, webapp (pages), authors and books (JSON), as one image.

The last word of the command line chooses the program: `prod:webapp` (port 7000), `prod:authors` (7001) or
`prod:books` (7002). Environment (§8.1.1): AUTHORS_SITE, BOOKS_SITE, FAILURE_RATE, DATABASE_URL.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from harness.embedded.apps.booksapp.authors import authors_app
from harness.embedded.apps.booksapp.books import books_app
from harness.embedded.apps.booksapp.webapp import webapp_app
from harness.embedded.apps.serving import DRAIN_SECONDS, client_session, serve_until_stopped


@dataclass(frozen=True, slots=True)
class Program:
    """One of the three programs: the port it listens on and how to build it."""

    port: int
    build: Callable[[aiohttp.ClientSession, Mapping[str, str]], web.Application]


PROGRAMS: Mapping[str, Program] = {
    "prod:webapp": Program(7000, webapp_app),
    "prod:authors": Program(7001, authors_app),
    "prod:books": Program(7002, books_app),
}


def main(argv: list[str]) -> int:
    """Run one program until SIGTERM; 1 if what is asked for cannot be done or the port is taken."""
    program = PROGRAMS.get(argv[-1]) if argv else None
    if program is None:
        return _failed(f"the last argument must be one of {', '.join(PROGRAMS)}")
    database = os.environ.get("DATABASE_URL", "")
    if database and not database.startswith("sqlite3:"):
        return _failed(f"DATABASE_URL must be empty or sqlite3:..., not {database!r}")
    try:
        asyncio.run(_serve(program, os.environ))
    except OSError as error:
        return _failed(f"cannot listen: {error}")
    return 0


def _failed(message: str) -> int:
    print(f"booksapp: {message}", file=sys.stderr, flush=True)
    return 1


async def _serve(program: Program, environ: Mapping[str, str]) -> None:
    async with client_session() as session:
        runner = web.AppRunner(program.build(session, environ), access_log=None, shutdown_timeout=DRAIN_SECONDS)
        await serve_until_stopped({program.port: runner})
