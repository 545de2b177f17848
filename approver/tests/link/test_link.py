"""The device's line: one host, one key, two questions; what is cut costs another try, and nothing that was decided."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripted import Reply, Scripted, honest, refusing, scripted
from strongroom.approver.link import line as lines
from strongroom.approver.link.keep import DeviceKey, Platform, Shelf
from strongroom.approver.link.line import Line
from strongroom.approver.store import Home
from strongroom.core.bodies import Approval, Halt, Rejection
from strongroom.core.canonical import encode_canonical, sha256
from strongroom.core.codes import Code
from strongroom.core.device_requests import HandedOut
from strongroom.core.docket import Stage
from strongroom.core.errors import MalformedError, RefusedError, StrongroomError, UnavailableError
from strongroom.core.ids import PartyId
from strongroom.core.keys import PublicKey, check_signature
from strongroom.core.packages import PackageKind, StatementsBody, UpdateBody, parse_package
from strongroom.core.records import Base64Bytes, encode_record
from strongroom.core.statements import parse_statement
from world import eth_trip

from ..conftest import DEVICE, PIN, Desk, MakeDesk

FETCH, SUBMIT = "/v1/packages/0", "/v1/statements"
DAY_S = 86400
AWAY = Code.PLATFORM_UNAVAILABLE


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Scripted]:
    """A platform that does what it should, until a test says otherwise."""
    with scripted(tmp_path / "platform") as found:
        yield found


def line_to(platform: Scripted, folder: Path) -> Line:
    """A device's line to it."""
    return Line(
        platform=Platform(host="127.0.0.1", port=platform.port, server_key=platform.pin),
        device=PartyId(DEVICE),
        key=Shelf(Home(folder / "home")).make_key(),
        clock=lambda: datetime.now(UTC),
    )


def refuse(code: Code, kind: type[StrongroomError], question: Callable[[], object]) -> StrongroomError:
    """The question is answered by this kind of error with this code."""
    with pytest.raises(kind) as caught:
        question()
    assert code in caught.value.codes, caught.value
    return caught.value


# --- one host, one key


def test_whoever_has_another_key_is_told_nothing(platform: Scripted, tmp_path: Path) -> None:
    line = line_to(platform, tmp_path)
    with scripted(tmp_path / "thief") as thief:
        moved = replace(line, platform=replace(line.platform, port=thief.port))
        refuse(Code.SERVER_KEY_MISMATCH, RefusedError, lambda: moved.ask("POST", SUBMIT, b"{}"))
        assert [] == thief.asked
    assert b"" != line.ask("GET", FETCH)
    assert [("GET", FETCH)] == platform.asked


def test_a_certificate_of_the_same_key_is_the_same_platform(platform: Scripted, tmp_path: Path) -> None:
    """The key is pinned and not the certificate: its renewal needs nobody at the devices."""
    from cryptography import x509  # noqa: PLC0415 -- Only this test looks into a certificate.

    raw = x509.load_pem_x509_certificate((tmp_path / "platform" / "approvals.crt").read_bytes())
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 -- As above.

    assert platform.pin == lines.pin_of(raw.public_bytes(Encoding.DER))
    refuse(Code.SERVER_KEY_MISMATCH, MalformedError, lambda: lines.pin_of(b"no certificate"))


def test_a_redirect_leads_nowhere(platform: Scripted, tmp_path: Path) -> None:
    line = line_to(platform, tmp_path)
    with scripted(tmp_path / "elsewhere") as elsewhere:
        for status in (301, 302, 307, 308):
            where = {"location": f"https://127.0.0.1:{elsewhere.port}{FETCH}"}
            platform.script = lambda *_, s=status, w=where: (s, w, b"")  # type: ignore[misc]  # Bound here, not later.
            refuse(AWAY, UnavailableError, lambda: line.ask("GET", FETCH))
        assert [] == elsewhere.asked
    platform.script = honest
    assert b"" != line.ask("GET", FETCH)


def test_an_older_tls_is_not_spoken(tmp_path: Path) -> None:
    with scripted(tmp_path / "old", most=ssl.TLSVersion.TLSv1_2) as old:
        refuse(AWAY, UnavailableError, lambda: line_to(old, tmp_path).ask("GET", FETCH))
        assert [] == old.asked


def test_a_request_is_signed_by_the_device_for_this_server(platform: Scripted, tmp_path: Path) -> None:
    """The server's own tests say what it refuses; here, that two requests are never the same and each verifies."""
    line, seen = line_to(platform, tmp_path), []
    real = DeviceKey.sign

    def spy(key: DeviceKey, message: bytes) -> bytes:
        seen.append(message)
        signature = real(key, message)
        check_signature(PublicKey(alg=key.key.alg, public=key.key.public), message, signature, "test")
        return signature

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeviceKey, "sign", spy)
        line.ask("GET", FETCH)
        line.ask("GET", FETCH)
    assert 2 == len(set(seen))
    assert all(platform.pin.encode() in message and DEVICE.encode() in message for message in seen)


# --- what does not arrive


def cut(_platform: Scripted, _method: str, _target: str, _body: bytes) -> Reply:
    return 200, {"content-length": "5000"}, b'{"left":0'


def garbage(_platform: Scripted, _method: str, _target: str, _body: bytes) -> Reply:
    return 500, {}, b"<html>"


def hidden(_platform: Scripted, _method: str, _target: str, _body: bytes) -> Reply:
    """What would clear a screen and write on it."""
    return 403, {}, b'{"refusals":[{"code":"FROZEN","expected":"","field":"","got":"\\u001b[2J","sentence":""}]}'


@pytest.mark.parametrize("script", [cut, garbage, hidden], ids=["cut", "garbage", "hidden characters"])
def test_half_an_answer_is_none(
    platform: Scripted, tmp_path: Path, script: Callable[[Scripted, str, str, bytes], Reply]
) -> None:
    line = line_to(platform, tmp_path)
    platform.script = script
    refuse(AWAY, UnavailableError, lambda: line.ask("GET", FETCH))
    platform.script = honest
    assert b"" != line.ask("GET", FETCH)


def test_nobody_there_is_no_answer(platform: Scripted, tmp_path: Path) -> None:
    line = line_to(platform, tmp_path)
    gone = replace(line, platform=replace(line.platform, port=1))
    refuse(AWAY, UnavailableError, lambda: gone.ask("GET", FETCH))
    assert b"" != line.ask("GET", FETCH)


def test_an_answer_that_does_not_end_is_given_up(
    platform: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = line_to(platform, tmp_path)
    platform.script = lambda *_: (200, {}, b"x" * 300_000)
    with monkeypatch.context() as patch:
        patch.setattr(lines, "MAX_ANSWER_BYTES", 200_000)
        refuse(Code.TOO_LARGE, RefusedError, lambda: line.ask("GET", FETCH))
    with monkeypatch.context() as patch:
        patch.setattr(lines, "WHOLE_S", -1.0)
        refuse(AWAY, UnavailableError, lambda: line.ask("GET", FETCH))
    assert 300_000 == len(line.ask("GET", FETCH))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, Code.DEVICE_FOR_OFFICE, RefusedError),
        (401, Code.SIGNATURE_INVALID, RefusedError),
        (403, Code.REQUEST_REPLAYED, RefusedError),
        (429, Code.REQUEST_RATE, UnavailableError),
        (503, Code.PLATFORM_UNAVAILABLE, UnavailableError),
    ],
)
def test_what_the_platform_refuses_is_told_in_the_device_s_own_words(
    platform: Scripted, tmp_path: Path, status: int, code: Code, kind: type[StrongroomError]
) -> None:
    platform.script = refusing(status, code.value, got="approve now")
    error = refuse(code, kind, lambda: line_to(platform, tmp_path).ask("GET", FETCH))
    assert "No." not in str(error)


def test_the_key_is_made_once_and_the_platform_is_one(tmp_path: Path) -> None:
    shelf = Shelf(Home(tmp_path / "home"))
    made = shelf.make_key()
    assert made.key == shelf.load_key().key
    refuse(Code.ALREADY_EXISTS, RefusedError, shelf.make_key)
    first = Platform(host="platform.example", port=8443, server_key=sha256(b"key"))
    shelf.save_platform(first)
    shelf.save_platform(first)
    refuse(Code.ALREADY_EXISTS, RefusedError, lambda: shelf.save_platform(replace(first, host="other.example")))
    assert first == shelf.load_platform()
    refuse(Code.FIELD_INVALID, MalformedError, lambda: replace(first, host="a/b"))


# --- a person at the device


def news(desk: Desk) -> UpdateBody:
    """What the device does not have yet."""
    body, known = desk.world.update_body(desk.seen), desk.trust
    assert known.policy is not None
    new_policy = parse_statement(desk.world.policy).id != known.policy.id
    return replace(
        body, registers=(), rosters=body.rosters[len(known.rosters) :], policies=body.policies if new_policy else ()
    )


def connected(desk: Desk, platform: Scripted, *, wait_s: int = DAY_S) -> None:
    """The device has a key, the roster has it, and so long ago; the platform is known, and the update waits there."""
    assert 0 == desk.type("make-device-key")
    words = ["connect", "--host", "127.0.0.1", "--port", str(platform.port), "--server-key", platform.pin]
    assert 0 == desk.type(*words)
    key = Shelf(desk.home).load_key().key

    def edit(roster: object) -> object:
        parties = tuple(replace(p, key=key) if p.id == DEVICE else p for p in roster.parties)  # type: ignore[attr-defined]
        return replace(roster, parties=parties)  # type: ignore[type-var]

    desk.world.change_roster(edit)  # type: ignore[arg-type]
    desk.world.tick(wait_s)
    assert 0 == desk.update(news(desk)), desk.told


def waiting(desk: Desk, platform: Scripted) -> None:
    """A docket waits on the platform for this device."""
    path = desk.request(eth_trip(desk.world).to(Stage.PROPOSE))
    platform.packages.append(path.read_bytes())


def said(raw: bytes) -> object:
    """What an answer says."""
    body = parse_package(raw).body
    assert isinstance(body, StatementsBody)
    return parse_statement(body.statements[0]).body


def test_a_person_fetches_decides_and_hands_in(make_desk: MakeDesk, platform: Scripted) -> None:
    desk = make_desk()
    connected(desk, platform)
    waiting(desk, platform)
    assert 0 == desk.type("answer", lines=(PIN, "approve"))
    (raw,) = platform.taken
    approval = said(raw)
    assert isinstance(approval, Approval)
    assert DEVICE == approval.device
    assert [] == Shelf(desk.home).list_outgoing()
    assert 0 == desk.type("answer")
    assert 1 == len(platform.taken)


def test_updates_come_by_the_line_and_dockets_wait_for_a_person(make_desk: MakeDesk, platform: Scripted) -> None:
    desk = make_desk()
    connected(desk, platform)
    desk.world.change_policy(lambda p: p)
    update = desk.put(PackageKind.UPDATE, news(desk))
    platform.packages.append(update.read_bytes())
    assert 0 == desk.type("fetch", lines=("accept",))
    assert 2 == desk.trust.policy.body.version
    waiting(desk, platform)
    assert 0 == desk.type("fetch")
    assert 1 == len(json.loads(desk.says)["waiting"])
    assert 0 == desk.type("fetch")
    assert 1 == len(json.loads(desk.says)["waiting"])


def test_a_cut_line_costs_a_try_and_not_the_decision(make_desk: MakeDesk, platform: Scripted) -> None:
    """The platform took it and the answer was lost: the same bytes go again, and no PIN is asked for."""
    desk = make_desk()
    connected(desk, platform)
    waiting(desk, platform)

    def cut_after_taking(found: Scripted, method: str, target: str, body: bytes) -> Reply:
        reply = honest(found, method, target, body)
        return (200, {"content-length": "5000"}, b"{") if method == "POST" else reply

    platform.script = cut_after_taking
    assert 4 == desk.type("answer", lines=(PIN, "approve"))
    assert AWAY.value in desk.told
    platform.script = honest
    assert 1 == len(Shelf(desk.home).list_outgoing())
    assert 0 == desk.type("submit")
    first, second = platform.taken
    assert first == second
    assert 0 == desk.type("submit")
    assert 2 == len(platform.taken)


def test_a_new_device_says_no_at_once_and_yes_after_its_cool_off(make_desk: MakeDesk, platform: Scripted) -> None:
    desk = make_desk()
    connected(desk, platform, wait_s=0)
    waiting(desk, platform)
    assert 3 == desk.type("answer", lines=(PIN, "approve"))
    assert Code.CREDENTIAL_TOO_YOUNG.value in desk.told
    assert [] == platform.taken
    assert 0 == desk.type("answer", lines=(PIN, "reject", "I have this device since a minute"))
    assert isinstance(said(platform.taken[0]), Rejection)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"roles": ("approval-device", "office")}, Code.DEVICE_FOR_OFFICE),
        ({"roles": ("office",), "staff": "none"}, Code.DEVICE_FOR_OFFICE),
        ({"staff": "staff-03"}, Code.DEVICE_NOT_THEIRS),
    ],
    ids=["office as well", "office only", "another's"],
)
def test_a_device_that_is_not_for_approvals_asks_nothing_and_shows_nothing(
    make_desk: MakeDesk, platform: Scripted, fields: dict[str, object], code: Code
) -> None:
    desk = make_desk()
    connected(desk, platform)

    def edit(roster: object) -> object:
        parties = tuple(replace(p, **fields) if p.id == DEVICE else p for p in roster.parties)  # type: ignore[attr-defined]
        return replace(roster, parties=parties)  # type: ignore[type-var]

    desk.world.change_roster(edit)  # type: ignore[arg-type]
    assert 0 == desk.update(news(desk)), desk.told
    for words in (("fetch",), ("submit",), ("answer",)):
        assert 3 == desk.type(*words)
        assert {code.value} == desk.codes
    assert [] == platform.asked
    waits = desk.request(eth_trip(desk.world).to(Stage.PROPOSE))
    assert 3 == desk.decide(waits, PIN, "approve")
    assert code.value in desk.codes
    assert isinstance(parse_statement(desk.answers()[0]).body, Halt)


def test_a_key_that_is_not_the_roster_s_asks_nothing(make_desk: MakeDesk, platform: Scripted) -> None:
    desk = make_desk()
    assert 0 == desk.type("make-device-key")
    words = ["connect", "--host", "127.0.0.1", "--port", str(platform.port), "--server-key", platform.pin]
    assert 0 == desk.type(*words)
    assert 3 == desk.type("fetch")
    assert {Code.SIGNER_KEY_MISMATCH.value} == desk.codes
    assert [] == platform.asked


def test_packages_of_another_device_are_not_kept(make_desk: MakeDesk, platform: Scripted) -> None:
    desk = make_desk()
    connected(desk, platform)
    waiting(desk, platform)
    strange = desk.world.package("device:approver-2", PackageKind.UPDATE, desk.world.update_body())
    answer = encode_canonical(encode_record(HandedOut(left=0, packages=(Base64Bytes(strange),))))
    platform.script = lambda *_: (200, {}, answer)
    assert 3 == desk.type("fetch")
    assert {Code.PACKAGE_NOT_FOR_US.value} == desk.codes
    assert [] == list(Shelf(desk.home).incoming.glob("*"))
    platform.script = honest
    assert 0 == desk.type("fetch")
    assert 1 == len(json.loads(desk.says)["waiting"])
