"""The table of API keys: creates, lists and revokes keys, and reads them for the keyring."""

import re
from collections.abc import Collection
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
from tracking_service.records import ApiKeyRecord
from tracking_service.store.clock import DatabaseTime
from tracking_service.store.database import Database
from tracking_service.store.models import ApiKeyRow, SeriesRow

# A letter first, so that a name is never mistaken for an id.
NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")


_RECORD = select(
    ApiKeyRow.id,
    ApiKeyRow.name,
    ApiKeyRow.scopes,
    ApiKeyRow.series,
    ApiKeyRow.created_at,
    ApiKeyRow.revoked_at,
)


class ApiKeyStore:
    """Implements `KeySource`. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def live(self) -> list[Key]:
        """See `KeySource`."""
        query = select(ApiKeyRow.name, ApiKeyRow.scopes, ApiKeyRow.series, ApiKeyRow.digest).where(
            ApiKeyRow.revoked_at.is_(None)
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
    ) -> tuple[ApiKeyRecord, str]:
        """Make a key; return it and its token, which is not stored.

        `series` None: for all. Raises InvalidKeyError, UnknownSeriesError, and KeyExistsError if
        there is a key of this name that is not revoked.
        """
        check_key(name, scopes, series)
        token = new_token()
        try:
            with self._database.transaction(write=True) as connection:
                known = set(connection.execute(select(SeriesRow.name)).scalars())
                for each in series or ():
                    if each not in known:
                        raise UnknownSeriesError(each)
                made = connection.execute(
                    insert(ApiKeyRow)
                    .values(
                        name=name,
                        digest=digest_of(token),
                        scopes=sorted(set(scopes)),
                        series=None if series is None else sorted(set(series)),
                        created_at=DatabaseTime(),
                    )
                    .returning(ApiKeyRow.id)
                ).scalar_one()
                return _by_id(connection, made), token
        except ConflictError as error:
            raise KeyExistsError(f"there is a key named {name} already") from error

    def all(self) -> list[ApiKeyRecord]:
        """Every key, including revoked ones, the oldest first."""
        with self._database.transaction() as connection:
            return [
                ApiKeyRecord(*row) for row in connection.execute(_RECORD.order_by(ApiKeyRow.id))
            ]

    def find_live(self, name_or_id: str) -> ApiKeyRecord | None:
        """The key that `revoke` would revoke, or None."""
        with self._database.transaction() as connection:
            row = connection.execute(_RECORD.where(*_is_live(name_or_id))).one_or_none()
        return None if row is None else ApiKeyRecord(*row)

    def revoke(self, name_or_id: str) -> ApiKeyRecord:
        """Revoke a key, for ever. Raises UnknownKeyError if there is none, or it is revoked."""
        with self._database.transaction(write=True) as connection:
            revoked = connection.execute(
                update(ApiKeyRow)
                .where(*_is_live(name_or_id))
                .values(revoked_at=DatabaseTime())
                .returning(ApiKeyRow.id)
            ).scalar_one_or_none()
            if revoked is None:
                raise UnknownKeyError(
                    f"there is no key {name_or_id!r}, or it has been revoked already"
                )
            return _by_id(connection, revoked)


def _is_live(name_or_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The conditions for the key of this name or id that is not revoked: at most one."""
    which = ApiKeyRow.name == name_or_id
    if re.fullmatch(r"[0-9]{1,18}", name_or_id):
        which = ApiKeyRow.id == int(name_or_id)
    return which, ApiKeyRow.revoked_at.is_(None)


def _by_id(connection: Connection, key_id: int) -> ApiKeyRecord:
    return ApiKeyRecord(*connection.execute(_RECORD.where(ApiKeyRow.id == key_id)).one())


def check_key(name: str, scopes: Collection[str], series: Collection[str] | None) -> None:
    """Raise InvalidKeyError if a key cannot be made with these properties."""
    if NAME.fullmatch(name) is None:
        raise InvalidKeyError("a key's name is 1 to 64 of a-z, 0-9 and hyphens, a letter first")
    if not scopes or not set(scopes) <= set(Scope):
        raise InvalidKeyError(f"a key has one or more of the scopes {', '.join(Scope)}")
    if series is not None and Scope.OPERATE in scopes:
        # Operators see data of all series.
        raise InvalidKeyError("a key for some series only cannot have the scope operate")
    if series is not None and not series:
        raise InvalidKeyError("a key for no series is for nothing")
