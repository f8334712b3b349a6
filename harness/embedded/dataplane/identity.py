"""The cluster's certificate authority, and one certificate per ServiceAccount of a meshed pod (§3.19, §3.22)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.embedded.dataplane.compile.tls import certificate_file, key_file, trust_anchor

_LIFETIME: Final = timedelta(days=365)  # longer than any cluster in a box: there is no rotation
_CLOCK_SKEW: Final = timedelta(hours=1)
_ROOT: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "identity.linkerd.cluster.local")])


class Identities:
    """Certificates on disk for the proxy to read, in a directory that only this user can enter."""

    def __init__(self, directory: Path) -> None:
        """Make the authority; its key never leaves this process."""
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._issued: set[str] = set()
        root = _builder(_ROOT, self._key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._write(trust_anchor(directory), _certificate_bytes(root.sign(self._key, hashes.SHA256())))

    def issue(self, identity: str) -> None:
        """Write certificate and key of an identity, unless they are there already."""
        if identity in self._issued:
            return
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            # Only the alternative name counts: a common name is limited to 64 characters, identities are not.
            _builder(x509.Name([]), key)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(identity)]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usages(), critical=False)
        )
        signed = leaf.sign(self._key, hashes.SHA256())
        self._write(certificate_file(self.directory, identity), _certificate_bytes(signed))
        self._write(key_file(self.directory, identity), _key_bytes(key))
        self._issued.add(identity)

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)


def _builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_ROOT)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _LIFETIME)
    )


def _usages() -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


def _certificate_bytes(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
