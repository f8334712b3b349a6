"""Regular expressions: searched leftmost-first, then required to span everything (§0.3, §1.40)."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.embedded.dataplane.compile.regex import RegexRefused, query_pattern, translate


def spans(pattern: str, text: str) -> bool:
    """Linkerd's reading; Python's engine prefers the same match as Rust's."""
    found = re.match(pattern, text)
    return found is not None and found.end() == len(text)


@pytest.mark.parametrize(
    ("pattern", "fits", "misses"),
    [
        ("/a|/ab", ["/a"], ["/ab"]),
        ("/ab|/a", ["/a", "/ab"], ["/abc"]),
        ("(/a|/ab)$", ["/a", "/ab"], []),
        ("/books|/books/.*", ["/books"], ["/books/", "/books/1"]),
        ("/x.*?", ["/x"], ["/xy"]),
        ("a?(ab)?", ["", "a", "aab"], ["ab"]),
        ("/authors/[^/]*\\.json", ["/authors/1.json", "/authors/.json.json"], ["/authors/1/2.json"]),
        ('/authors/[^/]*\\.json"', ['/authors/1.json"'], ["/authors/1.json"]),
        ("(?i)/Foo", ["/foo", "/FOO"], ["/fo"]),
        ("(?s).", ["\n"], [""]),
        (".", ["a"], ["\n"]),
        ("[[:alpha:]&&[^aeiou]]+", ["bcd"], ["bad"]),
        (r"\d{2,3}-\x41", ["12-A", "123-A"], ["1-A", "1234-A"]),
        ("[]-]", ["]", "-"], ["["]),
        (r"\pL+", ["abC"], ["a1"]),
        ("(?U)a+", ["a"], ["aa"]),
    ],
)
def test_reads_patterns_as_linkerd_does(pattern: str, fits: list[str], misses: list[str]) -> None:
    translated = re.compile(translate(pattern))
    assert [text for text in fits if not translated.fullmatch(text)] == []
    assert [text for text in misses if translated.fullmatch(text)] == []


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(?=a)b", "look-around"),
        (r"(a)\1", "'\\1'"),
        (r"a\b", "'\\b'"),
        ("é", "beyond ASCII"),
        ("(a", "never closed"),
        ("a)", "never opened"),
        ("[z-a]", "counts down"),
        ("a{2000}", "more than 1000"),
        ("*", "nothing to repeat"),
        (r"\p{Greek}", "Greek"),
        ("(?x) a", "flag 'x'"),
        ("(" * 150 + ")" * 150, "nested deeper"),
        ("(a{500}b{500}){5}", "too large"),
        ("(?:a|ab){60}", "shorter match"),
    ],
)
def test_refuses_what_it_cannot_express_by_name(pattern: str, why: str) -> None:
    with pytest.raises(RegexRefused, match=re.escape(why)):
        translate(pattern)


_ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "ab", "bc"])
# Repeated parts match at least one character: engines differ in how an empty round ends a loop.
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(_ATOMS, inner, st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{1,2}", "{2}?"])).map(
            lambda parts: f"(?:{parts[0]}|{parts[0]}a){parts[2]}{parts[1]}"
        ),
    ),
    max_leaves=8,
)
_TEXTS = st.text("abcd", max_size=7)


@settings(max_examples=300, deadline=None)
@given(_PATTERNS, st.lists(_TEXTS, min_size=1, max_size=8))
def test_a_full_match_is_the_preferred_match(pattern: str, texts: list[str]) -> None:
    try:
        translated = re.compile(translate(pattern))
    except RegexRefused:
        return
    for text in texts:
        assert (translated.fullmatch(text) is not None) == spans(pattern, text), text


@pytest.mark.parametrize("encode", [quote, quote_plus, lambda text: "".join(f"%{ord(char):02x}" for char in text)])
@settings(max_examples=100, deadline=None)
@given(value=st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="%"), max_size=8))
def test_an_exact_query_parameter_is_found_in_any_encoding(encode: object, value: str) -> None:
    assert callable(encode)
    pattern = re.compile(query_pattern("q", value, is_regex=False))
    assert pattern.fullmatch(f"/x?a=1&q={encode(value)}&b=2")
    assert not pattern.fullmatch(f"/x?a=1&qq={encode(value)}")
    assert not pattern.fullmatch(f"/x?q={encode(value)}z")


@pytest.mark.parametrize(
    ("value", "target", "fits"),
    [
        ("[a-c ]+", "/?q=a+b%20%63", True),
        ("[a-c ]+", "/?q=", False),
        ("[^x]*", "/?q=ab&r=x", True),
        ("[^x]*", "/?q=ax&r=b", False),
        ("a|ab", "/?q=ab", False),
        (".*", "/?q", True),
        ("a", "/?r=1&q=b&q=a", True),
        ("a", "/q=a", False),
        (".", "/?q=%C3%A9", True),
    ],
)
def test_a_regular_query_parameter_is_compared_decoded(value: str, target: str, fits: bool) -> None:
    found = re.fullmatch(query_pattern("q", value, is_regex=True), target)
    assert (found is not None) == fits
