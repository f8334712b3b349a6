"""No test of traffic goes through a proxy that the environment happens to name."""

from __future__ import annotations

import pytest

PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests set what they are about."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
