"""Certificates of ServiceAccounts (§3.19, §3.22)."""

from __future__ import annotations

import stat
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from harness.embedded.dataplane.compile.tls import certificate_file, key_file, trust_anchor
from harness.embedded.dataplane.identity import Identities

NAME = "a-service-account-with-a-name-far-beyond-64-characters.booksapp.serviceaccount.identity.linkerd.cluster.local"


def test_a_leaf_names_one_identity_and_is_signed_by_the_authority(tmp_path: Path) -> None:
    identities = Identities(tmp_path / "identity")
    identities.issue(NAME)
    root = x509.load_pem_x509_certificate(trust_anchor(identities.directory).read_bytes())
    leaf = x509.load_pem_x509_certificate(certificate_file(identities.directory, NAME).read_bytes())
    leaf.verify_directly_issued_by(root)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)


def test_only_this_user_can_read_the_files(tmp_path: Path) -> None:
    identities = Identities(tmp_path / "identity")
    identities.issue(NAME)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in identities.directory.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(identities.directory.stat().st_mode) == 0o700


def test_an_identity_is_issued_once(tmp_path: Path) -> None:
    identities = Identities(tmp_path / "identity")
    identities.issue(NAME)
    first = key_file(identities.directory, NAME).read_bytes()
    identities.issue(NAME)
    assert key_file(identities.directory, NAME).read_bytes() == first
