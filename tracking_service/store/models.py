"""The tables: number_space, series, block, batch, api_key. No table holds a tracking number.

`migrations/` builds them; a test holds the two together. The store returns no row: `records.py` has
what it returns.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite makes a rowid, and so a counting key, of an INTEGER primary key only.
Id = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, in UTC: SQLite keeps no offset, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Refuse a naive moment, and turn any other to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without an offset")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        """Give the moment its offset back."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Base(DeclarativeBase):
    """Names every constraint, so that a migration can name it too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class NumberSpaceRow(Base):
    """All numbers that one pattern can write with one key. Neither ever changes."""

    __tablename__ = "number_space"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    format: Mapped[str] = mapped_column(String(16))
    """Unused. Earlier versions, of which instances may still run, read `routed` and `s10`."""
    options: Mapped[dict[str, str]] = mapped_column(JSON)
    """The pattern, as `Pattern.options` writes it; others are of earlier versions."""
    key: Mapped[bytes] = mapped_column(LargeBinary(32))
    moved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an export took it to another database; its series are sealed, and none is added."""


class SeriesRow(Base):
    """A named sequence of serials: [first_serial, end_serial) of its number space."""

    __tablename__ = "series"
    __table_args__ = (
        CheckConstraint(
            "0 <= first_serial AND first_serial <= next_serial AND next_serial <= end_serial",
            name="serials_in_order",
        ),
        CheckConstraint("block_size > 0", name="block_size_positive"),
        UniqueConstraint("number_space_id", "first_serial"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(32), unique=True)
    number_space_id: Mapped[int] = mapped_column(ForeignKey("number_space.id"))
    block_size: Mapped[int] = mapped_column(Integer)
    first_serial: Mapped[int] = mapped_column(BigInteger)
    next_serial: Mapped[int] = mapped_column(BigInteger)
    """The next serial that no lease has taken."""
    end_serial: Mapped[int] = mapped_column(BigInteger)
    lease_count: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The number of the last lease. It only grows, so that a high-water mark can tell which came later."""
    returned_blocks: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How many blocks are in state `returned`. It could be counted, but only here does an UPDATE
    that waited for the row's lock see it as the transaction before left it."""
    failover_skip: Mapped[int] = mapped_column(BigInteger)
    """How many serials are left out at the least where leases may have been forgotten."""
    timeline: Mapped[str | None] = mapped_column(String(64))
    """The history of the server that leased last: its system identifier and timeline."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    successor: Mapped[str | None] = mapped_column(String(32))
    """The series that is issued from in its place when it has no serials left. No series is ever
    renamed or deleted."""
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When an operator closed it: nothing is leased from it any more."""


class BatchRow(Base):
    """A batch that was asked for with an idempotency key: which serials it got, not its numbers."""

    __tablename__ = "batch"
    __table_args__ = (Index("ix_batch_expires_at", "expires_at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), unique=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the request, in hexadecimal; where `series` is not NULL, of that and `series`."""
    token: Mapped[str] = mapped_column(String(32))
    """Unused. Earlier versions claimed a key before they issued."""
    ranges: Mapped[list[list[int]] | None] = mapped_column(JSON(none_as_null=True))
    """[start, end) of each block; NULL in a claim of an earlier version."""
    series: Mapped[str | None] = mapped_column(String(32))
    """The series that the serials are of, where it is not the one that was asked for."""
    issued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiKeyRow(Base):
    """A key to the service: who may ask for what. Its token is not here, only the token's hash."""

    __tablename__ = "api_key"
    __table_args__ = (
        # A name is free again once its key is revoked: that is how a token is exchanged.
        Index(
            "uq_api_key_name_live",
            "name",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
            sqlite_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """SHA-256 of the token."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    series: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """Names of the only series that it is for; NULL: every one."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BlockRow(Base):
    """One block, and who took it. The blocks of a series never overlap.

    States: `leased`, by an instance that may still spend it; `spent`, released after all of
    [start, end) was handed out; `returned`, unspent and to be leased first; `skipped`, left out
    because a part of it may have been handed out by a lease that the database has forgotten.
    """

    __tablename__ = "block"
    __table_args__ = (
        UniqueConstraint("series_id", "start"),
        CheckConstraint('start < "end"', name="start_before_end"),
        CheckConstraint("state IN ('leased', 'spent', 'returned', 'skipped')", name="state_known"),
        Index("ix_block_instance", "instance"),
        Index(
            "ix_block_returned",
            "series_id",
            "start",
            postgresql_where=text("state = 'returned'"),
            sqlite_where=text("state = 'returned'"),
        ),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    start: Mapped[int] = mapped_column(BigInteger)
    end: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(8))
    instance: Mapped[str] = mapped_column(String(255))
    leased_at: Mapped[datetime] = mapped_column(UtcDateTime)
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


# Else the first statement would do it, under a lock that another thread may hold at a fork.
Base.registry.configure()
