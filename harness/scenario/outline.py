"""What a scenario names and where, readable even while other parts of the file are wrong.

Lint works on this and not on the model, so that a missing manifest is reported beside a misspelt key and not after
it. Whatever has the wrong shape is left out here; the model complains about it.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.scenario.mesh_range import MeshRange
from harness.scenario.words import ObjectName


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
    """A sender; namespace is "" for one outside the cluster, host is None for a pod."""

    name: Word
    namespace: Word
    service_account: Word
    meshed: bool
    host: Word | None


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
class AskOutline:
    """Requests of one kind: those of a `send`, or of one row.

    host   where the URL leads
    calls  whether calls of gRPC are sent, which have a status of their own
    signs  keys of a row that ask who answered
    used   names in `${}`
    saved  names of values taken from the response
    """

    sender: Word | None
    host: Word | None
    calls: bool
    signs: tuple[Word, ...]
    used: tuple[Word, ...]
    saved: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class ExpectationOutline:
    """One expectation, or one line of `always`.

    asks       what it sends itself, in order
    signs      keys of its claim that ask who answered
    statuses   keys of its claim that ask for a status: `status` of HTTP, `grpc-status`
    answerers  workloads that are to have answered
    counted    where its claim has the sender's proxy count who answers; None if it asks each response
    silent_as  why it has no responses that `about` could ask of; "" if it may have
    """

    name: Word
    about: Word | None
    again: Word | None
    asks: tuple[AskOutline, ...]
    signs: tuple[Word, ...]
    statuses: tuple[Word, ...]
    answerers: tuple[Word, ...]
    counted: Word | None
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
    """The names of a scenario.

    mesh  what it requires, if that can be read
    """

    cluster: Word | None
    mesh: MeshRange | None
    apps: tuple[Word, ...]
    senders: tuple[SenderOutline, ...]
    always: tuple[ExpectationOutline, ...]
    steps: tuple[StepOutline, ...]
    diagnosed: tuple[Mention, ...]
    diagnosing: tuple[Word, ...]
