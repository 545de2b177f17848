"""A trading day without a chain: the platform's own steps say and post, and what nodes would tell is made up.

Deposits, orders, proposals, rejections, settlements and a lifted freeze, by the code that does them in production, so
that the ledger and the log are what they would be. What is slow about the real thing, blocks and devices, is left out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

from firm import ETHER, PEAK, Firm
from strongroom.core.bodies import Freeze, FreezeLift, FreezeScope, Outcome, Rejection, Settlement
from strongroom.core.books import Reorganisation
from strongroom.core.canonical import sha256
from strongroom.core.docket import Stage, build_prev
from strongroom.core.ids import AccountId, Digest, EntryId, PartyId
from strongroom.core.records import EntryOrNone, Units
from strongroom.core.statements import parse_statement
from strongroom.online.evidence.store import append, say, sign_checkpoint
from strongroom.online.prove.prover import LedgerProver, build_prover
from strongroom.online.transfers.deposit.credited import credit
from strongroom.online.transfers.deposit.reversed import recover_shortfalls, reverse_gone
from strongroom.online.transfers.deposit.store import Deposit
from strongroom.online.transfers.withdrawal.close import close_unpaid
from strongroom.online.transfers.withdrawal.platform import Chains, EthereumTerms, Platform
from strongroom.online.transfers.withdrawal.step2_decide import decide
from strongroom.online.transfers.withdrawal.step3_propose import propose
from strongroom.online.transfers.withdrawal.step9_settle import complete
from strongroom.online.transfers.withdrawal.store import (
    State,
    load_docket,
    load_docket_statements,
    load_instruction,
    save_docket,
)
from strongroom.online.watch.lift import accept_lift
from strongroom.online.watch.store import add_settlement
from world import ETH, ETH_ASSET, ETH_WALLET, GWEI, Edit

OFFICERS = ("person:r.ho", "person:s.lee")
OWNERS = {"harbour": "eth-1", "peak": "eth-2"}


def _with_owners(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    """The second Ethereum address is a client's too."""
    peak = EntryOrNone("account:peak:eth")
    model = PEAK["addresses"](entries)
    return tuple(replace(e, account=peak) if e.id == "address:eth-2" else e for e in model)


EDITS: dict[str, Edit] = {"addresses": _with_owners}


class Terms:
    """A chain that gives the builder fees, and whose account has sent nothing yet."""

    def fetch_terms(self, _address: str) -> EthereumTerms:
        """The same terms always."""
        return EthereumTerms(nonce=0, max_fee_per_gas_wei=90 * GWEI, max_priority_fee_per_gas_wei=GWEI)

    def fetch_balance(self, _address: str) -> int:
        """Nothing: no day here empties an address."""
        return 0

    def fetch_token_balance(self, _address: str, _contract: str) -> int:
        """No token either."""
        return 0

    def fetch_token_gas(self, _address: str, _contract: str, _data: bytes) -> int:
        """What a plain token takes."""
        return 65_000


@dataclass(kw_only=True)
class Day:
    """A firm's day. prover: a reconciler's; orders, proposals: what waits to be proposed, and to be settled."""

    firm: Firm
    platform: Platform
    prover: LedgerProver
    orders: list[Digest] = field(default_factory=list)
    proposals: list[Digest] = field(default_factory=list)
    height: int = 1

    def deposit(self, client: str, units: int) -> str:
        """A confirmed deposit is credited; returns its transfer's id."""
        address = self.firm.world.registers["addresses"].find(f"address:{OWNERS[client]}", "addresses")
        deposit = Deposit(
            chain=ETH,
            txid="0x" + secrets.token_hex(32),
            output=0,
            address=EntryId(address.id),
            wallet=ETH_WALLET,
            account=AccountId(f"account:{client}:eth"),
            asset=ETH_ASSET,
            units=units,
            height=self.height,
            block_hash="0x" + secrets.token_hex(32),
        )
        self.firm.query(
            """insert into watch.deposits
                 (chain, txid, output, address, wallet, account, asset, units, height, block_hash, state)
               values (%s, %s, 0, %s, %s, %s, %s, %s, %s, %s, 'SEEN')""",
            *(ETH, deposit.txid, deposit.address, deposit.wallet, deposit.account, deposit.asset),
            *(units, deposit.height, deposit.block_hash),
        )
        credit(self.platform, self.firm.rules, deposit, 2)
        return f"deposit:{ETH}:{deposit.block_hash}:{deposit.txid}:0"

    def take_back(self, transfer: str) -> None:
        """The block of a deposit leaves the chain, and its credit is taken back."""
        firm, hash_ = self.firm, transfer.split(":")[3]
        body = Reorganisation(
            chain=ETH, fork_hash="0x" + "0" * 64, fork_height=0, old_hash=hash_, old_height=self.height
        )
        said = say(firm.reconciler.connection, firm.rules.context, body, firm.reconciler.key, firm.clock())
        firm.query("update watch.deposits set reorganisation = %s where block_hash = %s", said.id, hash_)
        assert 1 == reverse_gone(self.platform, firm.rules)

    def recover(self) -> int:
        """The platform's next pass over what clients owe."""
        return recover_shortfalls(self.platform)

    def order(self, client: str, units: int) -> Digest:
        """A client's instruction, decided and reserved."""
        instruction = self.firm.instruct(f"client:{client}", ETH, units).id
        row = load_instruction(self.platform.connection, instruction)
        assert row is not None
        decide(self.platform, self.firm.rules, row)
        self.orders.append(instruction)
        return instruction

    def propose(self, instruction: Digest) -> Digest:
        """A docket for it."""
        row = load_instruction(self.platform.connection, instruction)
        assert row is not None
        assert row.state is State.SCREENING, row.why
        propose(self.platform, self.firm.rules, [row])
        self.orders.remove(instruction)
        proposal = self.firm.query("select proposal from transfers.instructions where id = %s", instruction)[0][0]
        self.proposals.append(Digest(proposal))
        return Digest(proposal)

    def say_settlement(self, proposal: Digest, fee: int) -> Digest:
        """The watcher's word; nothing is posted yet."""
        self.proposals.remove(proposal)
        watcher = self.firm.watcher
        body = Settlement(
            block_hash="0x" + secrets.token_hex(32),
            confirmations=2,
            fee_paid=Units(fee),
            height=self.height,
            outcome=Outcome.SUCCESS,
            prev=build_prev(list(load_docket_statements(watcher.connection, proposal)), Stage.SETTLE),
            proposal=proposal,
            txid="0x" + secrets.token_hex(32),
        )
        with watcher.connection.transaction():
            statement = say(watcher.connection, self.firm.rules.context, body, watcher.key, watcher.clock())
            add_settlement(watcher.connection, proposal, statement.id)
            save_docket(self.firm.admin, proposal, State.CONFIRMING)
        return statement.id

    def post_settlement(self, proposal: Digest) -> None:
        """The platform's next pass."""
        complete(self.platform, self.firm.rules, load_docket(self.platform.connection, proposal))

    def settle(self, proposal: Digest, fee: int) -> Digest:
        """Settled and posted."""
        settlement = self.say_settlement(proposal, fee)
        self.post_settlement(proposal)
        return settlement

    def reject(self, proposal: Digest) -> Digest:
        """An approver says no, and the reservation is released."""
        self.proposals.remove(proposal)
        row = load_docket(self.platform.connection, proposal)
        body = Rejection(
            device=PartyId("device:approver-1"),
            display_digest=sha256(b"display"),
            heads=self.firm.rules.build_heads(),
            language="en",
            prev=sha256(b"prev"),
            proposal=proposal,
            reason="not by us",
            renderer="strongroom-display/1",
            unsigned_digest=sha256(row.unsigned),
        )
        self.firm.world.now = self.firm.clock()
        statement = parse_statement(self.firm.world.sign(body, "person:m.chan", ("person:m.chan",)))
        with self.platform.connection.transaction():
            append(self.platform.connection, statement.envelope)
            close_unpaid(self.platform, row, statement, State.REJECTED)
        return statement.id

    def lose(self, units: int) -> Digest:
        """Coins leave unexplained; the vault is frozen, and officers lift it. Returns the lift."""
        firm, txid = self.firm, "0x" + secrets.token_hex(32)
        body = Freeze(evidence=f"{ETH} {txid}", reason="unexplained outflow", scope=FreezeScope.VAULT)
        freeze = say(firm.reconciler.connection, firm.rules.context, body, firm.reconciler.key, firm.clock())
        firm.query(
            """insert into watch.outflows (chain, txid, address, asset, units, fee, height, block_hash)
               values (%s, %s, 'address:eth-1', %s, %s, 0, %s, 'h')""",
            *(ETH, txid, ETH_ASSET, units, self.height),
        )
        firm.world.now = firm.clock() + timedelta(seconds=1)
        lift = firm.world.sign(FreezeLift(freeze=freeze.id, reason="explained"), OFFICERS[0], OFFICERS)
        return accept_lift(self.platform.connection, lift, firm.world.now).id

    def witness(self) -> None:
        """The log so far is signed and cosigned."""
        sign_checkpoint(self.platform.connection, self.platform.reader, self.firm.rules.root.log, self.platform.log_key)
        self.firm.witness()

    def trade(self, random: Random, steps: int) -> None:
        """Whatever comes, in any order that is possible."""
        for _ in range(steps):
            choice = random.randrange(12)
            if choice < 4:
                self.deposit(random.choice(sorted(OWNERS)), random.randint(1, 9) * ETHER)
            elif choice < 7:
                self.try_order(random.choice(sorted(OWNERS)), random.randint(1, 9 * ETHER))
            elif choice < 9 and self.orders:
                self.propose(random.choice(self.orders))
            elif choice == 9 and self.proposals:
                self.reject(random.choice(self.proposals))
            elif choice == 10 and self.proposals:
                self.settle(random.choice(self.proposals), random.randint(0, 21_000 * 90 * GWEI))
            else:
                self.witness()

    def try_order(self, client: str, units: int) -> None:
        """An order that may be more than the client has; then it is blocked."""
        instruction = self.order(client, units)
        state = self.firm.query("select state from transfers.instructions where id = %s", instruction)[0][0]
        if state != State.SCREENING.value:
            self.orders.remove(instruction)


def begin_day(firm: Firm) -> Day:
    """A day of a firm that has no chain."""
    firm.query(
        "insert into watch.runs (chain, height, block_hash, status, statement) values (%s, 1, 'h', 'MATCHED', %s)",
        *(ETH, firm.world.policy.id),
    )
    platform = replace(firm.platform, chains=Chains(ethereum={ETH: Terms()}, bitcoin={}))
    prover = build_prover(firm.world.fingerprint, firm.folder / "platform", firm.clock)
    return Day(firm=firm, platform=platform, prover=prover)
