"""`python -m harness.embedded`: the supervisor process of one embedded cluster."""

from __future__ import annotations

import sys

from harness.embedded.supervisor import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
