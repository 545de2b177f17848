"""One page for each instruction of a docket: plain values, in the client's own words, from proved statements only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from strongroom.checker.reading.bodies import Instruction, Proposal
from strongroom.checker.reading.checks.instruct import find_destination
from strongroom.checker.reading.fields import render_time
from strongroom.checker.reading.journey import Heard
from strongroom.checker.reading.stages import Twin
from strongroom.checker.reading.verify import Proof
from strongroom.core.codes import Code
from strongroom.core.errors import refused
from strongroom.core.money import render_units

GROUP = 4
HOUSE_TITLE = "PAPER OF ONE INSTRUCTION"
HOUSE_TITLE_ZH = "指示紙本"
USE = "The terminal asks for parts of this page. Answer from here, not from a screen. Any difference: reject or unsure."
USE_ZH = "終端機會問及本頁內容。請按本頁作答。切勿照抄螢幕。凡有不同即拒絕或表示不確定。"
TICKS = (
    ("Destination compared, every group", "收款地址逐組核對"),
    ("Amount compared", "金額已核對"),
    ("Client, reference and reason compared", "客戶、參考及原因已核對"),
)
ANSWERS = (("Signed", "已簽署"), ("Rejected", "拒絕"), ("Unsure", "不確定"))
SIGNATURES = (
    ("Operator 1, name and time", "操作員一姓名及時間"),
    ("Operator 2, name and time", "操作員二姓名及時間"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One labelled fact. value: whole, in one line; who draws it breaks it, and cuts nothing off."""

    label: str
    label_zh: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Up to four characters of the destination. first: the place of its first, counted from 1 behind any `0x`."""

    first: int
    characters: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPage:
    """What one client instructed. prefix: `0x` or nothing. amount: with all decimals and the asset's symbol."""

    number: int
    total: int
    prefix: str
    destination: tuple[Group, ...]
    amount: str
    rows: tuple[Row, ...]
    foot: str


def build_pages(proof: Proof) -> tuple[PaperPage, ...]:
    """The pages of a proved transfer, in the docket's order.

    Raises STAGE_MISSING for what no client instructed: a sweep, for which officers bring their own paper, and a void.
    """
    instructions = proof.journey.all(Instruction)
    if not instructions or proof.docket.twin is not Twin.TRANSFER:
        raise refused(Code.STAGE_MISSING, "docket", "a transfer that clients instructed", proof.docket.twin.value)
    return tuple(_build_page(proof, each, i, len(instructions)) for i, each in enumerate(instructions, start=1))


def _build_page(proof: Proof, each: Heard[Instruction], number: int, total: int) -> PaperPage:
    body, entries = each.body, proof.foundation.entries
    asset = entries.assets[body.asset]
    prefix = "0x" if body.destination_address.startswith("0x") else ""
    return PaperPage(
        number=number,
        total=total,
        prefix=prefix,
        destination=build_groups(body.destination_address.removeprefix(prefix)),
        amount=f"{render_units(body.amount, asset.decimals)} {asset.symbol}",
        rows=tuple(_build_rows(proof, each)),
        foot=f"Proposal {group(proof.journey.one(Proposal).statement.id)}",
    )


def _build_rows(proof: Proof, each: Heard[Instruction]) -> Iterator[Row]:
    body, entries = each.body, proof.foundation.entries
    native = entries.assets[proof.paid()[1].fee_asset]
    ceiling = f"{render_units(body.fee_ceiling, native.decimals)} {native.symbol}"
    owner = find_destination(each, proof.foundation)
    client = entries.clients[body.client]
    yield Row(label="Smallest units", label_zh="最小單位", value=f"{body.amount} of {body.asset}")
    yield Row(label="Network", label_zh="網絡", value=body.chain)
    yield Row(label="Client", label_zh="客戶", value=f"{client.name} ({body.client}), account {body.account}")
    yield Row(label="Instruction", label_zh="指示編號", value=f"number {body.sequence}, {group(each.statement.id)}")
    yield Row(label="Paid to", label_zh="收款人", value=f"{owner.owner} ({body.destination_entry}), {owner.purpose}")
    yield Row(label="Reference", label_zh="參考", value=body.reference or "none")
    yield Row(label="Reason", label_zh="原因", value=body.reason or "none")
    yield Row(label="Sign by", label_zh="簽署期限", value=render_time(body.sign_by))
    yield Row(label="Release by", label_zh="發出期限", value=render_time(body.release_by))
    yield Row(label="Fee at most", label_zh="費用上限", value=ceiling)
    yield Row(label="Signed by", label_zh="簽署", value=f"{', '.join(each.signers)}, logged {render_time(each.moment)}")


def build_groups(bare: str) -> tuple[Group, ...]:
    """A destination in groups of four, each with the place of its first character: the terminal asks by place."""
    return tuple(Group(first=i + 1, characters=bare[i : i + GROUP]) for i in range(0, len(bare), GROUP))


def group(digest: str) -> str:
    """A digest in groups of four, its algorithm apart."""
    name, _, rest = digest.rpartition(":")
    return " ".join([f"{name}:", *(rest[i : i + GROUP] for i in range(0, len(rest), GROUP))])
