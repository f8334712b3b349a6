"""pytest-kind's KindCluster as a program: python -m harness.cluster.kind_cluster create|delete NAME KUBECONFIG KIND …

create NAME KUBECONFIG KIND IMAGE CONFIG
delete NAME KUBECONFIG KIND
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_kind import KindCluster


def main(argv: Sequence[str]) -> int:
    """Make or delete a cluster; returns kind's exit code."""
    verb, name, kubeconfig, kind, *rest = argv
    try:
        if verb == "create":
            image, config = rest
            KindCluster(name, Path(kubeconfig), image=image, kind_path=Path(kind)).create(config)
        else:
            KindCluster(name, Path(kubeconfig), kind_path=Path(kind)).delete()
    except subprocess.CalledProcessError as error:
        print(f"kind {verb} ended with {error.returncode}", file=sys.stderr)
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
