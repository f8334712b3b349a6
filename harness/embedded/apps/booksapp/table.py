"""A table of records in its own in-memory SQLite database, with the type rules of the original (§8.1.5, §8.1.6).

Each pod has its own copy: a restarted pod starts from the seeds again (§7.0.5).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]

SEEDED_AT = "2018-01-01T00:00:00.000Z"
LARGEST_ID = 2**31 - 1  # Ids and page counts are four-byte integers in the original's schema.

_INTEGER_PREFIX = re.compile(r"\s*([+-]?\d+)")
_ORDER_TERM = re.compile(
    r"\s*(?:(?P<column>\w+)|(?P<function>lower|upper|length)\((?P<argument>\w+)\))(?:\s+(?:asc|desc))?\s*", re.I
)


class UnsafeOrder(Exception):
    """An `order` that is more than columns, simple functions of columns and directions."""


def utc_now() -> str:
    """The current time as the JSON of both services shows it: ISO 8601, UTC, milliseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def as_integer(value: Any) -> int | None:
    """What an integer column holds for `value`: a text's leading digits, 0 for any other text, None for blank."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float):
        return int(value)
    prefix = _INTEGER_PREFIX.match(str(value))
    return int(prefix[1]) if prefix else 0


def as_text(value: Any) -> str | None:
    """What a text column holds when given `value`."""
    return None if value is None else str(value)


class Table:
    """Records with ids that are never reused.

    name     of the table and of the collection in URLs
    columns  the ones a client may set, with the function that makes a value fit
    seeds    values of these columns in order, one tuple per record; ids count from 1
    """

    def __init__(
        self,
        name: str,
        columns: Mapping[str, Callable[[Any], Any]],
        seeds: Iterable[tuple[Any, ...]],
        *,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self.name = name
        self.columns = dict(columns)
        self._casts = {"id": as_integer, **columns, "created_at": as_text, "updated_at": as_text}
        self._now = now
        self._database = sqlite3.connect(":memory:", isolation_level=None)
        self._database.row_factory = _as_record
        declared = ", ".join(f"{column} NOT NULL" for column in (*columns, "created_at", "updated_at"))
        self._database.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY AUTOINCREMENT, {declared})")
        for values in seeds:
            self._insert(dict(zip(columns, values, strict=True)), SEEDED_AT)

    def close(self) -> None:
        """Give the database's memory back."""
        self._database.close()

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, in the order JSON shows them."""
        return tuple(self._casts)

    def select(self, filters: Mapping[str, Any], order: str = "") -> list[Record]:
        """Records whose columns equal `filters`; keys that are no columns are ignored.

        raises  UnsafeOrder
        """
        wanted = {name: self._casts[name](value) for name, value in filters.items() if name in self._casts}
        where = " AND ".join(f"{name} IS ?" for name in wanted)
        query = f"SELECT * FROM {self.name}" + (f" WHERE {where}" if where else "") + self._order_by(order)
        return self._run(query, *(_within_range(value) for value in wanted.values()))

    def find(self, record_id: Any) -> Record | None:
        """The record with this id; text is taken as in `as_integer`."""
        found = self._run(f"SELECT * FROM {self.name} WHERE id = ?", _within_range(as_integer(record_id)))
        return found[0] if found else None

    def cast(self, attributes: Mapping[str, Any]) -> Record:
        """The attributes as their columns would hold them.

        raises  KeyError for an attribute that is no column
        """
        return {name: self._casts[name](value) for name, value in attributes.items()}

    def insert(self, attributes: Mapping[str, Any]) -> Record:
        """Store a new record and return it as stored."""
        return self._insert(attributes, self._now())

    def update(self, record_id: int, changes: Mapping[str, Any]) -> Record:
        """Change an existing record and return it as stored; its time of update moves only if something differs."""
        stored = self.find(record_id)
        if stored is None:
            raise LookupError(f"{self.name} has no record {record_id}")
        if all(stored[name] == value for name, value in changes.items()):
            return stored
        values = {**changes, "updated_at": self._now()}
        assignments = ", ".join(f"{name} = ?" for name in values)
        self._run(f"UPDATE {self.name} SET {assignments} WHERE id = ?", *values.values(), record_id)
        return {**stored, **values}

    def delete(self, record_id: int) -> None:
        """Remove a record; nothing happens if it is gone already."""
        self._run(f"DELETE FROM {self.name} WHERE id = ?", record_id)

    def _insert(self, attributes: Mapping[str, Any], moment: str) -> Record:
        values = {"created_at": moment, "updated_at": moment, **attributes}
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        return self._run(f"INSERT INTO {self.name} ({names}) VALUES ({marks}) RETURNING *", *values.values())[0]

    def _order_by(self, order: str) -> str:
        if not order:
            return ""
        for term in order.split(","):
            parsed = _ORDER_TERM.fullmatch(term)
            if parsed is None or (parsed["column"] or parsed["argument"]).lower() not in self._casts:
                raise UnsafeOrder(f"cannot order {self.name} by {order!r}")
        return f" ORDER BY {order}"

    def _run(self, query: str, *values: Any) -> list[Record]:
        return self._database.execute(query, values).fetchall()


def _as_record(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Record:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def _within_range(value: Any) -> Any:
    """A value SQLite can bind: a number no column can hold becomes one that no record has."""
    return -1 if isinstance(value, int) and abs(value) > LARGEST_ID else value
