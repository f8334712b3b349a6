"""`signalbox lint`: all findings about manifests and scenarios, or about a running cluster; `signalbox schema`."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from harness.dialect import RULES, Dialect
from harness.errors import Exit, Finding, InputError
from harness.forecast.checks import CodedFinding, check_manifests, check_objects, check_scenario, not_allowed
from harness.kube.client import Kube
from harness.mesh.objects import mesh_objects
from harness.options import dialect_option, profile_option
from harness.report.sarif import sarif_text
from harness.scenario.loading import looks_like_scenario, read_all
from harness.scenario.manifests import Manifest, read_manifests
from harness.scenario.project import Project
from harness.scenario.schema import schema_text


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH...]")
@click.option("--with", "context", multiple=True, type=click.Path(path_type=Path), help="Manifests that are there too.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="The objects of a running cluster.")
@dialect_option
@profile_option
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--sarif", is_flag=True, help="Print SARIF 2.1.0 for code scanning.")
def lint(
    paths: tuple[Path, ...],
    context: tuple[Path, ...],
    kubeconfig: Path | None,
    dialect_name: str | None,
    profile_name: str | None,
    strict: bool,
    sarif: bool,
) -> None:
    """Tell what is wrong, or probably not meant, in manifests and scenarios (files, or folders of them).

    The manifests of one call belong together. Every code has a page in docs/lint; a comment on the line, or on the
    line before, allows a finding: # signalbox: allow CODE: reason
    """
    if not paths and kubeconfig is None:
        raise InputError([Finding("", 0, "nothing to look at: give files or folders, or a cluster with --kubeconfig")])
    files = list(_yaml_files(paths))
    dialect = RULES[dialect_name] if dialect_name else _dialect(files, profile_name)
    chosen = dialect if dialect_name else None
    findings = [*_of_files(files, context, dialect, profile_name, chosen), *_of_cluster(kubeconfig, dialect)]
    left = not_allowed(findings, map(str, files))
    click.echo(sarif_text(left, version("signalbox")) if sarif else _text(left, len(files)))
    sys.exit(Exit.INPUT if any(strict or finding.level == "error" for finding in left) else Exit.HELD)


@click.command()
def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    click.echo(schema_text(), nl=False)


def _text(findings: Iterable[CodedFinding], files: int) -> str:
    known = list(findings)
    levels = Counter(finding.level for finding in known)
    counted = ", ".join(f"{levels[level]} {level}{'s' * (levels[level] != 1)}" for level in ("error", "warning"))
    return "\n".join([*map(str, known), f"{counted} in {files} file{'s' * (files != 1)}"])


def _of_files(
    files: Iterable[Path], context: Iterable[Path], dialect: Dialect, profile_name: str | None, chosen: Dialect | None
) -> Iterator[CodedFinding]:
    """`chosen` is the dialect that was named, which then holds for scenarios too, whatever their profile says."""
    scenarios = [file for file in files if looks_like_scenario(file)]
    others = [file for file in files if file not in scenarios and not _is_ours(file)]
    around: list[Manifest] = []
    for file in _yaml_files(context):
        around += read_manifests(file, str(file))[0]
    manifests: list[Manifest] = []
    for file in others:
        usable, findings = read_manifests(file, str(file))
        manifests += usable
        yield from (CodedFinding(one.file, one.line, "invalid-object", one.message) for one in findings)
    yield from check_manifests(manifests, dialect, around)
    for reading in read_all(scenarios) if scenarios else ():
        project = Project.around(reading.path)
        clusters = project.clusters()
        yield from check_scenario(reading, project, clusters, project.profile(profile_name)[0], chosen)


def _of_cluster(kubeconfig: Path | None, dialect: Dialect) -> Iterator[CodedFinding]:
    if kubeconfig is None:
        return
    if not kubeconfig.is_file():
        raise InputError([Finding(str(kubeconfig), 0, "there is no such kubeconfig")])
    with TemporaryDirectory(prefix="sb-") as scratch, Kube(kubeconfig, scratch=Path(scratch)) as kube:
        yield from check_objects(mesh_objects(kube), dialect)


def _yaml_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            for parent, folders, names in os.walk(path):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                yield from (Path(parent) / name for name in sorted(names) if name.endswith((".yaml", ".yml")))
        elif path.is_file():
            yield path
        else:
            raise InputError([Finding(str(path), 0, "there is no such file or folder")])


def _is_ours(file: Path) -> bool:
    """Recipes and cluster profiles, which the scenarios that use them are checked with."""
    return "apiVersion: signalbox/" in file.read_text(errors="replace")


def _dialect(files: Iterable[Path], profile_name: str | None) -> Dialect:
    """The profile's rules, in the project of the first file; those of the article where there is no project."""
    project = Project.around(next(iter(files), Path("here.yaml")))
    if profile_name is None and not project.has("fixtures/clusters.yaml"):
        return RULES["linkerd-2.14"]
    return project.profile(profile_name)[1].rules
