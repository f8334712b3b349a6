"""Run the whole matrix with every installed client, and write the table of docs/clients.md.

`just clients-install` fetches the programs, `just clients` runs this.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

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
    head = PAGE.read_text(encoding="utf-8").partition(_MARK)[0]
    PAGE.write_text(head + "\n".join(sections), encoding="utf-8")
    return 1 if failures else 0


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
