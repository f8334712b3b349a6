"""Header lines one by one for the proxy's matcher, which joins those of one name by commas (§1.43).

A script of those virtual hosts that ask for headers joins the lines in another way, in headers that go no further:
between tabs, which nobody writes into a value. A line that does have tabs counts as several.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from harness.embedded.dataplane.compile.names import Config, typed
from harness.embedded.dataplane.compile.regex import translate
from harness.resources.matches import HeaderMatch

_PREFIX: Final = "signalbox-lines-"
_FILTER: Final = "signalbox.lines"
_LUA: Final = "extensions.filters.http.lua.v3"
_SCRIPT: Final = """
function envoy_on_request(handle)
  local headers = handle:headers()
  for _, name in ipairs({%s}) do
    local lines = "\\t"
    for index = 0, headers:getNumValues(name) - 1 do
      lines = lines .. headers:getAtIndex(name, index) .. "\\t"
    end
    headers:replace("%s" .. name, lines)
  end
  handle:clearRouteCache()
end
"""


def one_line(header: HeaderMatch) -> Config:
    """True of requests of which one line of that name fits; raises RegexRefused."""
    if header.type == "Exact":
        wanted: Config = {"contains": f"\t{header.value}\t"}
    else:
        wanted = {"safe_regex": {"regex": rf".*\t(?:{translate(header.value)})\t.*"}}
    return {"name": f"{_PREFIX}{header.name.lower()}", "string_match": wanted}


def line_filter() -> Config:
    """The filter that lets virtual hosts have `by_line`; before all others that look at the route."""
    return {"name": _FILTER, "typed_config": typed(f"{_LUA}.Lua")}


def by_line(host: Config) -> Config:
    """A virtual host with what its routes need to look at header lines."""
    asked = sorted({name for route in host["routes"] for name in _asked(route["match"].get("headers", ()))})
    if not asked:
        return host
    names = ", ".join(f'"{name}"' for name in asked)
    script = typed(f"{_LUA}.LuaPerRoute", source_code={"inline_string": _SCRIPT % (names, _PREFIX)})
    return {
        **host,
        "typed_per_filter_config": {**host.get("typed_per_filter_config", {}), _FILTER: script},
        "request_headers_to_remove": [_PREFIX + name for name in asked],
    }


def _asked(headers: Iterable[Config]) -> Iterable[str]:
    names = (header["name"] for header in headers)
    return (name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX))
