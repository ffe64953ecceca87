"""Import of an installed base: units that were sold before, with the cover they came with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from babel.numbers import list_currencies
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.imports.cells import Cells, RowReader
from app.core.imports.kinds import Change, FilePlan, Item, Judged, PlainKind
from app.core.imports.mapping import Field
from app.core.imports.numbers import decimal_text
from app.core.imports.repeats import Repeats, memories_of
from app.core.imports.tables import SourceRow
from app.core.permissions import Actor, Permission
from app.core.texts import N_, _
from app.domain.accounts.queries import get_vendor
from app.domain.assets import import_asset_store as store
from app.domain.assets.import_asset_rules import Batch, judge_row
from app.domain.catalogue.import_lookups import read_sku

FIELDS = (
    Field(
        "serial",
        N_("Serial number"),
        is_required=True,
        aliases=("serial_number", "serial_no", "sn", "s_n", "imei"),
        example="EXAMPLE-0001",
        help=N_("As it stands on the unit's label. A unit a line."),
    ),
    Field(
        "sku",
        N_("SKU"),
        is_required=True,
        aliases=("product", "model", "article_number", "item_number", "stock_code"),
        example="EXAMPLE-SKU",
        help=N_("The product's SKU; the product must be there."),
    ),
    Field(
        "ship_date",
        N_("Shipped on"),
        is_required=True,
        aliases=("shipped", "shipped_on", "ship_day", "delivered_on", "sold_on", "shipping_date"),
        example="2025-11-10",
        help=N_("The day it left you, as 2025-11-10. Cover is counted from it."),
    ),
    Field(
        "company",
        N_("Reseller number"),
        is_required=True,
        aliases=("reseller", "reseller_number", "company_number", "customer_number", "sold_to"),
        example="EXAMPLE-1",
        help=N_("The number of the company it was sold to; the company must be there."),
    ),
    Field(
        "end_customer",
        N_("End customer"),
        aliases=("end_customer_name", "end_user", "installed_at", "holder"),
        example="Quillfeather Studios",
        help=N_("Who has it now, by name. One that the reseller does not have yet is added."),
    ),
    Field(
        "invoice",
        N_("Invoice number"),
        aliases=("invoice_number", "invoice_no", "bill", "bill_number"),
        example="INV-25-20114",
        help=N_("Your invoice to the reseller."),
    ),
    Field(
        "price",
        N_("Price paid"),
        aliases=("price_paid", "net_price", "unit_price", "amount"),
        example="738.69",
        help=N_("Net, for this unit, after all discounts. Credits are counted from it."),
    ),
    Field(
        "currency",
        N_("Currency"),
        example="USD",
        help=N_("Three letters; empty is the reseller's currency."),
    ),
)
_CURRENCIES = frozenset(list_currencies())
_MOST_PRICE = Decimal(10) ** 12
_PLACES = 4


@dataclass(frozen=True, slots=True)
class AssetRow:
    """What a row says of a unit; `raw` is judged by the rule of its product."""

    raw: str
    sku: str = field(repr=False)
    sku_key: str
    ship_date: date
    company: str
    end_customer: str
    invoice: str
    price: Decimal | None
    currency: str


class _Reader:
    """Reads a row; knows how the file writes decimals."""

    def __init__(self, plan: FilePlan) -> None:
        self._comma = plan.has_decimal_comma("price")

    def __call__(self, cells: Cells) -> tuple[str, AssetRow]:
        raw = cells.text("serial", most=200, is_required=True)
        sku, key = read_sku(cells)
        row = AssetRow(
            raw=raw,
            sku=sku,
            sku_key=key,
            ship_date=cells.day("ship_date"),
            company=cells.text("company", most=40, is_required=True),
            end_customer=cells.text("end_customer", most=200),
            invoice=cells.text("invoice", most=80),
            price=self._price(cells),
            currency=self._currency(cells),
        )
        return f"{key}\n{raw.upper()}", row

    def _price(self, cells: Cells) -> Decimal | None:
        text = cells.text("price", most=200)
        if not text:
            return None
        number = decimal_text(text, comma=self._comma)
        if number is None:
            raise cells.refused("price", _("write it as 1234.50, without a currency."))
        price = Decimal(number)
        if price >= _MOST_PRICE or price != round(price, _PLACES):
            raise cells.refused("price", _("write it with at most 4 decimals."))
        return price

    def _currency(self, cells: Cells) -> str:
        currency = cells.text("currency", most=200).upper()
        if currency and currency not in _CURRENCIES:
            raise cells.refused("currency", _("write its three letters, such as USD."))
        return currency


class AssetsKind(PlainKind):
    """A unit is known by the brand of its product and its canonical serial."""

    name = "assets"
    title = N_("Installed base")
    hint = N_("Units with serial numbers that were sold before; their cover is counted as for shipped ones.")
    fields: Sequence[Field] = FIELDS
    permissions = (Permission.ASSET_MANAGE,)

    def __init__(self, read_clock: Callable[[], datetime] = clock.now) -> None:
        self._clock = read_clock

    def open(self, plan: FilePlan) -> Callable[[SourceRow], Item]:
        """Reader of the file's rows."""
        return RowReader(plan, FIELDS, _Reader(plan))

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """A verdict for each row; a unit that is there already stays as it is."""
        today = clock.business_date(self._clock(), get_vendor(session).timezone)
        batch = Batch(store.load(session, [item.value for item in items if item.fault is None]), today)
        repeats = Repeats(recalled)
        judged = Judged([], repeats.memories, batch)
        for item in items:
            verdict = item.fault or repeats.verdict(item)
            if verdict is None:
                verdict = judge_row(item.value, batch, judged.changes)
                if not verdict.code:
                    repeats.keep(item)
            judged.verdicts.append(verdict)
        return judged

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """What the first row of each unit said."""
        return memories_of(items, recalled)

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Write the batch's end customers and units with their cover."""
        store.write(session, judged.work, reference=f"#{run_id}", now=now)
        if judged.changes:
            audit.record(
                session,
                actor,
                "assets.imported",
                subject_type="import_run",
                subject_id=run_id,
                now=now,
                after={"units": [[one.subject, dict(one.after or {})] for one in judged.changes]},
            )

    def undo(
        self, session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime
    ) -> None:
        """Take units and the end customers that came with them away again.

        :raises CannotUndo: a unit was registered, handed on, claimed or changed since.
        """
        store.take_back(session, changes)
        audit.record(
            session,
            actor,
            "assets.import_undone",
            subject_type="import_run",
            subject_id=run_id,
            now=now,
            before={"units": [one.subject for one in changes]},
        )
