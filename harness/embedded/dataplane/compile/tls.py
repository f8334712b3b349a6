"""Mutual TLS between meshed pods: the names in certificates are ServiceAccounts (§3.19, §3.22)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from harness.embedded.dataplane.compile.names import Config, typed

MESHED: Final = "mesh"
"""Metadata of an endpoint that is dialled with TLS; its hostname is the identity it must show."""
_SOCKET: Final = "envoy.transport_sockets.tls"
_ONLY_1_3: Final = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}


def trust_anchor(directory: Path) -> Path:
    """The file with the certificate of the cluster's authority."""
    return directory / "ca.crt"


def certificate_file(directory: Path, identity: str) -> Path:
    return directory / f"{identity}.crt"


def key_file(directory: Path, identity: str) -> Path:
    return directory / f"{identity}.key"


def server_socket(directory: Path, identity: str) -> Config:
    """Shows this identity and asks for the client's."""
    return {
        "name": _SOCKET,
        "typed_config": typed(
            "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            require_client_certificate=True,
            common_tls_context=_context(directory, identity, ["h2", "http/1.1"]),
        ),
    }


def client_sockets(directory: Path, identity: str) -> list[Config]:
    """Shows this identity and accepts only that of the endpoint, which also chooses it as the server name.

    The proxy offers the HTTP version that it is about to speak, as none is named here. An endpoint without the metadata
    is dialled in plain text.
    """
    socket = typed(
        "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        auto_host_sni=True,
        auto_sni_san_validation=True,
        common_tls_context=_context(directory, identity, []),
    )
    return [
        {"name": MESHED, "match": {MESHED: True}, "transport_socket": {"name": _SOCKET, "typed_config": socket}},
    ]


def _context(directory: Path, identity: str, protocols: list[str]) -> Config:
    return {
        "alpn_protocols": protocols,
        "tls_params": _ONLY_1_3,
        "tls_certificates": [
            {
                "certificate_chain": {"filename": str(certificate_file(directory, identity))},
                "private_key": {"filename": str(key_file(directory, identity))},
            }
        ],
        "validation_context": {"trusted_ca": {"filename": str(trust_anchor(directory))}},
    }
