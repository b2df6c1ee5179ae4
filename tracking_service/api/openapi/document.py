"""Puts the document together, once: some tens of milliseconds, at the first request for it."""

import json
from functools import cache
from typing import Any

from apispec import APISpec

from tracking_service import __version__
from tracking_service.api.auth import SCOPES
from tracking_service.api.openapi import answers
from tracking_service.api.openapi.paths import paths
from tracking_service.api.openapi.wire import COUNTRY, COUNTRY_EXAMPLES, Plugin

_DESCRIPTION = (
    "Issues unique parcel tracking numbers. Every error is `application/problem+json` (RFC 9457)"
    " and spends no serial."
)
_OPEN = "This instance asks for no key: who may ask is for the network, or a proxy, to decide."
_CLOSED = "This instance asks for a key, whose token goes along as `Authorization: Bearer …`."

_ENDPOINTS = {
    "nextTrackingNumber": "api.next_tracking_number",
    "checkShipment": "api.next_tracking_number",
    "issueTrackingNumbers": "api.issue_batch",
    "verifyTrackingNumber": "api.verify_tracking_number",
    "getStatus": "site.status",
    "getHealth": "api.healthz",
    "getReadiness": "api.readyz",
    "getMetrics": "api.metrics",
}


def _name(schema: Any) -> str:
    """A component's name: that of its class."""
    cls = schema if isinstance(schema, type) else type(schema)
    return {"ProblemDetails": "Problem"}.get(cls.__name__, cls.__name__.removesuffix("Schema"))


@cache
def document(*, keys: bool) -> dict[str, Any]:
    """The OpenAPI document of an instance whose callers need a key, or none.

    It is shared: do not change it.
    """
    spec = APISpec(
        title="Tracking Number Service",
        version=__version__,
        openapi_version="3.1.0",
        info={
            "description": f"{_DESCRIPTION} {_CLOSED if keys else _OPEN}",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        plugins=[Plugin(schema_name_resolver=_name)],
        # No server: whoever serves the document is it.
        tags=[
            {"name": "numbers", "description": "Numbers issued and checked."},
            {"name": "instance", "description": "What an operator asks of one instance."},
        ],
        security=[],
    )
    spec.components.schema("CountryCode", COUNTRY)
    spec.components.schema("Problem", schema=answers.ProblemDetails)
    spec.components.header(
        "RetryAfter",
        {
            "description": "Seconds after which it is worth trying again.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        },
    )
    spec.components.header(
        "NoStore",
        {
            "description": "The answer is for this request alone.",
            "required": True,
            "schema": {"type": "string", "const": "no-store"},
        },
    )
    if keys:
        spec.components.header("Challenge", {"required": True, "schema": {"type": "string"}})
        spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    for path, operations in paths(keys=keys).items():
        for operation in operations.values():
            if keys and SCOPES[_ENDPOINTS[operation["operationId"]]] is not None:
                operation["security"] = [{"key": []}]
        spec.path(path, operations=operations)
    written = spec.to_dict()
    _give_examples(written)
    return written


@cache
def document_bytes(*, keys: bool) -> bytes:
    """The document as JSON."""
    return json.dumps(document(keys=keys), separators=(",", ":"), ensure_ascii=False).encode()


def _give_examples(written: dict[str, Any]) -> None:
    """Put an example beside each query parameter; a country's schema is shared and has none."""
    for operations in written["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if (country := COUNTRY_EXAMPLES.get(parameter["name"])) is not None:
                    parameter["description"] = COUNTRY["description"]
                    parameter["example"] = country
