"""The linkerd command."""

from __future__ import annotations

import shlex
from pathlib import Path

from harness.tests.cluster.doubles.objects import check_trust, control_plane, definition
from harness.tests.cluster.doubles.telling import Usage, fail, told_to


def linkerd(argv: list[str]) -> None:
    """version --client --short, install [--crds]."""
    import yaml

    version = "edge-25.1.1" if told_to("other-linkerd") else "stable-2.14.10"
    match argv:
        case ["version", "--client", "--short"]:
            print(version)
        case ["install", "--crds"]:
            print(yaml.safe_dump(definition("linkerd.io", "serviceprofiles", "ServiceProfile", True)))
        case ["install", *rest]:
            usage = Usage("linkerd install")
            for name in ("anchors", "issuer-certificate", "issuer-key"):
                usage.add_argument(f"--identity-{'trust-' if name == 'anchors' else ''}{name}-file", required=True)
            usage.add_argument("--disable-heartbeat", action="store_true")
            asked = vars(usage.parse_args(rest))
            check_trust(
                *(Path(asked[f"identity_{n}_file"]) for n in ("trust_anchors", "issuer_certificate", "issuer_key"))
            )
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "linkerd"}}
            print(yaml.safe_dump_all([namespace, *control_plane(version)]))
        case _:
            fail(f"unknown command {shlex.join(argv)} for linkerd")
