"""What development does with its own chains: mine blocks, fund addresses. Never used in production.

Money comes from real transactions of the chain's own development accounts, so that deposits are seen as they would be
on a public chain; no balance is ever written into a node's state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx

from strongroom.chains.ethereum.addresses import ADDRESS_BYTES, parse_address, render_address
from strongroom.chains.ethereum.hashing import keccak256
from strongroom.chains.ethereum.rlp import encode_integer, encode_rlp
from strongroom.chains.ethereum.tokens import TokenTransfer, encode_token_transfer
from strongroom.core.codes import Code
from strongroom.core.errors import UnavailableError, malformed
from strongroom.online.nodes.bitcoin import BitcoinNode
from strongroom.online.nodes.ethereum import EthereumNode
from strongroom.online.nodes.replies import Reply, parse_hash, parse_list, parse_plain_hash, parse_quantity, parse_text
from strongroom.online.nodes.rpc import JsonRpc

_WALLET: Final = "development"
_MATURITY: Final = 101
"""Blocks after which the first coinbase may be spent."""


class AnvilChain:
    """A running anvil. url: its JSON-RPC endpoint. Ten accounts with 10000 ETH each are open in it."""

    def __init__(self, *, url: str) -> None:
        self.url = url
        self._rpc = JsonRpc(url, pause=_no_pause)
        self._nodes: list[EthereumNode] = []

    def node(self) -> EthereumNode:
        """A new client of this chain, the same as production uses; closed with the chain at the latest."""
        self._nodes.append(EthereumNode(self.url))
        return self._nodes[-1]

    def node_urls(self) -> dict[str, str]:
        """The nodes' addresses by name."""
        return {"anvil": self.url}

    def nodes(self) -> tuple[EthereumNode, ...]:
        """New clients of all nodes of this chain, under their names; closed with the chain at the latest."""
        opened = tuple(EthereumNode(url, name=name) for name, url in self.node_urls().items())
        self._nodes += opened
        return opened

    def mine(self, blocks: int, *, time_s: int | None = None) -> None:
        """Mine so many blocks. time_s: the timestamp of the first one; `None` takes the node's clock."""
        for number in range(blocks):
            self._rpc.call_once("evm_mine", [] if time_s is None or number else [time_s])

    def accounts(self) -> list[str]:
        """The addresses of the open development accounts, in lower case."""
        items = parse_list(self._rpc.call("eth_accounts", []), "eth_accounts")
        return [parse_text(each, "eth_accounts") for each in items]

    def fund(self, address: str, value_wei: int) -> str:
        """Pay an address from the first development account and return the txid; call `mine` for it to be mined."""
        payment = {"from": self.accounts()[0], "to": address, "value": hex(value_wei)}
        return parse_hash(self._rpc.call_once("eth_sendTransaction", [payment]), "eth_sendTransaction")

    def send_from(self, account: str, to: str, value_wei: int) -> str:
        """Pay from a given development account: the stranger of an attack, for example."""
        payment = {"from": account, "to": to, "value": hex(value_wei)}
        return parse_hash(self._rpc.call_once("eth_sendTransaction", [payment]), "eth_sendTransaction")

    def call_from(self, account: str, to: str, data: bytes) -> str:
        """Call a contract from a given development account: a stranger's own doing, for example."""
        call = {"from": account, "to": to, "data": "0x" + data.hex()}
        return parse_hash(self._rpc.call_once("eth_sendTransaction", [call]), "eth_sendTransaction")

    def replace_code(self, contract: str, code: bytes) -> None:
        """Put other code at a contract, as an upgrade of a token in place would."""
        self._rpc.call_once("anvil_setCode", [contract, "0x" + code.hex()])

    def deploy(self, bytecode: bytes) -> str:
        """Create a contract from the first development account and return its address; call `mine` for it to be mined.

        Source of the address: Ethereum Yellow Paper, section 7: the last 20 bytes of Keccak-256 over creator and nonce.
        """
        creator = self.accounts()[0]
        nonce = parse_quantity(self._rpc.call("eth_getTransactionCount", [creator, "pending"]), "nonce")
        creation = {"from": creator, "data": "0x" + bytecode.hex()}
        self._rpc.call_once("eth_sendTransaction", [creation])
        born = keccak256(encode_rlp((bytes.fromhex(creator[2:]), encode_integer(nonce))))
        return render_address(born[-ADDRESS_BYTES:])

    def fund_token(self, contract: str, address: str, units: int) -> str:
        """Pay an ERC-20 token from the first development account, which deployed it, and return the txid."""
        data = encode_token_transfer(TokenTransfer(recipient=parse_address(address), units=units))
        call = {"from": self.accounts()[0], "to": contract, "data": "0x" + data.hex()}
        return parse_hash(self._rpc.call_once("eth_sendTransaction", [call]), "eth_sendTransaction")

    def reorganise(self, depth: int) -> None:
        """Replace the last `depth` blocks by empty ones, as a reorganisation of the chain would."""
        self._rpc.call_once("anvil_reorg", [depth, []])

    def is_ready(self) -> bool:
        """Whether the node answers."""
        return _answers(self._rpc, "eth_chainId")

    def close(self) -> None:
        """Close all connections; the process is ended by `launch`."""
        self._rpc.close()
        for each in self._nodes:
            each.close()


class LitecoinChain:
    """A running `litecoind -regtest`. url, user, password: its JSON-RPC endpoint and credentials."""

    def __init__(self, *, url: str, cookie: Path) -> None:
        self.url = url
        self.cookie = cookie
        self._opened: tuple[JsonRpc, JsonRpc] | None = None
        self._nodes: list[BitcoinNode] = []

    @property
    def user(self) -> str:
        """The node's user name, from the cookie that it writes at its start."""
        return self.cookie.read_text("utf-8").split(":", 1)[0]

    @property
    def password(self) -> str:
        """The node's password for this run."""
        return self.cookie.read_text("utf-8").split(":", 1)[1]

    def url_with_credentials(self) -> str:
        """The address as a configuration has it."""
        return self.url.replace("http://", f"http://{self.user}:{self.password}@")

    def node_urls(self) -> dict[str, str]:
        """The nodes' addresses by name, with their credentials."""
        return {"litecoind": self.url_with_credentials()}

    def nodes(self) -> tuple[BitcoinNode, ...]:
        """New clients of all nodes of this chain, under their names; closed with the chain at the latest."""
        parts = {name: httpx.URL(url) for name, url in self.node_urls().items()}
        opened = tuple(
            BitcoinNode(f"http://{url.host}:{url.port}", url.username, url.password, name=name)
            for name, url in parts.items()
        )
        self._nodes += opened
        return opened

    def node(self) -> BitcoinNode:
        """A new client of this chain, the same as production uses; closed with the chain at the latest."""
        self._nodes.append(BitcoinNode(self.url, self.user, self.password))
        return self._nodes[-1]

    def create_wallet(self) -> None:
        """Make the development wallet and mine until it has coins to spend."""
        self._node_rpc().call_once("createwallet", [_WALLET])
        self.mine(_MATURITY)

    def mine(self, blocks: int) -> list[str]:
        """Mine so many blocks to the development wallet and return their hashes."""
        reply = self._node_rpc().call_once("generatetoaddress", [blocks, self.new_address()])
        return [parse_plain_hash(each, "generatetoaddress") for each in parse_list(reply, "generatetoaddress")]

    def mine_empty(self, blocks: int) -> list[str]:
        """Mine so many blocks without any waiting transaction and return their hashes."""
        replies = [self._node_rpc().call_once("generateblock", [self.new_address(), []]) for _ in range(blocks)]
        return [Reply(each, "generateblock").plain_hash("hash") for each in replies]

    def new_address(self, kind: str = "bech32") -> str:
        """A new address of the development wallet. kind: `bech32`, `p2sh-segwit`, `legacy` or `mweb`."""
        return parse_text(self._wallet_rpc().call_once("getnewaddress", ["", kind]), "getnewaddress")

    def fund(self, address: str, value_sat: int) -> str:
        """Pay an address from the development wallet and return the txid; call `mine` for it to be mined."""
        coins = f"{value_sat // 10**8}.{value_sat % 10**8:08d}"
        return parse_plain_hash(self._wallet_rpc().call_once("sendtoaddress", [address, coins]), "sendtoaddress")

    def forget(self, block_hash: str) -> None:
        """Take a block and all after it out of the chain, as a reorganisation would (`invalidateblock`)."""
        self._node_rpc().call_once("invalidateblock", [block_hash])

    def is_ready(self) -> bool:
        """Whether the node has written its cookie and answers."""
        return self.cookie.exists() and _answers(self._node_rpc(), "getblockcount")

    def close(self) -> None:
        """Close all connections; the process is ended by `launch`."""
        for opened in self._opened or ():
            opened.close()
        for node in self._nodes:
            node.close()
        self._opened = None

    def _node_rpc(self) -> JsonRpc:
        return self._rpcs()[0]

    def _wallet_rpc(self) -> JsonRpc:
        return self._rpcs()[1]

    def _rpcs(self) -> tuple[JsonRpc, JsonRpc]:
        if self._opened is None:
            credentials = (self.user, self.password)
            if not all(credentials):
                raise malformed(Code.FIELD_INVALID, "cookie", "a user and a password", "nothing")
            wallet = f"{self.url}/wallet/{_WALLET}"
            self._opened = (
                JsonRpc(self.url, credentials=credentials, pause=_no_pause),
                JsonRpc(wallet, credentials=credentials, pause=_no_pause),
            )
        return self._opened


def _answers(rpc: JsonRpc, method: str) -> bool:
    try:
        rpc.call_once(method, [])
    except UnavailableError:
        return False
    return True


def _no_pause(seconds: float) -> None:
    """Development nodes are asked again at once: whoever starts one waits for it anyway."""
    del seconds
