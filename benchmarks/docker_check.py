"""The images of this repository on a real Docker engine: built, run, talked to, saved; and preflight against it.

    just docker-check [--base IMAGE]

Uses the engine that answers. If none does and we are root on a machine with `dockerd`, one is started in a folder of
its own and taken down again. Without --base (and without a python:slim to be pulled) a base image is made from Debian
by `debootstrap`. Prints what was done with figures; ends with 0, with 4 if a step failed, and with 0 and a sentence
where no engine can be had, because then nothing was shown.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.cluster import docker, machine
from harness.cluster.images import BASE, DASHBOARD, SENDER, STAND_INS, Recipe, ensure
from harness.commands import CommandFailed, found, run
from harness.errors import EnvironmentFailed

BASE_IMAGE = "signalbox-base:bookworm"
NETWORK = "signalbox-docker-check"
REQUESTS = 200
START_SECONDS = 30.0


def main() -> int:
    """Do all of it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", help="base image with Python 3.11+ and pip; left out, one is made by debootstrap")
    options = parser.parse_args()
    try:
        with ExitStack() as stack:
            if not _answers() and not _start_engine(stack):
                return 0
            _check(options.base)
    except EnvironmentFailed as error:
        print(f"✗ {error}")
        return 4
    return 0


def _check(base: str | None) -> None:
    for check in [machine.docker_answers(), *machine.inotify_limits(), machine.disk_has_room()]:
        print(check)
    os.environ[BASE] = base or _made_base()
    for recipe in (SENDER, DASHBOARD, *STAND_INS):
        _built(recipe)
    _saved()
    with _running() as sender:
        _talked_to(sender)


def _answers() -> bool:
    return found("docker") is not None and machine.docker_answers().holds


def _start_engine(stack: ExitStack) -> bool:
    """Start an engine of our own; says why if that cannot be."""
    if found("dockerd") is None or os.getuid() != 0:
        why = "dockerd is not installed" if found("dockerd") is None else "we are not root"
        print(f"no Docker engine answers and none can be started ({why}): nothing was checked")
        return False
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sb-docker-")))
    address = f"unix://{folder}/engine.sock"
    argv = ["dockerd", "--host", address, "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    argv += ["--pidfile", str(folder / "pid")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
    stack.callback(_end, process)
    os.environ["DOCKER_HOST"] = address
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _answers():
            print(f"started an engine of our own: {docker.engine_version()[0]}")
            return True
        time.sleep(0.2)
    last = (folder / "log").read_text(errors="replace").splitlines()[-5:]
    print("no Docker engine answers and none can be started: nothing was checked. Its last words:", *last, sep="\n  ")
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _made_base() -> str:
    """A small Debian with Python, as an image that trusts what this machine trusts."""
    if docker.has_image(BASE_IMAGE):
        print(f"✓ base {BASE_IMAGE}: on this machine")
        return BASE_IMAGE
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sb-base-") as name:
        root, tar = Path(name) / "root", Path(name) / "base.tar"
        packages = "python3,python3-pip,ca-certificates"
        run(["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(root)], within=1200)
        bundle = Path("etc/ssl/certs/ca-certificates.crt")
        if (Path("/") / bundle).exists():
            shutil.copy(Path("/") / bundle, root / bundle)
        run(["tar", "-C", str(root), "-cf", str(tar), "."], within=300)
        run(["docker", "import", "--change", f"ENV PIP_CERT=/{bundle}", str(tar), BASE_IMAGE], within=300)
    print(f"✓ base {BASE_IMAGE}: made by debootstrap in {time.monotonic() - begin:.0f} s")
    return BASE_IMAGE


def _built(recipe: Recipe) -> None:
    begin = time.monotonic()
    built = ensure(recipe)
    took = time.monotonic() - begin
    size = int(run(["docker", "image", "inspect", "--format", "{{.Size}}", recipe.image], within=30))
    print(f"✓ image {recipe.image}: {'built' if built else 'unchanged'} in {took:.1f} s, {size / 1e6:.0f} MB")
    if ensure(recipe):
        raise EnvironmentFailed(f"{recipe.image} was built again although nothing has changed")


def _saved() -> None:
    _, api = docker.engine_version()
    with docker.archive([SENDER.image]) as path:
        size = path.stat().st_size
    how = "--platform" if api >= docker.SAVES_ONE_PLATFORM else "without --platform, which this engine does not know"
    print(f"✓ docker save {how} (API {'.'.join(map(str, api))}): {size / 1e6:.0f} MB")


@contextmanager
def _running() -> Iterator[str]:
    """A sender and the stand-ins on a network of their own; the sender's address on this machine."""
    names = {"podinfo": (STAND_INS[2].image, ["--port=9898"]), "authors": (STAND_INS[0].image, ["prod:authors"])}
    started = ["signalbox-sender"]
    run(["docker", "network", "create", NETWORK], within=60)
    try:
        argv = ["docker", "run", "--detach", "--network", NETWORK]
        for name, (image, arguments) in names.items():
            run([*argv, "--name", name, image, *arguments], within=60)
            started.append(name)
        run([*argv, "--name", "signalbox-sender", "--publish", "127.0.0.1::4199", SENDER.image], within=60)
        user = run(["docker", "exec", "signalbox-sender", "id", "-u"], within=30).strip()
        if user == "0":
            raise EnvironmentFailed("the sender runs as root")
        print(f"✓ containers run, as user {user}")
        yield run(["docker", "port", "signalbox-sender", "4199"], within=30).split()[0]
    finally:
        for name in started:
            _quietly(["docker", "rm", "--force", name])
        _quietly(["docker", "network", "rm", NETWORK])


def _talked_to(sender: str) -> None:
    """Send requests from container to container and count what came back."""
    for url in ("http://podinfo:9898/api/info", "http://authors:7001/authors.json"):
        plan = {
            "request": {"method": "GET", "url": url, "headers": [], "body_base64": ""},
            "rate_per_second": 100,
            "limit": REQUESTS,
        }
        order = urllib.request.Request(f"http://{sender}/send", json.dumps(plan).encode())
        lines = [json.loads(line) for line in _patiently(order).splitlines()]
        statuses = [one.get("status") for line in lines for one in line.get("outcomes", ())]
        summary = lines[-1].get("summary")
        if summary is None or statuses != [200] * REQUESTS:
            raise EnvironmentFailed(f"{url}: not {REQUESTS} times 200 but {sorted(set(map(str, statuses)))}")
        print(f"✓ {url}: {REQUESTS} x 200 from container to container, {summary['achieved_rate']:.0f}/s")


def _patiently(order: urllib.request.Request) -> bytes:
    """The answer of a sender that may still be starting."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(order, timeout=60) as answer:
                body: bytes = answer.read()
                return body
        except OSError as error:
            if time.monotonic() > deadline:
                raise EnvironmentFailed(f"the sender does not answer: {error}") from None
            time.sleep(0.2)


def _quietly(argv: list[str]) -> None:
    try:
        run(argv, within=60)
    except CommandFailed as error:
        print(f"  left behind: {error.message.splitlines()[0]}")


if __name__ == "__main__":
    sys.exit(main())
