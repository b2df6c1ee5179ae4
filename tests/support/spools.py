"""Spools for tests: what is put into one, and what the next buffer finds in it."""

from __future__ import annotations

from pathlib import Path

from tracking_service.client.spool import Spool

LANE = ("MY", "ID", "default")


def numbers(start: int, end: int) -> list[str]:
    return [f"MYID{serial:012}" for serial in range(start, end)]


def opened(
    path: Path, lane: tuple[str, ...] = LANE, services: tuple[str, ...] = ("http://a", "http://b")
) -> Spool:
    return Spool.open(path, lane, services)


def left_in(path: Path) -> tuple[str, ...]:
    """What the next buffer would find."""
    spool = opened(path)
    left = spool.remaining()
    spool.close()
    return left


def written(path: Path) -> bytes:
    """A spool of ten numbers, four of which have been taken."""
    spool = opened(path)
    spool.add(numbers(0, 5))
    spool.take(3)
    spool.add(numbers(5, 10))
    spool.take(1)
    spool.close()
    return path.read_bytes()
