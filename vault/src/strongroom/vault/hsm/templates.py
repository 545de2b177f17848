"""Attribute arrays, which python-pkcs11 cannot encode: the template that every unwrapped key must match.

WRAP_WITH_TRUSTED only says under what a key may leave. Without an unwrap template, whoever has the user's PIN and a
blob unwraps it as a key that is not sensitive and reads it: tried on SoftHSM 2.6.1, which gave the private key in the
clear. With the template on the wrapping key the token itself refuses that (CKR_TEMPLATE_INCONSISTENT).
Source: PKCS#11 v2.40 section 4.9 (CKA_UNWRAP_TEMPLATE).
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.attributes import AttributeMapper

from strongroom.vault.hsm.quirks import UNSET_ON_EC

UNWRAP_AS: Mapping[Attribute, bool | ObjectClass | KeyType] = {
    Attribute.CLASS: ObjectClass.PRIVATE_KEY,
    Attribute.KEY_TYPE: KeyType.EC,
    Attribute.TOKEN: False,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
}
"""What every unwrapped key is: an EC private key, gone with the session, never readable, never wrapped again."""

WRAPPING_ATTRIBUTES: Mapping[Attribute, bool] = {
    Attribute.TRUSTED: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.WRAP: True,
    Attribute.UNWRAP: True,
    # A wrapping key that may also decrypt would turn every blob into a key in the clear.
    Attribute.ENCRYPT: False,
    Attribute.DECRYPT: False,
    Attribute.SIGN: False,
    Attribute.DERIVE: False,
    Attribute.MODIFIABLE: False,
}
"""What a trusted wrapping key must be."""
UNWRAP_SEALED: dict[Attribute, object] = {**UNSET_ON_EC, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
"""The template of every honest unwrap."""


class _CkAttribute(ctypes.Structure):
    """CK_ATTRIBUTE as the module reads it."""

    _fields_ = [("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("value_bytes", ctypes.c_ulong)]


class TemplateMapper(AttributeMapper):
    """python-pkcs11's mapper, with UNWRAP_TEMPLATE. One for each session: it keeps alive what the module points to."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[ctypes.Array[ctypes.c_char]] = []
        self.register_handler(Attribute.UNWRAP_TEMPLATE, self._pack_template, bytes)

    def _pack_template(self, template: Mapping[Attribute, object]) -> bytes:
        array = (_CkAttribute * len(template))()
        for slot, (name, value) in zip(array, template.items(), strict=True):
            raw = self.pack_attribute(name, value)
            kept = ctypes.create_string_buffer(raw, len(raw))
            self._kept.append(kept)
            slot.type, slot.value, slot.value_bytes = int(name), ctypes.addressof(kept), len(raw)
        return bytes(array)
