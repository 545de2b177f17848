"""JSON-RPC: what is retried, what is refused, and that no number becomes a float."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from nodes import AnvilChain, Said, ethereum_chain, start_liar
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError, UnavailableError
from strongroom.online.nodes import rpc
from strongroom.online.nodes.launch import free_port
from strongroom.online.nodes.rpc import JsonRpc, NodeRefusedError

__all__ = ["ethereum_chain"]

pytestmark = pytest.mark.xdist_group("anvil-rpc")  # One worker, so that one node serves all.

CHAIN_ID = "0x7a69"


Client = Callable[..., JsonRpc]


@pytest.fixture
def client() -> Iterator[Client]:
    """Makes clients that do not wait between attempts, and closes them."""
    opened: list[JsonRpc] = []

    def make(url: str, pauses: list[float] | None = None) -> JsonRpc:
        opened.append(JsonRpc(url, pause=(pauses if pauses is not None else []).append))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def telling(*answers: Said | None) -> Callable[[dict[str, Any]], dict[str, Any] | Said]:
    """A lie that gives these answers one after the other, and the truth for `None` and afterwards."""
    queue = list(answers)

    def tell(truth: dict[str, Any]) -> dict[str, Any] | Said:
        return (queue.pop(0) if queue else None) or truth

    return tell


def test_an_answer_is_returned(client: Client, ethereum_chain: AnvilChain) -> None:
    assert CHAIN_ID == client(ethereum_chain.url).call("eth_chainId", [])


def test_a_node_that_is_down_is_unavailable(client: Client) -> None:
    pauses: list[float] = []
    with pytest.raises(StrongroomError) as caught:
        client(f"http://127.0.0.1:{free_port()}", pauses).call("eth_chainId", [])
    assert isinstance(caught.value, UnavailableError)
    assert Code.NODE_UNAVAILABLE in caught.value.codes
    assert rpc.ATTEMPTS - 1 == len(pauses)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_node_is_asked_again(client: Client, ethereum_chain: AnvilChain, status: int) -> None:
    busy = Said(status=status, body=b"<html>busy</html>")
    with start_liar(ethereum_chain.url, {"eth_chainId": telling(busy, busy)}) as liar:
        pauses: list[float] = []
        assert CHAIN_ID == client(liar.url, pauses).call("eth_chainId", [])
        assert [0.25, 0.5] == pauses
        assert ["eth_chainId"] * 3 == liar.asked


def test_a_call_that_must_happen_once_is_made_once(client: Client, ethereum_chain: AnvilChain) -> None:
    busy = Said(status=503, body=b"")
    with start_liar(ethereum_chain.url, {"eth_chainId": telling(busy)}) as liar:
        with pytest.raises(StrongroomError) as caught:
            client(liar.url).call_once("eth_chainId", [])
        assert Code.NODE_UNAVAILABLE in caught.value.codes
        assert ["eth_chainId"] == liar.asked
        assert CHAIN_ID == client(liar.url).call_once("eth_chainId", [])


def test_a_node_that_never_stops_being_busy_is_given_up(client: Client, ethereum_chain: AnvilChain) -> None:
    busy = Said(status=503, body=b"")
    with start_liar(ethereum_chain.url, {"eth_chainId": telling(*[busy] * 9)}) as liar:
        with pytest.raises(StrongroomError) as caught:
            client(liar.url).call("eth_chainId", [])
        assert Code.NODE_UNAVAILABLE in caught.value.codes
        assert rpc.ATTEMPTS == len(liar.asked)


def warming_up(code: int) -> Said:
    error = {"code": code, "message": "Loading block index..."}
    return Said(status=500, body=json.dumps({"result": None, "error": error, "id": 1}).encode())


UNAVAILABLE = {
    "credentials refused": Said(status=401, body=b""),
    "forbidden": Said(status=403, body=b""),
    "a proxy's page": Said(status=404, body=b"<html>"),
    "a redirect, which is not followed": Said(status=302, body=b""),
    "a node that is starting": warming_up(-28),
}


@pytest.mark.parametrize("why", UNAVAILABLE)
def test_no_answer_of_the_node_is_unavailable(client: Client, ethereum_chain: AnvilChain, why: str) -> None:
    with start_liar(ethereum_chain.url, {"eth_chainId": telling(UNAVAILABLE[why])}) as liar:
        with pytest.raises(StrongroomError) as caught:
            client(liar.url).call_once("eth_chainId", [])
        assert Code.NODE_UNAVAILABLE in caught.value.codes
        assert CHAIN_ID == client(liar.url).call_once("eth_chainId", [])


MALFORMED = {
    "no JSON": b"<html>",
    "a list": b"[]",
    "another request's answer": b'{"jsonrpc":"2.0","id":2,"result":"0x1"}',
    "neither result nor error": b'{"jsonrpc":"2.0","id":1}',
    "an error without a code": b'{"jsonrpc":"2.0","id":1,"error":{"message":"no"}}',
    "an error that is a text": b'{"jsonrpc":"2.0","id":1,"error":"no"}',
    "not a number": b'{"jsonrpc":"2.0","id":1,"result":NaN}',
    "a thousand nested lists": b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("why", MALFORMED)
def test_an_answer_that_is_not_json_rpc_is_refused(client: Client, ethereum_chain: AnvilChain, why: str) -> None:
    said = Said(status=200, body=MALFORMED[why])
    with start_liar(ethereum_chain.url, {"eth_chainId": telling(said)}) as liar:
        with pytest.raises(StrongroomError) as caught:
            client(liar.url).call("eth_chainId", [])
        assert Code.FIELD_INVALID in caught.value.codes
        assert CHAIN_ID == client(liar.url).call("eth_chainId", [])


def test_a_refusal_keeps_the_nodes_own_words(client: Client, ethereum_chain: AnvilChain) -> None:
    with pytest.raises(NodeRefusedError) as caught:
        client(ethereum_chain.url).call("eth_nothing", [])
    assert Code.NODE_REFUSED in caught.value.codes
    assert -32601 == caught.value.rpc_code
    assert caught.value.rpc_message in str(caught.value)


def test_an_answer_is_bounded(client: Client, ethereum_chain: AnvilChain, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CHAIN_ID == client(ethereum_chain.url).call("eth_chainId", [])
    monkeypatch.setattr(rpc, "MAX_REPLY_BYTES", 20)
    with pytest.raises(StrongroomError) as caught:
        client(ethereum_chain.url).call("eth_chainId", [])
    assert Code.TOO_LARGE in caught.value.codes


def test_a_number_with_a_fraction_never_becomes_a_float(client: Client, ethereum_chain: AnvilChain) -> None:
    said = Said(status=200, body=b'{"jsonrpc":"2.0","id":1,"result":[0.1, 0.30000000000000004, 1e-8, 7]}')
    with start_liar(ethereum_chain.url, {"eth_chainId": telling(said)}) as liar:
        reply = client(liar.url).call("eth_chainId", [])
    assert [Decimal("0.1"), Decimal("0.30000000000000004"), Decimal("0.00000001"), 7] == reply
    assert isinstance(reply, list)
    assert not any(isinstance(each, float) for each in reply)


def test_a_proxy_of_the_environment_is_not_asked(
    client: Client, ethereum_chain: AnvilChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert CHAIN_ID == client(ethereum_chain.url).call_once("eth_chainId", [])


def test_the_name_of_a_node_holds_no_credentials(client: Client) -> None:
    assert "127.0.0.1:8545" == client("http://user:secret@127.0.0.1:8545").name
    assert "node.example:443/eth" == client("https://user:secret@node.example/eth/").name
