"""Signatures of statements: a DSSE envelope around the exact bytes, signed with an Ed25519 key of the user's.

It needs the extra ``sign``; ``reporting.statement.signing`` imports it, and says so when the extra is missing.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error, UnverifiedSignatureError
from securesystemslib.signer import (  # type: ignore[attr-defined]  # they are public, but not named
    CryptoSigner,
    Signature,
    SSlibKey,
)

from llmapi_conformance.errors import StatementError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PASSPHRASE: Final = "LLMAPI_CONFORMANCE_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
"""Environment variable that opens an encrypted key file."""
_HOW: Final = "make one with 'openssl genpkey -algorithm ed25519 -out key.pem'"
_HOW_PUBLIC: Final = "make it with 'openssl pkey -in key.pem -pubout -out public.pem'"


def signed(payload: bytes, payload_type: str, key_file: Path, *, passphrase: str = "") -> dict[str, Any]:
    """A DSSE envelope with these bytes and one signature.

    Args:
        payload: Signed as it is.
        payload_type: Signed too.
        key_file: An Ed25519 private key, PEM, PKCS #8.
        passphrase: When the file is encrypted.

    Raises:
        StatementError: The file holds no such key.
    """
    private = _private_key(key_file, passphrase)
    envelope = Envelope(payload, payload_type, {})
    envelope.sign(CryptoSigner(private, SSlibKey.from_crypto(private.public_key())))
    return envelope.to_dict()


def opened(envelope: Mapping[str, Any]) -> tuple[bytes, str]:
    """Payload and payload type of an envelope, whoever signed it.

    Raises:
        StatementError: It is no DSSE envelope.
    """
    read = _read(envelope)
    return read.payload, str(read.payload_type)


def signed_by(envelope: Mapping[str, Any], public_key_file: Path) -> str:
    """The id of the key if one of the signatures is right and made with it; empty otherwise.

    Which key a signature says it is of plays no part: DSSE forbids to decide by that.

    Raises:
        StatementError: The file holds no Ed25519 public key, or it is no DSSE envelope.
    """
    read = _read(envelope)
    key = _public_key(public_key_file)
    for signature in read.signatures.values():
        try:
            key.verify_signature(Signature(key.keyid, signature.signature), read.pae())
        except UnverifiedSignatureError:
            continue
        return str(key.keyid)
    return ""


def _read(envelope: Mapping[str, Any]) -> Envelope:
    try:
        # The library wants an id for each signature; DSSE does not.
        signatures = [{"keyid": str(number), **one} for number, one in enumerate(envelope["signatures"])]
        return Envelope.from_dict({**envelope, "signatures": signatures})
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error, Error):
        raise StatementError("it is no DSSE envelope: payload, payloadType and signatures were expected") from None


def _private_key(path: Path, passphrase: str) -> Ed25519PrivateKey:
    pem = _bytes_of(path)
    try:
        key = load_pem_private_key(pem, passphrase.encode() or None)
    except TypeError:
        what = "not encrypted" if passphrase else "encrypted"
        todo = f"unset {PASSPHRASE}" if passphrase else f"put its passphrase into {PASSPHRASE}"
        raise StatementError(f"the key file {path} is {what}: {todo}") from None
    except (ValueError, UnsupportedAlgorithm):
        why = ", or the passphrase is wrong" if passphrase else ""
        raise StatementError(f"the key file {path} holds no private key in PEM (PKCS #8){why}; {_HOW}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise StatementError(f"the key file {path} holds a key of another kind than Ed25519; {_HOW}")
    return key


def _public_key(path: Path) -> SSlibKey:
    try:
        key = load_pem_public_key(_bytes_of(path))
    except (ValueError, UnsupportedAlgorithm):
        raise StatementError(f"the file {path} holds no public key in PEM; {_HOW_PUBLIC}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise StatementError(f"the file {path} holds a key of another kind than Ed25519")
    return SSlibKey.from_crypto(key)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StatementError(f"the key file {path} cannot be read: {error.strerror}") from None
