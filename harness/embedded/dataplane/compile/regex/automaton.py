"""Which texts a pattern matches as a whole when it is searched leftmost-first (§0.3, §1.40).

The proxy's own engine asks whether a pattern *can* span the text. Linkerd asks whether the match that the engine
*prefers* spans it: in `/a|/ab` the first branch wins on `/ab` and leaves the `b`. Both questions are answered here by
running all threads of the pattern at once; for the second, threads behind one that has matched are dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from harness.embedded.dataplane.compile.regex.syntax import (
    ANY,
    EMPTY,
    Chars,
    Concat,
    Edge,
    Either,
    RegexRefused,
    Repeat,
    Tree,
)

_LARGEST_PROGRAM: Final = 4000
_MOST_STATES: Final = 2000
_MOST_REWRITTEN: Final = 40
_MATCH: Final = 0

Threads: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Take:
    mask: int
    then: int


@dataclass(slots=True)
class _Split:
    """Try `first`; if it fails, `second`."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class _Assert:
    at_start: bool
    then: int


@dataclass(frozen=True, slots=True)
class _State:
    """What may come next, preferred first, and whether the text may end here."""

    threads: Threads
    accepts: bool


def spanning(tree: Tree) -> Tree:
    """A tree that *can* span exactly the texts that this one *prefers* to span; the same one if nothing differs.

    raises  RegexRefused if the pattern is too large to decide or to rewrite
    """
    program = _Program()
    entry = program.emit(tree, _MATCH)
    preferring = _Machine(program, entry, prefers=True)
    if not _differ(preferring, _Machine(program, entry, prefers=False)):
        return tree
    return _rewrite(preferring)


class _Program:
    """A tree as instructions; number 0 is the match."""

    def __init__(self) -> None:
        self.code: list[_Take | _Split | _Assert | None] = [None]

    def add(self, instruction: _Take | _Split | _Assert) -> int:
        if len(self.code) > _LARGEST_PROGRAM:
            raise RegexRefused("it is too large")
        self.code.append(instruction)
        return len(self.code) - 1

    def emit(self, tree: Tree, then: int) -> int:
        """Append the instructions of a tree that goes on at `then`; answers where it begins."""
        match tree:
            case Chars(mask):
                return self.add(_Take(mask, then))
            case Edge(at):
                return self.add(_Assert(at == "start", then))
            case Concat(items):
                for item in reversed(items):
                    then = self.emit(item, then)
                return then
            case Either(items):
                entries = [self.emit(item, then) for item in items]
                entry = entries.pop()
                for preferred in reversed(entries):
                    entry = self.add(_Split(preferred, entry))
                return entry
            case Repeat():
                return self._repeat(tree, then)

    def _repeat(self, tree: Repeat, then: int) -> int:
        entry = then
        if tree.most is None:
            entry = self._loop(tree, then)
        else:
            for _ in range(tree.most - tree.least):
                entry = self._optional(tree, self.emit(tree.item, entry), then)
        required = tree.least if tree.most is not None else tree.least - 1
        for _ in range(required):
            entry = self.emit(tree.item, entry)
        return entry

    def _loop(self, tree: Repeat, then: int) -> int:
        """`x+`, and `x*` as `(x+)?`, so that an empty round ends the loop as it does in the real engine."""
        again = _Split(0, then) if tree.greedy else _Split(then, 0)
        at = self.add(again)
        body = self.emit(tree.item, at)
        if tree.greedy:
            again.first = body
        else:
            again.second = body
        return self._optional(tree, body, then) if tree.least == 0 else body

    def _optional(self, tree: Repeat, body: int, then: int) -> int:
        return self.add(_Split(body, then) if tree.greedy else _Split(then, body))

    def symbols(self) -> list[int]:
        """Sets of characters that no instruction tells apart."""
        classes = {ANY}
        for mask in {instruction.mask for instruction in self.code if isinstance(instruction, _Take)}:
            classes = {part for old in classes for part in (old & mask, old & ~mask) if part}
        return sorted(classes)


@dataclass(slots=True)
class _Machine:
    """All threads of a program at once; `prefers` drops those behind a match."""

    program: _Program
    entry: int
    prefers: bool
    known: dict[tuple[Threads, int], _State] = field(default_factory=dict)

    def start(self) -> _State:
        return self._state((self.entry,), at_start=True)

    def step(self, state: _State, symbol: int) -> _State:
        key = (state.threads, symbol)
        if key not in self.known:
            kernel: dict[int, None] = {}
            for thread in state.threads:
                instruction = self.program.code[thread]
                if isinstance(instruction, _Take) and instruction.mask & symbol:
                    kernel[instruction.then] = None
            self.known[key] = self._state(tuple(kernel), at_start=False)
        return self.known[key]

    def _state(self, kernel: Threads, *, at_start: bool) -> _State:
        threads = self._closure(kernel, at_start=at_start, at_end=False)
        accepts = _MATCH in self._closure(kernel, at_start=at_start, at_end=True)
        return _State(threads if self.prefers else tuple(sorted(threads)), accepts)

    def _closure(self, kernel: Threads, *, at_start: bool, at_end: bool) -> Threads:
        found: dict[int, None] = {}
        seen: set[int] = set()
        stack = list(reversed(kernel))
        while stack:
            at = stack.pop()
            if at in seen:
                continue
            seen.add(at)
            instruction = self.program.code[at]
            if isinstance(instruction, _Split):
                stack += (instruction.second, instruction.first)
            elif isinstance(instruction, _Assert):
                stack += (instruction.then,) * (at_start if instruction.at_start else at_end)
            else:
                found[at] = None
                if at == _MATCH and self.prefers:
                    break
        return tuple(found)


def _differ(one: _Machine, other: _Machine) -> bool:
    symbols = one.program.symbols()
    pair = (one.start(), other.start())
    seen, waiting = {pair}, deque([pair])
    while waiting:
        left, right = waiting.popleft()
        if left.accepts != right.accepts:
            return True
        for symbol in symbols:
            following = (one.step(left, symbol), other.step(right, symbol))
            if following[1].threads and following not in seen:
                seen.add(following)
                waiting.append(following)
        if len(seen) > _MOST_STATES:
            raise RegexRefused("it is too large to compare with the proxy's own reading of it")
    return False


def _rewrite(machine: _Machine) -> Tree:
    """The tree of what the machine accepts: its states are taken away one by one, their paths become edges."""
    numbers = _reachable(machine)
    first, last = -1, -2
    edges: dict[tuple[int, int], Tree] = {(first, numbers[machine.start()]): EMPTY}
    for state, number in numbers.items():
        if state.accepts:
            edges[number, last] = EMPTY
        for symbol in machine.program.symbols():
            _join(edges, (number, numbers[machine.step(state, symbol)]), Chars(symbol))
    remaining = set(numbers.values())
    while remaining:
        gone = min(remaining, key=lambda number: sum(number in edge for edge in edges))
        remaining.remove(gone)
        _remove(edges, gone)
    return edges.get((first, last), Chars(0))


def _reachable(machine: _Machine) -> dict[_State, int]:
    numbers = {machine.start(): 0}
    waiting = deque(numbers)
    while waiting:
        state = waiting.popleft()
        for symbol in machine.program.symbols():
            following = machine.step(state, symbol)
            if following not in numbers:
                numbers[following] = len(numbers)
                waiting.append(following)
        if len(numbers) > _MOST_REWRITTEN:
            raise RegexRefused(
                "it prefers a shorter match where a longer one exists, in more ways than can be rewritten: "
                "put longer alternatives first and use no lazy repetition"
            )
    return numbers


def _remove(edges: dict[tuple[int, int], Tree], gone: int) -> None:
    loop = edges.pop((gone, gone), None)
    round_trips = () if loop is None else (Repeat(loop, 0, None),)
    sources = [source for source, target in edges if target == gone]
    targets = [target for source, target in edges if source == gone]
    for source in sources:
        for target in targets:
            path = _concat((edges[source, gone], *round_trips, edges[gone, target]))
            _join(edges, (source, target), path)
    for edge in [edge for edge in edges if gone in edge]:
        del edges[edge]


def _join(edges: dict[tuple[int, int], Tree], edge: tuple[int, int], path: Tree) -> None:
    old = edges.get(edge)
    if old is None:
        edges[edge] = path
    elif isinstance(old, Chars) and isinstance(path, Chars):
        edges[edge] = Chars(old.mask | path.mask)
    else:
        branches = (*(old.items if isinstance(old, Either) else (old,)), path)
        edges[edge] = Either(tuple(dict.fromkeys(branches)))


def _concat(items: Iterable[Tree]) -> Tree:
    flat: list[Tree] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Concat) else (item,))
    return flat[0] if len(flat) == 1 else Concat(tuple(flat))


def is_nullable(tree: Tree) -> bool:
    """True if the tree can match the empty text."""
    match tree:
        case Chars():
            return False
        case Edge():
            return True
        case Concat(items):
            return _all_nullable(items)
        case Either(items):
            return any(is_nullable(item) for item in items)
        case Repeat(item, least):
            return least == 0 or is_nullable(item)


def _all_nullable(items: Sequence[Tree]) -> bool:
    return all(is_nullable(item) for item in items)
