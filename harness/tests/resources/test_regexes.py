from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.resources.regexes import regex_problem

ACCEPTED = [
    "",
    "/authors/[0-9]+",
    "/a|/ab",
    "^/a$",
    "a**",
    "a++?",
    "^*",
    "a{2}",
    "a{2,}?",
    "a{ 2 , 3 }",
    "a}",
    "a]",
    "a,",
    "()",
    "(?:)",
    "(a|)",
    "(?i)a",
    "(?i-s:a)",
    "(?x)a{",
    "(?P<a_1>.)(?<b.c>.)",
    "[]]",
    "[^]a]",
    "[-a]",
    "[a-]",
    "[a-z&&[^aeiou]]",
    "[a--b]",
    "[[:alpha:]]",
    "[[:^alpha:]0-9]",
    "[[:nope:]]",
    r"[\]\-\d]",
    r"[\x41-\x{5A}]",
    r"\/\.\-\ \#",
    r"\a\f\t\n\r\v",
    r"\b{start}a\b{end-half}\b{2}",
    r"\<a\>",
    r"\A\b\B\z",
    r"\d\D\w\W\s\S",
    r"\pL\Pl\p{Greek}\p{^Greek}\p{Script=Greek}",
    r"\x41\u0041\U00000041\x{1F600}",
    "é",
]
REFUSED = {
    "(?=a)": "look-around",
    "(?!a)": "look-around",
    "(?<=a)": "look-around",
    "(?<!a)": "look-around",
    r"(a)\1": "back-reference",
    r"\0": "back-reference",
    "(?P=a)": "not supported",
    "(?>a)": "not supported",
    "(?#a)": "not supported",
    "(a": "never closed",
    "a)": "never opened",
    "[a": "never closed",
    "[]": "never closed",
    "[[a]": "never closed",
    "a{": "never closed",
    "a{}": "no repetition count",
    "a{,2}": "no repetition count",
    "a{x}": "no repetition count",
    "a{4294967296}": "no repetition count",
    "a{3,2}": "counts down",
    "[z-a]": "counts down",
    r"[\d-z]": "class at one end",
    r"[a-\w]": "class at one end",
    r"[\b]": "cannot stand in brackets",
    r"[\<]": "cannot stand in brackets",
    "*": "nothing to repeat",
    "(?i)*": "nothing to repeat",
    "a|+": "nothing to repeat",
    "(?": "ends too early",
    "(?)": "sets nothing",
    "(?i-)": "sets nothing",
    "(?ii)": "repeated",
    "(?z)": "not supported",
    "(?P<>a)": "no group name",
    "(?P<1>a)": "no group name",
    "(?P<a>.)(?<a>.)": "used twice",
    "(?<a": "never closed",
    "\\": "ends too early",
    r"\Z": "means nothing",
    r"\h": "means nothing",
    r"\é": "means nothing",
    r"\b{middle}": "no boundary",
    r"\pq": "no category",
    r"\p{": "never closed",
    r"\p{}": "no property",
    r"\xg1": "code point",
    r"\x{110000}": "code point",
    r"\uD800": "code point",
    r"\x{": "never closed",
    "(" * 251 + ")" * 251: "nested deeper",
}


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_what_rust_compiles_is_accepted_1_40(pattern: str) -> None:
    assert regex_problem(pattern) is None


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_rust_cannot_compile_is_refused_with_a_reason_1_71(pattern: str) -> None:
    assert REFUSED[pattern] in str(regex_problem(pattern))


@given(st.text(max_size=30))
def test_any_literal_is_accepted_once_escaped(text: str) -> None:
    special = "\\.+*?()|[]{}^$"
    assert regex_problem("".join(f"\\{char}" if char in special else char for char in text)) is None


@given(st.text(st.sampled_from("ab1[]()|*+?{},\\dpPx^$-&~:<>=!_iU #.zs"), max_size=20))
def test_any_pattern_gets_an_answer(pattern: str) -> None:
    assert regex_problem(pattern) is None or re.match(r"\S.*\S", str(regex_problem(pattern)), re.DOTALL)
