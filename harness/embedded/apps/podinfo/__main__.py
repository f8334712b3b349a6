"""`python -m harness.embedded.apps.podinfo --port=9898`: podinfo without a cluster."""

import sys

from harness.embedded.apps.podinfo import main

sys.exit(main(sys.argv))
