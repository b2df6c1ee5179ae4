"""The service's job as one would write it in FastAPI: pydantic validates the seven parameters, and
each number takes a value of a PostgreSQL sequence over asyncpg.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import asyncpg
import pycountry
from fastapi import FastAPI, Query, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

COUNTRIES = frozenset(country.alpha_2 for country in pycountry.countries)
CONNECTIONS = 8
"""Connections to the database of each worker, as many as half of the benchmark's clients."""


def _assigned(code: str) -> str:
    if code not in COUNTRIES:
        raise ValueError("must be an ISO 3166-1 alpha-2 code")
    return code


Country = Annotated[str, AfterValidator(_assigned)]


class Parcel(BaseModel):
    """The seven parameters, by the service's rules."""

    origin_country_id: Country
    destination_country_id: Country
    weight: Annotated[Decimal, Field(gt=0, lt=100_000, decimal_places=3)]
    created_at: AwareDatetime
    customer_id: UUID
    customer_name: Annotated[str, Field(min_length=1, max_length=255)]
    customer_slug: Annotated[str, Field(max_length=255, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")]


class Answer(BaseModel):
    """A number and its moment, in the offset of the request."""

    tracking_number: str
    created_at: datetime


@asynccontextmanager
async def _connected(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ["DATABASE_URL"]
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        app.state.pool = pool
        yield


app = FastAPI(openapi_url=None, lifespan=_connected)


@app.get("/api/next-tracking-number/")
async def next_tracking_number(request: Request, parcel: Annotated[Parcel, Query()]) -> Answer:
    """Answer with the next value of the sequence behind the two countries."""
    serial = await request.app.state.pool.fetchval("SELECT nextval('tracking_numbers')")
    return Answer(
        tracking_number=(f"{parcel.origin_country_id}{parcel.destination_country_id}{serial:012d}"),
        created_at=datetime.now(parcel.created_at.tzinfo).replace(microsecond=0),
    )
