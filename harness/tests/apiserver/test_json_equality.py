"""Python takes true for 1, false for 0 and 1.0 for 1; JSON, and whoever changes one into the other, does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.embedded.apiserver.api import JSON_PATCH, MERGE_PATCH, Api, Options
from harness.embedded.apiserver.crds import CRD_KEY, serve_custom_kinds
from harness.embedded.apiserver.errors import ApiError
from harness.embedded.apiserver.objects import clone, same
from harness.embedded.apiserver.patches import json_patch
from harness.tests.apiserver.support import WIDGET_CRD, new_api

KEY = "widgets.example.com"
PLACE = (KEY, "default", "one")
ALIKE = [(1, True), (True, 1), (0, False), (False, 0), (1, 1.0), (1.0, 1)]
Write = Callable[[Api, Any], Any]


@pytest.fixture
def api() -> Api:
    made = new_api()
    serve_custom_kinds(made)
    made.create(CRD_KEY, clone(WIDGET_CRD))
    made.create("namespaces", {"metadata": {"name": "default"}})
    return made


def widget(value: Any) -> dict[str, Any]:
    spec = {"color": "red", "free": {"a": value}}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": spec}


def by_update(api: Api, value: Any) -> Any:
    old = api.get(*PLACE)
    return api.update(KEY, {**old, "spec": widget(value)["spec"]}, options=Options(manager="second"))


def by_merge_patch(api: Api, value: Any) -> Any:
    patch = {"spec": {"free": {"a": value}}}
    return api.patch(*PLACE, patch, MERGE_PATCH, options=Options(manager="second"))


def by_json_patch(api: Api, value: Any) -> Any:
    patch = [{"op": "replace", "path": "/spec/free/a", "value": value}]
    return api.patch(*PLACE, patch, JSON_PATCH, options=Options(manager="second"))


def by_apply(api: Api, value: Any) -> Any:
    return api.apply(*PLACE, widget(value), force=True, options=Options(manager="second"))


@pytest.mark.parametrize("write", [by_update, by_merge_patch, by_json_patch, by_apply])
@pytest.mark.parametrize(("before", "after"), ALIKE)
def test_a_change_between_values_that_python_takes_for_the_same_is_stored(
    api: Api, write: Write, before: Any, after: Any
) -> None:
    old = api.create(KEY, widget(before), namespace="default", options=Options(manager="first"))
    new = write(api, after)
    assert repr(new["spec"]["free"]["a"]) == repr(after)
    assert repr(api.get(*PLACE)["spec"]["free"]["a"]) == repr(after)
    assert new["metadata"]["generation"] == old["metadata"]["generation"] + 1
    fields = {entry["manager"]: entry["fieldsV1"] for entry in new["metadata"]["managedFields"]}
    assert "f:a" in fields["second"]["f:spec"]["f:free"]
    assert "f:a" not in fields["first"]["f:spec"].get("f:free", {})


@pytest.mark.parametrize(("before", "after"), ALIKE)
def test_applying_such_a_value_over_somebodys_is_a_conflict(api: Api, before: Any, after: Any) -> None:
    api.apply(*PLACE, widget(before), options=Options(manager="first"))
    with pytest.raises(ApiError, match=r"conflict with \"first\".*\.spec\.free\.a"):
        api.apply(*PLACE, widget(after), options=Options(manager="second"))


@pytest.mark.parametrize(("before", "after"), ALIKE)
def test_a_json_patch_tells_them_apart(before: Any, after: Any) -> None:
    test = {"op": "test", "path": "/a"}
    assert json_patch({"a": before}, [{**test, "value": before}]) == {"a": before}
    with pytest.raises(ApiError, match="testing value /a failed"):
        json_patch({"a": before}, [{**test, "value": after}])


def test_a_write_that_changes_nothing_still_commits_nothing(api: Api) -> None:
    old = api.create(KEY, widget({"x": [1, True, 1.0, None], "y": 2}), namespace="default")
    turned = {**old, "spec": {"free": {"a": {"y": 2, "x": [1, True, 1.0, None]}}, "size": 1, "color": "red"}}
    assert api.update(KEY, turned) is old


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5]) | st.sampled_from(["", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)


@given(JSON, JSON)
def test_the_same_is_what_looks_the_same(one: Any, other: Any) -> None:
    def shown(value: Any) -> str:
        return repr(sorted_(value))

    def sorted_(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: sorted_(value[name]) for name in sorted(value)}
        return [sorted_(item) for item in value] if isinstance(value, list) else value

    assert same(one, other) == (shown(one) == shown(other))
    assert same(one, clone({"a": one})["a"])
