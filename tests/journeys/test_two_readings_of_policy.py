"""Core's policy and the checker's: on generated policies, requests and prices, both refuse the same and ask the same.

The checker has an evaluation of its own, without windows. Whatever both are given, they answer alike; so that station,
gate and verifier never let through what the terminal stops, nor stop what it signs.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from policies import MONDAY, REQUEST, REQUESTS, RULES, policy_of
from strongroom.checker.reading.envelopes import parse_envelope
from strongroom.checker.reading.fields import Node
from strongroom.checker.reading.judge import Request as TheirRequest
from strongroom.checker.reading.judge import check_request, required_quorums
from strongroom.checker.reading.policy import Policy as TheirPolicy
from strongroom.checker.reading.policy import parse_policy
from strongroom.checker.reading.prices import Worth, judge_worth, parse_prices
from strongroom.checker.reading.registers import Asset, AssetKind
from strongroom.core.checks.limits import value_request
from strongroom.core.codes import Code
from strongroom.core.errors import Refusal, RefusedError
from strongroom.core.ids import AssetId, PartyId
from strongroom.core.policy import Policy, Price, Prices, Request, Rule, check_transaction_limits
from strongroom.core.policy import required_quorums as own_quorums
from strongroom.core.records import Units, encode_record
from strongroom.core.statements import Body, Envelope, build_payload, sign_payload
from world import DELEGATES, ETH, ETH_ASSET, LTC_ASSET, World, signer_of

WORLD = World()
ENTRIES = {asset: WORLD.registers["assets"].find(asset, "assets") for asset in (ETH_ASSET, LTC_ASSET)}
STALE = Refusal(code=Code.PRICE_STALE, field="prices.as_of", expected="fresh", got="old")


def sign(name: str, body: Body) -> Envelope:
    """A statement of that delegation; nobody verifies it here, so that nothing is signed."""
    issuer = DELEGATES[name][0]
    kind, payload = build_payload(body, context=WORLD.context, issuer=PartyId(issuer), issued_at=WORLD.now)
    return sign_payload(kind, payload, [(signer_of(issuer).key, lambda _: bytes(64))])


def read_policy(policy: Policy) -> TheirPolicy:
    """The policy as the checker reads it from the signed bytes."""
    return parse_policy(parse_envelope(Node(encode_record(sign("policy", policy)), "policy"))).body


def translate(request: Request) -> TheirRequest:
    """The same question to the checker."""
    return TheirRequest(
        asset=request.asset,
        client=request.client,
        wallet=request.wallet,
        amount=request.amount,
        fee=request.fee,
        signed=() if request.at is None else (request.at,),
        worth=Worth(cents=request.hkd_cents, why=request.unpriced),
    )


def own_answer(policy: Policy, request: Request) -> frozenset[Code]:
    """What core refuses."""
    try:
        check_transaction_limits(policy, request)
    except RefusedError as error:
        return error.codes
    return frozenset()


def their_answer(policy: TheirPolicy, request: TheirRequest) -> frozenset[Code]:
    """What the checker refuses."""
    try:
        check_request(policy, request, "policy")
    except RefusedError as error:
        return error.codes
    return frozenset()


@settings(max_examples=1000, deadline=None)
@given(RULES, st.lists(REQUESTS, min_size=1, max_size=5), st.sampled_from([0, 330, 480, 840]))
def test_both_readings_judge_alike(found: list[Rule], requests: list[Request], offset: int) -> None:
    named = policy_of(*found)
    policy = replace(named, parameters=replace(named.parameters, utc_offset_min=offset))
    theirs = read_policy(policy)
    for plain in requests:
        request = replace(plain, unpriced=() if plain.hkd_cents is not None else (STALE,))
        assert own_answer(policy, request) == their_answer(theirs, translate(request))
        ours = {(q.role, q.people, q.groups) for q in own_quorums(policy, request)}
        assert ours == {(q.role, q.people, q.groups) for q in required_quorums(theirs, [translate(request)])}


@settings(max_examples=500, deadline=None)
@given(
    amount=st.integers(0, 10**40),
    microhkd=st.integers(1, 10**20),
    decimals=st.integers(0, 36),
    age_s=st.sampled_from([-3600, -1, 0, 1, 59, 60, 61, 10**9]),
    asset=st.sampled_from([ETH_ASSET, LTC_ASSET]),
)
def test_both_readings_value_alike(amount: int, microhkd: int, decimals: int, age_s: int, asset: AssetId) -> None:
    named = policy_of()
    policy = replace(named, parameters=replace(named.parameters, price_max_age_s=60))
    snapshot = Prices(as_of=MONDAY, prices=(Price(asset=ETH_ASSET, microhkd=Units(microhkd)),))
    moment = datetime(2027, 3, 15, 1, 0, 0, tzinfo=UTC) + timedelta(seconds=age_s)
    request = replace(REQUEST, asset=asset, amount=amount)
    entry = replace(ENTRIES[asset], decimals=decimals)
    ours = value_request(policy, request, snapshot, entry, moment)
    read = parse_prices(parse_envelope(Node(encode_record(sign("prices", snapshot)), "prices"))).body
    mine = Asset(
        chain=ETH, decimals=decimals, id=entry.id, symbol="X", kind=AssetKind.NATIVE, contract=None, code_hash=None
    )
    theirs = judge_worth(read, mine, amount, moment=moment, max_age_s=60)
    assert (ours.hkd_cents, [r.code for r in ours.unpriced]) == (theirs.cents, [r.code for r in theirs.why])
    fresh = 0 <= age_s <= 60 and asset == ETH_ASSET
    assert fresh == (theirs.cents is not None)
