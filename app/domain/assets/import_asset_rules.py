"""What is said of each row of an installed base, from what is stored and what the batch said before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from app.core.imports.kinds import Change
from app.core.imports.undoing import plain_values
from app.core.imports.verdicts import IS_CREATED, IS_UNCHANGED, Verdict, rejected
from app.core.texts import _
from app.domain.accounts.import_lookups import company_refusal
from app.domain.accounts.models import EndCustomer
from app.domain.assets.models import Asset
from app.domain.assets.serial_rules import NO_RULE, Rule, fault_text
from app.domain.assets.serials import Result
from app.domain.assets.states import AssetState
from app.domain.assets.units import base_cover, brand_key
from app.domain.assets.warranty import Cover
from app.domain.catalogue.import_lookups import unknown_sku

if TYPE_CHECKING:
    from app.domain.assets.import_assets import AssetRow

#: Products of these kinds have no units.
_WITHOUT_UNITS = frozenset({"service", "extended_warranty", "bundle"})


@dataclass(slots=True)
class Stored:
    """What the rows of a batch refer to."""

    products: dict[str, Any]
    companies: dict[str, Any]
    currencies: dict[int, str]
    countries: dict[int, str]
    rules: dict[int, Rule]
    #: Units by brand and serial.
    units: dict[tuple[str, str], Any]
    #: Ids of end customers by company and name.
    end_customers: dict[tuple[int, str], int]


@dataclass(slots=True)
class NewUnit:
    """A unit to write; `holder` names its end customer."""

    values: dict[str, Any]
    holder: tuple[int, str] | None
    cover: Cover | None
    cover_name: str
    change: Change


@dataclass(slots=True)
class Batch:
    """A batch's rows in the making."""

    stored: Stored
    today: date
    units: list[NewUnit] = field(default_factory=list)
    holders: dict[tuple[int, str], Change] = field(default_factory=dict)
    taken: set[tuple[str, str]] = field(default_factory=set)
    covers: dict[tuple[int | None, date], Cover | None] = field(default_factory=dict)


def judge_row(row: AssetRow, batch: Batch, changes: list[Change]) -> Verdict:
    """The verdict for a row; what it makes is added to the batch and to the changes."""
    stored = batch.stored
    product: Any = stored.products.get(row.sku_key)
    if product is None:
        return unknown_sku(row.sku)
    if product.kind in _WITHOUT_UNITS:
        return rejected("no_units", _("%(sku)s is nothing that has serial numbers.", sku=row.sku))
    company: Any = stored.companies.get(row.company)
    refusal = company_refusal(company, row.company)
    if refusal is not None:
        return refusal
    if row.ship_date > batch.today:
        return rejected(
            "future_date", _("The day it was shipped lies in the future. Correct it, or import it then.")
        )
    said = stored.rules.get(product.id, NO_RULE).judge(row.raw)
    if said.result is Result.REJECT or said.canonical is None:
        return rejected("bad_serial", fault_text(said))
    key = (brand_key(product.brand), said.canonical)
    if key in batch.taken:
        return _doubled()
    known = stored.units.get(key)
    if known is not None:
        return _judge_known(row, known, product, company)
    batch.taken.add(key)
    _add(row, key, product, company, batch, changes)
    return IS_CREATED


def _doubled() -> Verdict:
    return rejected(
        "conflicting_row", _("An earlier row of this import has the same unit. Keep one of the rows.")
    )


def _judge_known(row: AssetRow, known: Any, product: Any, company: Any) -> Verdict:
    if known.company_id != company.id:
        if known.state == AssetState.IN_STOCK:
            return rejected("in_stock", _("This unit is in your stock. Ship it with an order."))
        return rejected(
            "already_other",
            _("This serial number stands with another company already. Compare it with the label."),
        )
    if known.product_id != product.id:
        return rejected(
            "other_product",
            _("This serial number is that of another product of the brand. Compare it with the label."),
        )
    said = (row.ship_date, row.end_customer or known.holder, row.invoice or known.invoice_number)
    paid = row.price if row.price is not None else known.price_paid
    kept = (known.ship_date, known.holder, known.invoice_number)
    if said == kept and paid == known.price_paid:
        return IS_UNCHANGED
    return rejected(
        "already_there",
        _(
            "This unit is there already, shipped on %(day)s, with other values. "
            "Leave the row out, or take back the import that entered it.",
            day=known.ship_date,
        ),
    )


def _add(
    row: AssetRow, key: tuple[str, str], product: Any, company: Any, batch: Batch, changes: list[Change]
) -> None:
    brand, serial = key
    holder = (company.id, row.end_customer) if row.end_customer else None
    if holder is not None and holder not in batch.stored.end_customers and holder not in batch.holders:
        made = Change(row.end_customer, EndCustomer.__tablename__, None, {"name": row.end_customer})
        batch.holders[holder] = made
        changes.append(made)
    months = product.warranty_months
    about = (months, row.ship_date)
    if about not in batch.covers:
        batch.covers[about] = base_cover(months, row.ship_date)
    cover = batch.covers[about]
    paid = {
        "price_paid": row.price,
        "currency": (row.currency or batch.stored.currencies[company.id]) if row.price is not None else None,
    }
    facts = {
        "serial": serial,
        "ship_date": row.ship_date,
        "invoice_number": row.invoice or None,
        "cover_until": cover.until if cover else None,
        "state": AssetState.IN_FIELD.value,
        "company_id": company.id,
        **paid,
    }
    shown = {"sku": product.sku, "reseller": row.company, "end_customer": row.end_customer}
    change = Change(serial, Asset.__tablename__, None, plain_values({**facts, "version": 1, **shown}))
    values = {
        **facts,
        "brand_key": brand,
        "serial_raw": row.raw,
        "product_id": product.id,
        "sold_to_id": company.id,
        "source": "import",
    }
    batch.units.append(NewUnit(values, holder, cover, f"{months} months", change))
    changes.append(change)
