"""A list of keys as one parameter: written out, every length would be a statement of its own."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, Boolean, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class _Keys(TypeDecorator[Any]):
    """Whole numbers: an array on PostgreSQL, a document on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        is_postgres = dialect.name == "postgresql"
        return dialect.type_descriptor(ARRAY(BigInteger()) if is_postgres else Text())

    def process_bind_param(self, value: Collection[int] | None, dialect: Dialect) -> Any:
        keys = list(value or ())
        return keys if dialect.name == "postgresql" else json.dumps(keys)


class _Among(FunctionElement[bool]):
    type = Boolean()
    name = "among"
    inherit_cache = True
    #: Else it is compared with 1 on SQLite, and no index is used.
    _is_implicitly_boolean = True


@compiles(_Among)
def _in_document(element: Any, compiler: Any, **options: Any) -> str:
    column, keys = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 - both parts are compiled


@compiles(_Among, "postgresql")
def _in_array(element: Any, compiler: Any, **options: Any) -> str:
    column, keys = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({keys})"


def among(column: Any, parameter: str) -> Any:
    """Condition: the column's key is one of the list that the parameter of this name will hold."""
    return _Among(column, bindparam(parameter, type_=_Keys()))
