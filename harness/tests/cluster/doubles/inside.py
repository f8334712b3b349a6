"""`python -m harness.tests.cluster.doubles.inside`: a cluster in a box as the inside of one that a double makes.

A real cluster has webhooks called; this one would refuse them, lest somebody wait for them in vain. Here they are
stored, so that what looks for the injector's finds it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from harness.embedded.apiserver import refusals
from harness.embedded.supervisor import main

STORED = ("mutatingwebhookconfigurations.admissionregistration.k8s.io",)


@contextmanager
def storing() -> Iterator[None]:
    """Within it the API server of this process takes webhooks."""
    fields = {key: rules for key, rules in refusals._FIELDS.items() if key not in STORED}
    with patch.object(refusals, "_FIELDS", fields):
        yield


if __name__ == "__main__":
    with storing():
        sys.exit(main(sys.argv[1:]))
