"""What a tracking number is asked for."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

LONGEST_EXPONENT = 64
"""A weight of more digits (of an int: bits) is not written out, because it could fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """The seven parameters of a request. The service checks them; the client only writes them.

    Raises TypeError for a weight that is a float, and ValueError for a datetime without an offset
    or an int that is no weight.
    """

    origin_country_id: str
    """ISO 3166-1 alpha-2, upper case."""
    destination_country_id: str
    """The same."""
    weight: str | Decimal | int
    """Kilograms, at most three decimals."""
    created_at: str | datetime
    """When the order was made: RFC 3339, or a datetime with an offset."""
    customer_id: str | UUID
    customer_name: str
    customer_slug: str

    def __post_init__(self) -> None:
        if not isinstance(self.weight, str | Decimal | int):
            kind = type(self.weight).__name__
            raise TypeError(
                f"weight must be a str, a Decimal or an int, which are exact: not {kind}"
            )
        if isinstance(self.weight, int) and self.weight.bit_length() > LONGEST_EXPONENT:
            raise ValueError("weight is too large, or too small")
        if isinstance(self.created_at, datetime) and self.created_at.utcoffset() is None:
            raise ValueError("created_at needs an offset from UTC: give the datetime a tzinfo")

    def parameters(self) -> dict[str, str]:
        """Return the parameters as the service reads them."""
        weight, created_at = self.weight, self.created_at
        return {
            "origin_country_id": self.origin_country_id,
            "destination_country_id": self.destination_country_id,
            "weight": _plain(weight) if isinstance(weight, Decimal) else str(weight),
            "created_at": created_at if isinstance(created_at, str) else created_at.isoformat(),
            "customer_id": str(self.customer_id),
            "customer_name": self.customer_name,
            "customer_slug": self.customer_slug,
        }


def _plain(weight: Decimal) -> str:
    """Write a weight without an exponent. The service refuses one that has one."""
    beyond = weight.is_finite() and abs(weight.adjusted()) > LONGEST_EXPONENT
    return str(weight) if beyond else f"{weight:f}"
