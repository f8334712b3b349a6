"""`signalbox explain`: what will happen and why, before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from harness.dialect import RULES
from harness.errors import Finding, InputError
from harness.forecast.story import story_data, story_lines
from harness.forecast.trace import as_data, trace_lines
from harness.kube.client import Kube
from harness.mesh.objects import mesh_objects
from harness.options import dialect_option, profile_option
from harness.oracle import Objects, Prediction, Request, Sender, locked_out, predict
from harness.oracle.fixed_answers import fixed_statuses, with_fixed
from harness.oracle.outcome import Key
from harness.scenario.clusters import Profile
from harness.scenario.lint import load_checked
from harness.scenario.manifests import load_manifests
from harness.scenario.project import Project


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="PATH... | METHOD URL")
@click.option("--from", "sender", metavar="NAMESPACE/SERVICEACCOUNT", help="Who asks; makes the words METHOD and URL.")
@click.option("--not-meshed", is_flag=True, help="The sender has no proxy.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A request header.")
@click.option("-f", "--file", "files", multiple=True, type=click.Path(path_type=Path), help="Manifests, or folders.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Ask about a running cluster, -f on top of it.")
@dialect_option
@profile_option
@click.option("--json", "as_json", is_flag=True, help="For tools.")
def explain(
    words: tuple[str, ...],
    sender: str | None,
    not_meshed: bool,
    headers: tuple[str, ...],
    files: tuple[Path, ...],
    kubeconfig: Path | None,
    dialect_name: str | None,
    profile_name: str | None,
    as_json: bool,
) -> None:
    """Say who will answer, with what, how often, and by which rules.

    With PATHs of scenarios: every expectation, before anything runs. With --from: one request, against manifests
    (-f) or a running cluster (--kubeconfig):

    signalbox explain --from booksapp/webapp GET http://authors:7001/authors/1.json -f manifests/booksapp/booksapp.yaml
    """
    if sender is None:
        _explain_scenarios(words, profile_name, dialect_name, as_json=as_json)
        return
    profile = _profile(profile_name)
    dialect = RULES[dialect_name] if dialect_name else profile.rules if profile else RULES["linkerd-2.14"]
    differs = profile.differs if profile and dialect == profile.rules else ()
    documents = _documents(files, kubeconfig)
    objects, fixed = Objects.read(documents, dialect), fixed_statuses(documents)
    prediction = with_fixed(predict(objects, _sender(sender, meshed=not not_meshed), _request(words, headers)), fixed)
    if as_json:
        click.echo(json.dumps(as_data(prediction, differs), indent=2, ensure_ascii=False))
        return
    _print(prediction, objects, fixed, differs)


def _explain_scenarios(
    paths: Iterable[str], profile_name: str | None, dialect_name: str | None, *, as_json: bool
) -> None:
    checked = load_checked(paths, profile_name)
    profile = checked.profile
    if dialect_name not in (None, profile.dialect):  # where its cluster differs is then nobody's business
        profile = profile.model_copy(update={"dialect": dialect_name, "differs": ()})
    found: list[Any] = []
    for loaded in checked.scenarios:
        project = Project.around(loaded.path)
        if as_json:
            found.append(story_data(loaded, project, profile))
        else:
            click.echo("\n".join([*story_lines(loaded, project, profile), ""]))
    for skipped in checked.skipped:
        click.echo(f"{skipped.path}: skipped: {skipped.reason}", err=True)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))


def _print(prediction: Prediction, objects: Objects, fixed: Mapping[Key, int], differs: tuple[str, ...]) -> None:
    click.echo(f"by the rules of {objects.dialect.name} ({objects.dialect.version})")
    click.echo("\n".join(trace_lines(prediction, differs)))
    for namespace, name in locked_out(objects):
        later = with_fixed(predict(objects, prediction.sender, prediction.request, unready=[(namespace, name)]), fixed)
        click.echo(f"the kubelet's probe of {namespace}/{name} is locked out (§3.13); once its pods are unready:")
        click.echo("\n".join(trace_lines(later, differs)))
    for one in objects.unread:
        click.echo(f"not used: {one.kind} {one.namespace}/{one.name}: {one.problem}", err=True)


def _documents(files: Iterable[Path], kubeconfig: Path | None) -> list[Any]:
    documents: list[Any] = []
    if kubeconfig is not None:
        if not kubeconfig.is_file():
            raise InputError([Finding(str(kubeconfig), 0, "there is no such kubeconfig")])
        with TemporaryDirectory(prefix="sb-") as scratch, Kube(kubeconfig, scratch=Path(scratch)) as kube:
            documents += mesh_objects(kube)
    for path in files:
        documents += [manifest.obj for file in _manifest_files(path) for manifest in load_manifests(file)]
    if not documents:
        raise InputError([Finding("", 0, "nothing to explain: give manifests with -f, or a cluster with --kubeconfig")])
    return documents


def _manifest_files(path: Path) -> list[Path]:
    return sorted(path.glob("*.y*ml")) if path.is_dir() else [path]


def _profile(name: str | None) -> Profile | None:
    """The profile that is named, or the project's; None where there is no project."""
    project = Project.around("here.yaml")
    if name is None and not project.has("fixtures/clusters.yaml"):
        return None
    return project.profile(name)[1]


def _sender(text: str, *, meshed: bool) -> Sender:
    namespace, _, account = text.partition("/")
    if not namespace:
        raise InputError([Finding("", 0, f"--from: '{text}' is no sender; write NAMESPACE/SERVICEACCOUNT")])
    return Sender(namespace, account or "default", meshed)


def _request(words: tuple[str, ...], headers: Iterable[str]) -> Request:
    if len(words) != 2:
        raise InputError([Finding("", 0, f"with --from write METHOD URL, not '{' '.join(words)}'")])
    pairs = [_header(text) for text in headers]
    authority = next((value for name, value in pairs if name.lower() == "host"), "")
    try:
        others = [pair for pair in pairs if pair[0].lower() != "host"]
        return Request.of(words[0].upper(), words[1], others, authority=authority)
    except ValueError as error:
        raise InputError([Finding("", 0, str(error))]) from None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise InputError([Finding("", 0, f"--header: '{text}' is no header; write 'NAME: VALUE'")])
    return name.strip(), value.strip()
