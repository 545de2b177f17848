"""Every dialog of the three programs, with what it shows taken from real dockets of the tests' firm.

A dialog is what a step asks of its console; the pages come from the programs' own builders. Pictures are taken of the
real screen, in each language, and are the same on every machine: the firm's keys and clock are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from hands import Hands, sit_down
from lookalike import lookalike_eth
from strongroom.approver import update as accept_update
from strongroom.checker.reading.pages import build_pages as build_station_pages
from strongroom.checker.reading.verify import prove_docket as prove_as_station
from strongroom.core.active_reading import ReadingTask, build_tasks
from strongroom.core.alike import AlikeTask, ask_alike, build_address_book, build_alike_pages, build_alike_tasks
from strongroom.core.checks.prove import ProvedDocket, prove_docket
from strongroom.core.codes import Code
from strongroom.core.docket import Stage, encode_docket
from strongroom.core.errors import Refusal, RefusedError
from strongroom.core.halt_notice import HaltNotice, build_notice_text, point_at
from strongroom.core.ids import Digest, EntryId, PartyId
from strongroom.core.pages import build_pages
from strongroom.core.trust import apply_update, enroll
from strongroom.core.updates import build_update_pages
from strongroom.core.words import group
from strongroom.devices.screens.app import Setting
from strongroom.devices.screens.console import ACCEPT, DOUBTS, Choice, Console
from strongroom.devices.screens.language import Language, load_languages
from strongroom.devices.screens.page import LineShape, PageShape, build_line, build_quote
from strongroom.devices.screens.refusals import build_halt_pages
from strongroom.vault.terminal import step4_show, update
from strongroom.vault.terminal.history import build_pages_of
from strongroom.vault.terminal.journal.state import History
from strongroom.vault.terminal.notice import CARRY, render_notice
from strongroom.vault.terminal.words import Place, build_signing_pages
from world import Trip, World, eth_sweep, eth_trip, ltc_trip, safe_world, usd_trip, void_trip
from world_keys import ed25519_signer

APPROVE = Choice(word="approve", key="a", label="approve", needs_reading=True)
FONTS = re.compile(r"    @font-face \{.*?\n    \}\n", re.DOTALL)
"""Rich names a font on somebody's server; a picture of ours asks no one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """What a step asks. facts: digest of the transaction that it shows, None where it shows none."""

    name: str
    ask: Callable[[Console], object]
    facts: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One dialog in one language: every screenful as text and as SVG."""

    name: str
    texts: tuple[str, ...]
    drawings: tuple[str, ...]
    facts: Digest | None

    @property
    def text(self) -> str:
        """All screenfuls, and the transaction that they show."""
        tied = f"facts {group(self.facts)}\n" if self.facts else "no transaction\n"
        return tied + "".join(f"{text}\n\f\n" for text in self.texts)


def choosing(pages: Sequence[PageShape], question: LineShape, *choices: Choice) -> Callable[[Console], object]:
    return lambda console: console.choose(pages, question, choices)


def asking(question: LineShape, *doubts: Choice) -> Callable[[Console], object]:
    return lambda console: console.ask(question, doubts)


def signing(trip: Trip) -> ProvedDocket:
    return prove_docket(trip.to(Stage.VERIFY).docket(), trip.world.roots)


def place_in(proved: ProvedDocket) -> Place:
    """As a terminal of the firm would say it."""
    entries = proved.foundation.entries.addresses
    keys = sorted({key for source in proved.facts.inputs for key in entries[source.entry].keys})
    return Place(
        number=3,
        total=17,
        terminal=PartyId("device:terminal-1"),
        operators=(PartyId("person:c.lam"), PartyId("person:p.wu")),
        keys=tuple(keys),
        signatures=len(proved.facts.inputs),
        clear=proved.facts.digest,
    )


def signing_dialog(name: str, trip: Trip, question: LineShape = step4_show.QUESTION) -> Dialog:
    proved = signing(trip)
    pages = build_signing_pages(proved, place_in(proved))
    return Dialog(name=name, ask=choosing(pages, question, *step4_show.CHOICES), facts=proved.facts.digest)


def history_dialog(proved: ProvedDocket) -> Dialog:
    """Two payments beside what a terminal remembers: a first one, and one that is larger than any before."""
    (paid,) = proved.facts.outputs
    before = History(times=7, last_paid=proved.proposal.time, largest=paid.units // 5, latest=paid.units // 8)
    payments = [(paid, History(times=0, last_paid=None, largest=None, latest=None)), (paid, before)]
    pages = build_pages_of(payments, proved.foundation.entries.assets)
    return Dialog(
        name="history", ask=choosing(pages, step4_show.QUESTION, *step4_show.CHOICES), facts=proved.facts.digest
    )


def reading_task(proved: ProvedDocket) -> ReadingTask:
    return build_tasks(proved.facts, proved.foundation.entries.assets, bytes)[0]


def alike_tasks(proved: ProvedDocket) -> tuple[AlikeTask, ...]:
    """With a thief's entry in the device's whitelist, which the docket does not name."""
    entries = proved.foundation.entries
    honest = entries.whitelist[proved.facts.outputs[0].entry]
    thief = replace(honest, id=EntryId("entry:thief"), address=lookalike_eth(honest.address))
    book = build_address_book(replace(entries, whitelist={**entries.whitelist, thief.id: thief}))
    return build_alike_tasks(proved.facts, book, bytes)


def refusal_of(proved: ProvedDocket) -> Refusal:
    """The address of one letter's difference that a thief puts in."""
    address = proved.facts.outputs[0].address
    changed = address[:-1] + ("0" if address[-1] != "0" else "1")
    field = "proposal.facts.outputs.0.address"
    return Refusal(code=Code.DEST_NOT_INSTRUCTED, field=field, expected=address, got=changed)


def halt_code(proved: ProvedDocket) -> tuple[str, ...]:
    """A code as a terminal shows it; its key is of the kind whose signature is the same every time."""
    notice = HaltNotice(
        terminal=PartyId("device:terminal-1"),
        code=Code.DEST_NOT_INSTRUCTED.value,
        journal=5521,
        at=proved.proposal.time,
        halt=point_at(proved.proposal.id),
    )
    return render_notice(build_notice_text(notice, World().context, ed25519_signer("device:terminal-1").sign))


def terminal_dialogs() -> Iterator[Dialog]:
    """The signing terminal's."""
    proved = signing(eth_trip(World()))
    facts = proved.facts.digest
    pin = build_line("PIN of {who} (token {label}):", who="person:c.lam", label="c.lam")
    yield Dialog(name="pin", ask=lambda console: console.ask_secret(pin))
    own_code = build_line("Code of {who}:", who="person:c.lam")
    yield Dialog(name="code", ask=lambda console: console.ask_secret(own_code))
    yield update_dialog(update.ACCEPTS[0])
    yield signing_dialog("transfer-ether", eth_trip(World()))
    yield signing_dialog("transfer-token", usd_trip(World()))
    yield history_dialog(proved)
    yield signing_dialog("transfer-litecoin", ltc_trip(World()))
    yield signing_dialog("void", void_trip(World()), step4_show.VOID_QUESTION)
    yield signing_dialog("sweep", eth_sweep(safe_world()), step4_show.SWEEP_QUESTION)
    task = reading_task(proved)
    yield Dialog(name="read-address", ask=asking(task.part_question, *DOUBTS), facts=facts)
    yield Dialog(name="read-amount", ask=asking(task.amount_question, *DOUBTS), facts=facts)
    alike = alike_tasks(proved)
    pages = (*build_alike_pages(alike), *build_signing_pages(proved, place_in(proved)))
    yield Dialog(name="alike", ask=choosing(pages, step4_show.QUESTION, *step4_show.CHOICES), facts=facts)
    yield Dialog(
        name="which-of-two",
        ask=lambda console: ask_alike(alike, lambda question: console.ask(question, DOUBTS), console.say),
        facts=facts,
    )
    yield Dialog(name="why", ask=asking(build_line("Why? One line:")))
    stops, code = build_halt_pages("check", [refusal_of(proved)]), halt_code(proved)
    yield Dialog(name="stopped", ask=lambda console: console.stop(stops, code, CARRY), facts=facts)
    yield Dialog(name="end", ask=say_the_end)


def say_the_end(console: Console) -> None:
    counts = {"signed": "2", "refused": "1"}
    said = build_line("The session is closed: {signed} signed, {refused} refused.", **counts)
    console.say(said)
    console.say(build_quote("Carry back {package}.", package="000412-terminal-result.package.json"))
    console.ask(build_line("Why? One line:"))


def update_dialog(question: LineShape) -> Dialog:
    world = World()
    before = enroll(tuple(world.roots), world.fingerprint)
    after = apply_update(before, world.update_body(), world.now)
    pages = build_update_pages(before, after)
    return Dialog(name="update", ask=choosing(pages, question, ACCEPT, *DOUBTS))


def approver_dialogs() -> Iterator[Dialog]:
    """The approval device's."""
    trip = eth_trip(World()).to(Stage.PROPOSE)
    proved = prove_docket(trip.docket(), trip.world.roots)
    facts = proved.facts.digest
    yield Dialog(name="pin", ask=lambda console: console.ask_secret(build_quote("{key}:", key="PIN of m.chan")))
    yield update_dialog(accept_update.QUESTION)
    ask = choosing(build_pages(proved), step4_show.QUESTION, APPROVE, *DOUBTS)
    yield Dialog(name="transfer-ether", ask=ask, facts=facts)
    task = reading_task(proved)
    yield Dialog(name="read-address", ask=asking(task.part_question, *DOUBTS), facts=facts)
    yield Dialog(name="read-amount", ask=asking(task.amount_question, *DOUBTS), facts=facts)
    yield Dialog(name="why", ask=asking(build_line("Why? One line:")))
    pages = build_halt_pages(Stage.APPROVE.name, [refusal_of(proved)])
    carry = build_quote("The halt goes to the platform: {path}.", path="000001-statements.package.json")
    yield Dialog(name="stopped", ask=lambda console: console.stop(pages, (), carry), facts=facts)


def station_dialogs() -> Iterator[Dialog]:
    """The checker station's."""
    for name, make in (("verified-ether", eth_trip), ("verified-litecoin", ltc_trip)):
        trip = make(World()).to(Stage.APPROVE)
        proof = prove_as_station(encode_docket(trip.docket()), trip.world.root_file)
        carry = build_quote(
            "VERIFIED by this station's own reading. Carry back {file}.", file="000001-statements.package.json"
        )
        yield Dialog(name=name, ask=stopping(build_station_pages(proof), carry), facts=proof.paid()[1].digest)
    proved = signing(eth_trip(World()))
    pages = build_halt_pages(Stage.PROPOSE.name, [refusal_of(proved)])
    yield Dialog(name="halted", ask=stopping(pages, CARRY), facts=proved.facts.digest)


def stopping(pages: Sequence[PageShape], carry: LineShape) -> Callable[[Console], object]:
    return lambda console: console.stop(pages, (), carry)


PROGRAMS: Mapping[str, tuple[str, str, Callable[[], Iterator[Dialog]]]] = {
    "terminal": ("terminal-1", "{time}   NO NETWORK", terminal_dialogs),
    "approver": ("approver-1", "{time}", approver_dialogs),
    "station": ("checker station", "{time}   NO NETWORK", station_dialogs),
}


@cache
def dialogs_of(program: str) -> tuple[Dialog, ...]:
    """Made once: proving takes longer than drawing."""
    return tuple(PROGRAMS[program][2]())


def take_pictures(program: str, language: Language) -> Iterator[Picture]:
    """Every dialog of a program in a language."""
    device, banner, _ = PROGRAMS[program]
    setting = Setting(
        device=device,
        banner=lambda: build_line(banner, time="2027-03-14T03:12:00Z"),
        languages=load_languages(language),
    )
    for dialog in dialogs_of(program):
        yield _take(dialog, setting)


def _take(dialog: Dialog, setting: Setting) -> Picture:
    texts: list[str] = []
    drawings: list[str] = []

    async def look(hands: Hands) -> None:
        await hands.wait()
        shell = hands.screen.shell
        for number in range(len(shell.screens)):
            if number:
                await hands.press("pagedown")
            texts.append(hands.text)
            drawings.append(FONTS.sub("", shell.export_screenshot(title=f"Strongroom {setting.device}")))
        hands.leave()

    try:
        sit_down(dialog.ask, look, setting)
    except RefusedError as error:
        # Nobody answers in a gallery.
        if error.codes != {Code.OPERATOR_REFUSED}:
            raise
    return Picture(name=dialog.name, texts=tuple(texts), drawings=tuple(drawings), facts=dialog.facts)
