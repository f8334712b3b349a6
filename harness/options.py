"""Options that several commands have, and mean the same by."""

from __future__ import annotations

import click

from harness.dialect import RULES

profile_option = click.option(
    "--cluster",
    "profile_name",
    envvar="SIGNALBOX_CLUSTER",
    metavar="PROFILE",
    help="Profile from fixtures/clusters.yaml; left out, the one that file names.",
)
dialect_option = click.option(
    "--dialect", "dialect_name", type=click.Choice(sorted(RULES)), help="Whose rules, if not the profile's."
)
