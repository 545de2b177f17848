"""The P-256 key of a person or a device, in a token of its own: what statements are signed with.

The key is made in the token and never leaves it. Each signature is made low-S and verified with the public key before
it is returned, so that a fault of the token is caught here and not by whoever reads the statement.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, RefusedError, UnavailableError, refused
from strongroom.core.keys import Algorithm, PublicKey, check_signature
from strongroom.core.leases import TokenIdentity
from strongroom.core.records import HexBytes
from strongroom.vault.hsm.ecdsa import (
    P256_ORDER,
    encode_p256_spki,
    encode_signature,
    parse_ec_point,
    split_signature,
)
from strongroom.vault.hsm.handles import SigningKey, as_signing_key
from strongroom.vault.hsm.module import TokenModule, find_token, identity_of, open_session, token_errors
from strongroom.vault.hsm.secret import Secret

STATEMENT_LABEL = "statement"
"""Label of the one key pair in a person's or a device's token."""


def create_person_key(session: pkcs11.Session, label: str = STATEMENT_LABEL) -> bytes:
    """Make a P-256 key pair in the token and return its public key: 65 bytes, uncompressed.

    session: from `open_storing_session`. The private key is sensitive and cannot be extracted or wrapped, ever.
    Raises RefusedError ALREADY_EXISTS when the token already has a key of this label: two would be one too many
    to say which one signs.
    """
    with token_errors(f"key {label!r}"):
        if next(session.get_objects({Attribute.LABEL: label}), None) is not None:
            raise refused(Code.ALREADY_EXISTS, f"key {label!r}", "no key of this label", "one key")
        parameters = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
        )
        public, _private = parameters.generate_keypair(
            store=True,
            label=label,
            capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
            private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )
        return parse_ec_point(public[Attribute.EC_POINT], f"key {label!r}")


def public_key_of(point: bytes) -> PublicKey:
    """A P-256 point as rosters hold it. point: 65 bytes, uncompressed."""
    return PublicKey(alg=Algorithm.P256, public=HexBytes(point))


class PersonToken:
    """A token with one P-256 key pair, open for as long as the `with` block lasts.

    ::

        with PersonToken(module, "m.chan", pin) as token:
            signature = token.sign(pae)

    Entering raises RefusedError PIN_WRONG or KEY_NOT_IN_TOKEN, UnavailableError TOKEN_UNAVAILABLE.
    """

    def __init__(self, module: TokenModule, label: str, pin: Secret, key_label: str = STATEMENT_LABEL) -> None:
        self._module = module
        self._label = label
        self._pin = pin
        self._key_label = key_label
        self._stack = ExitStack()
        self._opened: tuple[SigningKey, bytes] | None = None
        self._session: pkcs11.Session | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            session = stack.enter_context(open_session(find_token(self._module, self._label), self._pin))
            with token_errors(self._field):
                public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=self._key_label)
                private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=self._key_label)
                point = parse_ec_point(public[Attribute.EC_POINT], self._field)
            self._opened = (as_signing_key(private, self._field), point)
            self._session = session
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened = self._session = None
        self._stack.close()

    @property
    def session(self) -> pkcs11.Session:
        """The open session, in which a terminal also signs with its asset keys: a token is opened once in a process.

        Raises UnavailableError TOKEN_UNAVAILABLE once it is closed.
        """
        if self._session is None:
            raise self._closed()
        return self._session

    @property
    def identity(self) -> TokenIdentity:
        """What the open token says of itself."""
        with token_errors(self._field):
            return identity_of(self.session.token)

    @property
    def public_key(self) -> bytes:
        """The public key: 65 bytes, uncompressed, 0x04 first."""
        return self._key()[1]

    @property
    def key(self) -> PublicKey:
        """The public key as rosters hold it; `.key_id` names it in envelopes."""
        return public_key_of(self.public_key)

    @property
    def public_key_spki(self) -> bytes:
        """The public key as DER SubjectPublicKeyInfo."""
        return encode_p256_spki(self.public_key)

    def sign(self, data: bytes) -> bytes:
        """ECDSA over SHA-256 of `data`: `r || s`, 64 bytes, low-S, verified.

        The hash is made here: not every module has the combined mechanism, and `data` may be larger than a token takes.
        Raises UnavailableError TOKEN_UNAVAILABLE; InvariantError SIGNATURE_INVALID when the token signed wrongly.
        """
        private, _point = self._key()
        with token_errors(self._field):
            raw = private.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA)
        r, s = split_signature(raw, P256_ORDER, self._field)
        signature = encode_signature(r, s)
        check_own_signature(self.key, data, signature, self._field)
        return signature

    @property
    def _field(self) -> str:
        return f"token {self._label!r} key {self._key_label!r}"

    def _key(self) -> tuple[SigningKey, bytes]:
        if self._opened is None:
            raise self._closed()
        return self._opened

    def _closed(self) -> UnavailableError:
        return UnavailableError(
            Refusal(code=Code.TOKEN_UNAVAILABLE, field=self._field, expected="an open session", got="a closed one")
        )


def check_own_signature(key: PublicKey, data: bytes, signature: bytes, field: str) -> None:
    """Verify a signature that a token of ours just made. Raises InvariantError SIGNATURE_INVALID.

    A public object in a token is not protected, so this also finds a public key that is not the private one's.
    """
    try:
        check_signature(key, data, signature, field)
    except RefusedError as error:
        refusal = Refusal(code=Code.SIGNATURE_INVALID, field=field, expected="a signature by its own key", got="none")
        raise InvariantError(refusal) from error
