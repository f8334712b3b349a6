"""Makes the outline of a scenario out of its YAML, however wrong the rest of it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from harness.scenario.mesh_range import MeshRange, parse_mesh_range
from harness.scenario.outline import (
    ActionOutline,
    AskOutline,
    ExpectationOutline,
    Mention,
    Outline,
    SenderOutline,
    StepOutline,
    Word,
)
from harness.scenario.values import names_in
from harness.scenario.words import parse_object_name
from harness.scenario.yaml_source import Document, Location

_SILENT: Final = {"resource": "asks the cluster", "metrics": "reads counters"}
_REFERRING: Final = ("patch", "set-env", "unset-env", "scale", "wait")
_SIGNS: Final = ("by", "answered-by")
_STATUSES: Final = ("status", "grpc-status")
_FILLED: Final = ("request", "headers", "body", "json")


def outline(document: Document) -> Outline:
    """The names in a document, as far as they can be made out."""
    return _Reader(document).scenario()


@dataclass(frozen=True, slots=True)
class _Reader:
    document: Document

    def scenario(self) -> Outline:
        diagnoses = [at for at, item in self._items(("spec", "diagnose")) if _is_map(item)]
        named = (("logs", "deployment"), ("authorizations", "workload"))
        mentions = (self._mention((*at, *inside)) for at in diagnoses for inside in named)
        senders = (self._word(*at, "proxy-policy", "from") for at in diagnoses)
        return Outline(
            cluster=self._word("spec", "cluster"),
            mesh=self._mesh(("spec", "requires", "mesh")),
            apps=tuple(self._words(("spec", "apps"))),
            senders=tuple(self._sender(name) for name, body in self._members(("spec", "senders")) if _is_map(body)),
            always=tuple(self._expectation(at) for at, watch in self._items(("spec", "always")) if _is_map(watch)),
            steps=tuple(self._step(at) for at, step in self._items(("spec", "steps")) if _is_map(step)),
            diagnosed=tuple(mention for mention in mentions if mention),
            diagnosing=tuple(sender for sender in senders if sender),
        )

    def _mesh(self, at: Location) -> MeshRange | None:
        word = self._word(*at)
        try:
            return parse_mesh_range(word.text) if word else None
        except ValueError:  # the model says what is wrong with it
            return None

    def _sender(self, name: str) -> SenderOutline:
        at: Location = ("spec", "senders", name)
        line = self.document.line(*at)
        return SenderOutline(
            name=Word(name, line),
            namespace=self._word(*at, "namespace") or Word("", line),
            service_account=self._word(*at, "serviceAccount") or Word("default", line),
            meshed=self._value((*at, "meshed")) is not False and self._value((*at, "via")) is None,
            host=self._word(*at, "host"),
        )

    def _step(self, at: Location) -> StepOutline:
        actions = [place for key in ("given", "when") for place, body in self._items((*at, key)) if _is_map(body)]
        expectations = [place for place, body in self._items((*at, "then")) if _is_map(body)]
        return StepOutline(
            name=self._word(*at, "name") or Word("", self.document.line(*at)),
            actions=tuple(map(self._action, actions)),
            expectations=tuple(map(self._expectation, expectations)),
        )

    def _action(self, at: Location) -> ActionOutline:
        verb = next((verb for verb in ("apply", "delete") if self._value((*at, verb)) is not None), "")
        mentions = [
            self._mention((*at, referring, key)) for referring in _REFERRING for key in ("deployment", "rollout")
        ]
        return ActionOutline(
            verb=verb,
            manifests=tuple(self._words((*at, verb))) if verb else (),
            expected=tuple(self._words((*at, "lint", "expect"))),
            mentions=tuple(mention for mention in mentions if mention),
            unclear=not verb and all(self._value((*at, referring)) is None for referring in _REFERRING),
        )

    def _expectation(self, at: Location) -> ExpectationOutline:
        mentions = (
            self._mention((*at, "metrics", "proxy")),
            self._mention((*at, "resource", "deployment")),
        )
        rows = [place for place, row in self._items((*at, "each", "rows")) if _is_map(row)]
        claims = [(*at, *inside) for inside in (("every",), ("share", "of"), ("split",), ("latency", "of"))]
        answerers = [word for place in (*claims, *rows) if (word := self._word(*place, "answered-by"))]
        named = (*at, "split", "answered-by")
        answerers += [Word(name, self.document.line(*named, name)) for name, _ in self._members(named)]
        return ExpectationOutline(
            name=self._word(*at, "expect") or Word("", self.document.line(*at)),
            about=self._word(*at, "about"),
            again=self._word(*at, "again"),
            asks=tuple(self._asks(at, rows)),
            signs=tuple(sign for place in claims for sign in self._keys(place, _SIGNS)),
            statuses=tuple(status for place in claims for status in self._keys(place, _STATUSES)),
            answerers=tuple(answerers),
            counted=self._counted(at),
            silent_as=next((why for key, why in _SILENT.items() if self._value((*at, key)) is not None), ""),
            mentions=tuple(mention for mention in mentions if mention),
        )

    def _counted(self, at: Location) -> Word | None:
        """The key that has the sender's proxy count who answers."""
        places: tuple[Location, ...] = ((*at, "share", "of", "answered-by"), (*at, "split", "answered-by"))
        found = (place for place in places if self._value(place) is not None)
        return next((Word("answered-by", self.document.line(*place)) for place in found), None)

    def _asks(self, at: Location, rows: list[Location]) -> Iterator[AskOutline]:
        if _is_map(self._value((*at, "send"))):
            yield self._ask((*at, "send"))
        for row in rows:
            yield self._ask(row, (*at, "each"))

    def _ask(self, at: Location, table: Location | None = None) -> AskOutline:
        """What is said at one place; what is not said there is said for the whole table."""
        places = (at,) if table is None else (at, table)
        sender, request = (self._first(places, key) for key in ("from", "request"))
        texts = (word for place in places for key in _FILLED for word in self._texts((*place, key)))
        saved = self._members((*at, "save"))
        return AskOutline(
            sender=sender,
            host=_host(request) or (_host(self._word(*table, "to")) if table else None),
            calls=self._value((*at, "protocol")) == "grpc",
            signs=tuple(self._keys(at, _SIGNS)) if table else (),
            used=tuple(Word(name, word.line) for word in texts for name in names_in(word.text)),
            saved=tuple(Word(name, self.document.line(*at, "save", name)) for name, _ in saved),
        )

    def _first(self, places: tuple[Location, ...], key: str) -> Word | None:
        return next((word for place in places if (word := self._word(*place, key)) is not None), None)

    def _keys(self, at: Location, wanted: tuple[str, ...]) -> Iterator[Word]:
        keys = (key for key in wanted if self._value((*at, key)) is not None)
        return (Word(key, self.document.line(*at, key)) for key in keys)

    def _texts(self, at: Location) -> Iterator[Word]:
        """Every text at this place and inside it."""
        value = self._value(at)
        if isinstance(value, str):
            yield Word(value, self.document.line(*at))
        inside = [place for place, _ in self._items(at)] + [(*at, key) for key, _ in self._members(at)]
        for place in inside:
            yield from self._texts(place)

    def _value(self, at: Location) -> Any:
        value = self.document.data
        for key in at:
            if isinstance(value, dict):
                value = value.get(str(key))
            elif isinstance(value, list) and isinstance(key, int) and key < len(value):
                value = value[key]
            else:
                return None
        return value

    def _word(self, *at: str | int) -> Word | None:
        value = self._value(at)
        return Word(value, self.document.line(*at)) if isinstance(value, str) and value else None

    def _words(self, at: Location) -> Iterator[Word]:
        """The texts of a list, or the one text that stands in its place."""
        if (word := self._word(*at)) is not None:
            yield word
        for place, _ in self._items(at):
            if (word := self._word(*place)) is not None:
                yield word

    def _items(self, at: Location) -> list[tuple[Location, Any]]:
        value = self._value(at)
        return [((*at, index), item) for index, item in enumerate(value)] if isinstance(value, list) else []

    def _members(self, at: Location) -> list[tuple[str, Any]]:
        value = self._value(at)
        return list(value.items()) if isinstance(value, dict) else []

    def _mention(self, at: Location) -> Mention | None:
        word = self._word(*at)
        try:
            return Mention(parse_object_name(word.text), word.line, str(at[-1])) if word else None
        except ValueError:  # the model says what is wrong with it
            return None


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


def _host(written: Word | None) -> Word | None:
    """The host name in a request or URL, if there is one."""
    url = written.text.rpartition(" ")[2] if written else ""
    try:
        host = urlsplit(url).hostname if url.startswith("http://") else None
    except ValueError:  # the model says what is wrong with it
        return None
    return Word(host, written.line) if host and written else None
