"""Company-owned rows are read and written only inside a scope; without one, statements raise.

The scope lives on the session. ORM statements get the company's condition added; anything the condition
cannot be added to (Core tables, raw text, `from_statement`, inserts of other companies' rows) raises
unless the scope is `all_companies`. Rows already in the identity map are checked as they are handed out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Table, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import (
    FromStatement,
    Mapped,
    ORMExecuteState,
    Session,
    mapped_column,
    with_loader_criteria,
)
from sqlalchemy.sql import ClauseElement, Delete, Insert, Update, visitors
from sqlalchemy.sql.elements import ColumnElement, TextClause

from app.core.database import Base
from app.core.errors import ScopeMissing, ScopeViolated, WriteOutsideRun


@dataclass(frozen=True, slots=True)
class Scope:
    """Which companies' rows may be touched: one, or all with the reason."""

    company_id: int | None
    reason: str | None = None

    @property
    def is_all(self) -> bool:
        return self.company_id is None


class Tenant:
    """Root of the tenancy mixins; `tenant_column` names the column that holds the owner."""

    tenant_column: ClassVar[str] = "company_id"
    #: Whether rows without an owner are everybody's (price lists) or only the vendor's (audit).
    tenant_shares_unowned: ClassVar[bool] = False

    @classmethod
    def tenant_condition(cls, company_id: int) -> ColumnElement[bool]:
        column = getattr(cls, cls.tenant_column)
        condition: ColumnElement[bool] = column == company_id
        return condition | column.is_(None) if cls.tenant_shares_unowned else condition


class CompanyOwned(Tenant):
    """Every row belongs to one reseller company."""

    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"), index=True)


class CompanyOrVendor(Tenant):
    """Rows belong to a company, or to the vendor where the company is empty (never shown to a company)."""

    company_id: Mapped[int | None] = mapped_column(ForeignKey("company.id"), index=True)


class CompanyOrShared(Tenant):
    """Rows belong to a company, or to everybody where the company is empty."""

    tenant_shares_unowned = True
    company_id: Mapped[int | None] = mapped_column(ForeignKey("company.id"), index=True)


def scope_of(session: Session) -> Scope | None:
    """The session's present scope, or None."""
    scope: Scope | None = session.info.get("scope")
    return scope


@contextmanager
def _scoped(session: Session, scope: Scope) -> Iterator[None]:
    before = scope_of(session)
    session.info["scope"] = scope
    try:
        yield
    finally:
        session.info["scope"] = before


def company_scope(session: Session, company_id: int) -> Any:
    """Context manager: touch one company's rows only."""
    return _scoped(session, Scope(company_id))


def all_companies(session: Session, *, reason: str) -> Any:
    """Context manager: touch every company's rows, for the reason given (greppable)."""
    return _scoped(session, Scope(None, reason))


def set_scope(session: Session, scope: Scope | None) -> None:
    """Set the scope for the rest of the session's life; for the web door, which ends with the request."""
    session.info["scope"] = scope


_tenant_tables: dict[Table, type[Any]] = {}


def tenant_tables() -> dict[Table, type[Any]]:
    """Every company-owned table with its model; read anew when a table was added."""
    if len(_known_tables) != len(Base.metadata.tables):
        _tenant_tables.clear()
        for mapper in Base.registry.mappers:
            if issubclass(mapper.class_, Tenant) and isinstance(mapper.local_table, Table):
                _tenant_tables[mapper.local_table] = mapper.class_
        _known_tables.clear()
        _known_tables.update(Base.metadata.tables)
    return _tenant_tables


_known_tables: set[str] = set()


class TenantSession(Session):
    """A session that reads until `run` lets it write, and knows its scope."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("expire_on_commit", False)
        super().__init__(*args, **kwargs)
        self.info.setdefault("readonly", True)

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        bind = super().get_bind(*args, **kwargs)
        return _readonly_engine(bind) if self.info.get("readonly", True) else bind

    def _identity_lookup(self, *args: Any, **kwargs: Any) -> Any:
        # `get` and lazy many-to-one loads answer from the identity map without a statement.
        found = super()._identity_lookup(*args, **kwargs)
        if isinstance(found, Tenant):
            scope = _required_scope(self, type(found).__name__)
            if not _may_touch(scope, found):
                return None
        return found


_readonly_engines: dict[int, tuple[Engine, Engine]] = {}


def _readonly_engine(bind: Any) -> Any:
    if not isinstance(bind, Engine):
        return bind
    known = _readonly_engines.get(id(bind))
    if known is None or known[0] is not bind:
        options: dict[str, Any] = {"readonly": True}
        if bind.dialect.name == "postgresql":
            options["postgresql_readonly"] = True
        known = (bind, bind.execution_options(**options))
        _readonly_engines[id(bind)] = known
    return known[1]


def _required_scope(session: Session, what: str) -> Scope:
    scope = scope_of(session)
    if scope is None:
        raise ScopeMissing(f"{what} is company-owned; read it inside company_scope or all_companies")
    return scope


def _may_touch(scope: Scope, row: Any) -> bool:
    if scope.is_all:
        return True
    owner = getattr(row, row.tenant_column)
    return owner == scope.company_id or (owner is None and row.tenant_shares_unowned)


@event.listens_for(TenantSession, "do_orm_execute")
def _guard_statement(state: ORMExecuteState) -> None:
    session, statement = state.session, state.statement
    if session.info.get("readonly", True) and isinstance(statement, Insert | Update | Delete):
        raise WriteOutsideRun("statements that write run inside core.database.run")
    touched = _touched_tenants(statement)
    if isinstance(statement, TextClause | FromStatement):
        scope = scope_of(session)
        if scope is None or not scope.is_all:
            raise ScopeViolated("raw text cannot be scoped; say all_companies(reason=...)")
        return
    if not touched:
        return
    scope = _required_scope(session, ", ".join(sorted(model.__name__ for model in touched.values())))
    if scope.is_all or scope.company_id is None:
        return
    if isinstance(statement, Insert):
        _guard_insert(state, statement, scope)
    elif not state.is_orm_statement:
        raise ScopeViolated("Core tables cannot be scoped; select the mapped attributes instead")
    else:
        company_id = scope.company_id
        for model in set(touched.values()):
            state.statement = state.statement.options(
                with_loader_criteria(model, model.tenant_condition(company_id), include_aliases=True)
            )


def _touched_tenants(statement: Any) -> dict[Table, type[Any]]:
    if not isinstance(statement, ClauseElement):
        return {}
    known = tenant_tables()
    found: dict[Table, type[Any]] = {}
    for element in visitors.iterate(statement):
        if isinstance(element, Table) and element in known:
            found[element] = known[element]
    entity = getattr(statement, "entity_description", None)
    if isinstance(entity, dict) and entity.get("table") in known:
        found[entity["table"]] = known[entity["table"]]
    return found


def _guard_insert(state: ORMExecuteState, statement: Insert, scope: Scope) -> None:
    table = statement.table
    model = tenant_tables().get(table) if isinstance(table, Table) else None
    if model is None or statement.select is not None:
        raise ScopeViolated("insert from select cannot be scoped; say all_companies(reason=...)")
    parameters = state.parameters or {}
    rows: list[Any] = list(parameters) if isinstance(parameters, list | tuple) else [parameters]
    if not any(rows):
        compiled = statement.compile()
        rows = [compiled.params]
    for row in rows:
        if row.get(model.tenant_column) != scope.company_id:
            raise ScopeViolated(f"insert into {model.__name__} for another company")


@event.listens_for(TenantSession, "before_flush")
def _guard_flush(session: Session, context: Any, instances: Any) -> None:
    changed = [*session.new, *session.dirty, *session.deleted]
    if changed and session.info.get("readonly", True):
        raise WriteOutsideRun("rows change inside core.database.run only")
    for row in changed:
        if not isinstance(row, Tenant):
            continue
        scope = _required_scope(session, type(row).__name__)
        if not scope.is_all and getattr(row, row.tenant_column) != scope.company_id:
            raise ScopeViolated(f"{type(row).__name__} of another company was about to be written")
