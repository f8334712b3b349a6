"""`python -m harness.embedded.apps.booksapp prod:webapp`: one program of booksapp without a cluster."""

import sys

from harness.embedded.apps.booksapp import main

sys.exit(main(sys.argv))
