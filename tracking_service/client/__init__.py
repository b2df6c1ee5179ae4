"""A client of the tracking number service, for programs that run elsewhere.

    from tracking_service.client import Client, Shipment

    with Client(["http://127.0.0.1:8001", "http://127.0.0.1:8002"]) as client:
        print(client.next(shipment).tracking_number)

`Client` and `AsyncClient` make the calls, `NumberBuffer` hands numbers out from memory. docs/client.md
has examples, and says what each call guarantees when something fails. Nothing of the service itself
is imported, so that the client can be installed without it.
"""

from tracking_service.client.answers import Batch, IssuedNumber, VerifiedNumber
from tracking_service.client.async_client import AsyncClient
from tracking_service.client.buffer import NumberBuffer
from tracking_service.client.buffer_report import BufferReport
from tracking_service.client.correlation import correlate
from tracking_service.client.errors import (
    BadRequest,
    BufferEmpty,
    ClientError,
    Closed,
    DatabaseUnavailable,
    Forbidden,
    IdempotencyKeyReused,
    InvalidNumber,
    InvalidSetting,
    Problem,
    Refused,
    RequestInProgress,
    SeriesExhausted,
    SpoolError,
    SpoolInUse,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    UnknownNumber,
    Unreachable,
)
from tracking_service.client.shipment import Shipment
from tracking_service.client.sync_client import Client

__all__ = [
    "AsyncClient",
    "BadRequest",
    "Batch",
    "BufferEmpty",
    "BufferReport",
    "Client",
    "ClientError",
    "Closed",
    "DatabaseUnavailable",
    "Forbidden",
    "IdempotencyKeyReused",
    "InvalidNumber",
    "InvalidSetting",
    "IssuedNumber",
    "NumberBuffer",
    "Problem",
    "Refused",
    "RequestInProgress",
    "SeriesExhausted",
    "Shipment",
    "SpoolError",
    "SpoolInUse",
    "Unauthorized",
    "Unavailable",
    "UnexpectedAnswer",
    "UnknownNumber",
    "Unreachable",
    "VerifiedNumber",
    "correlate",
]
