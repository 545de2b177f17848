"""`python -m demo`: the main job on real nodes and real tokens, then eleven attacks. Results in build/demo.

Exit code 0 only if every honest transfer settled, the ledger matches the chain again, and every attack ended as stated.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demo import (
    attacks,
    attacks_books,
    attacks_builder,
    attacks_gate,
    attacks_provider,
    journey,
    line,
    sight,
    theft,
    turns,
)
from demo.canaries import MARK, Leak, descendants, find_leaks
from demo.ceremonies import WRAPPING_KEY, drill
from demo.ended import Ended
from demo.firm import ETH, LTC
from demo.journey import Journal
from demo.programs import ROOT, DemoError, can_isolate
from demo.scene import Scene
from demo.stage import open_scene
from strongroom.core.errors import StrongroomError
from strongroom.online.ledger.store import check_ledger

RESULTS = ROOT / "build" / "demo"
ATTACKS = 13
CEREMONIES = 3
SEEN_LATER = ("7", "10")
"""Attacks that go around every program of ours: nothing can prevent them, they must be seen, and signing must stop."""


@dataclass(kw_only=True)
class Story:
    """The narrator: what is said on screen, and how long each phase took."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    def phase(self, name: str, act: Callable[[], None]) -> None:
        """Tell and time one phase."""
        self.console.rule(f"[bold]{name}")
        began = time.monotonic()
        act()
        self.seconds[name] = round(time.monotonic() - began, 1)

    def tell(self, who: str, what: str) -> None:
        """Who said what."""
        self.console.print(f"  [cyan]{escape(who):<24}[/cyan] {escape(what)}", highlight=False)

    def say(self, what: str) -> None:
        """What is being done."""
        self.console.print(f"  {escape(what)}", highlight=False)


def main() -> int:
    """Run the story."""
    story = Story(console=Console(width=120, emoji=False))
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    if can_isolate():
        story.say("Terminals, station, ceremony and verifier run in network namespaces without interfaces.")
    else:
        story.say(
            "This kernel makes no network namespaces for us: the terminals will see a network and refuse to sign."
        )
        story.say("Run as root, or allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1).")
    # Not below the project or a home directory: the embedded PostgreSQL opens the parents of its data (docs/adr).
    folder = Path(tempfile.mkdtemp(prefix="strongroom-demo-"))
    folder.chmod(0o755)
    try:
        return play(story, folder)
    except (DemoError, StrongroomError) as error:
        story.console.print(f"[bold red]The story broke off:[/bold red] {escape(str(error))}", highlight=False)
        kept = RESULTS / "logs"
        if (folder / "logs").exists():
            shutil.copytree(folder / "logs", kept, dirs_exist_ok=True)
            story.say(f"logs: {kept}")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def play(story: Story, folder: Path) -> int:
    """Everything between the first line and the table."""
    began = time.monotonic()
    journal, ended = Journal(), list[Ended]()
    story.console.rule("[bold]trust is set up")
    with open_scene(folder, RESULTS / "packages", dict(os.environ), story.say) as scene:
        story.seconds["trust is set up"] = round(time.monotonic() - began, 1)
        scene.start_platform()
        act_honest(story, scene, journal, ended)
        act_attacks(story, scene, journal, ended)
        story.phase("a stranger verifies", lambda: verify_all(story, scene, journal))
        story.phase("a drill restores the keys into a second token", lambda: restore(story, scene))
        story.phase("secrets are looked for", lambda: check_secrets(story, scene))
        return finish(story, scene, journal, ended)


def act_honest(story: Story, scene: Scene, journal: Journal, ended: list[Ended]) -> None:
    """Deposits and two withdrawals; attack 6 meets the second one on its way to the gate."""
    tell = story.tell
    story.phase("deposits", lambda: journey.deposit(scene, tell))
    orders = [("harbour", "eth", 125 * 10**16)]
    story.phase(
        "a withdrawal in ether",
        lambda: discard(journey.withdraw(scene, journal, "one client in ether", orders, ["device:terminal-1"], tell)),
    )

    def litecoin() -> None:
        three = [("harbour", "ltc", 5 * 10**8), ("lantau", "ltc", 7 * 10**8), ("peak", "ltc", 11 * 10**8)]
        proposal = journey.prepare(scene, journal, "three clients in litecoin", three, tell)
        line.approve_on_the_line(scene, "device:approver-1", tell)
        journey.approve_on(scene, "device:approver-2")
        journey.wait_for_quorum(scene, proposal)
        journey.verify_package(scene, proposal, sight.film_to_station(scene, tell))
        tell("strongroom-station", f"paper printed: the operators read {len(three)} pages from their tray")
        journey.sign(scene, proposal, ["device:terminal-1", "device:terminal-2"])
        wanted = {"SEAL_DIGEST_MISMATCH"}
        ended.append(
            attacks_gate.spoil_release(scene, tell, "6a sealed result altered", attacks_gate.altered_seal, wanted)
        )
        ended.append(
            attacks_gate.spoil_release(
                scene, tell, "6b altered transaction sealed anew", attacks_gate.sealed_anew, wanted
            )
        )
        journey.release(scene, proposal)
        journey.tell_docket(scene, proposal, tell)

    story.phase("three clients in one litecoin transaction, by line and by sight, and attack 6 on its way", litecoin)
    story.phase("a fee is bumped", lambda: turns.bump_fee(scene, journal, tell))
    story.phase("a withdrawal in tokens", lambda: turns.pay_tokens(scene, journal, tell))
    story.phase("a chain turns back", lambda: turns.turn_back(scene, journal, tell))


def act_attacks(story: Story, scene: Scene, journal: Journal, ended: list[Ended]) -> None:
    """The other attacks, and the transfer that the last one delays."""
    tell = story.tell
    for words, attack in (
        ("attack 2: change goes to a stranger", attacks.strange_change),
        ("attack 3: the terminal is fed an older whitelist", attacks.older_whitelist),
        ("attack 4: a signed docket is played again", attacks.play_again),
        ("attack 5: one person approves twice under two names", attacks.two_names),
    ):
        story.phase(words, lambda attack=attack: ended.append(attack(scene, journal, tell)))  # type: ignore[misc]

    def steal() -> None:
        order = [("harbour", "eth", 50 * 10**16)]
        proposal = journey.prepare(scene, journal, "a transfer that waits through a freeze", order, tell)
        journey.approve(scene, proposal)
        journey.verify(scene, proposal)
        ended.append(theft.straight_with_the_token(scene, tell, proposal))
        journey.sign(scene, proposal, ["device:terminal-1"])
        journey.release(scene, proposal)
        journey.tell_docket(scene, proposal, tell)

    story.phase("attack 7: coins leave with no docket, and signing stops", steal)
    story.phase("attack 10: a ledger row is edited by SQL", lambda: ended.append(attacks_books.edit_row(scene, tell)))
    story.phase(
        "attack 11: one provider forges a deposit",
        lambda: ended.append(attacks_provider.forge_deposit(scene, tell)),
    )
    for words, attack in (
        ("attack 1: the platform swaps the destination", attacks.swap_destination),
        ("attack 8: approve() from the builder", attacks_builder.grant_allowance),
        ("attack 8: a second output from the builder", attacks_builder.add_output),
        ("attack 9: the fee eats the amount", attacks_builder.burn_fee),
    ):
        story.phase(words, lambda attack=attack: ended.append(attack(scene, journal, tell)))  # type: ignore[misc]


def verify_all(story: Story, scene: Scene, journal: Journal) -> None:
    """Write the dockets and the root, and let the auditor's verifier prove each without a network."""
    root = RESULTS / "root.json"
    root.write_bytes(scene.firm.root_file)
    for number, (name, proposal) in enumerate(journal.proposals.items(), start=1):
        path = RESULTS / f"{number}-{name.replace(' ', '-')}.docket.json"
        journey.write_docket(scene, proposal, path)
        journey.prove_docket_file(path, root)
        story.tell("strongroom-verify", f"{path.name}: proved to SETTLE")


def restore(story: Story, scene: Scene) -> None:
    """Two custodians' words and the copied blobs, in another token; the signed result goes into the log."""
    if scene.ceremonies is None:
        raise DemoError("no ceremony has been held")
    drill(scene.firm, scene.config, scene.ceremonies)
    rows = scene.query("select statement from evidence.entries where kind = 'ceremony' order by idx")
    shutil.copy(scene.ceremonies.last, RESULTS / "restore-transcript.json")
    story.tell("strongroom-ceremony", f"the same keys answer in a second token; {len(rows)} transcripts in the log")
    if len(rows) != CEREMONIES:
        raise DemoError(f"{CEREMONIES} ceremonies were held, and the log has {len(rows)}")


def check_secrets(story: Story, scene: Scene) -> None:
    """Search all that the demo has written, and its running programs, for PINs and shares. Raises DemoError for any."""
    named = scene.ceremonies.secrets() if scene.ceremonies else {}
    running = [process for program in scene.programs for process in descendants(program.pid)]
    leaks = find_leaks([scene.folder, RESULTS], running, {"a PIN": MARK.encode(), **named})
    tokens = {leak.place for leak in leaks if is_in_token(leak)}
    lying = [leak for leak in leaks if leak.place not in tokens]
    if lying:
        raise DemoError("secrets lie about:\n" + "\n".join(f"{leak.secret} in {leak.place}" for leak in lying))
    story.say(f"No PIN, share or key in any file that was written, nor in the environment of {len(running)} programs,")
    story.say(
        f"but for the wrapping key in {len(tokens)} stores of SoftHSM, which keeps it readable; a real token does not."
    )


def is_in_token(leak: Leak) -> bool:
    """SoftHSM writes what is not PRIVATE to its disk in the clear, and a security officer can make nothing PRIVATE.

    So the wrapping key lies in the store of the token that holds it (docs/threat-model.md): there, and nowhere else.
    """
    place = Path(leak.place)
    return leak.secret == WRAPPING_KEY and place.suffix == ".object" and place.parent.parent.name == "tokens"


def finish(story: Story, scene: Scene, journal: Journal, ended: list[Ended]) -> int:
    """The table, the summary, and the verdict."""
    check_ledger(scene.admin)
    statuses = dict(scene.query("select distinct on (chain) chain, status from watch.runs order by chain, height desc"))
    matches = set(statuses) == {ETH, LTC} and set(statuses.values()) == {"MATCHED"}
    transfers = [
        {"name": name, "proposal": proposal, "state": scene.state(proposal)}
        for name, proposal in journal.proposals.items()
    ]
    table = Table(title="What was tried, and how it ended", show_lines=False)
    for column in ("attack", "outcome", "stage", "code", "alert", "moved"):
        table.add_column(column, overflow="fold")
    for each in sorted(ended, key=order_of):
        table.add_row(each.name, each.outcome, each.stage, each.code, each.alert, each.moved)
    story.console.print(table)
    settled = all(t["state"] == "RECONCILED" for t in transfers)
    as_stated = len(ended) == ATTACKS and all(
        e.outcome == ("detected" if e.name.split()[0] in SEEN_LATER else "stopped") for e in ended
    )
    summary = {
        "transfers": transfers,
        "attacks": [e.as_json() for e in sorted(ended, key=order_of)],
        "ledger_matches_chain": matches,
        "seconds": story.seconds,
    }
    (RESULTS / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    story.say(f"{len(transfers)} honest transfers settled: {settled}; ledger matches chain: {matches}")
    story.say(f"attacks ended as stated: {as_stated}")
    story.say(f"dockets, root, packages and summary.json: {RESULTS}")
    return 0 if settled and matches and as_stated else 1


def order_of(ended: Ended) -> tuple[int, str]:
    """The attacks' own numbers: 2 before 10, 6a before 6b."""
    number = ended.name.split()[0]
    return int(number.rstrip("ab")), number


def discard(value: object) -> None:
    """For phases that give back what nobody keeps."""
    del value


if __name__ == "__main__":
    sys.exit(main())
