"""Text to data with lines: two grammars, no surprises, and the loaders of the yaml package left as they are."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from harness.scenario import yaml_source
from harness.scenario.yaml_source import Document, ManifestLoader, ScenarioLoader, Unreadable, parse_documents


def _only(text: str, loader: type[yaml.SafeLoader] = ScenarioLoader) -> Document:
    (document,) = parse_documents(text, loader)
    return document


@pytest.mark.parametrize(
    ("text", "scenario", "manifest"),
    [
        ("yes", "yes", True),
        ("off", "off", False),
        ("n", "n", "n"),
        ("true", True, True),
        ("null", None, None),
        ("~", None, None),
        ("0644", "0644", 420),
        ("10", 10, 10),
        ("-3", -3, -3),
        ("1_000", "1_000", 1000),
        ("12:30", "12:30", "12:30"),
        ("2024-01-01", "2024-01-01", "2024-01-01"),
        ("0.1", 0.1, 0.1),
        ("10%", "10%", "10%"),
        ("1e3", 1000.0, "1e3"),
        ("9" * 5000, "9" * 5000, "9" * 5000),
        ("'10'", "10", "10"),
    ],
)
def test_scalars_are_read_by_the_grammar_of_the_file(text: str, scenario: Any, manifest: Any) -> None:
    assert _only(f"a: {text}").data == {"a": scenario}
    assert _only(f"a: {text}", ManifestLoader).data == {"a": manifest}


def test_keys_are_text_whatever_they_look_like() -> None:
    assert _only("on: 1\nno: 2\n404: 3\ntrue: 4\nnull: 5").data == {"on": 1, "no": 2, "404": 3, "true": 4, "null": 5}


def test_lines_are_those_of_keys_and_items() -> None:
    document = _only("# a comment\na:\n  - b: 1\n    c:\n      d: 2\n  -\n    e\n")
    assert document.line() == 2
    assert document.line("a", 0, "c", "d") == 5
    assert document.line("a", 1) == 7
    assert document.line("a", 0, "nothing", "deeper") == 3


def test_a_key_given_twice_keeps_its_first_value() -> None:
    document = _only("a: 1\nb: {c: 1, c: 2}\na: 3", ManifestLoader)
    assert document.data == {"a": 1, "b": {"c": 1}}
    assert document.problems == ((2, "'c' is given twice, first on line 2"), (3, "'a' is given twice, first on line 1"))


def test_manifests_may_use_anchors_and_merges() -> None:
    text = "base: &base {a: 1, b: 2}\nmore:\n  <<: *base\n  b: 3\nmost:\n  <<: [*base, {a: 4, c: 5}]\n"
    document = _only(text, ManifestLoader)
    assert document.problems == ()
    assert document.data["more"] == {"a": 1, "b": 3}
    assert document.data["most"] == {"a": 1, "b": 2, "c": 5}


def test_aliases_do_not_unfold_without_end() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
    )
    with pytest.raises(Unreadable, match="unfolds to more than"):
        parse_documents(bomb, ManifestLoader)
    with pytest.raises(Unreadable, match="nested more than"):
        parse_documents("a: &a [*a]", ManifestLoader)


def test_several_documents_and_empty_ones() -> None:
    documents = parse_documents("---\n---\na: 1\n---\n# only a comment\n---\nb: 2\n", ManifestLoader)
    assert [(document.data, document.line()) for document in documents] == [({"a": 1}, 3), ({"b": 2}, 7)]


def test_the_loaders_of_the_yaml_package_stay_as_they_are() -> None:
    assert yaml.safe_load("a: yes\nb: 010\nc: 2024-01-01\na: no")["b"] == 8
    assert yaml.safe_load("a: 2024-01-01")["a"].year == 2024


SIGNS = "ab:-[]{}&*?|>'\"%#@`,~ \n\t0.9<=\\é"


@given(st.text(alphabet=st.sampled_from(SIGNS + "!"), max_size=60))
def test_nothing_but_unreadable_is_raised(text: str) -> None:
    for loader in (ScenarioLoader, ManifestLoader):
        with suppress(Unreadable):
            assert all(document.line() >= 1 for document in parse_documents(text, loader))


@given(st.text(alphabet=st.sampled_from(SIGNS), max_size=60))  # of a bare `!` the two think differently
@example("a: &x [1, {b: c}]\n? d\n: |\n  text\n---\n- *x\n")
@example((Path(__file__).parents[3] / "scenarios/tutorial/timeouts.yaml").read_text())
def test_what_the_loader_reads_is_read_the_same_by_libyaml(text: str) -> None:
    for loader in (ScenarioLoader, ManifestLoader):
        with pytest.MonkeyPatch.context() as patch, suppress(Unreadable):
            patch.setattr(yaml_source, "_SCANNED", {})
            slowly = parse_documents(text, loader)
            patch.undo()
            assert repr(parse_documents(text, loader)) == repr(slowly)


def test_tabs_and_question_marks_are_read_as_kubectl_reads_them() -> None:
    assert _only("a:\t1\nb: {path: /a?b=c}").data == {"a": 1, "b": {"path": "/a?b=c"}}
    with pytest.raises(Unreadable, match="a tab cannot indent YAML"):
        _only("a:\n\tb: 1")
