"""The OpenAPI document is valid, agrees with the validators, and is enough for a generated client."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.client import PARAMETERS
from tests.support.commands import environment
from tests.support.instance import Instance
from tracking_service.api import batches, idempotency, schemas, timestamps
from tracking_service.api.assets import openapi_document
from tracking_service.api.auth import SCOPES
from tracking_service.api.problems import KINDS, NOT_READY
from tracking_service.countries import COUNTRIES
from tracking_service.instance.number_spaces import SERIES_NAME

DOCUMENT = json.loads(openapi_document(keys=True))
SCHEMAS = DOCUMENT["components"]["schemas"]


@pytest.mark.parametrize("keys", [False, True])
def test_the_document_is_valid(keys: bool) -> None:
    assert [] == list(
        OpenAPIV31SpecValidator(json.loads(openapi_document(keys=keys))).iter_errors()
    )


# The texts by the rule that judges them, and the pattern of the rule.
PATTERNS = {
    "Weight": (schemas.weight, schemas.WEIGHT),
    "CreatedAt": (timestamps.read_offset, timestamps.DATE_TIME),
    "CustomerId": (schemas.customer_id, schemas.UUID),
    "CustomerSlug": (schemas.customer_slug, schemas.SLUG),
    "SeriesName": (schemas.series, SERIES_NAME),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_that_of_its_rule(name: str) -> None:
    assert f"^(?:{PATTERNS[name][1].pattern})$" == SCHEMAS[name]["pattern"]


def test_an_idempotency_key_has_its_pattern() -> None:
    schema = SCHEMAS["IdempotencyKey"]

    assert f"^(?:{idempotency.IDEMPOTENCY_KEY.pattern})$" == schema["pattern"]


def test_the_numbers_of_the_document_are_those_of_the_rules() -> None:
    batch = SCHEMAS["Batch"]["properties"]

    assert batches.COUNT_MOST == batch["count"]["maximum"]
    assert schemas.WEIGHT_BOUND == batch["weight"]["anyOf"][1]["exclusiveMaximum"]
    assert {schemas.TEXT_LENGTH} == {
        SCHEMAS[name]["maxLength"] for name in ("CustomerName", "CustomerSlug")
    }


def test_the_countries_are_those_that_are_accepted() -> None:
    assert COUNTRIES == set(SCHEMAS["CountryCode"]["enum"])


def test_the_document_has_every_parameter_of_a_shipment_and_of_a_batch() -> None:
    parameters = {
        name: each
        for name, each in DOCUMENT["components"]["parameters"].items()
        if each["in"] == "query"
    }
    required = [name for name, parameter in parameters.items() if parameter["required"]]

    assert list(PARAMETERS) == required
    assert list(batches.BatchSchema().load_fields) == [*parameters, "count"]
    assert set(batches.BatchSchema().load_fields) == set(SCHEMAS["Batch"]["properties"])


def test_every_kind_of_problem_is_named() -> None:
    text = openapi_document(keys=True).decode()
    missing = [
        kind.slug
        for kind in KINDS.values()
        if f"`{kind.slug}`" not in text and f'"/problems/{kind.slug}"' not in text
    ]

    assert [] == missing


def test_an_example_of_a_problem_is_what_the_table_says() -> None:
    kinds = {f"/problems/{kind.slug}": kind for kind in [*KINDS.values(), NOT_READY]}
    examples = [
        content["example"]
        for response in DOCUMENT["components"]["responses"].values()
        if "example" in (content := response["content"]["application/problem+json"])
    ]

    assert len(examples) > 8
    for example in examples:
        kind = kinds[example["type"]]
        assert (kind.status, kind.title) == (example["status"], example["title"])
        assert kind.detail in (None, example["detail"])


def test_an_operation_asks_for_a_key_where_its_route_does() -> None:
    operations = [
        operation
        for path in DOCUMENT["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    guarded = [each for each in operations if each.get("security") is None]
    scoped = {endpoint for endpoint, scope in SCOPES.items() if scope is not None}

    assert [{"key": []}] == DOCUMENT["security"]
    # HEAD shares its endpoint with GET.
    assert len(scoped) + 1 == len(guarded)
    assert all("401" in operation["responses"] for operation in guarded)


def test_no_operation_asks_for_a_key_where_none_is_needed() -> None:
    assert [] == json.loads(openapi_document(keys=False))["security"]


# A text is drawn near each pattern: what it matches, with one character changed now and then.
@st.composite
def near(draw: st.DrawFn, pattern: str) -> str:
    text = draw(st.from_regex(pattern, fullmatch=True))
    if text and draw(st.booleans()):
        place = draw(st.integers(0, len(text) - 1))
        text = text[:place] + draw(st.characters(codec="utf-8")) + text[place + 1 :]
    return text


def accepted(rule: Any, text: str) -> bool:
    try:
        rule(text)
    except ValidationError:
        return False
    return True


def allowed(schema: Any, text: str) -> bool:
    within = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
    # JSON Schema's `$` is the end alone; Python's may stand before a last line feed.
    return within and re.search(schema["pattern"].removesuffix("$") + r"\Z", text) is not None


@pytest.mark.parametrize("name", sorted(PATTERNS.keys() - {"CreatedAt"}))
@given(data=st.data())
def test_a_text_is_accepted_where_the_document_allows_it(name: str, data: st.DataObject) -> None:
    text = data.draw(near(SCHEMAS[name]["pattern"]))

    assert accepted(PATTERNS[name][0], text) == allowed(SCHEMAS[name], text)


@given(text=near(r"0{0,3}[0-9]{1,6}(\.[0-9]{0,4})?"))
def test_a_weight_is_accepted_where_the_document_allows_it(text: str) -> None:
    number = re.fullmatch(r"0*[0-9]{1,5}(\.[0-9]{1,3})?", text, re.ASCII)

    assert accepted(schemas.weight, text) == (number is not None and bool(text.strip("0.")))
    assert accepted(schemas.weight, text) == allowed(SCHEMAS["Weight"], text)


@given(text=near(SCHEMAS["CreatedAt"]["pattern"]))
def test_no_timestamp_is_accepted_that_the_document_forbids(text: str) -> None:
    """The calendar allows fewer than the pattern: no 30 February."""
    assert not accepted(timestamps.read_offset, text) or allowed(SCHEMAS["CreatedAt"], text)


@given(text=near(SCHEMAS["CustomerName"]["pattern"]))
def test_no_name_is_accepted_that_the_document_forbids(text: str) -> None:
    """The document says in words that one character is to be visible: no pattern can."""
    assert not accepted(schemas.customer_name, text) or allowed(SCHEMAS["CustomerName"], text)


def test_no_property_of_a_body_has_a_default() -> None:
    """Generators such as openapi-typescript take it for one that is required."""
    properties = [
        each for schema in SCHEMAS.values() for each in schema.get("properties", {}).values()
    ]

    assert len(properties) > 40
    assert [] == [each for each in properties if "default" in each]


CLIENT = """
import datetime, sys, uuid
from client import Client
from client.api.instance import get_status
from client.api.numbers import draw_barcode, issue_tracking_numbers, next_tracking_number
from client.api.numbers import verify_tracking_number
from client.models import Batch, CountryCode, Problem

shipment = dict(
    origin_country_id=CountryCode.MY,
    destination_country_id=CountryCode.ID,
    weight="1.234",
    created_at=datetime.datetime.fromisoformat("2024-01-01T12:00:00+08:00"),
    customer_id=uuid.UUID("de619854-b59b-425e-9db4-943979e1bd49"),
    customer_name="RedBox Logistics",
    customer_slug="redbox-logistics",
)
with Client(base_url=sys.argv[1], raise_on_unexpected_status=True) as client:
    number = next_tracking_number.sync(client=client, **shipment)
    assert number.created_at.utcoffset() == datetime.timedelta(hours=8), number
    found = verify_tracking_number.sync(number.tracking_number, client=client)
    assert found.status == "issued", found
    batch = issue_tracking_numbers.sync(
        client=client, body=Batch(count=3, **shipment), idempotency_key="labels"
    )
    assert batch.count == len(batch.tracking_numbers) == 3, batch
    assert "<svg" in draw_barcode.sync(number.tracking_number, client=client)
    refused = next_tracking_number.sync(client=client, **{**shipment, "weight": "0"})
    assert isinstance(refused, Problem) and refused.errors[0].parameter == "weight", refused
    assert get_status.sync(client=client).series[0].name == "default"
    print(number.tracking_number)
"""


# The generator knows no SVG: it is text to it.
CONFIG = """
post_hooks: []
content_type_overrides:
  image/svg+xml: text/plain
"""


@pytest.fixture
def client_folder(tmp_path: Path) -> Path:
    """Holds a package `client`, generated from the document."""
    (tmp_path / "openapi.json").write_bytes(openapi_document(keys=False))
    (tmp_path / "config.yml").write_text(CONFIG)
    command = Path(sys.executable).with_name("openapi-python-client")
    options = ["--path=openapi.json", "--config=config.yml", "--meta=none", "--output-path=client"]
    done = subprocess.run(
        [str(command), "generate", "--fail-on-warning", *options],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return tmp_path


def test_a_generated_client_gets_numbers(migrated_sqlite_url: str, client_folder: Path) -> None:
    with Instance({"DATABASE_URL": migrated_sqlite_url}) as instance:
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, instance.url],
            cwd=client_folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert 0 == done.returncode, done.stderr
    assert re.fullmatch("MYID[0-9A-Z]{12}", done.stdout.strip())
