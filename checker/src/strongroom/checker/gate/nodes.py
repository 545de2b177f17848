"""The gate sends what it released to its own nodes, and asks them what they made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import httpx

from strongroom.checker.reading.networks import is_ethereum
from strongroom.checker.state.speak import sayable
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, UnavailableError, malformed
from strongroom.core.ids import ChainId

TIMEOUT_S: Final = 20.0
_KNOWN_CODE: Final = -27
"""RPC_VERIFY_ALREADY_IN_UTXO_SET of Bitcoin Core: the transaction is in a block already."""
_KNOWN_WORDS: Final = (
    "already known",
    "already imported",
    "known transaction",
    "txn-already-in-mempool",
    "txn-already-known",
)


class Took(StrEnum):
    """What a node made of a transaction."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNREACHED = "unreached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node under the name that the broadcast statement will have. url: may hold a password, so it never prints."""

    name: str
    url: str

    def __repr__(self) -> str:
        return f"Node(name={self.name!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAnswer:
    """A node's answer, with its own words when it refused."""

    node: str
    took: Took
    words: str = ""


class Network(Protocol):
    """Where signed bytes are sent."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the nodes."""

    def send(self, chain: ChainId, signed: bytes, txid: str) -> tuple[NodeAnswer, ...]:
        """Send to every node; never raises for what a node says or does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """The gate's own nodes, over JSON-RPC."""

    nodes: tuple[Node, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the nodes."""
        return tuple(each.name for each in self.nodes)

    def send(self, chain: ChainId, signed: bytes, txid: str) -> tuple[NodeAnswer, ...]:
        """Send to every node. A node that knows the transaction already has taken it."""
        return tuple(_send_to(node, chain, signed, txid) for node in self.nodes)


def parse_node(text: str) -> Node:
    """Read `NAME=URL`. Raises FIELD_INVALID; the URL is not repeated, since it may hold a password."""
    name, mark, url = text.partition("=")
    if not mark or not name or not url.startswith(("http://", "https://")):
        raise malformed(Code.FIELD_INVALID, "--node", "NAME=http://user:password@host:port", f"{name}=...")
    return Node(name=name, url=url)


def judge_answers(answers: Sequence[NodeAnswer], txid: str) -> tuple[Refusal, ...]:
    """What is wrong with the nodes' answers; empty when every node took the transaction.

    A node that was silent while others took it is told, too: one that is cut off sees another chain.
    Raises UnavailableError with NODE_UNAVAILABLE when nobody took it and somebody could not be reached.
    """
    taken = [each.node for each in answers if each.took is Took.TAKEN]
    refusing = [each for each in answers if each.took is Took.REFUSED]
    unreached = [each for each in answers if each.took is Took.UNREACHED]
    if not taken and unreached:
        words = "; ".join(f"{each.node}: {each.words}" for each in (*unreached, *refusing))
        raise UnavailableError(Refusal(code=Code.NODE_UNAVAILABLE, field="nodes", expected="an answer", got=words))
    code = Code.NODES_DISAGREE if taken else Code.NODE_REFUSED
    expected = f"{txid}, as {' and '.join(taken)} took it" if taken else txid
    return tuple(
        Refusal(code=code, field=f"nodes[{each.node}]", expected=expected, got=each.words)
        for each in (*refusing, *unreached)
    )


def _send_to(node: Node, chain: ChainId, signed: bytes, txid: str) -> NodeAnswer:
    try:
        # No proxy of the environment and no redirect: the bytes go where this gate was told, and nowhere else.
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
            if is_ethereum(chain):
                return _send_ethereum(client, node, signed, txid)
            return _send_bitcoin(client, node, signed, txid)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return NodeAnswer(node=node.name, took=Took.UNREACHED, words=type(error).__name__)


def _send_ethereum(client: httpx.Client, node: Node, signed: bytes, txid: str) -> NodeAnswer:
    reply = _call(client, node, "eth_sendRawTransaction", ["0x" + signed.hex()])
    if isinstance(reply, _Fault):
        found = _call(client, node, "eth_getTransactionByHash", [txid])
        known = reply.is_known or (isinstance(found, dict) and found.get("hash") == txid)
        return _answer(node, known=known, words=reply.words)
    return _answer(node, known=reply == txid, words=f"another transaction id: {reply}")


def _send_bitcoin(client: httpx.Client, node: Node, signed: bytes, txid: str) -> NodeAnswer:
    reply = _call(client, node, "sendrawtransaction", [signed.hex()])
    if isinstance(reply, _Fault):
        found = _call(client, node, "getrawtransaction", [txid])
        known = reply.is_known or reply.code == _KNOWN_CODE or found == signed.hex()
        return _answer(node, known=known, words=reply.words)
    return _answer(node, known=reply == txid, words=f"another transaction id: {reply}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """An error object of JSON-RPC."""

    code: int
    words: str

    @property
    def is_known(self) -> bool:
        """Whether the node says that it has the transaction already."""
        return any(words in self.words.lower() for words in _KNOWN_WORDS)


def _call(client: httpx.Client, node: Node, method: str, parameters: list[str]) -> object:
    """One JSON-RPC call: its result, or the node's error. Raises ValueError for what is no JSON-RPC answer."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    reply: object = client.post(node.url, json=request).json()
    if not isinstance(reply, dict):
        raise ValueError("not a JSON-RPC answer")  # noqa: TRY004 -- as for JSON that cannot be read
    error: object = reply.get("error")
    if error is None:
        return reply.get("result")
    if not isinstance(error, dict):
        return _Fault(code=0, words=sayable(str(error)))
    code: object = error.get("code")
    return _Fault(code=code if isinstance(code, int) else 0, words=sayable(str(error.get("message", ""))))


def _answer(node: Node, *, known: bool, words: str) -> NodeAnswer:
    if known:
        return NodeAnswer(node=node.name, took=Took.TAKEN)
    return NodeAnswer(node=node.name, took=Took.REFUSED, words=words)
