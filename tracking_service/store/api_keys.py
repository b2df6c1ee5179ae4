"""The table of API keys: creates, lists and revokes keys, and reads them for the keyring."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, insert, select, update

from tracking_service.auth import Key, Scope, digest_of, new_token
from tracking_service.errors import (
    ConflictError,
    InvalidKeyError,
    KeyExistsError,
    UnknownKeyError,
    UnknownSeriesError,
)
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.database import Database
from tracking_service.store.models import ApiKey, Series

# A letter first, so that a name is never mistaken for an id.
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key for listing, without its token's digest."""

    id: int
    name: str
    scopes: Sequence[str]
    series: Sequence[str] | None
    created_at: datetime
    revoked_at: datetime | None


_RECORD = select(
    ApiKey.id, ApiKey.name, ApiKey.scopes, ApiKey.series, ApiKey.created_at, ApiKey.revoked_at
)


class ApiKeyStore:
    """Implements `KeySource`. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def live(self) -> list[Key]:
        """See `KeySource`."""
        query = select(ApiKey.name, ApiKey.scopes, ApiKey.series, ApiKey.digest).where(
            ApiKey.revoked_at.is_(None)
        )
        with self._database.transaction() as connection:
            return [
                Key(
                    row.name,
                    frozenset(row.scopes),
                    None if row.series is None else frozenset(row.series),
                    bytes(row.digest),
                )
                for row in connection.execute(query)
            ]

    def create(
        self, name: str, scopes: Collection[str], series: Collection[str] | None = None
    ) -> tuple[KeyRecord, str]:
        """Make a key; return it and its token, which is not stored.

        `series` None: for all. Raises InvalidKeyError, UnknownSeriesError, and KeyExistsError if
        there is a key of this name that is not revoked.
        """
        check_key(name, scopes, series)
        token = new_token()
        try:
            with self._database.transaction(write=True) as connection:
                known = set(connection.execute(select(Series.name)).scalars())
                for each in series or ():
                    if each not in known:
                        raise UnknownSeriesError(each)
                made = connection.execute(
                    insert(ApiKey)
                    .values(
                        name=name,
                        digest=digest_of(token),
                        scopes=sorted(set(scopes)),
                        series=None if series is None else sorted(set(series)),
                        created_at=DatabaseTime(),
                    )
                    .returning(ApiKey.id)
                ).scalar_one()
                return _by_id(connection, made), token
        except ConflictError as error:
            raise KeyExistsError(f"there is a key named {name} already") from error

    def all(self) -> list[KeyRecord]:
        """Every key, including revoked ones, the oldest first."""
        with self._database.transaction() as connection:
            return [KeyRecord(*row) for row in connection.execute(_RECORD.order_by(ApiKey.id))]

    def find_live(self, name_or_id: str) -> KeyRecord | None:
        """The key that `revoke` would revoke, or None."""
        with self._database.transaction() as connection:
            row = connection.execute(_RECORD.where(*_is_live(name_or_id))).one_or_none()
        return None if row is None else KeyRecord(*row)

    def revoke(self, name_or_id: str) -> KeyRecord:
        """Revoke a key, for ever. Raises UnknownKeyError if there is none, or it is revoked."""
        with self._database.transaction(write=True) as connection:
            revoked = connection.execute(
                update(ApiKey)
                .where(*_is_live(name_or_id))
                .values(revoked_at=DatabaseTime())
                .returning(ApiKey.id)
            ).scalar_one_or_none()
            if revoked is None:
                raise UnknownKeyError(
                    f"there is no key {name_or_id!r}, or it has been revoked already"
                )
            return _by_id(connection, revoked)


def _is_live(name_or_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The conditions for the key of this name or id that is not revoked: at most one."""
    which = ApiKey.name == name_or_id
    if re.fullmatch(r"[0-9]{1,18}", name_or_id):
        which = ApiKey.id == int(name_or_id)
    return which, ApiKey.revoked_at.is_(None)


def _by_id(connection: Connection, key_id: int) -> KeyRecord:
    return KeyRecord(*connection.execute(_RECORD.where(ApiKey.id == key_id)).one())


def check_key(name: str, scopes: Collection[str], series: Collection[str] | None) -> None:
    if NAME.fullmatch(name) is None:
        raise InvalidKeyError("a key's name is 1 to 64 of a-z, 0-9 and hyphens, a letter first")
    if not scopes or not set(scopes) <= set(Scope):
        raise InvalidKeyError(f"a key has one or more of the scopes {', '.join(Scope)}")
    if series is not None and Scope.OPERATE in scopes:
        # Operators see data of all series.
        raise InvalidKeyError("a key for some series only cannot have the scope operate")
    if series is not None and not series:
        raise InvalidKeyError("a key for no series is for nothing")
