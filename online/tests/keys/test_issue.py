"""Handing out addresses: attested, restorable, of a wallet in use, once; and the client's own proof of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from firm import ETHER, Firm, assign, change_register
from issued import Desk, eth_batch, open_desk, owners
from strongroom.core.address_package import encode_package, parse_package, prove_package
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.errors import StrongroomError
from strongroom.core.ids import AccountId, EntryId, PartyId, WalletId
from strongroom.core.key_states import KeyStateChange
from strongroom.core.records import Base64Bytes, ClientOrNone, EntryOrNone, encode_record
from strongroom.core.registers import ClientEntry, KeyState
from strongroom.core.statements import parse_statement
from strongroom.core.wallets import Issue, Segregation
from strongroom.online.evidence.store import append
from strongroom.online.governance.store import publish
from strongroom.online.keys.assigned import find_assigned
from strongroom.online.keys.issue import assign as issue
from strongroom.online.keys.issue import load_package
from wallets import ETH_COLD

HARBOUR, PEAK = AccountId("account:harbour:eth"), AccountId("account:peak:eth")


@pytest.fixture
def desk(office_firm: Firm) -> Iterator[Desk]:
    """A desk with three attested addresses in its Ethereum wallet."""
    with open_desk(office_firm) as made:
        made.register(eth_batch())
        made.take_in(eth_batch())
        yield made


def refuse(code: Code, question: Callable[[], object]) -> None:
    """The question is answered by a refusal with this code."""
    with pytest.raises(StrongroomError) as caught:
        question()
    assert code in caught.value.codes, caught.value


def test_an_address_is_handed_out_with_its_proof(desk: Desk) -> None:
    firm = desk.firm
    body = issue(desk.assigner, HARBOUR).body
    read = parse_package(encode_package(desk.package(body.entry)))
    proved = prove_package(read, firm.world.fingerprint, firm.clock())
    assert (body, firm.rules.roster.version) == (proved.assignment, proved.roster)
    assert (HARBOUR, PartyId("client:harbour"), HARBOUR) == (body.account, body.client, owners(firm)[body.entry])
    entry = firm.rules.entries.addresses[body.entry]
    assert {body.entry: body} == find_assigned(firm.platform.connection, firm.rules, [entry])


def test_each_address_is_handed_out_once(desk: Desk) -> None:
    given = {issue(desk.assigner, account).body.entry for account in (HARBOUR, PEAK, PEAK)}
    assert 3 == len(given)
    refuse(Code.ADDRESS_NOT_ATTESTED, lambda: issue(desk.assigner, HARBOUR))
    for entry in given:
        refuse(Code.ADDRESS_NOT_ATTESTED, lambda entry=entry: issue(desk.assigner, HARBOUR, entry))


def test_the_log_refuses_a_second_owner_when_the_table_forgot_the_first(desk: Desk) -> None:
    """Somebody who owns the database deletes the row, so that the address looks free."""
    body = issue(desk.assigner, HARBOUR).body
    desk.firm.query("delete from custody.assignments where entry = %s", body.entry)
    refuse(Code.ALREADY_ASSIGNED, lambda: issue(desk.assigner, PEAK, body.entry))
    assert PEAK == issue(desk.assigner, PEAK, min(free(desk))).body.account


def free(desk: Desk) -> set[str]:
    """Attested addresses that the log gives to nobody."""
    rows = desk.firm.query("select id from custody.attested_addresses")
    return {str(name) for (name,) in rows if desk.assigner.fold.assigned.find(name) is None}


def test_a_log_from_before_is_not_believed(desk: Desk) -> None:
    """A backup is restored: the assignment is gone from log and table. The assigner's own disk remembers."""
    firm = desk.firm
    before = firm.query("select max(idx) from evidence.entries")[0][0]
    issue(desk.assigner, HARBOUR)
    fresh = replace(desk.assigner, fold=type(desk.assigner.fold)())
    firm.query("alter table evidence.entries disable trigger all")
    firm.query("delete from custody.assignments")
    firm.query("delete from evidence.entries where idx > %s", before)
    firm.query("update evidence.tail set size = %s", before + 1)
    firm.query("alter table evidence.entries enable trigger all")
    refuse(Code.LOG_NOT_CONSISTENT, lambda: issue(fresh, PEAK))
    forgetful = replace(fresh, memory=firm.folder / "another" / "assigner.json", fold=type(fresh.fold)())
    assert issue(forgetful, PEAK)


def test_no_drill_no_address(desk: Desk) -> None:
    terminal = PartyId("device:terminal-1")
    drill = desk.drills.pop(terminal)
    refuse(Code.ADDRESS_WITHOUT_SPEND_PROOF, lambda: issue(desk.assigner, HARBOUR))
    desk.drill(days_ago=367)
    refuse(Code.ADDRESS_WITHOUT_SPEND_PROOF, lambda: issue(desk.assigner, HARBOUR))
    desk.drills[terminal] = drill
    assert issue(desk.assigner, HARBOUR)


def test_a_key_that_signs_no_more(desk: Desk) -> None:
    key = desk.firm.world.registers["keys"].find("key:eoa-0", "keys")
    line = next(text for text in eth_batch().lines if '"key:eoa-0"' in text)
    entry = line.split('"id":"')[1].split('"')[0]
    change_register(desk.firm, "keys", (replace(key, state=KeyState.SUSPENDED),))
    refuse(Code.ADDRESS_WITHOUT_SPEND_PROOF, lambda: issue(desk.assigner, HARBOUR, entry))
    change_register(desk.firm, "keys", (key,))
    assert entry == issue(desk.assigner, HARBOUR, entry).body.entry


def test_a_key_that_an_officer_declared_compromised(desk: Desk) -> None:
    """By one officer's word in the log; the register calls it active still."""
    firm, names = desk.firm, (EntryId("key:eoa-0"), EntryId("key:eoa-1"))
    rows = {name: text.split('"id":"')[1].split('"')[0] for name in names for text in eth_batch().lines if name in text}
    body = KeyStateChange(keys=names[:1], lifts=(), reason="a copy was found", state=KeyState.COMPROMISED)
    firm.world.now = firm.clock()
    append(firm.admin, firm.world.sign(body, "person:r.ho", ("person:r.ho",)))
    refuse(Code.ADDRESS_WITHOUT_SPEND_PROOF, lambda: issue(desk.assigner, HARBOUR, rows[names[0]]))
    assert issue(desk.assigner, HARBOUR, rows[names[1]])


def test_a_segregated_wallet_serves_its_client_only(office_firm: Firm) -> None:
    with open_desk(office_firm) as desk:
        own = replace(
            ETH_COLD,
            client=ClientOrNone("client:harbour"),
            segregation=Segregation.SEGREGATED,
            wallet=WalletId("wallet:harbour-own"),
        )
        desk.say_wallet(own)
        moved = _accounts_in(own.wallet)
        clients = office_firm.world.registers["clients"].entries
        change_register(office_firm, "clients", tuple(moved(c) for c in clients))
        batch = eth_batch(wallet=own.wallet)
        desk.register(batch)
        desk.take_in(batch)
        refuse(Code.SEPARATION, lambda: issue(desk.assigner, PEAK))
        assert HARBOUR == issue(desk.assigner, HARBOUR).body.account


def _accounts_in(wallet: WalletId) -> Callable[[ClientEntry], ClientEntry]:
    """An edit of a client: the ether account is kept in a wallet."""

    def edit(client: ClientEntry) -> ClientEntry:
        accounts = tuple(replace(a, wallet=wallet) if a.id.endswith(":eth") else a for a in client.accounts)
        return replace(client, accounts=accounts)

    return edit


def test_one_address_a_client_where_the_wallet_says_so(desk: Desk) -> None:
    desk.say_wallet(replace(ETH_COLD, issue=Issue.PER_CLIENT))
    # The world's first address is harbour's already.
    refuse(Code.ALREADY_ASSIGNED, lambda: issue(desk.assigner, HARBOUR))
    assert issue(desk.assigner, PEAK)
    refuse(Code.ALREADY_ASSIGNED, lambda: issue(desk.assigner, PEAK))


def test_a_package_that_was_changed_proves_nothing(desk: Desk) -> None:
    firm = desk.firm
    mine, theirs = (issue(desk.assigner, account).body for account in (HARBOUR, PEAK))
    package, other = desk.package(mine.entry), desk.package(theirs.entry)
    root, now = firm.world.fingerprint, firm.clock()
    assert mine == prove_package(package, root, now).assignment
    refuse(Code.ADDRESS_NOT_ATTESTED, lambda: prove_package(replace(package, line=other.line), root, now))
    refuse(Code.ADDRESS_NOT_ATTESTED, lambda: prove_package(replace(package, assignment=other.assignment), root, now))
    refuse(Code.ADDRESS_NOT_ATTESTED, lambda: prove_package(replace(package, index=package.index ^ 1), root, now))
    stranger = eth_batch(first=7).lines[0]
    swapped = replace(package, line=Base64Bytes(stranger.encode()))
    refuse(Code.ADDRESS_NOT_ATTESTED, lambda: prove_package(swapped, root, now))
    refuse(Code.ROOT_MISMATCH, lambda: prove_package(package, sha256(b"another root"), now))


def test_a_package_is_given_for_what_was_handed_out_and_witnessed(desk: Desk) -> None:
    root, connection = desk.firm.world.fingerprint, desk.firm.platform.connection
    named = min(free(desk))
    refuse(Code.NOT_IN_LOG, lambda: load_package(connection, root, EntryId(named), desk.firm.clock()))
    body = issue(desk.assigner, HARBOUR, named).body
    refuse(Code.NOT_IN_LOG, lambda: load_package(connection, root, body.entry, desk.firm.clock()))
    assert body == prove_package(desk.package(named), root, desk.firm.clock()).assignment
    refuse(Code.ROOT_MISMATCH, lambda: load_package(connection, sha256(b"another"), body.entry, desk.firm.clock()))


def test_a_quiet_log_gives_no_fresh_package(desk: Desk) -> None:
    """Nothing was logged for a week, so that no checkpoint tells of today; one more entry makes it right."""
    firm = desk.firm
    body = issue(desk.assigner, HARBOUR).body
    assert desk.package(body.entry)
    firm.clock.forward(days=8)
    refuse(Code.EXPIRED, lambda: desk.package(body.entry))
    desk.drill()
    issue(desk.assigner, PEAK)
    assert body == prove_package(desk.package(body.entry), firm.world.fingerprint, firm.clock()).assignment


def test_a_deposit_is_credited_to_whom_the_address_was_handed(firm: Firm) -> None:
    """By the assignment alone: the address register names nobody for it."""
    with open_desk(firm) as desk:
        desk.register(eth_batch())
        desk.take_in(eth_batch())
        body = issue(desk.assigner, PEAK).body
        firm.deposit(body.entry.removeprefix("address:"), 2 * ETHER)
        firm.mine()
    rows = firm.query("select account, state from watch.deposits where address = %s", body.entry)
    assert [(PEAK, "CREDITED")] == rows
    firm.reconciler.prover.check(firm.reconciler.connection)


def test_an_assignment_of_anybody_else_credits_nobody(firm: Firm) -> None:
    """The platform's own key signs an assignment and writes the row; the chain pays in."""
    entry = firm.world.registers["addresses"].find("address:eth-2", "addresses")
    honest = assign(firm, entry, PEAK)
    firm.query("delete from custody.assignments where entry = %s", entry.id)
    firm.world.now = firm.clock()
    body = replace(honest.body, account=HARBOUR, client=PartyId("client:harbour"))
    forged = parse_statement(firm.world.sign(body, "service:platform", ("service:platform",)))
    firm.query(
        "insert into custody.assignments values (%s, %s, %s, %s, %s, %s)",
        *(body.chain, body.address, body.entry, body.account, body.wallet, forged.id),
    )
    connection = firm.platform.connection
    assert {} == find_assigned(connection, firm.rules, [entry])
    firm.query(
        "select evidence.append(%s, 'address-assignment', 'service:platform', now(), %s)",
        *(forged.id, forged.envelope.encode()),
    )
    refuse(Code.ROLE_MISSING, lambda: find_assigned(connection, firm.rules, [entry]))


def test_whose_it_is_does_not_contradict_the_register(desk: Desk) -> None:
    entry = eth_batch().lines[0].split('"id":"')[1].split('"')[0]
    found = desk.firm.world.registers["addresses"].find(entry, "addresses")
    world, connection = desk.firm.world, desk.firm.platform.connection
    named = replace(found, account=EntryOrNone(HARBOUR))
    world.now = desk.firm.clock()
    world.change_register("addresses", (named,), ())
    publish(connection, world.heads["addresses"], [encode_record(named)], ())
    refuse(Code.NOT_IN_REGISTER, lambda: issue(desk.assigner, PEAK, entry))
    assert entry == issue(desk.assigner, HARBOUR, entry).body.entry
