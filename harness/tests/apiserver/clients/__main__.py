"""Run the whole matrix with every installed client, and write the table of docs/clients.md.

`just clients-install` fetches the programs, `just clients` runs this. With SIGNALBOX_PODINFO_CHART (`podinfo.py`) the
tutorial's releases from podinfo's chart are held against our manifests too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from harness.tests.apiserver.clients import podinfo
from harness.tests.apiserver.clients.matrix import ROOT, Outcome, Tool, cluster, installed, rows, take_all

PAGE = ROOT / "docs" / "clients.md"
_MARK = "<!-- written by `just clients` from here on -->"
_TOOLS: tuple[Tool, ...] = ("kubectl", "helm")


def main() -> int:
    """0 if every command did what it must with every client."""
    folders = installed()
    if not folders:
        print("no clients: run `just clients-install` first", file=sys.stderr)
        return 2
    sections = [_MARK, ""]
    failures = 0
    for tool in _TOOLS:
        outcomes: dict[str, list[Outcome]] = {}
        for folder in folders:
            version = _version(tool, folder)
            with cluster() as kubeconfig:
                outcomes[version] = take_all(folder / tool, kubeconfig, rows(tool))
            wrong = [outcome for outcome in outcomes[version] if outcome.wrong]
            failures += len(wrong)
            seconds = sum(outcome.seconds for outcome in outcomes[version])
            print(f"{tool} {version}: {len(rows(tool)) - len(wrong)} of {len(rows(tool))} in {seconds:.0f} s")
            for outcome in wrong:
                print(f"  {outcome.row.run}\n    {outcome.wrong}")
        sections += _table(tool, outcomes)
    if podinfo.CHART:
        found = {_version("helm", folder): _podinfo(folder) for folder in folders}
        failures += sum(bool(wrong) for claims in found.values() for wrong in claims.values())
        sections += _podinfo_table(found)
    head = PAGE.read_text(encoding="utf-8").partition(_MARK)[0]
    PAGE.write_text(head + "\n".join(sections), encoding="utf-8")
    return 1 if failures else 0


def _podinfo(folder: Path) -> dict[str, str]:
    with cluster() as kubeconfig, tempfile.TemporaryDirectory() as home:
        found = podinfo.claims(folder, kubeconfig, Path(home))
    print(f"podinfo's chart with {folder.name}: {list(found.values()).count('')} of {len(found)}")
    for claim, wrong in found.items():
        if wrong:
            print(f"  {claim}\n    {wrong}")
    return found


def _podinfo_table(found: Mapping[str, Mapping[str, str]]) -> list[str]:
    chart = yaml.safe_load((Path(podinfo.CHART) / "Chart.yaml").read_text(encoding="utf-8"))
    lines = [f"## The tutorial's releases from podinfo's chart {chart['version']}", ""]
    lines += ["| | " + " | ".join(found) + " |", "|---" * (len(found) + 1) + "|"]
    for claim in next(iter(found.values())):
        marks = " | ".join("no" if claims[claim] else "yes" for claims in found.values())
        lines.append(f"| {claim} | {marks} |")
    return [*lines, ""]


def _version(tool: Tool, folder: Path) -> str:
    command = [str(folder / tool), "version", *(["--client"] if tool == "kubectl" else ["--short"])]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return next(word for word in said.replace("+", " ").split() if word.startswith("v"))


def _table(tool: Tool, outcomes: Mapping[str, list[Outcome]]) -> list[str]:
    versions = list(outcomes)
    lines = [f"## {tool}", "", "| command | " + " | ".join(versions) + " |", "|---" * (len(versions) + 1) + "|"]
    for results in zip(*outcomes.values(), strict=True):
        row = results[0].row
        code = f" (exit {row.exit})" if row.exit else ""
        command = f"{tool} {row.run}".replace("|", "\\|")
        marks = " | ".join("no" if result.wrong else "yes" for result in results)
        lines.append(f"| `{command}`{code} | {marks} |")
    return [*lines, ""]


if __name__ == "__main__":
    sys.exit(main())
