"""What every step is handed: connection, log, the keys of this host, the chains, and a clock. Nothing global."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from strongroom.chains.bitcoin.transactions import Transaction
from strongroom.core.assemble import build_docket
from strongroom.core.bodies import Proposal, SignatureRecord
from strongroom.core.docket import STAGE_OF, Docket, Stage, TransactionPart
from strongroom.core.errors import RefusedError
from strongroom.core.ids import ChainId, Digest
from strongroom.core.records import HexBytes, HexOrNone
from strongroom.core.statements import Body, Statement
from strongroom.online.db.connect import Connection
from strongroom.online.evidence.store import LogReader, say
from strongroom.online.governance.store import Rules, load_governance_at, load_prices
from strongroom.online.keys import ServiceKey
from strongroom.online.transfers.withdrawal.store import DocketRow, load_docket_statements

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class EthereumTerms:
    """What the builder needs of an Ethereum chain: next nonce and fees, in wei."""

    nonce: int
    max_fee_per_gas_wei: int
    max_priority_fee_per_gas_wei: int


class EthereumSource(Protocol):
    """Where the builder asks for nonce, fees and the gas of a token's transfer."""

    def fetch_terms(self, address: str) -> EthereumTerms:
        """Terms for the next transaction of an address."""

    def fetch_balance(self, address: str) -> int:
        """Wei of an address after the newest block."""

    def fetch_token_balance(self, address: str, contract: str) -> int:
        """Units of a token of an address after the newest block."""

    def fetch_token_gas(self, address: str, contract: str, data: bytes) -> int:
        """The gas limit for a token's transfer from an address. Raises NODE_REFUSED, CANNOT_FUND."""


class BitcoinSource(Protocol):
    """Where the builder asks for whole previous transactions and the fee rate."""

    def fetch_previous(self, txid: str) -> Transaction:
        """A transaction by its id. Raises NODE_UNAVAILABLE when the node does not have it."""

    def fetch_fee_rate(self) -> int:
        """Fee rate to pay, in smallest units per 1,000 virtual bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """Sources by chain."""

    ethereum: Mapping[ChainId, EthereumSource]
    bitcoin: Mapping[ChainId, BitcoinSource]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One worker's parts."""

    connection: Connection
    reader: LogReader
    platform_key: ServiceKey
    builder_key: ServiceKey
    log_key: ServiceKey
    chains: Chains
    clock: Clock
    counted: dict[Digest, int] = field(default_factory=dict)
    """How many statements a docket had when its approvals were last counted: proving is not repeated for nothing."""

    def say(self, rules: Rules, body: Body) -> Statement[Any]:
        """A statement of this host's service: the builder's for a proposal, the platform's for everything else."""
        key = self.builder_key if isinstance(body, Proposal) else self.platform_key
        return say(self.connection, rules.context, body, key, self.clock())

    def assemble(self, rules: Rules, row: DocketRow, *, up_to: Stage) -> Docket:
        """The docket of a row with its statements up to a stage. Raises NOT_IN_LOG while some are not witnessed yet."""
        statements = [s for s in load_docket_statements(self.connection, row.proposal) if STAGE_OF[s.type] <= up_to]
        signed = HexOrNone(row.signed.hex() if row.signed and up_to >= Stage.RELEASE else "none")
        part = TransactionPart(chain=row.chain, signed=signed, twin=row.twin, unsigned=HexBytes(row.unsigned))
        proposal = next(s.body for s in statements if isinstance(s.body, Proposal))
        governance = load_governance_at(self.connection, rules, proposal.heads)
        signatures = [s.issued_at for s in statements if isinstance(s.body, SignatureRecord)]
        if signatures:
            # What was signed is judged by the prices of that moment for ever.
            prices = load_prices(self.connection, min(signatures))
            governance = replace(governance, prices=(prices.envelope,) if prices else ())
        return build_docket(self.reader, governance, statements, part)

    def is_witnessed(self, statement: Digest) -> bool:
        """Whether this statement is under a witnessed checkpoint yet."""
        try:
            self.reader.first_checkpoint(self.reader.index_of(statement))
        except RefusedError:
            return False
        return True
