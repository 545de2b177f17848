"""The scene: nodes, database, platform programs, devices, and the courier who carries files between them."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.canaries import make_pin
from demo.ceremonies import Ceremonies
from demo.desk import Paper, read_paper, reading
from demo.firm import ETH, HOLDERS_OF_DEVICES, Firm
from demo.people import Person
from demo.programs import DemoError, Result, run, start
from demo.proxy import Provider
from demo.vault import Terminal
from strongroom.online.db.bootstrap import Database
from strongroom.online.db.connect import Connection
from strongroom.online.nodes.devpair import AnvilPair, LitecoinPair
from strongroom.online.transfers.withdrawal.platform import Platform

PATIENCE_S = 120
CONFIRMATIONS = 3
Across = Callable[[Path, Path], Path]
"""Brings a package into a folder of a device; returns the file there."""


def copy_package(path: Path, folder: Path) -> Path:
    """Copy a package on a medium, to a temporary name first."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    temporary = target.with_suffix(".part")
    shutil.copyfile(path, temporary)
    temporary.replace(target)
    return target


@dataclass(kw_only=True)
class Scene:
    """Everything that runs. carried: package files that the courier has taken. coded: terminals where codes are set.

    on_desk: what clients sent to the approvers; in_tray: what the station printed for the operators. By instruction.
    """

    folder: Path
    firm: Firm
    eth: AnvilPair
    ltc: LitecoinPair
    provider: Provider
    database: Database
    platform: Platform
    admin: Connection
    config: Path
    packages: Path
    ceremonies: Ceremonies | None = None
    programs: list[subprocess.Popen[str]] = field(default_factory=list)
    carried: set[Path] = field(default_factory=set)
    coded: set[str] = field(default_factory=set)
    on_desk: dict[str, Paper] = field(default_factory=dict)
    in_tray: dict[str, Paper] = field(default_factory=dict)

    # --- places -------------------------------------------------------------------------------------------------

    def home(self, device: str) -> Path:
        """A device's own folder."""
        return self.folder / "devices" / device.replace(":", "-")

    def inbox(self, device: str) -> Path:
        """Where the courier lays down what a device gets."""
        path = self.home(device) / "media-in"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def outbox(self, device: str) -> Path:
        """Where a device lays down what the courier takes away."""
        path = self.home(device) / "media-out"
        path.mkdir(parents=True, exist_ok=True)
        return path

    # --- the courier --------------------------------------------------------------------------------------------

    def fetch(self, device: str, kind: str, *, patience_s: int = PATIENCE_S, across: Across = copy_package) -> Path:
        """Carry what waits for a device to it, and return the newest package of a kind, once there is one.

        across: how packages of that kind cross. Updates are carried in a folder.
        """
        found: list[Path] = []

        def arrived() -> bool:
            found.extend(self._carry_to(device, kind, across))
            return bool(found)

        self.wait(f"a {kind} package for {device}", arrived, patience_s=patience_s)
        return found[-1]

    def _carry_to(self, device: str, kind: str, across: Across = copy_package) -> list[Path]:
        arrived = []
        source = self.folder / "platform" / "outbox" / device.replace(":", "-")
        for path in sorted(source.glob("*.package.json")):
            if path in self.carried:
                continue
            if path.name.endswith("-update.package.json"):
                if kind == "signing":
                    # Nothing can be imported while a session is open.
                    continue
                self.carried.add(path)
                self._take_news(device, self._copy(path, self.inbox(device)))
            elif path.name.endswith(f"-{kind}.package.json"):
                self.carried.add(path)
                self._keep(path)
                arrived.append(across(path, self.inbox(device)))
        return arrived

    def _take_news(self, device: str, package: Path) -> None:
        """Import an update; one that a later package has overtaken is refused by its number, and thrown away."""
        result = self.import_update(device, package, expect=None)
        if result.code != 0 and "PACKAGE_SEQUENCE" not in result.out + result.err:
            raise DemoError(f"{device} does not take {package.name}:\n{result.err}\n{result.out}")

    def carry_back(self, device: str) -> list[Path]:
        """Carry what a device laid down to the platform."""
        inbox = self.folder / "platform" / "inbox" / device.replace(":", "-")
        moved = []
        for path in sorted(self.outbox(device).glob("*.package.json")):
            if path not in self.carried:
                self.carried.add(path)
                moved.append(self._copy(path, inbox))
        return moved

    def _copy(self, path: Path, folder: Path) -> Path:
        """Copy a package, and keep one for the record."""
        self._keep(path)
        return copy_package(path, folder)

    def _keep(self, path: Path) -> None:
        """Keep a package for the record."""
        self.packages.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, self.packages / f"{path.parent.parent.name}-{path.parent.name}-{path.name}")

    def wait(self, what: str, ready: Callable[[], bool], *, patience_s: int = PATIENCE_S) -> None:
        """Look again and again; say what was waited for when patience ends, or which program died."""
        end = time.monotonic() + patience_s
        while not ready():
            for program in self.programs:
                if program.poll() is not None:
                    logs = self.folder / "logs"
                    raise DemoError(
                        f"a platform program ended with {program.returncode} while waiting for {what}; see {logs}"
                    )
            if time.monotonic() > end:
                alerts = self.query("select code, subject, detail from watch.alerts where closed_at is null")
                open_alerts = "".join(f"\n{code} {subject}: {detail}" for code, subject, detail in alerts)
                raise DemoError(f"waited {patience_s} s for {what}; see {self.folder / 'logs'}{open_alerts}")
            time.sleep(0.1)

    # --- devices ------------------------------------------------------------------------------------------------

    def import_update(self, device: str, package: Path, *, expect: int | None = 0) -> Result:
        """Import an update into a device, as its people do."""
        home = str(self.home(device) / "home")
        if "terminal" in device:
            terminal = self.terminal(device)
            arguments = ["import", "--home", home, "--json", str(package)]
            return run(
                "terminal", arguments, stdin="accept\naccept\n", store=terminal.store, offline=True, expect=expect
            )
        program = {"device:station-1": "station", "device:gate-1": "gate"}.get(device, "approver")
        arguments = ["import", "--home", home, "--json", str(package)]
        typed = {"station": "accept\naccept\n", "approver": "accept\n"}.get(program, "")
        return run(program, arguments, stdin=typed, offline=program == "station", expect=expect)

    def terminal(self, device: str) -> Terminal:
        """A terminal by its id."""
        return next(t for t in self.firm.terminals if t.id == device)

    def approver(self, device: str) -> Person:
        """Whose device it is."""
        return self.firm.people[HOLDERS_OF_DEVICES[device]]

    def decide(self, device: str, package: Path, answer: str, *, expect: int | None = 0) -> Result:
        """A person answers on their approval device, and the courier takes the answer."""
        places = ["--home", str(self.home(device) / "home"), "--out", str(self.outbox(device))]
        result = self.answer(device, ["decide", *places, str(package)], answer, expect=expect)
        self.carry_back(device)
        return result

    def answer(self, device: str, arguments: list[str], answer: str, *, expect: int | None = 0) -> Result:
        """A person sits at their approval device: PIN, their paper, and the answer."""
        person = self.approver(device)
        log = self.folder / "logs" / f"{device.replace(':', '-')}.log"
        process = start("approver", arguments, store=person.store, log=log)
        if process.stdin is None or process.stdout is None:
            raise DemoError("the device has no keyboard")
        with process, reading(process, log, self.on_desk):
            process.stdin.write(f"{person.pin}\n{answer}\n")
            process.stdin.flush()
            out = process.stdout.read()
            code = process.wait(timeout=PATIENCE_S)
        result = Result(code=code, out=out, err=log.read_text())
        if expect is not None and code != expect:
            raise DemoError(f"{device} ended with {code}, not {expect}:\n{result.err}\n{out}")
        return result

    def verify(self, package: Path, *, expect: int | None = 0) -> Result:
        """The station reads a docket."""
        device = "device:station-1"
        places = ["--home", str(self.home(device) / "home"), "--out", str(self.outbox(device))]
        arguments = ["verify", *places, str(package)]
        result = run("station", arguments, offline=True, expect=expect)
        self.carry_back(device)
        return result

    @contextmanager
    def printing(self, package: Path) -> Iterator[None]:
        """The station prints the operators' paper of a docket, while other things happen; it lies in the tray then."""
        home, out = self.home("device:station-1") / "home", self.home("device:station-1") / "printer"
        arguments = ["paper", "--home", str(home), "--out", str(out), "--json", str(package)]
        log = self.folder / "logs" / "printer.log"
        with start("station", arguments, offline=True, log=log) as printer:
            yield
            said, _ = printer.communicate(timeout=PATIENCE_S)
        if printer.returncode != 0:
            raise DemoError(f"the station prints no paper:\n{log.read_text()}\n{said}")
        files = Result(code=0, out=said, err="").json()["files"]
        self.in_tray |= read_paper(next(Path(f) for f in files if f.endswith(".txt")).read_text())

    def release(self, package: Path, *, expect: int | None = 0) -> Result:
        """The gate compares, releases and broadcasts."""
        device = "device:gate-1"
        chain = self.eth if self._is_eth(package) else self.ltc
        nodes = [word for name, url in chain.node_urls().items() for word in ("--node", f"{name}={url}")]
        arguments = [
            "release",
            "--home",
            str(self.home(device) / "home"),
            "--out",
            str(self.outbox(device)),
            *nodes,
            str(package),
        ]
        result = run("gate", arguments, expect=expect)
        self.carry_back(device)
        return result

    def _is_eth(self, package: Path) -> bool:
        return bool(json.loads(package.read_text())["body"]["docket"]["transaction"]["chain"] == ETH)

    @contextmanager
    def session(self, device: str, answers: str) -> Iterator[subprocess.Popen[str]]:
        """A terminal session: two operators log in, a nonce comes out; the caller brings the package."""
        terminal = self.terminal(device)
        home = str(self.home(device) / "home")
        arguments = [
            "run",
            "--home",
            home,
            "--in",
            str(self.inbox(device)),
            "--out",
            str(self.outbox(device)),
            "--wait",
            "90",
            "--json",
        ]
        log = self.folder / "logs" / f"{terminal.label}.log"
        process = start("terminal", arguments, store=terminal.store, offline=True, log=log)
        operators = sorted(terminal.operators, key=lambda o: o.id)
        pins = f"{terminal.pin}\n" + "".join(f"{o.pin}\n{o.code}\n" for o in operators)
        stdin = process.stdin
        if stdin is None:
            raise DemoError("the terminal has no keyboard")
        stdin.write(pins + answers)
        stdin.flush()
        try:
            self.wait(
                f"the session request of {device}", lambda: bool(self.carry_back(device)) or process.poll() is not None
            )
            with reading(process, log, self.in_tray):
                yield process
        finally:
            stdin.close()
            if process.poll() is None:
                process.terminate()
            process.wait()

    def sign(
        self,
        device: str,
        answers: str = "sign\n",
        *,
        expect: int | None = 0,
        spoil: Callable[[Path], None] | None = None,
    ) -> Result:
        """A whole session of a terminal, to its end."""
        self.bring_updates(device)
        with self.session(device, answers) as process:
            package = self.fetch(device, "signing")
            if spoil is not None:
                spoil(package)
            out = process.stdout.read() if process.stdout else ""
            code = process.wait(timeout=PATIENCE_S)
        log = (self.folder / "logs" / f"{self.terminal(device).label}.log").read_text()
        if expect is not None and code != expect:
            raise DemoError(f"{device} ended with {code}, not {expect}:\n{out}\n{log}")
        self.carry_back(device)
        return Result(code=code, out=out, err=log)

    def bring_updates(self, device: str) -> None:
        """News first: wait until the terminal holds all that was sent to it; one that lacks some gets no session."""

        def holds_all() -> bool:
            self._carry_to(device, "update")
            seen = int(self.query("select seen from custody.devices where id = %s", device)[0][0])
            return bool(self.status(device)["log"]["size"] == seen)

        self.wait(f"{device} to hold all that was sent", holds_all)
        if device not in self.coded:
            self._set_codes(device)

    def _set_codes(self, device: str) -> None:
        """Each operator sits there alone, once: a code for every day, one for duress and one for drills."""
        terminal = self.terminal(device)
        self.coded.add(device)
        for person in terminal.operators:
            new = "".join(f"{code}\n" * 2 for code in (person.code, make_pin(), make_pin()))
            arguments = ["codes", "--home", str(self.home(device) / "home"), "--person", person.id, "--json"]
            run("terminal", arguments, stdin=f"{person.pin}\n{new}", store=terminal.store, offline=True)

    # --- the platform -------------------------------------------------------------------------------------------

    def start_platform(self) -> None:
        """Start worker, reconciler and watcher, each its own process, user and key."""
        for name in ("work", "reconcile", "watch"):
            log = self.folder / "logs" / f"{name}.log"
            self.programs.append(
                start("platform", [name, "--config", str(self.config.parent / f"{name}.json")], log=log)
            )

    def stop_platform(self) -> None:
        """Stop them."""
        for program in self.programs:
            program.terminate()
        for program in self.programs:
            program.wait(timeout=30)
        self.programs.clear()

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Look into the database as its administrator; attackers of the story write with it too."""
        cursor = self.admin.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def state(self, proposal: str) -> str:
        """State of a docket."""
        rows = self.query("select state from transfers.dockets where proposal = %s", proposal)
        return str(rows[0][0]) if rows else "none"

    def status(self, device: str) -> Any:
        """A device's own status screen, for machines."""
        program = (
            "terminal"
            if "terminal" in device
            else {"device:station-1": "station", "device:gate-1": "gate"}.get(device, "approver")
        )
        store = self.terminal(device).store if program == "terminal" else None
        return run(
            program,
            ["status", "--home", str(self.home(device) / "home"), "--json"],
            store=store,
            offline=program in ("terminal", "station"),
        ).json()
