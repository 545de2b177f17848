"""The two endpoints over real TLS: who asks, for whom, when, how often and how much; and that there is no third."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from approvals import HOST, Caller, Served, connect_tls, send, serve
from firm import Firm
from strongroom.core.bodies import Halt, HaltReason
from strongroom.core.canonical import sha256
from strongroom.core.codes import Code
from strongroom.core.device_requests import FRESH_S, MAX_STATEMENTS_BYTES
from strongroom.core.errors import RefusedError
from strongroom.core.ids import PartyId
from strongroom.core.packages import Package, PackageKind, StatementsBody, encode_package, parse_package
from strongroom.core.records import DigestOrNone
from strongroom.core.roster import Party, Roster
from strongroom.online.approvals import directory
from strongroom.online.approvals.desk import MOST_A_MINUTE
from strongroom.online.approvals.serve import load_pin, make_key
from strongroom.online.governance.store import publish
from strongroom.online.transfers.withdrawal.inbox import HANDLED, read_inbox
from world import signer_of

FETCH, SUBMIT = "/v1/packages/0", "/v1/statements"
DEVICE, PERSON = "device:approver-1", "person:m.chan"


@pytest.fixture
def served(office_firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server whose devices have an update each."""
    monkeypatch.setattr(directory, "RENEW_S", 0.0)
    office_firm.round()
    office_firm.round()
    with serve(office_firm, tmp_path) as served:
        yield served


def codes(answer: Any) -> set[str]:
    """The codes of a refusal, each with a sentence."""
    assert all(each["sentence"] for each in answer["refusals"])
    return {each["code"] for each in answer["refusals"]}


def packages(answer: Any) -> list[Package]:
    """The packages of a fetch."""
    return [parse_package(base64.b64decode(raw)) for raw in answer["packages"]]


def answer_of(served: Served, device: str = DEVICE, number: int = 1, to: str = "service:platform") -> bytes:
    """A package with a statement of M. Chan's: their device halted."""
    firm = served.firm
    reason = HaltReason(code=Code.DEST_NOT_WHITELISTED.value, expected="a", field="b", got="c")
    firm.world.now = firm.clock()
    halt = firm.world.sign(Halt(proposal=DigestOrNone("none"), refusals=(reason,), stage="APPROVE"), PERSON, (PERSON,))
    package = Package(
        kind=PackageKind.STATEMENTS,
        sender=PartyId(device),
        to=PartyId(to),
        sequence=number,
        created_at=firm.clock(),
        body=StatementsBody(statements=(halt,)),
    )
    return encode_package(package)


def rung(served: Served) -> list[tuple[Any, ...]]:
    """Every alert."""
    return served.firm.query("select code, severity, subject from watch.alerts")


def change(served: Served, party: str, edit: Callable[[Party], Party]) -> None:
    """Publish a roster in which one entry is another."""

    def edited(roster: Roster) -> Roster:
        return replace(roster, parties=tuple(edit(p) if p.id == party else p for p in roster.parties))

    served.firm.world.now = served.firm.clock()
    served.firm.world.change_roster(edited)
    publish(served.firm.platform.connection, served.firm.world.rosters[-1], (), ())


def test_a_device_gets_its_own_packages_and_nobody_else_s(served: Served) -> None:
    status, answer = Caller(served=served).ask("GET", FETCH)
    assert 200 == status
    assert [(DEVICE, 1)] == [(p.to, p.sequence) for p in packages(answer)]
    assert 0 == answer["left"]
    status, other = Caller(served=served, device="device:approver-2").ask("GET", FETCH)
    assert (200, ["device:approver-2"]) == (status, [p.to for p in packages(other)])
    status, nothing = Caller(served=served, nonces=10).ask("GET", "/v1/packages/1")
    assert (200, [], 0) == (status, nothing["packages"], nothing["left"])


def test_what_is_handed_in_goes_through_the_intake_once(served: Served) -> None:
    caller, firm = Caller(served=served), served.firm
    raw = answer_of(served)
    for _ in range(2):
        status, answer = caller.ask("POST", SUBMIT, raw)
        assert (200, sha256(raw), "waiting") == (status, answer["digest"], answer["outcome"])
    assert [HANDLED] == read_inbox(firm.platform, firm.rules, firm.inbox)
    assert [(DEVICE, HANDLED)] == firm.query("select device, outcome from custody.packages_in")
    assert [] == firm.query("select 1 from custody.packages_brought")
    status, answer = caller.ask("POST", SUBMIT, raw)
    assert (200, HANDLED) == (status, answer["outcome"])
    assert [] == read_inbox(firm.platform, firm.rules, firm.inbox)
    assert [(1,)] == firm.query("select count(*) from evidence.entries where kind = 'halt'")


def test_what_was_handed_in_wakes_the_platform(served: Served) -> None:
    served.firm.query("delete from jobs.procrastinate_jobs")
    assert 200 == Caller(served=served).ask("POST", SUBMIT, answer_of(served))[0]
    assert [("platform.inbox",)] == served.firm.query("select task_name from jobs.procrastinate_jobs")


def test_the_same_file_by_courier_and_by_line_is_one(served: Served) -> None:
    firm, raw = served.firm, answer_of(served)
    folder = firm.inbox / DEVICE.replace(":", "-")
    folder.mkdir(parents=True)
    (folder / "000001-statements.package.json").write_bytes(raw)
    assert "waiting" == Caller(served=served).ask("POST", SUBMIT, raw)[1]["outcome"]
    assert [HANDLED] == read_inbox(firm.platform, firm.rules, firm.inbox)
    assert [(1,)] == firm.query("select count(*) from evidence.entries where kind = 'halt'")


# --- who asks


@pytest.mark.parametrize(
    ("caller", "code", "status"),
    [
        ({"signer": signer_of("device:approver-2")}, Code.SIGNATURE_INVALID, 401),
        ({"signer": signer_of(PERSON)}, Code.SIGNATURE_INVALID, 401),
        ({"device": "device:approver-9"}, Code.SIGNER_UNKNOWN, 401),
        ({"device": "device:station-1"}, Code.ROLE_MISSING, 403),
        ({"device": "device:terminal-1"}, Code.ROLE_MISSING, 403),
        ({"server": sha256(b"another server")}, Code.SIGNATURE_INVALID, 401),
    ],
    ids=["another device's key", "a person's key", "unknown", "the station", "a terminal", "meant for another server"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_an_approval_device_is_answered(
    served: Served, caller: dict[str, Any], code: Code, status: int, method: str
) -> None:
    target, body = (FETCH, b"") if method == "GET" else (SUBMIT, answer_of(served))
    got, answer = Caller(served=served, **caller).ask(method, target, body)
    assert (status, {code.value}) == (got, codes(answer))
    assert (code is Code.ROLE_MISSING) == bool(rung(served)), "strangers ring nobody"
    assert 200 == Caller(served=served).ask(method, target, body)[0]


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda p: replace(p, roles=("approval-device", "office")), Code.DEVICE_FOR_OFFICE),
        (lambda p: replace(p, roles=("office",), staff="none"), Code.DEVICE_FOR_OFFICE),
        (lambda p: replace(p, valid_until=p.valid_from), Code.SIGNER_NOT_VALID),
        (lambda p: replace(p, key=signer_of("a new one").key), Code.RETIRED_CREDENTIAL_USED),
    ],
    ids=["office as well", "office only", "term over", "new key"],
)
def test_a_device_is_judged_by_the_roster_of_now(served: Served, edit: Callable[[Party], Party], code: Code) -> None:
    caller = Caller(served=served)
    assert 200 == caller.ask("GET", FETCH)[0]
    change(served, DEVICE, edit)
    assert {code.value} == codes(caller.ask("GET", FETCH)[1])
    assert {code.value} == codes(caller.ask("GET", FETCH)[1])
    severity = "critical" if code is Code.RETIRED_CREDENTIAL_USED else "high"
    assert [(code.value, severity, f"approval device {DEVICE}")] == rung(served)
    assert 200 == Caller(served=served, device="device:approver-2").ask("GET", FETCH)[0]


def test_a_roster_that_the_root_did_not_sign_is_believed_by_nobody(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes the database could else enrol a device; and a server with another root answers nobody."""
    with serve(served.firm, tmp_path / "other") as other:
        assert 200 == Caller(served=other).ask("GET", FETCH)[0]
    monkeypatch.setattr(type(served.firm.world), "fingerprint", sha256(b"another root"))
    with serve(served.firm, tmp_path / "strange") as strange:
        status, answer = Caller(served=strange, nonces=5).ask("GET", FETCH)
    assert (403, {Code.ROOT_MISMATCH.value}) == (status, codes(answer))


# --- when, and how often


def test_a_request_is_good_once(served: Served) -> None:
    caller = Caller(served=served)
    headers = caller.headers("GET", FETCH, b"")
    assert 200 == caller.ask("GET", FETCH, headers=headers)[0]
    status, answer = caller.ask("GET", FETCH, headers=headers)
    assert (403, {Code.REQUEST_REPLAYED.value}) == (status, codes(answer))
    assert [(Code.REQUEST_REPLAYED.value, "high", f"approval device {DEVICE}")] == rung(served)
    assert 200 == caller.ask("GET", FETCH)[0]


@pytest.mark.parametrize("apart", [FRESH_S + 30, -FRESH_S - 30])
def test_a_request_is_good_for_a_moment(served: Served, apart: int) -> None:
    caller, now = Caller(served=served), served.firm.clock()
    status, answer = caller.ask("GET", FETCH, at=now + timedelta(seconds=apart))
    assert (403, {Code.REQUEST_NOT_FRESH.value}) == (status, codes(answer))
    assert 200 == caller.ask("GET", FETCH, at=now + timedelta(seconds=apart / 3))[0]


@pytest.mark.parametrize(
    "other",
    [
        ("GET", "/v1/packages/7", b""),
        ("GET", "/v1/packages/0?a=1", b""),
        ("GET", "/v1/packages/%30", b""),
        ("POST", SUBMIT, b"{}"),
    ],
    ids=["another number", "a query", "an escape", "another body"],
)
def test_a_signature_covers_all_that_is_asked(served: Served, other: tuple[str, str, bytes]) -> None:
    caller = Caller(served=served)
    method, target, body = other
    signed = caller.headers(method, FETCH if method == "GET" else SUBMIT, b"")
    status, answer = caller.ask(method, target, body, headers=signed)
    assert (401, {Code.SIGNATURE_INVALID.value}) == (status, codes(answer))


def test_a_device_asks_no_more_often_than_a_person_reads(served: Served) -> None:
    served.firm.query(
        "insert into approvals.requests (device, nonce, at) "
        "select %s, ('x' || n)::bytea, now() from generate_series(1, %s) n",
        DEVICE,
        MOST_A_MINUTE - 1,
    )
    caller = Caller(served=served)
    assert 200 == caller.ask("GET", FETCH)[0]
    status, answer = caller.ask("GET", FETCH)
    assert (429, {Code.REQUEST_RATE.value}) == (status, codes(answer))
    assert 200 == Caller(served=served, device="device:approver-2").ask("GET", FETCH)[0]
    served.firm.query("update approvals.requests set admitted_at = now() - interval '61 seconds'")
    assert 200 == caller.ask("GET", FETCH)[0]


def test_what_can_be_fresh_no_more_is_forgotten(served: Served) -> None:
    caller = Caller(served=served)
    caller.ask("GET", FETCH)
    served.firm.query(
        "update approvals.requests set at = at - interval '1 hour', admitted_at = now() - interval '1 hour'"
    )
    caller.ask("GET", FETCH)
    assert [(1,)] == served.firm.query("select count(*) from approvals.requests")


# --- what is handed in


@pytest.mark.parametrize(
    ("spoil", "code", "status"),
    [
        (lambda _: b"", Code.JSON_SYNTAX, 400),
        (lambda raw: raw + b"\n", Code.JSON_NOT_CANONICAL, 400),
        (lambda raw: raw.replace(b'"to":"service:platform"', b'"to":"device:gate-1"'), Code.PACKAGE_NOT_FOR_US, 403),
        (lambda raw: raw.replace(b"device:approver-1", b"device:approver-2"), Code.PACKAGE_NOT_FOR_US, 403),
        (lambda raw: raw + b" " * MAX_STATEMENTS_BYTES, Code.TOO_LARGE, 413),
    ],
    ids=["nothing", "a second spelling", "for the gate", "of another device", "too large"],
)
def test_what_no_device_would_send_never_reaches_the_intake(
    served: Served, spoil: Callable[[bytes], bytes], code: Code, status: int
) -> None:
    caller, raw = Caller(served=served), answer_of(served)
    got, answer = caller.ask("POST", SUBMIT, spoil(raw))
    assert (status, {code.value}) == (got, codes(answer))
    assert [] == served.firm.query("select 1 from custody.packages_brought")
    assert 200 == caller.ask("POST", SUBMIT, raw)[0]


def test_an_update_is_nothing_to_hand_in(served: Served) -> None:
    caller = Caller(served=served)
    (update,) = served.firm.query("select raw from custody.packages_out where device = %s", DEVICE)
    raw = bytes(update[0])
    if len(raw) <= MAX_STATEMENTS_BYTES:
        assert {Code.TYPE_MISMATCH.value} == codes(caller.ask("POST", SUBMIT, raw)[1])
    signed = answer_of(served).replace(b'"kind":"statements"', b'"kind":"approval-request"')
    assert 400 <= caller.ask("POST", SUBMIT, signed)[0] < 500
    assert [] == served.firm.query("select 1 from custody.packages_brought")


def test_a_body_that_does_not_end_is_given_up(served: Served) -> None:
    """Chunked, without a length: it is read no further than one byte too many."""
    caller = Caller(served=served)
    connection = connect_tls(served.port)
    headers = caller.headers("POST", SUBMIT, b"")
    chunks = (b"x" * 4096 for _ in range(MAX_STATEMENTS_BYTES // 4096 + 2))
    connection.request("POST", SUBMIT, body=chunks, headers=headers, encode_chunked=True)
    response = connection.getresponse()
    assert 413 == response.status
    connection.close()


def test_a_body_with_a_fetch_is_refused(served: Served) -> None:
    caller = Caller(served=served)
    assert 413 == caller.ask("GET", FETCH, b"{}")[0]
    assert 200 == caller.ask("GET", FETCH)[0]


def test_a_line_that_is_cut_in_the_middle_leaves_nothing(served: Served) -> None:
    caller, raw = Caller(served=served), answer_of(served)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection((HOST, served.port))) as stream:
        lines = [f"{name}: {value}" for name, value in caller.headers("POST", SUBMIT, raw).items()]
        head = "\r\n".join([f"POST {SUBMIT} HTTP/1.1", "host: x", f"content-length: {len(raw)}", *lines, "", ""])
        stream.sendall(head.encode() + raw[: len(raw) // 2])
    time.sleep(0.2)
    assert [] == served.firm.query("select 1 from custody.packages_brought")
    assert 200 == caller.ask("POST", SUBMIT, raw)[0]


# --- nothing else


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "/docs"),
        ("GET", "/redoc"),
        ("GET", "/openapi.json"),
        ("GET", "/v1/packages"),
        ("GET", "/v1/packages/"),
        ("GET", "/v1/packages/0/"),
        ("GET", SUBMIT),
        ("HEAD", FETCH),
        ("OPTIONS", SUBMIT),
        ("PUT", SUBMIT),
        ("DELETE", FETCH),
        ("POST", FETCH),
        ("GET", "/v1/statements/"),
        ("GET", "/%1b%00%e2%80%ae"),
    ],
)
def test_there_is_no_third_endpoint(served: Served, method: str, target: str) -> None:
    status, answer = Caller(served=served).ask(method, target)
    assert status in {404, 405}
    if method != "HEAD":
        assert {Code.ENDPOINT_UNKNOWN.value} == codes(answer)
    assert 200 == Caller(served=served, nonces=50).ask("GET", FETCH)[0]


@pytest.mark.parametrize("number", ["-1", "+1", "01", "1_0", "x", "9" * 30])
def test_a_number_has_one_spelling(served: Served, number: str) -> None:
    status, answer = Caller(served=served).ask("GET", f"/v1/packages/{number}")
    assert (400, {Code.FIELD_INVALID.value}) == (status, codes(answer))


@pytest.mark.parametrize("gone", ["strongroom-device", "strongroom-nonce", "strongroom-signature", "strongroom-time"])
def test_every_header_is_needed(served: Served, gone: str) -> None:
    caller = Caller(served=served)
    headers = {n: v for n, v in caller.headers("GET", FETCH, b"").items() if n != gone}
    status, answer = send(served.port, "GET", FETCH, b"", headers)
    assert (400, {Code.FIELD_MISSING.value}) == (status, codes(answer))


def test_a_header_stands_once(served: Served) -> None:
    caller = Caller(served=served)
    connection = connect_tls(served.port)
    connection.putrequest("GET", FETCH)
    for name, value in caller.headers("GET", FETCH, b"").items():
        connection.putheader(name, value)
    connection.putheader("strongroom-device", "device:approver-2")
    connection.endheaders()
    assert 400 == connection.getresponse().status
    connection.close()


def test_an_older_tls_is_not_spoken(served: Served) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection((HOST, served.port)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    with socket.create_connection((HOST, served.port)) as plain, context.wrap_socket(plain) as stream:
        assert "TLSv1.3" == stream.version()


def test_an_answer_names_no_program_and_sets_no_cookie(served: Served) -> None:
    caller = Caller(served=served)
    connection = connect_tls(served.port)
    connection.request("GET", FETCH, headers=caller.headers("GET", FETCH, b""))
    names = {name.lower() for name, _ in connection.getresponse().getheaders()}
    connection.close()
    assert not names & {"server", "set-cookie", "location", "www-authenticate"}


def test_a_database_that_is_away_is_said_without_its_details(served: Served) -> None:
    admin = served.firm.admin
    admin.execute("alter role strongroom_approvals nologin")
    try:
        status, answer = Caller(served=served).ask("GET", FETCH)
    finally:
        admin.execute("alter role strongroom_approvals login")
    assert (503, {Code.PLATFORM_UNAVAILABLE.value}) == (status, codes(answer))
    assert "strongroom_approvals" not in str(answer)
    assert 200 == Caller(served=served, nonces=5).ask("GET", FETCH)[0]


def test_the_key_is_made_once_and_its_certificate_shows_the_pin(tmp_path: Path, office_firm: Firm) -> None:
    made = make_key(tmp_path, "approvals.example", office_firm.clock())
    assert made == load_pin(tmp_path)
    assert 0o600 == (tmp_path / "approvals.key").stat().st_mode & 0o777
    with pytest.raises(RefusedError) as caught:
        make_key(tmp_path, "approvals.example", office_firm.clock())
    assert {Code.ALREADY_EXISTS} == caught.value.codes
