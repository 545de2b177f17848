"""Policy, registers and freezes: what they hold, who may say them, and what they let through."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from strongroom.checker.reading.canonical import encode_canonical
from strongroom.checker.reading.envelopes import Context, Envelope, Environment
from strongroom.checker.reading.fields import Node
from strongroom.checker.reading.governed import check_governed
from strongroom.checker.reading.judge import Request, check_request, required_quorums
from strongroom.checker.reading.notices import prove_freeze, prove_lift
from strongroom.checker.reading.policy import Policy, parse_policy
from strongroom.checker.reading.prices import Prices, Worth, judge_worth, parse_prices
from strongroom.checker.reading.registers import check_entry, check_whole, parse_entry, parse_register, tree_root
from strongroom.checker.reading.roots import Delegation, check_roots, parse_root_file
from strongroom.checker.reading.rosters import RosterStatement, parse_roster
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal
from strongroom.core.ids import PartyId
from strongroom.core.merkle import Tree, leaf_hash
from strongroom.core.records import encode_record
from world import DELEGATES, ETH_ASSET, ETH_WALLET, World

from ..raw import codes_of, envelope_of, read

CONTEXT = Context(organization="test-custody", environment=Environment.DEVELOPMENT)
WORLD = World()
Edit = Callable[[dict[str, Any]], object]


def policy(edit: Edit = lambda _: None) -> Envelope:
    body = deepcopy(encode_record(WORLD.policy_body()))
    edit(body)
    return read(envelope_of("policy", body, "person:p.one", DELEGATES["policy"]), "policy.envelope")


def rules(edit: Edit = lambda _: None) -> Policy:
    return parse_policy(policy(edit)).body


MONDAY = datetime(2027, 3, 15, 1, 0, 0, tzinfo=UTC)
"""Nine in the morning in Hong Kong."""
STALE = Refusal(code=Code.PRICE_STALE, field="prices.as_of", expected="fresh", got="old")


def request(
    amount: int = 10**18, fee: int = 10**15, cents: int | None = 3_125_000, signed: tuple[datetime, ...] = ()
) -> Request:
    return Request(
        asset=ETH_ASSET,
        client=PartyId("client:harbour"),
        wallet=ETH_WALLET,
        amount=amount,
        fee=fee,
        signed=signed,
        worth=Worth(cents=cents, why=() if cents is not None else (STALE,)),
    )


def hours(*days: int, start: int = 540, end: int = 1080) -> Edit:
    return lambda b: first(b).update(hours=[{"days": list(days), "from_min": start, "to_min": end}])


def first(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body["rules"][0]
    return found


REFUSED: list[tuple[str, Edit, Request, Code]] = [
    (
        "nothing matches the asset",
        lambda b: first(b).update(assets=["eip155:1/slip44:60"]),
        request(),
        Code.POLICY_NO_RULE,
    ),
    ("nothing matches the client", lambda b: first(b).update(clients=["client:other"]), request(), Code.POLICY_NO_RULE),
    ("nothing matches the wallet", lambda b: first(b).update(wallets=["wallet:other"]), request(), Code.POLICY_NO_RULE),
    ("the amount is not above", lambda b: first(b).update(above=str(10**18)), request(), Code.POLICY_NO_RULE),
    ("a rule blocks", lambda b: first(b).update(effect="BLOCK"), request(), Code.POLICY_BLOCKED),
    ("too much", lambda _: None, request(100 * 10**18 + 1), Code.LIMIT_TRANSACTION),
    ("too dear", lambda _: None, request(fee=10**16 + 1), Code.FEE_CEILING),
    ("too valuable", lambda _: None, request(cents=500_000_000_00 + 1), Code.LIMIT_HKD),
    ("on a Sunday", hours(7), request(signed=(MONDAY,)), Code.OUTSIDE_HOURS),
    ("a minute early", hours(1, start=541), request(signed=(MONDAY,)), Code.OUTSIDE_HOURS),
    ("one of two terminals too late", hours(1), request(signed=(MONDAY, MONDAY.replace(hour=10))), Code.OUTSIDE_HOURS),
]


@pytest.mark.parametrize(("edit", "asked", "code"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_policy_denies_what_no_rule_lets_through(edit: Edit, asked: Request, code: Code) -> None:
    check_request(rules(), request(), "policy")
    check_request(rules(), request(100 * 10**18, 10**16), "policy")
    assert {code} == codes_of(lambda: check_request(rules(edit), asked, "policy"))


def test_hours_are_those_of_the_signatures() -> None:
    check_request(rules(hours(1)), request(signed=(MONDAY,)), "policy")
    check_request(rules(hours(1, end=541)), request(signed=(MONDAY.replace(second=59),)), "policy")
    check_request(rules(hours(7)), request(), "policy")
    last = datetime.max.replace(tzinfo=UTC)
    assert {Code.OUTSIDE_HOURS} == codes_of(lambda: check_request(rules(hours(1)), request(signed=(last,)), "policy"))


def test_what_cannot_be_valued_blocks_where_a_rule_asks() -> None:
    unpriced = request(cents=None)
    codes = codes_of(lambda: check_request(rules(), unpriced, "policy"))
    assert {Code.POLICY_NOT_EVALUABLE, Code.PRICE_STALE} == codes
    check_request(rules(lambda b: first(b).update(max_hkd_cents="none")), unpriced, "policy")


def snapshot(edit: Edit = lambda _: None) -> Prices:
    body = deepcopy(encode_record(WORLD.prices_body()))
    edit(body)
    return parse_prices(read(envelope_of("prices", body, "person:f.one", DELEGATES["prices"]), "prices")).body


ETHER = parse_entry("assets", Node(encode_record(WORLD.registers["assets"].find(ETH_ASSET, "assets")), "entry"))


def test_a_value_is_rounded_up_and_needs_a_fresh_price() -> None:
    def worth(amount: int, after_s: int = 0, prices: Prices | None = None) -> Worth:
        known = prices or snapshot()
        return judge_worth(known, ETHER, amount, moment=known.as_of + timedelta(seconds=after_s), max_age_s=60)  # type: ignore[arg-type]

    assert (3_125_000, 1, 0) == (worth(10**18).cents, worth(1).cents, worth(0).cents)
    assert 3_125_001 == worth(10**18 + 1).cents
    assert worth(1, 60).cents == 1
    for late in (61, -1):
        assert worth(1, late).cents is None
        assert {Code.PRICE_STALE} == {each.code for each in worth(1, late).why}
    other = snapshot(lambda b: b["prices"].remove(next(p for p in b["prices"] if p["asset"] == ETH_ASSET)))
    assert worth(1, 0, other) == Worth(cents=None)
    assert judge_worth(None, None, 1, moment=MONDAY, max_age_s=60) == Worth(cents=None)


@pytest.mark.parametrize(
    "edit",
    [
        lambda b: b["prices"].reverse(),
        lambda b: b["prices"].append(b["prices"][-1]),
        lambda b: b["prices"][0].update(microhkd="0"),
        lambda b: b["prices"][0].update(microhkd=1),
        lambda b: b.update(as_of="2027-03-14"),
    ],
)
def test_prices_of_another_shape_are_refused(edit: Edit) -> None:
    snapshot()
    assert {Code.FIELD_INVALID} == codes_of(lambda: snapshot(edit))


def test_the_strictest_of_all_matching_rules_decides() -> None:
    def add(body: dict[str, Any]) -> None:
        body["rules"].insert(
            0,
            {
                **first(body),
                "id": "rule:all",
                "assets": [],
                "max_amount": "5",
                "quorums": [{"groups": 1, "people": 3, "role": "approver"}],
            },
        )

    assert {Code.LIMIT_TRANSACTION} == codes_of(lambda: check_request(rules(add), request(), "policy"))
    assert {(2, 2), (1, 3)} == {(q.groups, q.people) for q in required_quorums(rules(add), [request()])}


@pytest.mark.parametrize(
    "edit",
    [
        lambda b: b["rules"].reverse(),
        lambda b: first(b)["windows"].append(first(b)["windows"][0]),
        lambda b: first(b).update(effect="MAYBE"),
        lambda b: first(b)["quorums"][0].update(people=0),
        lambda b: first(b)["quorums"].append(first(b)["quorums"][0]),
        hours(2, 1),
        hours(),
        hours(8),
        hours(1, start=1080),
        hours(1, end=1441),
        lambda b: first(b)["windows"][0].update(max_fee="5.0"),
        lambda b: b["parameters"].update(utc_offset_min=841),
        lambda b: b["parameters"].update(freeze_lift_people="2"),
    ],
)
def test_a_policy_of_another_shape_is_refused(edit: Edit) -> None:
    rules()
    assert {Code.FIELD_INVALID} == codes_of(lambda: rules(edit))


def delegation(name: str) -> Delegation:
    return check_roots(parse_root_file(WORLD.root_file)).last.delegations[name]


def test_only_the_delegates_of_a_register_say_its_head() -> None:
    head = deepcopy(encode_record(WORLD.register_body("whitelist")))

    def said(issuer: str, signers: tuple[str, ...]) -> None:
        statement = parse_register(read(envelope_of("register", head, issuer, signers)))
        check_governed(statement, delegation("whitelist"), CONTEXT)

    said("person:w.one", DELEGATES["whitelist"])
    assert {Code.SIGNER_UNKNOWN} == codes_of(lambda: said("person:p.one", DELEGATES["policy"]))
    assert {Code.THRESHOLD_NOT_MET} == codes_of(lambda: said("person:w.one", ("person:w.one",)))


def test_an_entry_is_in_the_register_or_refused() -> None:
    head = parse_register(read(encode_record(WORLD.heads["whitelist"]))).body
    register = WORLD.registers["whitelist"]
    index, proof = register.prove("entry:harbour-eth")
    entry = encode_record(register.find("entry:harbour-eth", "x"))
    check_entry(head, entry, index, proof, "e")
    assert {Code.PROOF_INVALID} == codes_of(lambda: check_entry(head, {**entry, "address": "0x00"}, index, proof, "e"))
    assert {Code.PROOF_INVALID} == codes_of(lambda: check_entry(head, entry, index + 1, proof, "e"))
    assert {Code.NOT_IN_REGISTER} == codes_of(lambda: check_entry(head, entry, head.size, proof, "e"))


def test_a_whole_register_has_the_signed_size_and_root() -> None:
    head = parse_register(read(encode_record(WORLD.heads["keys"]))).body
    entries = [encode_record(e) for e in WORLD.registers["keys"].entries]
    check_whole(head, entries, "keys")
    assert {Code.HEAD_MISMATCH} == codes_of(lambda: check_whole(head, entries[1:], "keys"))
    assert {Code.HEAD_MISMATCH} == codes_of(lambda: check_whole(head, [*entries[1:], entries[0]], "keys"))


@pytest.mark.parametrize("size", range(18))
def test_the_root_of_a_tree_is_that_of_the_first_reading(size: int) -> None:
    leaves = [f"leaf {i}".encode() for i in range(size)]
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    assert tree.root(size) == tree_root([sha256(b"\x00" + leaf).digest() for leaf in leaves])


ENTRIES = [
    ("clients", lambda e: e["accounts"].reverse()),
    ("clients", lambda e: e["keys"].append(e["keys"][0])),
    ("whitelist", lambda e: e.update(client="person:x")),
    ("keys", lambda e: e.update(public="04" + e["public"][2:])),
    ("keys", lambda e: e.update(state="lost")),
    ("addresses", lambda e: e.update(threshold=9)),
    ("addresses", lambda e: e.update(keys=["key:b", "key:a"], threshold=1)),
    ("addresses", lambda e: e.update(purpose="fun")),
    ("assets", lambda e: e.update(kind="token")),
]


@pytest.mark.parametrize(("register", "edit"), ENTRIES)
def test_an_entry_of_another_shape_is_refused(register: str, edit: Edit) -> None:
    entry = deepcopy(encode_record(WORLD.registers[register].entries[0]))
    parse_entry(register, Node(entry, "e"))
    edit(entry)
    assert codes_of(lambda: parse_entry(register, Node(entry, "e"))) <= {Code.FIELD_INVALID, Code.KEY_SHARED}
    assert codes_of(lambda: parse_entry(register, Node(entry, "e")))


def roster() -> RosterStatement:
    return parse_roster(read(encode_record(WORLD.rosters[0])))


def freeze(issuer: str = "service:watcher", signers: tuple[str, ...] = ("service:watcher",)) -> object:
    body = {"evidence": "tx", "reason": "outflow", "scope": "vault"}
    return prove_freeze(read(envelope_of("freeze", body, issuer, signers)), CONTEXT, roster())


def lift(*officers: str, issuer: str = "person:r.ho", people: int = 2) -> object:
    body = {"freeze": "sha256:" + "0" * 64, "reason": "explained"}
    return prove_lift(read(envelope_of("freeze-lift", body, issuer, officers)), CONTEXT, roster(), people)


def test_one_watcher_reconciler_or_officer_freezes() -> None:
    for who in ("service:watcher", "service:reconciler", "person:r.ho"):
        freeze(who, (who,))
    assert {Code.ROLE_MISSING} == codes_of(lambda: freeze("person:m.chan", ("person:m.chan",)))
    assert {Code.SIGNER_UNKNOWN} == codes_of(lambda: freeze(signers=("service:reconciler",)))


def test_two_officers_lift() -> None:
    lift("person:r.ho", "person:s.lee")
    assert {Code.QUORUM_NOT_MET} == codes_of(lambda: lift("person:r.ho"))
    assert {Code.SIGNER_UNKNOWN} == codes_of(lambda: lift("person:r.ho", "person:m.chan"))
    assert {Code.ROLE_MISSING} == codes_of(lambda: lift("person:r.ho", "person:s.lee", issuer="person:m.chan"))


def test_the_empty_register_has_the_hash_of_nothing() -> None:
    assert sha256(b"").digest() == tree_root([])
    assert b"[]" == encode_canonical([])
