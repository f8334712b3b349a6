"""The certificates a Linkerd installation starts from: a trust anchor, and an issuer below it.

The same files that the tutorial makes with `step`: ca.crt and ca.key, issuer.crt and issuer.key, ECDSA P-256, PEM
without a password, so keys are for their owner's eyes alone.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.errors import Finding, InputError

ANCHOR_NAME = "root.linkerd.cluster.local"
ISSUER_NAME = "identity.linkerd.cluster.local"
ANCHOR_LIFE = timedelta(days=3650)
ISSUER_LIFE = timedelta(days=365)
_BEFORE = timedelta(minutes=5)
"""Certificates are valid from a little earlier, for nodes whose clocks lag."""


def write_anchor(folder: Path, now: datetime | None = None) -> tuple[Path, Path]:
    """Make the trust anchor: ca.crt and ca.key in the folder.

    raises  InputError if one is there already; nothing is overwritten
    """
    _refuse_to_overwrite(folder, "ca")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(ANCHOR_NAME, ANCHOR_NAME, key.public_key(), key, ANCHOR_LIFE, 1, now)
    return _write(folder, "ca", certificate, key)


def write_issuer(folder: Path, now: datetime | None = None) -> tuple[Path, Path]:
    """Make the issuer below the anchor of the folder: issuer.crt and issuer.key.

    raises  InputError if there is no anchor, or an issuer already
    """
    _refuse_to_overwrite(folder, "issuer")
    try:
        anchor_key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    except FileNotFoundError as error:
        raise InputError([Finding(str(error.filename), 0, "is not there; make the trust anchor first: ca")]) from None
    assert isinstance(anchor_key, ec.EllipticCurvePrivateKey), "write_anchor made it"
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(ISSUER_NAME, ANCHOR_NAME, key.public_key(), anchor_key, ISSUER_LIFE, 0, now)
    return _write(folder, "issuer", certificate, key)


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    life: timedelta,
    path_length: int,
    now: datetime | None,
) -> x509.Certificate:
    """A certificate of an authority with so many authorities below it at most."""
    begin = now or datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - _BEFORE)
        .not_valid_after(begin + life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(usage, critical=True)
        # Linkerd looks for the issuer's name among its alternative names too.
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )


def _refuse_to_overwrite(folder: Path, name: str) -> None:
    there = [folder / f"{name}.{ending}" for ending in ("crt", "key") if (folder / f"{name}.{ending}").exists()]
    if there:
        raise InputError([Finding(str(path), 0, "is there already and is not overwritten") for path in there])


def _write(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    pem, traditional = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    certificate_path, key_path = folder / f"{name}.crt", folder / f"{name}.key"
    certificate_path.write_bytes(certificate.public_bytes(pem))
    descriptor = os.open(key_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(pem, traditional, serialization.NoEncryption()))
    return certificate_path, key_path
