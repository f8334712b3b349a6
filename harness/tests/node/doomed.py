"""A supervisor that will be killed: `python -m harness.tests.node.doomed` prints its run dir once its pods run."""

from __future__ import annotations

import asyncio

from harness.tests.node.local_node import local_node


async def main() -> None:
    async with local_node() as local:
        local.create_pod("stubborn", {"image": "stubborn"})
        local.create_pod("daughter", {"image": "daughter"})
        script = "trap '' TERM; setsid sleep 1000 & (setsid sh -c 'sleep 1001; echo' &); echo up; wait"
        local.create_pod("shell", {"image": "shell", "args": [script]}, annotations={"signalbox.dev/command": "sh -c"})
        await local.until_logged("stubborn", "sleeping")
        await local.until_logged("daughter", "sleeping\nsleeping")
        await local.until_logged("shell", "up")
        await local.until(lambda: sum("sleep" in process.name() for process in local.processes()) == 2)
        print(local.run_dir, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
