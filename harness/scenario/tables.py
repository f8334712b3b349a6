"""The claim `each`: a decision table whose rows say who asks for what, and what every answer to it must be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, StrictInt, StrictStr

from harness.scenario.actions import FreeForm, Text
from harness.scenario.claims import DEFAULT_TIMES, Criteria
from harness.scenario.part import Part, Problem, two_bodies
from harness.scenario.request_lines import BaseUrl, Request, RowRequestLine, unsendable_headers
from harness.scenario.values import JsonPath, JsonPlace, filled_data, filled_headers, filled_text
from harness.scenario.words import Slug

Times = Annotated[StrictInt, Field(ge=1, le=1_000)]


class Row(Criteria):
    """One line of a table: a request, and properties that every response to it has."""

    said: ClassVar[str] = "a row"
    other_keys: ClassVar[tuple[str, ...]] = (
        *("from", "request", "headers", "body", "json", "times", "save"),
        "grpc-status",  # refused in rows
    )
    from_: Slug | None = None
    """A name from `senders`; left out, the table's."""
    request: RowRequestLine | None = None
    """METHOD path, or METHOD url; left out, the table's."""
    headers: Mapping[Text, StrictStr] = {}
    """Request headers, on top of the table's."""
    body: StrictStr | None = None
    """A body sent as it is."""
    json_: FreeForm = None
    """A body sent as JSON, with its content type."""
    times: Times | None = None
    """How many requests to send; left out, the table's."""
    save: Annotated[Mapping[Slug, JsonPlace], Field(min_length=1)] | None = None
    """Values to take from the body of the response, for `${name}` in later requests; of a row that is sent once."""

    @classmethod
    def key_problems(cls, present: Collection[str]) -> Iterable[Problem]:
        yield from super().key_problems(present)
        yield from two_bodies(present)

    def value_problems(self) -> Iterable[Problem]:
        yield from super().value_problems()
        yield from unsendable_headers(self.headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A row with all that it has from its table.

    number   place in the table, from 1
    request  complete; the URL, the headers and the bodies hold `${values}` until they are filled
    wanted   properties of every response
    save     where the values are that later requests use
    """

    number: int
    sender: str
    request: Request
    headers: Mapping[str, str]
    body: str | None
    json: Any
    times: int
    wanted: Criteria
    save: Mapping[str, JsonPath]

    def filled(self, values: Mapping[str, str]) -> Self:
        """The case as it is sent; raises Unfillable.

        values  what is known, `run.id` among it; percent-encoded in the URL
        """
        return replace(
            self,
            request=self.request.filled(values),
            headers=filled_headers(self.headers, values),
            body=None if self.body is None else filled_text(self.body, values),
            json=filled_data(self.json, values),
        )

    def __str__(self) -> str:
        told = [f"{name}: {text}" for name, text in self.headers.items()]
        return f"{self.sender}: {self.request}{' with ' if told else ''}{', '.join(told)}"


class Each(Part):
    """A table; what its rows have in common may be said once."""

    said: ClassVar[str] = "'each'"
    to: BaseUrl | None = None
    """Where requests go that name a path alone, like http://authors:7001."""
    from_: Slug | None = None
    """A name from `senders`."""
    request: RowRequestLine | None = None
    """METHOD path, or METHOD url."""
    times: Times = DEFAULT_TIMES
    """How many requests to send for each row."""
    headers: Mapping[Text, StrictStr] = {}
    """Request headers of all rows."""
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    """Done in this order."""

    def value_problems(self) -> Iterable[Problem]:
        yield from unsendable_headers(self.headers)
        for index, row in enumerate(self.rows):
            for key, sentence in self._wrong_with(row):
                yield ("rows", index, *key), sentence

    def _wrong_with(self, row: Row) -> Iterator[tuple[tuple[str, ...], str]]:
        request = row.request or self.request
        if (row.from_ or self.from_) is None:
            yield (), "a row needs 'from', here or for the whole table"
        if request is None:
            yield (), "a row needs 'request', here or for the whole table"
        elif not request.is_complete and self.to is None:
            yield (), f"'{request.url}' leads nowhere; say 'to' for the whole table, or write http://..."
        if row.grpc_status is not None:
            yield ("grpc-status",), "rows are asked over HTTP/1.1; calls of gRPC are sent by 'send' with protocol: grpc"
        if row.save is not None and (row.times or self.times) > 1:
            yield ("save",), "'save' takes the value of one response; write times: 1"

    def cases(self) -> tuple[Case, ...]:
        """The rows in order, each with all that it has from the table."""
        return tuple(self._case(number, row) for number, row in enumerate(self.rows, start=1))

    def _case(self, number: int, row: Row) -> Case:
        sender, request = row.from_ or self.from_, row.request or self.request
        assert sender is not None, "value_problems lets no row without a sender through"
        assert request is not None, "value_problems lets no row without a request through"
        own = {name.lower() for name in row.headers}
        shared = {name: text for name, text in self.headers.items() if name.lower() not in own}
        return Case(
            number=number,
            sender=sender,
            request=request.at(self.to or ""),
            headers={**shared, **row.headers},
            body=row.body,
            json=row.json_,
            times=row.times or self.times,
            wanted=row,
            save=row.save or {},
        )
