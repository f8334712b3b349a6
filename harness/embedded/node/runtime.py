"""One container of a pod: its process from start to end, again and again as the restart policy says."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from harness.embedded.node.execution import ProcessExecution
from harness.embedded.node.health import Health
from harness.embedded.node.logs import ContainerLog, LogPipe
from harness.embedded.node.probes import Action, Kind, Probe, Prober
from harness.embedded.node.processes import Ended, Order, Process, Zygote
from harness.embedded.node.status import ContainerView, Running, State, Terminated, Waiting
from harness.embedded.node.timing import Backoff, Timing
from harness.errors import EnvironmentFailed

RestartPolicy = Literal["Always", "OnFailure", "Never"]
Record = Callable[[str, str, str], None]
"""Type (Normal, Warning), reason and message of an event about the pod."""
_EXEC_LOG_BYTES = 1 << 14
_MESSAGE_BYTES = 2048  # what FallbackToLogsOnError shows of a log

CREATING = Waiting("ContainerCreating")


class Blocked(Exception):
    """A container cannot be created now; reason and message are for its waiting state.

    retry  try again after a back-off; if false only when something the pod refers to changes
    """

    def __init__(self, reason: str, message: str, *, retry: bool = True) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry = retry


@dataclass(frozen=True, slots=True)
class Launch:
    """A container ready to be started.

    tools  programs of its image that exec and probes may name -> "module:name"
    """

    order: Order
    image_id: str
    tools: Mapping[str, str] = field(default_factory=dict)

    def beside(self, command: Sequence[str]) -> Order:
        """Another command in the same environment; a tool of the image if it names one."""
        tool = self.tools.get(os.path.basename(command[0])) if command else None
        return Order(tuple(command), self.order.env, self.order.cwd, title="exec", function=tool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a container is, apart from its command line, which is worked out anew at every start.

    title    the pod for people: name_namespace(uid)
    prepare  the command line and environment of the next start; raises Blocked
    """

    name: str
    image: str
    container_id: str
    title: str
    restart_policy: RestartPolicy
    grace: float
    probes: Mapping[Kind, Probe]
    pre_stop: Action | None
    log_on_error: bool
    node_ip: str
    prepare: Callable[[], Launch]


class Container:
    """One container; `view` is what it does now, `log` and `previous_log` what it wrote.

    record   writes an event about the pod
    changed  called after each change of `view`
    """

    def __init__(
        self,
        plan: Plan,
        zygote: Zygote,
        timing: Timing,
        *,
        record: Record,
        changed: Callable[[], None],
        waiting: Waiting = CREATING,
    ) -> None:
        self.plan = plan
        self.log: ContainerLog | None = None
        self.previous_log: ContainerLog | None = None
        self._zygote = zygote
        self._timing = timing
        self._record = record
        self._changed = changed
        self._state: State = waiting
        self._last: Terminated | None = None
        self._starts = 0
        self._launch: Launch | None = None
        self._health: Health | None = None
        self._prober = Prober(plan.node_ip, self.execute)
        self._wake = asyncio.Event()
        self._stop_asked = asyncio.Event()
        self._kill_at = float("inf")

    @property
    def view(self) -> ContainerView:
        alive = self._health if isinstance(self._state, Running) else None
        return ContainerView(
            name=self.plan.name,
            image=self.plan.image,
            image_id=self._launch.image_id if self._launch else "",
            container_id=self._id if self._starts else "",
            state=self._state,
            last=self._last,
            restarts=max(0, self._starts - 1),
            ready=alive is not None and alive.ready,
            started=alive is not None and alive.started,
        )

    async def run(self) -> None:
        """Keep it running as its restart policy says; returns when it has ended for good or was stopped."""
        crashes = Backoff(self._timing)
        while not self._stop_asked.is_set():
            await self._run_once()
            ended = self._state
            if self._stop_asked.is_set() or not isinstance(ended, Terminated) or not self._again(ended):
                return
            ran = (ended.finished_at - ended.started_at).total_seconds()
            await self._back_off(crashes.failed(ran))

    def stop(self, grace: float) -> None:
        """Ask it to end within `grace` seconds; again with a shorter grace hurries it. `run` returns then."""
        self._kill_at = min(self._kill_at, asyncio.get_running_loop().time() + grace)
        self._stop_asked.set()
        self._wake.set()

    def wake(self) -> None:
        """Something the pod refers to has changed: a container that could not be created tries again."""
        if isinstance(self._state, Waiting) and self._state.reason != "CrashLoopBackOff":
            self._wake.set()

    async def execute(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a command in the container's environment -> exit code and output; killed if the caller gives up."""
        if self._launch is None:
            return 1, "the container was never started"
        log = ContainerLog(_EXEC_LOG_BYTES)
        order = self._launch.beside(command)
        process, pipe = await self._spawn(order, log)
        try:
            ended = await process.wait()
        finally:
            process.kill()
            pipe.finish()
        return ended.code, log.tail(_EXEC_LOG_BYTES)

    async def start_beside(self, command: Sequence[str], *, stdin: bool, terminal: bool) -> ProcessExecution | None:
        """Start a command in the container's environment, for the caller to close; None if it does not run."""
        if self._launch is None or not isinstance(self._state, Running):
            return None
        return await ProcessExecution.start(self._zygote, self._launch.beside(command), stdin=stdin, terminal=terminal)

    async def _run_once(self) -> None:
        log = ContainerLog()
        created = await self._created(log)
        if created is None:
            return
        process, pipe = created
        self._starts += 1
        self._leave_terminated()
        self.previous_log, self.log = self.log, log
        started_at = datetime.now(UTC)
        health = Health(self.plan.probes, self._prober, self._timing, changed=self._changed, unhealthy=self._unhealthy)
        self._health = health
        self._become(Running(started_at))
        self._record("Normal", "Started", f"Started container {self.plan.name}")
        try:
            ended = await self._attend(process, health)
        finally:
            process.kill()
            pipe.finish()
        self._become(self._terminated(ended, started_at, log))

    async def _created(self, log: ContainerLog) -> tuple[Process, LogPipe] | None:
        """Its process; waits while something is missing; None if it was stopped meanwhile."""
        pulls = Backoff(self._timing, first_at_once=False)
        while not self._stop_asked.is_set():
            self._wake.clear()
            try:
                self._launch = self.plan.prepare()
                self._record("Normal", "Pulled", f'Container image "{self.plan.image}" already present on machine')
                self._record("Normal", "Created", f"Created container: {self.plan.name}")
                return await self._spawn(self._launch.order, log)
            except EnvironmentFailed as error:
                blocked = Blocked("RunContainerError", str(error))
            except Blocked as error:
                blocked = error
            self._hold_up(blocked)
            await race(self._wake.wait(), timeout=pulls.failed() if blocked.retry else None)
        return None

    async def _spawn(self, order: Order, log: ContainerLog) -> tuple[Process, LogPipe]:
        pipe = LogPipe(log)
        try:
            return await self._zygote.run(order, pipe.write_end), pipe
        except BaseException:
            pipe.finish()
            raise
        finally:
            os.close(pipe.write_end)

    def _hold_up(self, blocked: Blocked) -> None:
        self._leave_terminated()
        self._become(Waiting(blocked.reason, blocked.message))
        if blocked.reason != "ErrImagePull":
            self._record("Warning", "Failed", f"Error: {blocked.message}")
            return
        self._record("Warning", "Failed", f'Failed to pull image "{self.plan.image}": {blocked.message}')
        self._record("Warning", "Failed", "Error: ErrImagePull")
        back_off = f'Back-off pulling image "{self.plan.image}"'
        self._record("Normal", "BackOff", back_off)
        self._become(Waiting("ImagePullBackOff", f"{back_off}: ErrImagePull: {blocked.message}"))

    async def _attend(self, process: Process, health: Health) -> Ended:
        """Watch over the process until it has ended by itself, by a probe or because it was to stop."""
        watch = asyncio.create_task(health.run())
        try:
            await race(process.wait(), self._stop_asked.wait(), asyncio.shield(watch))
            if process.running and watch.done():
                await self._end_unhealthy(process, watch.result())
            elif process.running:
                self._record("Normal", "Killing", f"Stopping container {self.plan.name}")
                await self._terminate(process, self.plan.grace)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        return await process.wait()

    async def _end_unhealthy(self, process: Process, probe: Probe) -> None:
        message = f"Container {self.plan.name} failed {probe.kind} probe, will be restarted"
        self._record("Normal", "Killing", message)
        await self._terminate(process, self.plan.grace if probe.grace is None else probe.grace)

    async def _terminate(self, process: Process, grace: float) -> None:
        clock = asyncio.get_running_loop().time
        kill_at = clock() + grace * self._timing.second
        await self._run_pre_stop(grace)
        process.signal(signal.SIGTERM)
        while process.running and (left := min(kill_at, self._kill_at) - clock()) > 0:
            self._wake.clear()
            await race(process.wait(), self._wake.wait(), timeout=left)
        process.kill()

    async def _run_pre_stop(self, grace: float) -> None:
        if self.plan.pre_stop:
            outcome = await self._prober.attempt(self.plan.pre_stop, grace * self._timing.second)
            if not outcome.ok:
                self._record("Warning", "FailedPreStopHook", f"PreStopHook failed: {outcome.message}")

    async def _back_off(self, seconds: float) -> None:
        if not seconds:
            return
        message = f"restarting failed container={self.plan.name} pod={self.plan.title}"
        self._leave_terminated()
        self._become(Waiting("CrashLoopBackOff", f"back-off {seconds:g}s {message}"))
        self._record("Warning", "BackOff", f"Back-off {message}")
        self._wake.clear()
        await race(self._stop_asked.wait(), timeout=seconds)

    def _again(self, ended: Terminated) -> bool:
        policy = self.plan.restart_policy
        return policy == "Always" or (policy == "OnFailure" and ended.exit_code != 0)

    def _terminated(self, ended: Ended, started_at: datetime, log: ContainerLog) -> Terminated:
        return Terminated(
            exit_code=ended.code,
            signal=ended.signal,
            reason="Error" if ended.code else "Completed",
            message=log.tail(_MESSAGE_BYTES) if ended.code and self.plan.log_on_error else "",
            started_at=started_at,
            finished_at=datetime.now(UTC),
            container_id=self._id,
        )

    @property
    def _id(self) -> str:
        return f"{self.plan.container_id}/{self._starts}"

    def _leave_terminated(self) -> None:
        if isinstance(self._state, Terminated):
            self._last = self._state

    def _become(self, state: State) -> None:
        self._state = state
        self._changed()

    def _unhealthy(self, probe: Probe, message: str) -> None:
        self._record("Warning", "Unhealthy", f"{probe.kind.capitalize()} probe failed: {message}")


async def race(*waits: Coroutine[Any, Any, Any] | asyncio.Future[Any], timeout: float | None = None) -> None:
    """Return when the first is done or the time is over; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
