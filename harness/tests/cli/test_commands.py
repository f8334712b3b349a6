"""The list of commands costs no imports, names each command there is, and brings each when it is called."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import harness
from harness.cli import COMMANDS, cli

LISTED = """
import sys
from click.testing import CliRunner
from harness.cli import cli
assert CliRunner().invoke(cli, ["--help"]).exit_code == 0
print(*sorted(name for name in sys.modules if name.startswith("harness")))
import harness.explain_commands, harness.lint_commands
print(*sorted({"aiohttp", "cryptography", "grpc", "httpx", "jinja2", "kubernetes", "rich"} & set(sys.modules)))
"""


def test_help_imports_no_command_and_looking_at_files_imports_no_client() -> None:
    listed, looked = subprocess.run(
        [sys.executable, "-c", LISTED], capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()
    assert listed.split() == ["harness", "harness.cli", "harness.errors"]
    assert looked.split() == []


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_of_the_list_is_there(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"Usage: cli {name} ")
    listed = CliRunner().invoke(cli, ["--help"], terminal_width=200).output.split("Commands:\n")[1]
    (said,) = [line.split(maxsplit=1)[1] for line in listed.splitlines() if line.split()[0] == name]
    assert said in " ".join(result.output.split()), "the list says what the command says of itself"


def test_each_command_there_is_stands_in_the_list() -> None:
    modules = [name for _, name, _ in pkgutil.iter_modules(harness.__path__) if name.endswith("_commands")]
    there = {
        f"harness.{module}:{name}"
        for module in modules
        for name, value in vars(importlib.import_module(f"harness.{module}")).items()
        if isinstance(value, click.Command)
    }
    assert there == set(COMMANDS.values())


def test_the_list_tells_all_and_an_unknown_one_is_refused() -> None:
    told = CliRunner().invoke(cli, ["--help"]).output
    assert [line.split()[0] for line in told.split("Commands:\n")[1].splitlines() if line[2] != " "] == sorted(COMMANDS)
    refused = CliRunner().invoke(cli, ["lnit"])
    assert refused.exit_code == 2
    assert "No such command 'lnit'" in refused.output
