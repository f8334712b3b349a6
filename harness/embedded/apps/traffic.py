"""booksapp-traffic: one visitor who creates, reads, edits and deletes through webapp's pages for ever (§8.3).

    traffic [-sleep 100ms] [-initial-delay 1m] HOST:PORT

Flags are written as Go programs take them: one or two dashes, value after `=` or as the next word, durations like
1m30s, 20ms, 1.5h.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from harness.embedded.apps.serving import client_session, proxy_for

USAGE = """\
usage: traffic [flags] HOST:PORT
  -sleep duration          pause after every request (default 100ms)
  -initial-delay duration  pause before the first request (default 1m0s)"""

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
AUTHOR = {"first_name": "Ernest", "last_name": "Cline"}
AUTHOR_IN_THE_WAY = 'Delete author "Ernest Cline" before running this script'

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)"
_DURATION = re.compile(rf"([+-]?)(0|(?:{_PART})+)")


class UsageError(Exception):
    """The command line cannot be obeyed. exit_code as the original's flag parser has it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Stuck(Exception):
    """The sequence cannot go on; the program ends with exit code 1."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line; pauses in seconds."""

    target: str
    sleep: float = 0.1
    initial_delay: float = 60.0


def go_duration(text: str) -> float:
    """Seconds of a Go duration such as `1m30s`.

    raises  ValueError
    """
    whole = _DURATION.fullmatch(text)
    if whole is None:
        raise ValueError(f"invalid duration {text!r}")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text))
    return -seconds if whole[1] == "-" else seconds


def parse_options(words: list[str]) -> Options:
    """The options in a command line without the program's name.

    raises  UsageError
    """
    durations: dict[str, float] = {}
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        flag, equals, value = word.lstrip("-").partition("=")
        if flag in ("h", "help"):
            raise UsageError("", 0)
        if flag not in ("sleep", "initial-delay"):
            raise UsageError(f"flag provided but not defined: -{flag}", 2)
        if not equals and not rest:
            raise UsageError(f"flag needs an argument: -{flag}", 2)
        try:
            durations[flag.replace("-", "_")] = go_duration(value if equals else rest.pop(0))
        except ValueError as error:
            raise UsageError(f"flag -{flag}: {error}", 2) from error
    if len(rest) != 1:
        raise UsageError(f"one target is needed, not {len(rest)}", 1)
    return Options(rest[0], **durations)


class Visitor:
    """The visitor. One request at a time, a pause after each, no redirect followed.

    pause  waits for a number of seconds
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        options: Options,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._base = f"http://{options.target}"
        self._proxy = proxy_for(self._base)
        self._headers = {"Host": options.target}
        self._options = options
        self._pause = pause

    async def run(self) -> None:
        """Clear what an earlier visitor left, then repeat the cycle for ever.

        raises  Stuck
        """
        await self._pause(self._options.initial_delay)
        await self.reset()
        while True:
            await self.cycle()

    async def reset(self) -> None:
        """Ask for `/reset` until it is done (204)."""
        while await self._get("/reset") != 204:
            pass

    async def cycle(self) -> None:
        """One round of ten pages; more where a POST has to be repeated (§8.3.2).

        raises  Stuck
        """
        await self._get("/")
        author = await self._create("author", "/authors", AUTHOR)
        await self._get(author)
        author_id = author.rpartition("/")[2]
        book = ""
        for title, pages in (("Ready Player One", "345"), ("Ready Player Two", "456")):
            form = {"title": title, "author_id": author_id, "pages": pages}
            book = await self._create("book", "/books", form)
            await self._get(book)
        form = {"title": "Ready Player Three", "author_id": author_id, "pages": "567"}
        await self._post("edit book", f"{book}/edit", form)
        await self._post("delete book", f"{book}/delete")
        await self._post("delete author", f"{author}/delete")

    async def _get(self, path: str) -> int:
        """The status, or 0 if there was no answer; either way the visitor goes on."""
        try:
            return (await self._ask("GET", path))[0]
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def _create(self, what: str, path: str, form: Mapping[str, str]) -> str:
        """Path of what was created. A redirect home means that it was refused as a duplicate or an orphan."""
        location = await self._post(f"create {what}", path, form)
        if not location:
            raise Stuck("Failed to get location: there is none")
        created = URL(location).path
        if created == "/":
            raise Stuck(AUTHOR_IN_THE_WAY)
        return created

    async def _post(self, what: str, path: str, form: Mapping[str, str] | None = None) -> str:
        """Post until the answer is 303, whatever else it was (§8.3.3); the Location that came with it."""
        while True:
            try:
                status, location = await self._ask("POST", path, form)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Stuck(f"Failed to {what}: {_reason(error)}") from error
            if status == 303:
                return location

    async def _ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> tuple[int, str]:
        started = time.monotonic()
        url = self._base + path
        data = urlencode(form) if form else None
        headers = self._headers | FORM if form else self._headers
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, proxy=self._proxy, allow_redirects=False
            ) as answer:
                await answer.read()
            print(f"{answer.status} {method} {url} {(time.monotonic() - started) * 1000:.1f}ms", flush=True)
        except (aiohttp.ClientError, TimeoutError) as error:
            print(f"ERR {method} {url} {_reason(error)}", flush=True)
            raise
        finally:
            await self._pause(self._options.sleep)
        return answer.status, answer.headers.get("Location", "")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()


def main(argv: list[str]) -> int:
    """Visit until stopped; 1 if the visitor is stuck or has no target, 2 for wrong flags."""
    try:
        options = parse_options(argv[1:])
        asyncio.run(_visit(options))
    except UsageError as error:
        print(f"{error}\n{USAGE}".lstrip(), file=sys.stderr, flush=True)
        return error.exit_code
    except Stuck as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


async def _visit(options: Options) -> None:
    async with client_session() as session:
        await Visitor(session, options).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
