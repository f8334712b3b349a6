"""`python -m harness.embedded.apps.nginx`: the stand-in without a cluster; SIGNALBOX_ROOT holds the mounted files."""

import sys

from harness.embedded.apps.nginx import main

sys.exit(main(sys.argv))
