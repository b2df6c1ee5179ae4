"""The database's clock, which all instances share; their hosts' clocks may differ.

A custom SQL construct: https://docs.sqlalchemy.org/en/20/core/compiler.html
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Float, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from tracking_service.store.models import UtcDateTime


class DatabaseTime(FunctionElement[datetime]):
    """The moment at which this transaction began, by the database's clock, plus `seconds`.

    A transaction has one moment, even if it waits for a lock, so that all its statements agree.
    SQLite's is that of the statement: a transaction that writes does not wait after its BEGIN.
    """

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, seconds: float | BindParameter[float] = 0.0) -> None:
        given = isinstance(seconds, BindParameter)
        super().__init__(seconds if given else literal(seconds, Float))


@compiles(DatabaseTime, "postgresql")
def _postgresql(element: DatabaseTime, compiler: SQLCompiler, **options: Any) -> str:
    # Not clock_timestamp(), which an index cannot be searched by.
    return f"(now() + make_interval(secs => {compiler.process(element.clauses, **options)}))"


@compiles(DatabaseTime, "sqlite")
def _sqlite(element: DatabaseTime, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    # Six digits, as SQLAlchemy writes them, because moments are compared as text.
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {seconds} || ' seconds') || '000')"
