"""Company-owned rows are read and written only inside a scope; without one, statements raise.

The scope lives on the session. ORM statements get the company's condition added; anything the condition
cannot be added to (Core tables, raw text, `from_statement`, bulk methods, the bare connection, inserts of
other companies' rows) raises unless the scope is `all_companies`. Rows already in the identity map are
checked as they are handed out.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Table, event, inspect
from sqlalchemy.engine import Engine
from sqlalchemy.orm import (
    FromStatement,
    Mapped,
    ORMExecuteState,
    Session,
    mapped_column,
    with_loader_criteria,
)
from sqlalchemy.sql import ClauseElement, Delete, Insert, Update
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.selectable import TextualSelect

from app.core.database import Base
from app.core.errors import ScopeMissing, ScopeViolated, WriteOutsideRun
from app.core.tenancy_statements import Touched, find_touched, selects_columns


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
        _touched.clear()
        _touched_by_key.clear()
        _narrowed.clear()
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

    def connection(self, *args: Any, **kwargs: Any) -> Any:
        """The bare connection, which no scope reaches: inside `all_companies` only."""
        _require_all(self, "the bare connection")
        return super().connection(*args, **kwargs)

    def bulk_save_objects(self, *args: Any, **kwargs: Any) -> None:
        _require_all(self, "bulk methods")
        super().bulk_save_objects(*args, **kwargs)

    def bulk_insert_mappings(self, *args: Any, **kwargs: Any) -> None:
        _require_all(self, "bulk methods")
        super().bulk_insert_mappings(*args, **kwargs)

    def bulk_update_mappings(self, *args: Any, **kwargs: Any) -> None:
        _require_all(self, "bulk methods")
        super().bulk_update_mappings(*args, **kwargs)

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


def _require_all(session: Session, what: str) -> None:
    scope = scope_of(session)
    if scope is None or not scope.is_all:
        raise ScopeViolated(f"{what} cannot be scoped; say all_companies(reason=...)")
    if what == "bulk methods" and session.info.get("readonly", True):
        raise WriteOutsideRun("rows change inside core.database.run only")


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
    touched = _touched_in(session, statement)
    if touched is None:
        return
    if isinstance(statement, Insert):
        _guard_insert(state, statement, _company_of(session))
    elif not state.is_orm_statement:
        raise ScopeViolated(_CORE_TABLES)
    else:
        if isinstance(statement, Update):
            _guard_update(state, statement, _company_of(session))
        state.statement = _narrowed_to(statement, touched, _company_of(session))


_CORE_TABLES = "Core tables cannot be scoped; select the mapped attributes instead"


def _touched_in(session: Session, statement: Any) -> Touched | None:
    """What a statement touches of the one company in scope; None where there is nothing to narrow.

    :raises ScopeMissing: it touches company-owned rows without a scope.
    :raises ScopeViolated: a company's condition cannot be added to it.
    """
    scope = scope_of(session)
    if scope is not None and scope.is_all:
        return None
    if isinstance(statement, TextClause | TextualSelect | FromStatement):
        raise ScopeViolated("raw text cannot be scoped; say all_companies(reason=...)")
    touched = _touched_by(statement)
    if not touched.models:
        return None
    _required_scope(session, ", ".join(sorted(model.__name__ for model in touched.models)))
    if touched.unscopable:
        raise ScopeViolated(touched.unscopable)
    return touched


def _company_of(session: Session) -> int:
    company_id = _required_scope(session, "this").company_id
    assert company_id is not None  # noqa: S101 - `_touched_in` is None for all companies
    return company_id


#: Rows are read by name or place, never by column, so a remembered statement's names need no adapting.
_BY_NAME = {"_result_disable_adapt_to_context": True}


def read_rows(session: Session, statement: Any, values: Any = None) -> Sequence[Any]:
    """All rows of a SELECT, in its scope as by `execute`; of columns, in half the time.

    Rows of columns need nothing of what the ORM does with entities.
    """
    if not (isinstance(session, TenantSession) and selects_columns(statement)):
        return session.execute(statement, values).all()
    touched = _touched_in(session, statement)
    if touched is not None:
        if statement._propagate_attrs.get("compile_state_plugin") != "orm":
            raise ScopeViolated(_CORE_TABLES)
        statement = _narrowed_to(statement, touched, _company_of(session))
    if session.autoflush:
        session.flush()
    connection = Session.connection(session)
    return connection.execute(statement, values, execution_options=_BY_NAME).all()


#: What statements touch, by the statement itself (those built once) and by what SQLAlchemy knows a compiled
#: statement by: equal keys give the same SQL, so they touch the same.
_touched: MutableMapping[Any, Touched] = weakref.WeakKeyDictionary()
_touched_by_key: dict[Any, Touched] = {}
#: Statements that were narrowed already, by company; only for those built once.
_narrowed: MutableMapping[Any, dict[int, Any]] = weakref.WeakKeyDictionary()
_MOST_KEPT = 2000


def _touched_by(statement: Any) -> Touched:
    """As find_touched, remembered: the walk costs more than most statements themselves."""
    known = tenant_tables()
    found = _touched.get(statement)
    if found is None:
        key = statement._generate_cache_key() if isinstance(statement, ClauseElement) else None
        found = _touched_by_key.get(key.key) if key is not None else None
        if found is None:
            found = find_touched(statement, known)
            if key is not None:
                if len(_touched_by_key) >= _MOST_KEPT:
                    _touched_by_key.clear()
                _touched_by_key[key.key] = found
        if isinstance(statement, ClauseElement):
            _touched[statement] = found
    return found


def _narrowed_to(statement: Any, touched: Touched, company_id: int) -> Any:
    """The statement with the company's condition for every model it touches."""
    kept = _narrowed.setdefault(statement, {})
    narrowed = kept.get(company_id)
    if narrowed is None:
        models = _with_related(frozenset(touched.models)) if touched.may_follow else touched.models
        narrowed = statement.options(*(_criteria(model, company_id) for model in models))
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[company_id] = narrowed
    return narrowed


def _criteria(model: type[Any], company_id: int) -> Any:
    # Lambdas and not expressions: an expression is not adapted to an alias that is joined, so that the
    # condition would fall on the unaliased table or on none.
    if model.tenant_shares_unowned:
        return with_loader_criteria(
            model,
            lambda cls: (cls.company_id == company_id) | cls.company_id.is_(None),
            include_aliases=True,
        )
    if model.tenant_column == "id":
        return with_loader_criteria(model, lambda cls: cls.id == company_id, include_aliases=True)
    return with_loader_criteria(model, lambda cls: cls.company_id == company_id, include_aliases=True)


@functools.cache
def _with_related(models: frozenset[type[Any]]) -> frozenset[type[Any]]:
    """The models and those their relationships lead to: a join along one names no table of its own."""
    reached = set(models)
    waiting = list(models)
    while waiting:
        for relationship in inspect(waiting.pop()).relationships:
            model = relationship.mapper.class_
            if issubclass(model, Tenant) and model not in reached:
                reached.add(model)
                waiting.append(model)
    return frozenset(reached)


def _guard_insert(state: ORMExecuteState, statement: Insert, company_id: int) -> None:
    table = statement.table
    model = tenant_tables().get(table) if isinstance(table, Table) else None
    if model is None or statement.select is not None:
        raise ScopeViolated("insert from select cannot be scoped; say all_companies(reason=...)")
    conflict: Any = statement._post_values_clause
    if conflict is not None and getattr(conflict, "update_values_to_set", None):
        target = conflict.inferred_target_elements or ()
        if model.tenant_column not in {getattr(part, "name", part) for part in target}:
            raise ScopeViolated(f"upsert of {model.__name__} needs {model.tenant_column} in its target")
    parameters = state.parameters or {}
    rows: list[Any] = list(parameters) if isinstance(parameters, list | tuple) else [parameters]
    if not any(rows):
        compiled = statement.compile()
        rows = [compiled.params]
    for row in rows:
        if row.get(model.tenant_column) != company_id:
            raise ScopeViolated(f"insert into {model.__name__} for another company")


def _guard_update(state: ORMExecuteState, statement: Update, company_id: int) -> None:
    model = tenant_tables().get(statement.table) if isinstance(statement.table, Table) else None
    if model is None:
        return
    if isinstance(state.parameters, list | tuple):
        raise ScopeViolated("bulk update by key cannot be scoped; say all_companies(reason=...)")
    parameters: Any = state.parameters or {}
    given: dict[Any, Any] = {**(statement._values or {}), **parameters}
    values = {getattr(key, "key", key): value for key, value in given.items()}
    if model.tenant_column in values:
        owner = values[model.tenant_column]
        if getattr(owner, "value", owner) != company_id:
            raise ScopeViolated(f"{model.__name__} was about to be given to another company")


@event.listens_for(TenantSession, "before_flush")
def _guard_flush(session: Session, context: Any, instances: Any) -> None:
    changed = [*session.new, *session.dirty, *session.deleted]
    if changed and session.info.get("readonly", True):
        raise WriteOutsideRun("rows change inside core.database.run only")
    for row in changed:
        if not isinstance(row, Tenant):
            continue
        scope = _required_scope(session, type(row).__name__)
        if scope.is_all:
            continue
        history = inspect(row).attrs[row.tenant_column].history
        owners = {*(history.added or ()), *(history.unchanged or ()), *(history.deleted or ())}
        if owners != {scope.company_id}:
            raise ScopeViolated(f"{type(row).__name__} of another company was about to be written")


@event.listens_for(TenantSession, "detached_to_persistent")
def _guard_attach(session: Session, row: Any) -> None:
    # What a detached row says of its owner was not read in this scope.
    if isinstance(row, Tenant) and not _required_scope(session, type(row).__name__).is_all:
        raise ScopeViolated(f"a detached {type(row).__name__} cannot be scoped; read it again by its id")
