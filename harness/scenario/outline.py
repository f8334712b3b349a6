"""What a scenario names and where, readable even while other parts of the file are wrong.

Lint works on this and not on the model, so that a missing manifest is reported beside a misspelt key and not after
it. Whatever has the wrong shape is left out here; the model complains about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from harness.scenario.words import ObjectName, parse_object_name
from harness.scenario.yaml_source import Document, Location

_SILENT: Final = {"resource": "asks the cluster", "metrics": "reads counters"}
_REFERRING: Final = ("patch", "set-env", "unset-env", "scale", "wait")


@dataclass(frozen=True, slots=True)
class Word:
    """A text and its line."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Mention:
    """A Deployment or other workload that is named somewhere."""

    name: ObjectName
    line: int
    key: str


@dataclass(frozen=True, slots=True)
class SenderOutline:
    """A sender; namespace is "" for one outside the cluster."""

    name: Word
    namespace: Word
    service_account: Word
    meshed: bool


@dataclass(frozen=True, slots=True)
class ActionOutline:
    """One line of `given` or `when`.

    verb       apply, delete, or "" for the others
    manifests  paths to apply or delete
    expected   codes of findings that the author expects
    mentions   Deployments that must exist when the action is done
    unclear    no verb is recognised, so nobody knows what it would have changed
    """

    verb: str
    manifests: tuple[Word, ...]
    expected: tuple[Word, ...]
    mentions: tuple[Mention, ...]
    unclear: bool


@dataclass(frozen=True, slots=True)
class ExpectationOutline:
    """One expectation.

    by         where its claim asks who answered
    silent_as  why it has no responses that `about` could ask of; "" if it may have
    """

    name: Word
    about: Word | None
    again: Word | None
    sender: Word | None
    by: Word | None
    silent_as: str
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class StepOutline:
    """One step."""

    name: Word
    actions: tuple[ActionOutline, ...]
    expectations: tuple[ExpectationOutline, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """The names of a scenario."""

    cluster: Word | None
    apps: tuple[Word, ...]
    senders: tuple[SenderOutline, ...]
    steps: tuple[StepOutline, ...]
    diagnosed: tuple[Mention, ...]
    diagnosing: tuple[Word, ...]


def outline(document: Document) -> Outline:
    """The names in a document, as far as they can be made out."""
    return _Reader(document).scenario()


@dataclass(frozen=True, slots=True)
class _Reader:
    document: Document

    def scenario(self) -> Outline:
        diagnoses = [at for at, item in self._items(("spec", "diagnose")) if isinstance(item, dict)]
        mentions = (self._mention((*at, "logs", "deployment")) for at in diagnoses)
        senders = (self._word(*at, "proxy-policy", "from") for at in diagnoses)
        return Outline(
            cluster=self._word("spec", "cluster"),
            apps=tuple(self._words(("spec", "apps"))),
            senders=tuple(self._sender(name) for name, body in self._members(("spec", "senders")) if _is_map(body)),
            steps=tuple(self._step(at) for at, step in self._items(("spec", "steps")) if _is_map(step)),
            diagnosed=tuple(mention for mention in mentions if mention),
            diagnosing=tuple(sender for sender in senders if sender),
        )

    def _sender(self, name: str) -> SenderOutline:
        at: Location = ("spec", "senders", name)
        line = self.document.line(*at)
        return SenderOutline(
            name=Word(name, line),
            namespace=self._word(*at, "namespace") or Word("", line),
            service_account=self._word(*at, "serviceAccount") or Word("default", line),
            meshed=self._value((*at, "meshed")) is not False and self._value((*at, "via")) is None,
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
        return ExpectationOutline(
            name=self._word(*at, "expect") or Word("", self.document.line(*at)),
            about=self._word(*at, "about"),
            again=self._word(*at, "again"),
            sender=self._word(*at, "send", "from"),
            by=self._word(*at, "every", "by") or self._word(*at, "share", "of", "by"),
            silent_as=next((why for key, why in _SILENT.items() if self._value((*at, key)) is not None), ""),
            mentions=tuple(mention for mention in mentions if mention),
        )

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
