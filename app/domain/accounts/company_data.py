"""All data of one company, complete by construction: a table that belongs to companies is in it by itself.

What the tables are is read from the models: those with a company mixin, those that hang on a row of these
(price rows on an agreement), and the company's people. What is not handed out is named, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, inspect, select
from sqlalchemy.orm import Session

from app.core.database import Base
from app.core.tenancy import Tenant, tenant_tables
from app.domain.accounts.models import Company, Membership, User

#: Tables and `table.column`s that are not handed out, and why.
LEFT_OUT = {
    "audit_seal": "proves the vendor's trail, not the company's",
    "company_export": "archives such as this one",
    "exported_order": "the vendor's own bookkeeping",
    "reseller_request": "asked before there was a company; the vendor keeps it",
    "sign_in_session": "opens accounts; where from and with what is the person's own",
    "user_account.password_hash": "a secret",
    "sales_order.change_number": "the vendor's own bookkeeping",
    "visibility_listing.reason": "the vendor's own note",
    "audit_entry.request_id": "of the vendor's logs",
    "mail_message.message_id": "of the vendor's queue",
    "mail_message.link_id": "leads to a single-use link",
    "mail_message.answer": "the words of the vendor's mail server",
    "price_row.import_run_id": "the vendor's own bookkeeping",
    "shipment.entry_key": "keeps a form from being entered twice",
    # A unit may have been another company's before.
    "asset.price_paid": "may be another company's",
    "asset.currency": "may be another company's",
    "asset.sold_to_id": "may be another company's",
    "asset.invoice_number": "may be another company's",
    "asset.order_line_id": "may be another company's",
    "asset.shipment_line_id": "may be another company's",
}
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """A table of the archive: its columns, and the statement that reads a company's rows of it."""

    name: str
    columns: tuple[str, ...]
    statement: Any
    #: What names the owner.
    owner: Any

    def rows(self, session: Session, company_id: int) -> Iterator[Sequence[Any]]:
        """The company's rows by key, read in batches. Within the company's scope."""
        found = self.statement.where(self.owner == company_id)
        return iter(session.execute(found.execution_options(yield_per=_BATCH)))


def parts() -> list[Part]:
    """What is handed out, by name."""
    found = [_part(model, _owner(model)) for model in tenant_tables().values()]
    found += [_part(model, _owner(parent), join) for model, parent, join in _hanging()]
    found.append(_people())
    return sorted((part for part in found if part.name not in LEFT_OUT), key=lambda part: part.name)


def _owner(model: Any) -> Any:
    return getattr(model, model.tenant_column)


def _table(model: Any) -> Table:
    table: Table = inspect(model).local_table
    return table


def _models() -> list[Any]:
    return [mapper.class_ for mapper in Base.registry.mappers]


def _hanging() -> Iterator[tuple[Any, Any, Any]]:
    """Models without an owner of their own that point to a row that has one: model, parent, condition."""
    owned = {table.name: model for table, model in tenant_tables().items() if model is not Company}
    for model in _models():
        if issubclass(model, Tenant):
            continue
        for key in sorted(_table(model).foreign_keys, key=lambda key: key.parent.name):
            parent = owned.get(key.column.table.name)
            if parent is not None:
                condition = _attribute(model, key.parent) == _attribute(parent, key.column)
                yield model, parent, (parent, condition)
                break


def _attribute(model: Any, column: Any) -> Any:
    return getattr(model, inspect(model).get_property_by_column(column).key)


def _part(model: Any, owner: Any, join: tuple[Any, Any] | None = None) -> Part:
    table = _table(model)
    columns = [column for column in table.columns if f"{table.name}.{column.name}" not in LEFT_OUT]
    names, attributes = (
        [column.name for column in columns],
        [_attribute(model, column) for column in columns],
    )
    # Products are the vendor's: their rows are not in the archive, so their numbers stand beside the keys.
    product = next(model for model in _models() if model.__tablename__ == "product")
    points = next(
        (column for column in columns for key in column.foreign_keys if key.column.table is _table(product)),
        None,
    )
    if points is not None:
        names.append("product_sku")
        attributes.append(product.sku)
    statement = select(*attributes).select_from(model)
    if join is not None:
        statement = statement.join(*join)
    if points is not None:
        statement = statement.outerjoin(product, product.id == _attribute(model, points))
    keys = [_attribute(model, column) for column in table.primary_key.columns]
    return Part(table.name, tuple(names), statement.order_by(*keys), owner)


def _people() -> Part:
    table = _table(User)
    columns = [column for column in table.columns if f"{table.name}.{column.name}" not in LEFT_OUT]
    statement = (
        select(*(_attribute(User, column) for column in columns))
        .join(Membership, Membership.user_id == User.id)
        .distinct()
        .order_by(User.id)
    )
    return Part(table.name, tuple(column.name for column in columns), statement, Membership.company_id)
