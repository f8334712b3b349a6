"""Calls to backends go through `http_proxy` only if a test says so."""

from __future__ import annotations

from harness.tests.apps.conftest import no_proxy

__all__ = ["no_proxy"]
