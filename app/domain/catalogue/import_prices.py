"""Import of prices: steps of ladders in everybody's list, a tier's, a company's or a branch's agreement."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from babel.numbers import list_currencies
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.imports.cells import Cells, RowReader
from app.core.imports.kinds import Change, FilePlan, Item, Judged, Option, PlainKind
from app.core.imports.numbers import decimal_text
from app.core.imports.repeats import Repeats, memories_of
from app.core.imports.tables import SourceRow
from app.core.imports.undoing import plain, take_back, used_ids
from app.core.imports.verdicts import IS_CREATED, IS_UNCHANGED, IS_UPDATED, Verdict, rejected
from app.core.permissions import Actor, Permission
from app.core.texts import N_, _
from app.domain.catalogue.agreements import MAX_STEPS
from app.domain.catalogue.import_headings import Found, Heading, HeadingBook, make_agreement
from app.domain.catalogue.import_lookups import read_sku, unknown_sku
from app.domain.catalogue.import_price_fields import FIELDS
from app.domain.catalogue.models import PriceAgreement, PriceRow, Product
from app.domain.catalogue.pricing import LEVELS
from app.domain.catalogue.product_rows import HIGHEST_PRICE, PRICE_PLACES
from app.domain.catalogue.quantities import MAX_QUANTITY

_CURRENCIES = frozenset(list_currencies(locale="en"))
_LEVELS = {level: level for level in LEVELS} | {"list_price": "list", "everybody": "list"}
_HEADING = ("level", "tier", "company", "branch", "currency", "agreement", "valid_from", "valid_until")
_REMEMBERED = 10_000
#: Keys of one statement.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class PriceStep:
    """A row: from `quantity` on, each costs `price`; None is an empty cell, which changes nothing."""

    sku: str
    sku_key: str
    heading: Heading
    quantity: int
    price: Decimal | None


@dataclass(slots=True)
class Work:
    """New steps with their changes, other prices by row, and the agreements that are to be made."""

    new: list[tuple[dict[str, Any], Found, Change]] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)


class _Reader:
    """Reads a row of one file; knows its decimal sign and the currency of rows that name none."""

    def __init__(self, plan: FilePlan) -> None:
        self._comma = plan.has_decimal_comma("price")
        self._currency = str(plan.options.get("currency") or "")
        #: Most files say the same of many rows' agreements.
        self._headings: dict[tuple[str, ...], tuple[str, Heading]] = {}

    def __call__(self, cells: Cells) -> tuple[str, PriceStep]:
        sku, sku_key = read_sku(cells)
        said = tuple(map(cells.raw, _HEADING))
        known = self._headings.get(said)
        if known is None:
            heading = self._heading(cells)
            known = heading.key(), heading
            if len(self._headings) < _REMEMBERED:
                self._headings[said] = known
        key, heading = known
        has_quantity = bool(cells.raw("quantity"))
        quantity = cells.whole("quantity", lowest=1, highest=MAX_QUANTITY) if has_quantity else 1
        price = self._price(cells)
        return f"{key}\n{sku_key}\n{quantity}", PriceStep(sku, sku_key, heading, quantity, price)

    def _heading(self, cells: Cells) -> Heading:
        tier, company = cells.text("tier", most=40), cells.text("company", most=40)
        branch = cells.text("branch", most=200)
        level = cells.word("level", _LEVELS) or (
            "branch" if branch else "company" if company else "tier" if tier else "list"
        )
        needed = {"tier": tier, "company": company, "branch": branch and company}
        if level in needed and not needed[level]:
            code = "company" if level == "branch" and branch else level
            raise cells.refused(code, _("fill it in for a price of this level."))
        for code, value in (("tier", tier), ("company", company), ("branch", branch)):
            if value and code != level and not (code == "company" and level == "branch"):
                raise cells.refused(
                    code, _("leave it empty for a price of the level %(level)s.", level=level)
                )
        since = cells.day("valid_from") if cells.raw("valid_from") else None
        until = cells.day("valid_until") if cells.raw("valid_until") else None
        if since and until and until < since:
            raise cells.refused("valid_until", _("it is before the first day."))
        return Heading(
            level=level,
            currency=self._currency_of(cells),
            number=cells.text("agreement", most=40),
            tier=tier if level == "tier" else "",
            company=company,
            branch=branch,
            since=since,
            until=until,
        )

    def _currency_of(self, cells: Cells) -> str:
        currency = cells.text("currency", most=200).upper() or self._currency
        if currency not in _CURRENCIES:
            raise cells.refused("currency", _("write its three letters, such as USD."))
        return currency

    def _price(self, cells: Cells) -> Decimal | None:
        text = cells.text("price", most=200)
        if not text:
            return None
        number = decimal_text(text, comma=self._comma)
        if number is None:
            raise cells.refused("price", _("write it as 1234.50, without a currency."))
        price = Decimal(number).normalize()
        if price > HIGHEST_PRICE or len(number.partition(".")[2].rstrip("0")) > PRICE_PLACES:
            most = f"{HIGHEST_PRICE:f}"
            raise cells.refused("price", _("use at most four decimals, and at most %(most)s.", most=most))
        return price


class PricesKind(PlainKind):
    """A step is known by its agreement, product and quantity; steps that a file leaves out stay."""

    name = "prices"
    title = N_("Prices")
    hint = N_("List prices, and prices of tiers, companies and branches, with quantity steps and days.")
    fields = FIELDS
    options = (
        Option("currency", N_("Currency of the prices"), "currency", N_("For rows that name no currency")),
    )
    permissions = (Permission.PRICE_MANAGE,)
    #: What price lists carry for their readers.
    ignored = frozenset({"name", "product_name", "title", "description", "brand", "manufacturer", "category"})

    def open(self, plan: FilePlan) -> Callable[[SourceRow], Item]:
        """Reader of the file's rows."""
        return RowReader(plan, FIELDS, _Reader(plan))

    def judge(
        self, session: Session, plan: FilePlan, items: Sequence[Item], recalled: Mapping[str, str]
    ) -> Judged:
        """A verdict for each row; the first price of a step in a run decides."""
        rows = [item.value for item in items if item.fault is None]
        batch = _Batch(session, rows)
        repeats = Repeats(recalled)
        judged = Judged([], repeats.memories, batch.work, batch.changes)
        for item in items:
            says_price = item.fault is None and item.value.price is not None
            verdict = item.fault or (repeats.verdict(item) if says_price else None)
            if verdict is None:
                verdict = batch.judge(item.value)
                if says_price and not verdict.code:
                    repeats.keep(item)
            judged.verdicts.append(verdict)
        return judged

    def memories(self, items: Sequence[Item], recalled: Mapping[str, str]) -> dict[str, str]:
        """The first price of each step."""
        said = [item for item in items if item.fault is None and item.value.price is not None]
        return memories_of(said, recalled)

    def store(
        self, session: Session, actor: Actor, plan: FilePlan, judged: Judged, *, run_id: int, now: datetime
    ) -> None:
        """Write the batch's steps, and the agreements they need."""
        work: Work = judged.work
        made = _make_agreements(session, actor, work, judged.changes, now)
        _insert(session, work, made, run_id)
        if work.changed:
            statement = update(PriceRow).where(PriceRow.id == bindparam("row_id"))
            statement = statement.values(unit_price=bindparam("price"), import_run_id=run_id)
            session.connection().execute(statement, work.changed)
        _record(session, actor, judged.changes, run_id, now)

    def undo(
        self, session: Session, actor: Actor, changes: Sequence[Change], *, run_id: int, now: datetime
    ) -> None:
        """Take steps back, and agreements that the run made and nothing uses."""
        steps: Any = PriceRow.__table__
        agreements: Any = PriceAgreement.__table__
        take_back(session, steps, [change for change in changes if change.table == steps.name])
        made = [change for change in changes if change.table == agreements.name]
        used = used_ids(session, agreements, [change.row_id for change in made if change.row_id is not None])
        take_back(session, agreements, [change for change in made if change.row_id not in used])


class _Batch:
    """What is stored for the rows of a batch, and what is to be written."""

    def __init__(self, session: Session, rows: Sequence[PriceStep]) -> None:
        self.work, self.changes = Work(), list[Change]()
        self._products = _find_products(session, {row.sku_key for row in rows})
        self._headings = HeadingBook(session, {row.heading for row in rows})
        found = {
            one.agreement_id
            for one in map(self._headings.__getitem__, {row.heading for row in rows})
            if isinstance(one, Found) and one.agreement_id is not None
        }
        ids = {products[0].id for products in self._products.values()}
        #: Steps by agreement and product: quantity to row id (None for new ones) and price.
        self._ladders = _read_ladders(session, found, ids)

    def judge(self, row: PriceStep) -> Verdict:
        """The verdict of the first row of its step."""
        products = self._products.get(row.sku_key)
        if products is None:
            return unknown_sku(row.sku)
        if len(products) > 1:
            return rejected(
                "ambiguous_number",
                _("%(sku)s is the part number of several products. Write the SKU.", sku=row.sku),
            )
        found = self._headings[row.heading]
        if isinstance(found, Verdict):
            return found
        return self._step(row, products[0], found)

    def _step(self, row: PriceStep, product: Any, found: Found) -> Verdict:
        owner = found.agreement_id if found.agreement_id is not None else found.number
        ladder = self._ladders.setdefault((owner, product.id), {})
        stored = ladder.get(row.quantity)
        if row.price is None or (stored is not None and stored[1] == row.price):
            return IS_UNCHANGED
        if stored is None:
            if len(ladder) >= MAX_STEPS:
                message = _("A ladder has at most %(steps)s steps.", steps=MAX_STEPS)
                return rejected("too_many_steps", message)
            ladder[row.quantity] = (None, row.price)
            values = {"product_id": product.id, "min_quantity": row.quantity, "unit_price": row.price}
            after = {"agreement": found.number, "min_quantity": row.quantity, "unit_price": plain(row.price)}
            change = Change(product.sku, PriceRow.__tablename__, None, after)
            self.work.new.append((values, found, change))
            self.changes.append(change)
            return IS_CREATED
        if stored[0] is None:
            return rejected("conflicting_row", _("Another row gives this step another price. Keep one."))
        ladder[row.quantity] = (stored[0], row.price)
        self.work.changed.append({"row_id": stored[0], "price": row.price})
        about = {"agreement": found.number, "min_quantity": row.quantity}
        before, after = {"unit_price": plain(stored[1])}, {"unit_price": plain(row.price), **about}
        self.changes.append(
            Change(product.sku, PriceRow.__tablename__, {**before, **about}, after, stored[0])
        )
        return IS_UPDATED


def _find_products(session: Session, keys: Collection[str]) -> dict[str, list[Any]]:
    """Products by SKU, and where no SKU is such by the manufacturer's part number."""
    columns = (Product.id, Product.sku, Product.sku_key, Product.mpn_key)
    found: dict[str, list[Any]] = {}
    if not keys:
        return found
    for row in session.execute(select(*columns).where(Product.sku_key.in_(keys))):
        found[row.sku_key] = [row]
    rest = keys - found.keys()
    if rest:
        for row in session.execute(select(*columns).where(Product.mpn_key.in_(rest)).order_by(Product.id)):
            found.setdefault(str(row.mpn_key), []).append(row)
    return found


_Ladders = dict[tuple[int | str, int], dict[int, tuple[int | None, Decimal]]]


def _read_ladders(session: Session, agreement_ids: Collection[int], product_ids: Collection[int]) -> _Ladders:
    ladders: _Ladders = {}
    if not agreement_ids or not product_ids:
        return ladders
    wanted = sorted(product_ids)
    for start in range(0, len(wanted), _CHUNK):
        for row in session.execute(
            select(
                *(PriceRow.id, PriceRow.agreement_id, PriceRow.product_id),
                *(PriceRow.min_quantity, PriceRow.unit_price),
            ).where(
                PriceRow.product_id.in_(wanted[start : start + _CHUNK]),
                PriceRow.agreement_id.in_(agreement_ids),
            )
        ):
            ladder = ladders.setdefault((row.agreement_id, row.product_id), {})
            ladder[row.min_quantity] = (row.id, row.unit_price)
    return ladders


def _make_agreements(
    session: Session, actor: Actor, work: Work, changes: list[Change], now: datetime
) -> dict[Heading, int]:
    made: dict[Heading, int] = {}
    heads: list[Change] = []
    for _values, found, _change in work.new:
        if found.agreement_id is None and found.heading not in made:
            agreement = make_agreement(session, actor, found, now=now)
            made[found.heading] = agreement.id
            after = {"number": agreement.number, "name": agreement.name, "version": agreement.version}
            table = PriceAgreement.__tablename__
            heads.append(Change(agreement.number, table, None, after, agreement.id))
    changes[:0] = heads
    return made


def _insert(session: Session, work: Work, made: Mapping[Heading, int], run_id: int) -> None:
    if not work.new:
        return
    rows: list[dict[str, Any]] = []
    changes: dict[tuple[int, ...], Change] = {}
    for values, found, change in work.new:
        agreement_id = found.agreement_id if found.agreement_id is not None else made[found.heading]
        rows.append({**values, "agreement_id": agreement_id, "import_run_id": run_id})
        changes[agreement_id, values["product_id"], values["min_quantity"]] = change
    statement = insert(PriceRow).returning(
        PriceRow.id, PriceRow.agreement_id, PriceRow.product_id, PriceRow.min_quantity
    )
    for row_id, *key in session.connection().execute(statement, rows):
        changes[tuple(key)].row_id = row_id


def _record(session: Session, actor: Actor, changes: Sequence[Change], run_id: int, now: datetime) -> None:
    """One audit row per batch: every price that became another, and how many are new."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {"created": sum(change.before is None for change in changes)}
    for change in changes:
        if change.before is not None and change.after is not None:
            step = f"{change.subject}, {change.after['agreement']}, {change.after['min_quantity']}"
            before[step], after[step] = change.before["unit_price"], change.after["unit_price"]
    if changes:
        audit.record(
            session,
            actor,
            "prices.imported",
            subject_type="import_run",
            subject_id=run_id,
            now=now,
            before=before or None,
            after=after,
        )
