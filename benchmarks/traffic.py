"""The requests that every generator of load sends: lanes, customers, weights and offsets as callers
mix them.

Always the same ones, so that runs can be compared; and many, so that what the service keeps for
each lane is neither always nor never there.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator

from tracking_service.client import Shipment
from tracking_service.client.requests import next_number

# A few lanes carry most parcels, and many lanes a few.
BUSY_LANES = (("MY", "ID"), ("SG", "MY"), ("CN", "SG"), ("ID", "ID"), ("TH", "VN"), ("PH", "PH"))
COUNTRIES = "AE AU BD BE BR CA CN DE ES FR GB HK ID IN IT JP KH KR LA LK MM MX MY NL NZ PH PK PL SA"
OFFSETS = ("+08:00", "+07:00", "+05:30", "+00:00", "-05:00", "Z")
CUSTOMERS = (
    ("RedBox Logistics", "redbox-logistics"),
    ("Nusantara Kirim", "nusantara-kirim"),
    ("Zoë & Söhne GmbH", "zoe-soehne"),
    ("東京配送株式会社", "tokyo-haiso"),
    ("Kiwi Parcels 24/7", "kiwi-parcels-24-7"),
)


def shipments(seed: int = 1) -> Iterator[dict[str, str]]:
    """The seven parameters of one valid request after another, without an end."""
    choices = random.Random(seed)
    countries = COUNTRIES.split()
    ids = [str(uuid.UUID(int=choices.getrandbits(128), version=4)) for _ in range(50)]
    while True:
        if choices.random() < 0.7:
            origin, destination = choices.choice(BUSY_LANES)
        else:
            origin, destination = choices.choice(countries), choices.choice(countries)
        name, slug = choices.choice(CUSTOMERS)
        day, hour = choices.randint(1, 28), choices.randint(0, 23)
        yield {
            "origin_country_id": origin,
            "destination_country_id": destination,
            "weight": f"{choices.randint(1, 30_000) / 1000:.3f}",
            "created_at": f"2026-02-{day:02}T{hour:02}:15:00{choices.choice(OFFSETS)}",
            "customer_id": choices.choice(ids),
            "customer_name": name,
            "customer_slug": slug,
        }


def paths(count: int = 512, seed: int = 1) -> list[str]:
    """Paths with queries, ready to be sent as they are: those that the client would send."""
    given = shipments(seed)
    return [next_number(Shipment(**next(given))).target for _ in range(count)]


def new_customers(count: int, seed: int = 2) -> list[str]:
    """Such paths, of which each is of another customer."""
    given = shipments(seed)
    choices = random.Random(seed)
    targets = []
    for number in range(count):
        customer = {
            "customer_id": str(uuid.UUID(int=choices.getrandbits(128), version=4)),
            "customer_name": f"Parcels of {number:,}",
            "customer_slug": f"parcels-of-{number}",
        }
        targets.append(next_number(Shipment(**{**next(given), **customer})).target)
    return targets
