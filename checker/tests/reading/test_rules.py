"""Policy, registers and freezes: what they hold, who may say them, and what they let through."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from typing import Any

import pytest

from strongroom.checker.reading.canonical import encode_canonical
from strongroom.checker.reading.envelopes import Context, Envelope, Environment
from strongroom.checker.reading.fields import Node
from strongroom.checker.reading.governed import check_governed
from strongroom.checker.reading.notices import prove_freeze, prove_lift
from strongroom.checker.reading.policy import Policy, Request, check_request, parse_policy, required_quorums
from strongroom.checker.reading.registers import check_entry, check_whole, parse_entry, parse_register, tree_root
from strongroom.checker.reading.roots import Delegation, check_roots, parse_root_file
from strongroom.checker.reading.rosters import Roster, parse_roster
from strongroom.core.codes import Code
from strongroom.core.ids import PartyId
from strongroom.core.merkle import Tree, leaf_hash
from strongroom.core.records import encode_record
from world import DELEGATES, ETH_ASSET, ETH_WALLET, START, World

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


def request(amount: int = 10**18, fee: int = 10**15, wallet: str = ETH_WALLET) -> Request:
    return Request(asset=ETH_ASSET, client=PartyId("client:harbour"), wallet=wallet, amount=amount, fee=fee)  # type: ignore[arg-type]


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
]


@pytest.mark.parametrize(("edit", "asked", "code"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_policy_denies_what_no_rule_lets_through(edit: Edit, asked: Request, code: Code) -> None:
    check_request(rules(), request(), "policy")
    check_request(rules(), request(100 * 10**18, 10**16), "policy")
    assert {code} == codes_of(lambda: check_request(rules(edit), asked, "policy"))


def test_the_strictest_of_all_matching_rules_decides() -> None:
    def add(body: dict[str, Any]) -> None:
        body["rules"].insert(
            0,
            {
                **first(body),
                "id": "rule:all",
                "assets": [],
                "max_amount": "5",
                "quorum": {"groups": 1, "people": 3, "role": "approver"},
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
        lambda b: first(b)["quorum"].update(people=0),
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


def roster() -> Roster:
    return parse_roster(read(encode_record(WORLD.rosters[0]))).body


def freeze(issuer: str = "service:watcher", signers: tuple[str, ...] = ("service:watcher",)) -> object:
    body = {"evidence": "tx", "reason": "outflow", "scope": "vault"}
    return prove_freeze(read(envelope_of("freeze", body, issuer, signers)), CONTEXT, roster(), START)


def lift(*officers: str, issuer: str = "person:r.ho", people: int = 2) -> object:
    body = {"freeze": "sha256:" + "0" * 64, "reason": "explained"}
    return prove_lift(read(envelope_of("freeze-lift", body, issuer, officers)), CONTEXT, roster(), START, people)


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
