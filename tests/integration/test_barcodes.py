"""GET /api/tracking-numbers/{number}/barcode.svg, read back by ZXing off resvg's picture of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import resvg_py
import zxingcpp
from flask import Flask
from PIL import Image
from sqlalchemy import event
from werkzeug.test import TestResponse

from tests.support.apps import opened_app
from tests.support.client import PARAMETERS
from tracking_service.container import services_of

DOTS_AN_INCH = 203
"""Of the coarsest label printers: a module is then 2.6 dots."""
CSS_DOTS_AN_INCH = 96


@pytest.fixture
def app(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    """An instance with `default`, `my-post` of S10, and `redbox`, whose pattern is its own."""
    s10 = ["--format", "s10", "--service", "RA", "--country", "MY"]
    brand = ["--pattern", "RB{body:9}{check}", "--alphabet", "digits"]
    with opened_app(migrated_sqlite_url, tmp_path) as app:
        for name, options in {"my-post": s10, "redbox": brand}.items():
            made = app.test_cli_runner().invoke(args=["series", "create", name, *options])
            assert 0 == made.exit_code, made.output
        yield app


@pytest.fixture
def without_database(tmp_path: Path) -> Iterator[Flask]:
    with opened_app("sqlite:////nowhere/at/all.sqlite3", tmp_path) as app:
        yield app


def numbers(app: Flask, count: int, **changed: Any) -> list[str]:
    body = {**PARAMETERS, "count": count, **changed}
    response = app.test_client().post("/api/tracking-numbers/", json=body)
    assert 201 == response.status_code, response.get_data(as_text=True)
    found: list[str] = response.get_json()["tracking_numbers"]
    return found


def draw(app: Flask, number: str) -> TestResponse:
    return app.test_client().get(f"/api/tracking-numbers/{number}/barcode.svg")


def printed(svg: str, dots_an_inch: float = DOTS_AN_INCH) -> Image.Image:
    """As a label printer prints it. The machine's fonts are of no matter to a scanner."""
    png = resvg_py.svg_to_bytes(
        svg_string=svg,
        dpi=CSS_DOTS_AN_INCH,
        zoom=dots_an_inch / CSS_DOTS_AN_INCH,
        skip_system_fonts=True,
    )
    return Image.open(io.BytesIO(bytes(png))).convert("L")


def scanned(picture: Image.Image) -> list[tuple[str, zxingcpp.BarcodeFormat]]:
    return [(found.text, found.format) for found in zxingcpp.read_barcodes(picture)]


def test_a_scanner_reads_500_numbers_back(app: Flask) -> None:
    issued = [
        *numbers(app, 200),
        *numbers(app, 150, series="my-post"),
        *numbers(app, 150, series="redbox"),
    ]
    wrong = []
    for number in issued:
        response = draw(app, number)
        assert 200 == response.status_code, response.get_data(as_text=True)
        read = scanned(printed(response.get_data(as_text=True)))
        if [(number, zxingcpp.BarcodeFormat.Code128)] != read:
            wrong.append((number, read))

    assert 500 == len(set(issued))
    assert [] == wrong


@pytest.mark.parametrize("dots_an_inch", [150, 300, 600])
def test_it_is_read_at_any_size(app: Flask, dots_an_inch: float) -> None:
    (number,) = numbers(app, 1)
    picture = printed(draw(app, number).get_data(as_text=True), dots_an_inch)

    assert [number] == [text for text, _ in scanned(picture)]


def test_the_answer_is_a_picture_that_may_be_kept(app: Flask) -> None:
    (number,) = numbers(app, 1)
    response = draw(app, number)

    assert "image/svg+xml" == response.content_type
    assert "max-age=86400" == response.headers["Cache-Control"]
    assert "nosniff" == response.headers["X-Content-Type-Options"]
    assert len(response.get_data()) == response.content_length


def test_a_number_is_read_as_people_type_it(app: Flask) -> None:
    (number,) = numbers(app, 1)
    typed = f"{number[:4].lower()}-{number[4:8]} {number[8:]}"

    assert draw(app, number).get_data() == draw(app, typed).get_data()


def test_no_database_is_asked(app: Flask, without_database: Flask) -> None:
    for number in numbers(app, 1) + numbers(app, 1, series="my-post"):
        assert draw(app, number).get_data() == draw(without_database, number).get_data()

    assert (0, 0) == _connections(without_database)
    assert () == services_of(without_database).instance.state().series


def test_a_shape_that_is_not_known_here_is_asked_for_and_then_known(
    app: Flask, without_database: Flask, migrated_sqlite_url: str, tmp_path: Path
) -> None:
    first, second = numbers(app, 2, series="redbox")
    unknown = draw(without_database, first)
    with opened_app(migrated_sqlite_url, tmp_path / "other") as other:
        drawn = draw(other, first)
        begun: list[object] = []
        event.listen(services_of(other).database.engine(), "begin", begun.append)
        again = draw(other, second)

    assert 503 == unknown.status_code
    assert int(unknown.headers["Retry-After"]) >= 1
    assert (200, 200) == (drawn.status_code, again.status_code)
    assert [] == begun


def _connections(app: Flask) -> tuple[int, int]:
    """In use, and idle."""
    pool: Any = services_of(app).database.engine().pool
    return pool.checkedout(), pool.checkedin()


@pytest.mark.parametrize(
    "number, kind",
    [
        ("X", "malformed-number"),
        ("MYID", "malformed-number"),
        ("MYID.", "malformed-number"),
        ("RA473124820MY", "wrong-check-character"),
    ],
)
def test_what_is_no_number_has_no_barcode(app: Flask, number: str, kind: str) -> None:
    response = draw(app, number)
    problem = response.get_json()

    assert (400, f"/problems/{kind}") == (response.status_code, problem["type"])
    assert "application/problem+json" == response.content_type
    assert "no-store" == response.headers["Cache-Control"]
    assert ["number"] == [error["parameter"] for error in problem["errors"]]
    # Whether it looks like a typo takes the database.
    assert "likely_typo" not in problem


def test_a_head_has_the_length_of_the_picture(app: Flask) -> None:
    (number,) = numbers(app, 1)
    head = app.test_client().head(f"/api/tracking-numbers/{number}/barcode.svg")

    assert draw(app, number).content_length == head.content_length
    assert b"" == head.data
