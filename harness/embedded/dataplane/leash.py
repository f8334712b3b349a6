"""Executes a program that the kernel kills as soon as its parent is gone.

    python -I -S leash.py PARENT_PID PROGRAM ARGUMENT...

A program of its own, because the parent has threads: nothing but exec is safe in a fork of it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):  # it died before the kernel knew what to do then
        sys.exit(1)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
