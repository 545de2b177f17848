"""One real SoftHSM store for a test file, with the tokens that most tests need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pkcs11
import pytest

import softhsm
from strongroom.vault.hsm.module import TokenModule, find_token, open_module, open_session, open_storing_session
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.signing_key import create_person_key
from strongroom.vault.hsm.wrapped_keys import create_wrapping_key

OFFICER_PIN = "officer-7731"
USER_PIN = "user-4482"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A store with the tokens `person`, `vault` (with a wrapping key), `empty` and `other-tool`."""

    store: softhsm.SoftHsmStore
    module: TokenModule


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    store = softhsm.make_store(tmp_path_factory.mktemp("softhsm"))
    for label in ("person", "vault", "empty", "other-tool"):
        store.init_token(label, OFFICER_PIN, USER_PIN)
    module = open_module(softhsm.MODULE_PATH)
    with open_storing_session(find_token(module, "person"), Secret(USER_PIN)) as session:
        create_person_key(session)
    create_wrapping_key(module, "vault", Secret(OFFICER_PIN), bytearray(os.urandom(32)))
    return Bench(store=store, module=module)


@pytest.fixture
def vault_session(bench: Bench) -> Iterator[pkcs11.Session]:
    with open_session(find_token(bench.module, "vault"), Secret(USER_PIN)) as session:
        yield session


@pytest.fixture
def user_pin() -> Secret:
    return Secret(USER_PIN)


@pytest.fixture
def officer_pin() -> Secret:
    return Secret(OFFICER_PIN)
