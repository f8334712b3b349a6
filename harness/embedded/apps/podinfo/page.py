"""The page that browsers get, compiled once when this module is imported."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2

from harness.embedded.apps.podinfo.options import FLAGS, REVISION, VERSION, Options

_TEMPLATE = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "ui"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    auto_reload=False,
).get_template("index.html")

# A colour and nothing else: the page must not ask other sites for anything.
_COLOR = re.compile(r"#[0-9A-Fa-f]{3,8}|[A-Za-z]{1,30}|(?:rgb|hsl)a?\([0-9.,%/ ]{1,40}\)")


def index_page(options: Options) -> bytes:
    """Message, colour and hostname, and a button that posts to /api/echo."""
    color = options.ui_color if _COLOR.fullmatch(options.ui_color) else FLAGS["ui-color"][1]
    return _TEMPLATE.render(
        hostname=options.hostname,
        message=options.ui_message,
        color=color,
        version=VERSION,
        revision=REVISION[:8],
    ).encode()
