"""What a test tells the programs, and how they fail: as the real ones do."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

HOME = Path(os.environ.get("DOUBLES", "/nonexistent"))


def told_to(word: str) -> bool:
    """Whether a test wants this failure."""
    return (HOME / "fail" / word).exists()


def fail(words: str, code: int = 1) -> NoReturn:
    """End as the real programs do: words on standard error, and an exit code."""
    print(words, file=sys.stderr)
    sys.exit(code)


def hang_if(word: str) -> None:
    """Say that we hang, and wait to be ended, if a test wants that."""
    if told_to(word):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        (HOME / f"{word}-reached").touch()
        while HOME.exists():  # a test that kills its caller leaves nobody else to end us
            time.sleep(0.5)
        sys.exit(1)


class Usage(argparse.ArgumentParser):
    """Refuses what the real program does not document."""

    def __init__(self, name: str) -> None:
        super().__init__(prog=name, allow_abbrev=False, add_help=False)

    def error(self, message: str) -> NoReturn:
        """As cobra commands do."""
        fail(f"Error: {message}", 1)
