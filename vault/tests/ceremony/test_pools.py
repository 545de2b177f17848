"""Pools of keys: made by several processes, interrupted and taken up, found by a terminal, never twice, never lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import softhsm
from strongroom.core.codes import Code
from strongroom.core.errors import MalformedError, RefusedError, StrongroomError, UnavailableError
from strongroom.core.ids import ChainId, EntryId, PartyId, WalletId
from strongroom.core.records import HexBytes
from strongroom.core.registers import KeyEntry, KeyState
from strongroom.vault.ceremony.key_batch import CHUNK
from strongroom.vault.ceremony.pool_writer import FORMAT, PoolHead, PoolWriter, Proving
from strongroom.vault.hsm.key_file import KeyFile, encode_key_file, load_key_files
from strongroom.vault.hsm.module import find_token, open_module, open_session
from strongroom.vault.hsm.pool_file import INDEX_NAME, build_index, find_pool_key
from strongroom.vault.hsm.secret import Secret
from strongroom.vault.hsm.wrapped_keys import WrappedKey, check_signature, sign_digest
from strongroom.vault.terminal.key_folder import KeyFolder
from strongroom.vault.terminal.key_store import load_key

USER = "user-4482"
WALLET = WalletId("wallet:ltc-cold")


def order_of(folder: Path, count: int, *more: str) -> tuple[str, ...]:
    words = ("make-keys", "--token", "vault-1", "--json", "--count", str(count), "--wallet", WALLET)
    return (*words, "--out", str(folder), "--names", "p", *more)


def entry_of(file: KeyFile) -> KeyEntry:
    return KeyEntry(
        chain=ChainId("eip155:1"),
        id=file.key.key_id,
        public=HexBytes(file.key.public_key),
        state=KeyState.ACTIVE,
        terminal=PartyId("device:terminal-1"),
        wallet=file.wallet,
    )


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """One token with one finished pool of 150 keys, for tests that change neither."""
    from .conftest import Ceremony  # noqa: PLC0415 -- beside this file; `conftest` alone would name another folder's.

    folder = tmp_path_factory.mktemp("pool")
    ceremony = Ceremony(store=softhsm.make_store(folder / "softhsm"))
    ceremony.vault_token("vault-1")
    made = ceremony.run(*order_of(folder / "keys", 150, "--workers", "2"), lines=(USER,))
    assert (0, 150, 150) == (made.code, made.result["made"], made.result["count"])
    return ceremony, folder / "keys"


def test_a_pool_is_four_files_whatever_its_size(pool: Any) -> None:
    _, folder = pool
    assert ["keys.index", "keys.json", "keys.pool", "pool.json"] == files_in(folder)
    files = load_key_files(folder)
    assert [f"key:p-{n}" for n in range(1, 151)] == list(files)
    assert 150 == len({file.key.public_key for file in files.values()})
    listed = json.loads((folder / "keys.json").read_bytes())["keys"]
    assert {name: file.key.public_key.hex() for name, file in files.items()} == {r["key"]: r["public"] for r in listed}


def test_a_terminal_finds_and_signs_with_a_key_of_a_pool(pool: Any) -> None:
    ceremony, folder = pool
    ceremony.store.activate()
    with open_session(find_token(open_module(softhsm.MODULE_PATH), "vault-1"), Secret(USER)) as session:
        for file in list(load_key_files(folder).values())[::40]:
            key = load_key(KeyFolder.find(folder.parent), entry_of(file))
            assert file.key == key
            digest = os.urandom(32)
            check_signature(key, digest, *sign_digest(session, key, digest))


def test_a_key_is_found_without_reading_the_pool(tmp_path: Path) -> None:
    places, raw = [], b""
    for n in range(2000):
        key = WrappedKey(key_id=EntryId(f"key:x-{n}"), public_key=b"\x02" + n.to_bytes(32, "big"), blob=b"b")
        places.append((key.key_id, len(raw)))
        raw += encode_key_file(KeyFile(key=key, wallet=WALLET, token="t")) + b"\n"
    (tmp_path / "keys.pool").write_bytes(raw)
    (tmp_path / INDEX_NAME).write_bytes(build_index(places, len(raw)))
    for n in (0, 1, 777, 1999):
        found = find_pool_key(tmp_path, EntryId(f"key:x-{n}"))
        assert found is not None
        assert (f"key:x-{n}", n) == (found.key.key_id, int.from_bytes(found.key.public_key[1:], "big"))
    assert find_pool_key(tmp_path, EntryId("key:x-2000")) is None
    # Every other line is nonsense now, and the one that is asked for is still found: no other line is read.
    name, offset = places[777]
    end = places[778][1]
    (tmp_path / "keys.pool").write_bytes(b"?" * offset + raw[offset:end] + b"?" * (len(raw) - end))
    assert find_pool_key(tmp_path, name) is not None
    with pytest.raises(StrongroomError) as caught:
        find_pool_key(tmp_path, EntryId("key:x-5"))
    assert Code.KEY_NOT_IN_TOKEN in caught.value.codes


@pytest.mark.parametrize("change", ["longer", "moved", "other", "short", "magic"])
def test_an_index_that_is_not_the_pools_finds_nothing(pool: Any, tmp_path: Path, change: str) -> None:
    _, source = pool
    folder = tmp_path / "keys"
    shutil.copytree(source, folder)
    index, lines = (folder / INDEX_NAME).read_bytes(), (folder / "keys.pool").read_bytes()
    if change == "longer":
        (folder / "keys.pool").write_bytes(lines + b"\n")
    elif change == "moved":
        first, second, *rest = lines.splitlines(keepends=True)
        assert len(first) == len(second)
        (folder / "keys.pool").write_bytes(second + first + b"".join(rest))
    elif change == "other":
        (folder / INDEX_NAME).write_bytes(
            index[:32] + b"".join(index[i : i + 24] + bytes(8) for i in range(32, len(index), 32))
        )
    elif change == "short":
        (folder / INDEX_NAME).write_bytes(index[:40])
    else:
        (folder / INDEX_NAME).write_bytes(b"X" + index[1:])
    file = load_key_files(source)[EntryId("key:p-2")]
    with pytest.raises(RefusedError) as caught:
        load_key(KeyFolder.find(folder), entry_of(file))
    assert {Code.KEY_NOT_IN_TOKEN} == caught.value.codes
    assert file.key == load_key(KeyFolder.find(source), entry_of(file))


def test_a_key_in_two_places_or_under_another_point_is_refused(pool: Any, tmp_path: Path) -> None:
    _, source = pool
    shutil.copytree(source, tmp_path / "a")
    file = load_key_files(source)[EntryId("key:p-7")]
    assert file.key == load_key(KeyFolder.find(tmp_path), entry_of(file))
    other = KeyEntry(**{f: getattr(entry_of(file), f) for f in KeyEntry.__slots__} | {"public": HexBytes(b"\x02" * 33)})
    shutil.copytree(source, tmp_path / "b" / "c")
    for entry, folder in ((entry_of(file), tmp_path), (other, tmp_path / "a")):
        with pytest.raises(RefusedError) as caught:
            load_key(KeyFolder.find(folder), entry)
        assert {Code.KEY_NOT_IN_TOKEN} == caught.value.codes


def test_killed_and_taken_up_no_key_is_lost_and_none_made_twice(pool: Any, tmp_path: Path) -> None:
    ceremony, _ = pool
    folder = tmp_path / "keys"
    count, before = 6 * CHUNK, b""
    for _kill in range(2):
        before = start_and_kill(ceremony, folder, count, len(before))
        assert "keys.json" not in files_in(folder)
    # Half a line, as a power cut leaves it.
    with (folder / "keys.pool").open("ab") as file:
        file.write(b'{"blob":"00')
    done = ceremony.run(*order_of(folder, count), lines=(USER,))
    assert 0 == done.code
    assert 0 < done.result["made"] < count
    after = (folder / "keys.pool").read_bytes()
    assert after.startswith(before[: before.rindex(b"\n") + 1])
    files = load_key_files(folder)
    assert [f"key:p-{n}" for n in range(1, count + 1)] == list(files)
    assert count == len({file.key.public_key for file in files.values()})
    for name in ("key:p-1", f"key:p-{count}"):
        assert files[EntryId(name)].key == load_key(KeyFolder.find(folder), entry_of(files[EntryId(name)]))
    events = [json.loads(line) for line in done.errors.splitlines()]
    assert count - done.result["made"] < events[0]["done"] <= count == events[-1]["done"]


def start(ceremony: Any, folder: Path, count: int) -> subprocess.Popen[bytes]:
    """The program at work with two workers, in a session of its own."""
    command = [sys.executable, "-c", "import sys; from strongroom.vault.ceremony.cli import main; sys.exit(main())"]
    run = subprocess.Popen(
        [*command, *order_of(folder, count, "--workers", "2")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=ceremony.store.environment(),
        start_new_session=True,
    )
    assert run.stdin is not None
    run.stdin.write(USER.encode() + b"\n")
    run.stdin.close()
    # Closed and forgotten, so that `communicate` does not flush it.
    run.stdin = None
    return run


def wait_for_keys(run: subprocess.Popen[bytes], lines: Path, size: int) -> None:
    """Until the pool has grown beyond `size`."""
    while not lines.exists() or lines.stat().st_size <= size:
        assert run.poll() is None
        time.sleep(0.005)


def start_and_kill(ceremony: Any, folder: Path, count: int, size: int) -> bytes:
    """Start the program, kill it hard when the pool has grown beyond `size`, and return the pool as it was left."""
    run = start(ceremony, folder, count)
    wait_for_keys(run, folder / "keys.pool", size)
    ceremony.store.kill(run.pid)
    run.communicate()
    assert [] == wait_until_few(run.pid, 0)
    return (folder / "keys.pool").read_bytes()


def members(session: int) -> list[int]:
    """The processes of a session."""
    stats = {path.parent.name: read_stat(path) for path in Path("/proc").glob("[0-9]*/stat")}
    # Behind the name in brackets: state, parent, group, session.
    return [int(pid) for pid, stat in stats.items() if stat.rpartition(")")[2].split()[3:4] == [str(session)]]


def wait_until_few(session: int, most: int) -> list[int]:
    """The workers end by themselves once nobody is at the other end of their pipes."""
    for _ in range(2000):
        if len(members(session)) <= most:
            break
        time.sleep(0.005)
    return members(session)


def read_stat(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "gone"


@pytest.mark.parametrize("trouble", ["worker killed", "token pulled"])
def test_trouble_in_the_middle_is_one_clear_error_and_the_pool_goes_on(pool: Any, tmp_path: Path, trouble: str) -> None:
    ceremony, _ = pool
    folder, count = tmp_path / "keys", 10 * CHUNK
    run = start(ceremony, folder, count)
    wait_for_keys(run, folder / "keys.pool", 0)
    away = ceremony.store.tokens.with_name("away")
    if trouble == "worker killed":
        ceremony.store.kill(max(set(members(run.pid)) - {run.pid}))
    else:
        ceremony.store.tokens.rename(away)
    _, errors = run.communicate(timeout=60)
    if away.exists():
        away.rename(ceremony.store.tokens)
    codes = [json.loads(line)["code"] for line in errors.splitlines() if b'"code"' in line]
    assert (4, ["TOKEN_UNAVAILABLE"], True) == (run.returncode, codes, b"Traceback" not in errors)
    assert [] == wait_until_few(run.pid, 0)
    before = load_key_files(folder)
    assert 0 < len(before) < count
    done = ceremony.run(*order_of(folder, count), lines=(USER,))
    assert (0, count - len(before)) == (done.code, done.result["made"])
    assert before.items() <= load_key_files(folder).items()


def test_an_unfinished_pool_is_taken_up_only_as_it_was_ordered(pool: Any, tmp_path: Path) -> None:
    ceremony, source = pool
    folder = tmp_path / "keys"
    shutil.copytree(source, folder)
    for name in ("keys.json", "keys.index"):
        (folder / name).unlink()
    file = load_key_files(folder)[EntryId("key:p-1")]
    with pytest.raises(RefusedError) as caught:
        load_key(KeyFolder.find(folder), entry_of(file))
    assert {Code.KEY_NOT_IN_TOKEN} == caught.value.codes
    for wrong in (("--count", "151"), ("--names", "q"), ("--wallet", "wallet:other"), ("--prove", "attestation")):
        outcome = ceremony.run(*order_of(folder, 150), *wrong, lines=(USER,))
        assert (3, ["ALREADY_EXISTS"]) == (outcome.code, outcome.refusals)
    outcome = ceremony.run(*order_of(folder, 150), lines=(USER,))
    assert (0, 0) == (outcome.code, outcome.result["made"])
    assert (source / "keys.pool").read_bytes() == (folder / "keys.pool").read_bytes()
    assert (source / "keys.index").read_bytes() == (folder / "keys.index").read_bytes()
    assert file.key == load_key(KeyFolder.find(folder), entry_of(file))
    again = ceremony.run(*order_of(folder, 150), lines=(USER,))
    assert (3, ["ALREADY_EXISTS"]) == (again.code, again.refusals)


def head_of(count: int) -> PoolHead:
    return PoolHead(
        check="aabbcc", count=count, format=FORMAT, names="p", proving=Proving.TRIAL, token="t", wallet=WALLET
    )


def key_of(n: int) -> WrappedKey:
    return WrappedKey(key_id=EntryId(f"key:p-{n}"), public_key=b"\x02" + n.to_bytes(32, "big"), blob=b"blob")


def test_a_point_that_comes_twice_stops_the_pool(tmp_path: Path) -> None:
    with PoolWriter(tmp_path, head_of(3)) as writer:
        writer.append([key_of(1), key_of(2)])
        twice = WrappedKey(key_id=EntryId("key:p-3"), public_key=key_of(1).public_key, blob=b"other")
        with pytest.raises(RefusedError) as caught:
            writer.append([twice])
        assert {Code.ATTESTED_TWICE} == caught.value.codes
        writer.append([key_of(3)])
        assert 3 == writer.done


def test_two_programs_never_make_one_pool(tmp_path: Path) -> None:
    with PoolWriter(tmp_path, head_of(1)), pytest.raises(RefusedError) as caught, PoolWriter(tmp_path, head_of(1)):
        pass
    assert {Code.ALREADY_EXISTS} == caught.value.codes
    with PoolWriter(tmp_path, head_of(1)) as writer:
        writer.append([key_of(1)])
        writer.finish()


def test_a_pool_with_a_foreign_line_is_not_taken_up(tmp_path: Path) -> None:
    with PoolWriter(tmp_path, head_of(2)) as writer:
        writer.append([key_of(1)])
    foreign = encode_key_file(KeyFile(key=key_of(2), wallet=WALLET, token="another"))
    whole = (tmp_path / "keys.pool").read_bytes()
    (tmp_path / "keys.pool").write_bytes(whole + foreign + b"\n")
    with pytest.raises(MalformedError) as caught, PoolWriter(tmp_path, head_of(2)):
        pass
    assert {Code.FIELD_INVALID} == caught.value.codes
    (tmp_path / "keys.pool").write_bytes(whole)
    with PoolWriter(tmp_path, head_of(2)) as writer:
        assert 1 == writer.done


def test_a_line_that_cannot_be_written_whole_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PoolWriter(tmp_path, head_of(2)) as writer:
        writer.append([key_of(1)])
        real = os.pwrite
        monkeypatch.setattr(os, "pwrite", lambda fd, raw, at: real(fd, raw[:10], at))
        with pytest.raises(UnavailableError) as caught:
            writer.append([key_of(2)])
        assert {Code.FILE_UNAVAILABLE} == caught.value.codes
        assert 1 == writer.done
        monkeypatch.undo()
    with PoolWriter(tmp_path, head_of(2)) as writer:
        assert 1 == writer.done
        writer.append([key_of(2)])
        writer.finish()
    assert ["key:p-1", "key:p-2"] == list(load_key_files(tmp_path))


def test_a_wrong_pin_is_tried_once_whatever_the_number_of_workers(ceremony: Any, tmp_path: Path) -> None:
    ceremony.vault_token("vault-1")
    wrong = ceremony.run(*order_of(tmp_path / "keys", 10, "--workers", "4"), lines=("nope-nope",))
    assert (3, ["PIN_WRONG"]) == (wrong.code, wrong.refusals)
    assert not (tmp_path / "keys").exists()
    many = ceremony.run(*order_of(tmp_path / "keys", 10, "--workers", "17"), lines=(USER,))
    assert (2, ["FIELD_INVALID"]) == (many.code, many.refusals)


def test_show_pool_counts(pool: Any, tmp_path: Path) -> None:
    ceremony, source = pool
    shown = ceremony.run("show-pool", "--json", "--keys", str(source))
    assert (0, 150, 150, 0, 150, True) == (
        shown.code,
        *(shown.result[name] for name in ("ordered", "made", "attested", "unused", "finished")),
    )
    shutil.copytree(source, tmp_path / "keys")
    (tmp_path / "keys" / "keys.json").unlink()
    shown = ceremony.run("show-pool", "--json", "--keys", str(tmp_path / "keys"))
    assert shown.result["finished"] is False
    assert 4 == ceremony.run("show-pool", "--json", "--keys", str(tmp_path)).code
