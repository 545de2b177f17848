"""Key and configuration files: made once, read by nobody else, and one clear refusal for each that is not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from firm import Firm
from strongroom.core.codes import Code
from strongroom.core.errors import RefusedError, StrongroomError
from strongroom.core.ids import ChainId, Digest, PartyId
from strongroom.online.cli import read_file
from strongroom.online.config import ChainConfig, Config, NodeConfig, load_config, load_conninfo, open_nodes
from strongroom.online.keys import load_service_key, make_service_key
from world import ETH, LTC

BUILDER = PartyId("service:builder")


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "builder.key"
    made = make_service_key(path)
    assert 0o600 == path.stat().st_mode & 0o777
    assert made == load_service_key(path, BUILDER).key
    with pytest.raises(RefusedError) as caught:
        make_service_key(path)
    assert Code.ALREADY_EXISTS in caught.value.codes
    assert made == load_service_key(path, BUILDER).key


def _key(path: Path) -> object:
    return load_service_key(path, BUILDER)


def _secret(path: Path) -> object:
    return load_conninfo(path)


@pytest.mark.parametrize("load", [_key, _secret])
def test_a_secret_that_others_may_read_is_not_used(tmp_path: Path, load: Callable[[Path], object]) -> None:
    path = tmp_path / "secret"
    with pytest.raises(RefusedError) as caught:
        load(path)
    assert Code.FILE_UNAVAILABLE in caught.value.codes
    make_service_key(path)
    path.chmod(0o640)
    with pytest.raises(RefusedError) as caught:
        load(path)
    assert Code.FILE_UNAVAILABLE in caught.value.codes
    path.chmod(0o600)
    load(path)


def test_a_configuration_names_everything_that_a_program_has(office_firm: Firm, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        load_config(tmp_path / "missing.json")
    assert Code.FILE_UNAVAILABLE in caught.value.codes
    config = load_config(office_firm.config("reconcile"))
    assert config.root == office_firm.world.fingerprint
    assert config.key_file("service:reconciler").exists()
    with pytest.raises(RefusedError) as caught:
        config.key_file("service:watcher")
    assert Code.FILE_UNAVAILABLE in caught.value.codes


def config_of(chain: ChainId, url: str) -> Config:
    """A configuration with one node."""
    chains = (ChainConfig(chain=chain, confirmations=1, nodes=(NodeConfig(name="a", url=url),)),)
    return Config(chains=chains, database="", doors=(), home="", keys=(), poll_ms=1, root=Digest("sha256:" + "0" * 64))


def test_a_bitcoin_node_needs_credentials() -> None:
    with pytest.raises(StrongroomError) as caught:
        open_nodes(config_of(LTC, "http://127.0.0.1:1"))
    assert Code.FIELD_INVALID in caught.value.codes
    for chain, url in ((LTC, "http://user:word@127.0.0.1:1"), (ETH, "http://127.0.0.1:1")):
        ((node,),) = open_nodes(config_of(chain, url)).values()
        assert "a" == node.name
        node.close()


def test_every_node_of_a_chain_has_a_name_of_its_own() -> None:
    first, second = NodeConfig(name="a", url="http://127.0.0.1:1"), NodeConfig(name="b", url="http://127.0.0.1:2")
    for nodes in ((), (first, first), (NodeConfig(name="", url=first.url),)):
        with pytest.raises(StrongroomError) as caught:
            ChainConfig(chain=ETH, confirmations=1, nodes=nodes)
        assert Code.FIELD_INVALID in caught.value.codes
    assert 2 == len(ChainConfig(chain=ETH, confirmations=1, nodes=(first, second)).nodes)


def test_a_file_that_is_not_there_is_one_clear_refusal(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        read_file(tmp_path / "nothing")
    assert Code.FILE_UNAVAILABLE in caught.value.codes
    (tmp_path / "something").write_bytes(b"words")
    assert b"words" == read_file(tmp_path / "something")
