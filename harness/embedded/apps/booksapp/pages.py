"""webapp's HTML pages, compiled once when this module is imported."""

from __future__ import annotations

from pathlib import Path

import jinja2

from harness.embedded.apps.booksapp.flash import Flash

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,  # A record without a field is a crash in the original too.
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES = {name: _ENVIRONMENT.get_template(name) for name in _ENVIRONMENT.list_templates()}


def page(name: str, flash: Flash | None = None, **values: object) -> bytes:
    """The page `name` as UTF-8, with a message on top if there is one.

    raises  jinja2.UndefinedError if a record lacks something the page shows
    """
    return _TEMPLATES[f"{name}.html"].render(flash=flash, **values).encode()
