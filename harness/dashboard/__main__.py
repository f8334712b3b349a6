"""`python -m harness.dashboard`."""

from __future__ import annotations

import sys

from harness.dashboard.program import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
