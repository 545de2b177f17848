"""Two nodes of one chain for development: two anvils in lock-step, two litecoinds that are peers. Never in production.

Each pair is used like its single chain, and every one of its nodes can be asked by itself. anvil speaks with no peers:
the driver hands both the same transactions and lets both mine at the same times, so their blocks are identical; it
raises INVARIANT when they are not. The litecoinds exchange blocks and transactions over the network's own protocol.
"""

from __future__ import annotations

import time
from typing import Final

from strongroom.core.codes import Code
from strongroom.core.errors import InvariantError, Refusal, UnavailableError
from strongroom.online.nodes.devchain import AnvilChain, LitecoinChain
from strongroom.online.nodes.replies import Reply, parse_data, parse_hash, parse_plain_hash, parse_text
from strongroom.online.nodes.rpc import JsonRpc

_PATIENCE_S: Final = 30
_POLL_S: Final = 0.02


class AnvilPair(AnvilChain):
    """Two anvils with the same genesis time that stay in step. What is done here is done to both."""

    def __init__(self, first: AnvilChain, second: AnvilChain) -> None:
        super().__init__(url=first.url)
        self.second = second
        self._both = (self._rpc, JsonRpc(second.url, pause=lambda _: None))

    def node_urls(self) -> dict[str, str]:
        """The nodes' addresses by name."""
        return {"anvil-1": self.url, "anvil-2": self.second.url}

    def mine(self, blocks: int, *, time_s: int | None = None) -> None:
        """Mine so many blocks on both, with what waits at either."""
        self.share()
        for _ in range(blocks):
            moment = time_s if time_s is not None else max(self._newest("timestamp") + 1, int(time.time()))
            for rpc in self._both:
                rpc.call_once("evm_mine", [moment])
            time_s = None
        self._check_in_step()

    def mine_apart(self, place: int, blocks: int, *, later_s: int = 1) -> None:
        """Mine so many blocks on one of them only: 0 the first, 1 the second, each so many seconds after the last."""
        for _ in range(blocks):
            rpc = self._both[place]
            newest = Reply(rpc.call("eth_getBlockByNumber", ["latest", False]), "block").quantity("timestamp")
            rpc.call_once("evm_mine", [newest + later_s])

    def catch_up(self) -> None:
        """Let the second mine what the first has and it has not, with the same transactions at the same times."""
        self.share()
        first, second = self.nodes()
        for number in range(second.fetch_block_number() + 1, first.fetch_block_number() + 1):
            self._both[1].call_once("evm_mine", [first.fetch_block(number).timestamp_s])
        self._check_in_step()

    def replace_code(self, contract: str, code: bytes) -> None:
        """Put other code at an address of both."""
        for rpc in self._both:
            rpc.call_once("anvil_setCode", [contract, "0x" + code.hex()])

    def share(self) -> None:
        """Hand each node the waiting transactions of the other, the lowest nonces first."""
        for one, other in (self._both, self._both[::-1]):
            known = {txid for _, txid in _waiting(other)}
            for _, txid in sorted(_waiting(one)):
                if txid not in known:
                    raw = parse_text(one.call("eth_getRawTransactionByHash", [txid]), "raw transaction")
                    other.call_once("eth_sendRawTransaction", [raw])

    def roll_back(self, depth: int) -> None:
        """Take the last blocks away from both; what they held waits nowhere any more."""
        for rpc in self._both:
            rpc.call_once("anvil_rollback", [depth])
        self._check_in_step()

    def reorganise(self, depth: int) -> None:
        """Replace the last `depth` blocks by empty ones with other times."""
        newest = self._newest("timestamp")
        self.roll_back(depth)
        for rpc in self._both:
            rpc.call_once("anvil_dropAllTransactions", [])
        self.mine(1, time_s=newest + 1)
        if depth > 1:
            self.mine(depth - 1)

    def fetch_raw(self, txid: str) -> bytes:
        """A transaction of the chain or of the pool, as it was sent."""
        return parse_data(self._rpc.call("eth_getRawTransactionByHash", [txid]), "raw transaction")

    def resend(self, raw: bytes) -> None:
        """Hand both nodes a transaction that they forgot."""
        for rpc in self._both:
            rpc.call_once("eth_sendRawTransaction", ["0x" + raw.hex()])

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self._both[1].close()

    def _newest(self, field: str) -> int:
        return Reply(self._rpc.call("eth_getBlockByNumber", ["latest", False]), "block").quantity(field)

    def _check_in_step(self) -> None:
        one, other = (
            parse_hash(Reply(rpc.call("eth_getBlockByNumber", ["latest", False]), "block").get("hash"), "hash")
            for rpc in self._both
        )
        if one != other:
            raise InvariantError(Refusal(code=Code.INVARIANT, field="anvil-2", expected=one, got=other))


class LitecoinPair(LitecoinChain):
    """Two litecoinds that are peers: the first mines and has the development wallet, the second hears of it."""

    def __init__(self, first: LitecoinChain, second: LitecoinChain) -> None:
        super().__init__(url=first.url, cookie=first.cookie)
        self.second = second

    def node_urls(self) -> dict[str, str]:
        """The nodes' addresses by name, with their credentials."""
        return {"litecoind-1": self.url_with_credentials(), "litecoind-2": self.second.url_with_credentials()}

    def mine(self, blocks: int) -> list[str]:
        """Mine so many blocks at the first and wait until the second has them."""
        mined = super().mine(blocks)
        self.wait()
        return mined

    def mine_empty(self, blocks: int) -> list[str]:
        """Mine so many blocks without any waiting transaction, and wait until the second has them."""
        mined = super().mine_empty(blocks)
        self.wait()
        return mined

    def reorganise(self, depth: int) -> None:
        """Replace the last `depth` blocks by one more of empty ones; the second node hears of it from the first."""
        node = self.node()
        tip = node.fetch_block_count()
        self.forget(node.fetch_block_hash(tip - depth + 1))
        self.mine_empty(depth + 1)

    def restore(self, block_hash: str, *, then: int) -> None:
        """Take a forgotten block back, with all that was on it, and mine so many more on top; the other branch goes."""
        node = self.node()
        height = node.fetch_block(block_hash).height
        self.forget(node.fetch_block_hash(height))
        self._node_rpc().call_once("reconsiderblock", [block_hash])
        self.mine_empty(then)

    def wait(self) -> None:
        """Wait until both have the same newest block. Raises NODE_UNAVAILABLE."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            tips = {parse_plain_hash(rpc.call("getbestblockhash", []), "tip") for rpc in self._tip_rpcs()}
            if len(tips) == 1:
                return
            time.sleep(_POLL_S)
        words = f"the first one's block within {_PATIENCE_S} seconds"
        raise UnavailableError(Refusal(code=Code.NODE_UNAVAILABLE, field="litecoind-2", expected=words, got="another"))

    def _tip_rpcs(self) -> tuple[JsonRpc, JsonRpc]:
        return self._node_rpc(), self.second._node_rpc()  # noqa: SLF001 -- of its own class


def _waiting(rpc: JsonRpc) -> list[tuple[int, str]]:
    """Nonce and id of every waiting transaction."""
    content = Reply(rpc.call("txpool_content", []), "txpool")
    found = []
    for part in ("pending", "queued"):
        senders = content.get(part)
        for sender in senders.values() if isinstance(senders, dict) else ():
            for each in sender.values() if isinstance(sender, dict) else ():
                reply = Reply(each, "txpool")
                found.append((reply.quantity("nonce"), reply.hash("hash")))
    return found
