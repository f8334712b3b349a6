"""Kubeconfig files: the one context that was asked for, taken out of a user's file into a private one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from harness.errors import Finding, InputError, nearest

_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile", "token-file")
"""Entries that name a file, relative to the kubeconfig's own folder."""


def write_private(text: str, path: Path) -> Path:
    """Write credentials where nobody else can read them."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def only_context(source: Path, name: str) -> str:
    """A kubeconfig with this context alone, as its current one; paths of certificates are made absolute.

    raises  InputError if the file cannot be read as one, or has no such context
    """
    document = _read(source)
    context = _named(document, "contexts", name)
    if context is None:
        known = sorted(entry["name"] for entry in _entries(document, "contexts"))
        message = f"has no context called '{name}'{nearest(name, known) or '; it has none at all'}"
        raise InputError([Finding(str(source), 0, message)])
    inner = context.get("context") or {}
    parts = {"clusters": inner.get("cluster", ""), "users": inner.get("user", "")}
    chosen = {section: _named(document, section, wanted) for section, wanted in parts.items()}
    missing = [
        Finding(str(source), 0, f"context '{name}' names {section[:-1]} '{parts[section]}', which is not there")
        for section, entry in chosen.items()
        if entry is None
    ]
    if missing:
        raise InputError(missing)
    kept: dict[str, Any] = {section: [_absolute(entry or {}, source.parent)] for section, entry in chosen.items()}
    head = {"apiVersion": "v1", "kind": "Config", "current-context": name, "contexts": [context]}
    return yaml.safe_dump({**head, **kept}, sort_keys=False)


def server_of(kubeconfig: str) -> str:
    """The API server's address in a kubeconfig with one cluster."""
    return str(yaml.safe_load(kubeconfig)["clusters"][0]["cluster"]["server"])


def _read(source: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError([Finding(str(source), 0, f"cannot be read: {error.strerror}")]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError([Finding(str(source), 0, f"is no kubeconfig: {str(error).splitlines()[0]}")]) from None
    if not isinstance(document, dict) or not isinstance(document.get("contexts"), list):
        raise InputError([Finding(str(source), 0, "is no kubeconfig: it has no list of contexts")])
    return document


def _entries(document: dict[str, Any], section: str) -> Iterable[dict[str, Any]]:
    return [e for e in document.get(section) or [] if isinstance(e, dict) and isinstance(e.get("name"), str)]


def _named(document: dict[str, Any], section: str, name: str) -> dict[str, Any] | None:
    return next((entry for entry in _entries(document, section) if entry["name"] == name), None)


def _absolute(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The entry with every file it names found from anywhere."""
    key = next(word for word in ("cluster", "user") if word in entry) if len(entry) > 1 else ""
    inner = {
        word: str((folder / value).absolute()) if word in _FILES and value else value
        for word, value in (entry.get(key) or {}).items()
    }
    return {**entry, key: inner} if key else entry
