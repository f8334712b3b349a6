"""The next command that a broken claim names asks for the same cluster, not for the default one."""

from __future__ import annotations

import pytest

from harness.cluster.existing import CONTEXT, KUBECONFIG
from harness.run.runner import asked_for_by

NAMED = {CONTEXT: "my cluster", KUBECONFIG: "/k"}


@pytest.mark.parametrize(
    ("provider", "environ", "words"),
    [
        ("k3d", NAMED, " --cluster mine"),
        ("existing", NAMED, " --cluster mine --context 'my cluster' --kubeconfig /k"),
        ("existing", {CONTEXT: "c"}, " --cluster mine --context c"),
    ],
)
def test_the_options_that_ask_for_it_again(provider: str, environ: dict[str, str], words: str) -> None:
    assert asked_for_by("mine", provider, environ) == words
