"""Every operation of the document. Its parts come from the schemas; its words are here."""

from typing import Any

from tracking_service.api.batches import COUNT_MOST, KEY, BatchSchema
from tracking_service.api.openapi import answers, problems
from tracking_service.api.openapi.wire import whole
from tracking_service.api.schemas import ShipmentSchema

SHIPMENT = {
    "origin_country_id": "MY",
    "destination_country_id": "ID",
    "weight": "1.234",
    "created_at": "2024-01-01T12:00:00+08:00",
    "customer_id": "de619854-b59b-425e-9db4-943979e1bd49",
    "customer_name": "RedBox Logistics",
    "customer_slug": "redbox-logistics",
}
_ISSUED = {"tracking_number": answers.NUMBER, "created_at": answers.MOMENT}
_NO_STORE = {"Cache-Control": {"$ref": "#/components/headers/NoStore"}}

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "Names this request: asked again with the same key and body, within the time that the"
        " service remembers it, the answer is the same numbers."
    ),
    "schema": {"type": "string", "pattern": whole(KEY)},
    "example": "labels-2026-11-24",
}

NUMBER_PARAMETER = {
    "name": "number",
    "in": "path",
    "required": True,
    "description": "As people type it: lower case, spaces and hyphens are read kindly.",
    "schema": {
        "type": "string",
        # 13 letters and digits, or 16; the last but for S10 is a check character.
        "format": "tracking-number",
        "pattern": "^[ -]*(?:[A-Za-z0-9][ -]*){13}(?:(?:[A-Za-z0-9][ -]*){3})?$",
    },
    "example": answers.NUMBER,
}


def paths(*, keys: bool) -> dict[str, dict[str, Any]]:
    """The operations by path and method; `keys`: whether callers need one."""
    return {
        "/api/next-tracking-number/": {
            "get": _next_number("nextTrackingNumber", keys),
            "head": _next_number("checkShipment", keys, spends=False),
        },
        "/api/tracking-numbers/": {"post": _batch(keys)},
        "/api/tracking-numbers/{number}": {"get": _verify(keys)},
        "/api/status": {"get": _status(keys)},
        "/healthz": {"get": _healthz()},
        "/readyz": {"get": _readyz()},
        "/metrics": {"get": _metrics(keys)},
    }


def _json(schema: Any, example: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema, "example": example}}


def _next_number(name: str, keys: bool, *, spends: bool = True) -> dict[str, Any]:
    """GET issues; HEAD says what GET would, without a body."""
    found = problems.responses(
        problems.INVALID, problems.NO_NUMBER, problems.PREFETCH, _key_problems(keys, series=True)
    )
    ok: dict[str, Any] = {"description": "The number.", "headers": _NO_STORE}
    if spends:
        ok["content"] = _json(answers.Number, _ISSUED)
        ok["links"] = {
            "verify": {
                "operationId": "verifyTrackingNumber",
                "parameters": {"number": "$response.body#/tracking_number"},
                "description": "The number can be checked as soon as it is issued.",
            }
        }
    else:
        ok["description"] = "A GET would be answered with a number."
        for response in found.values():
            del response["content"]
    return {
        "operationId": name,
        "tags": ["numbers"],
        "summary": "Issue one tracking number" if spends else "Check a request, issue nothing",
        "description": (
            "With and without the trailing slash. Unknown parameters are ignored; a known one that"
            " is given twice is an error. Every fault is told at once."
        ),
        "parameters": [{"in": "query", "schema": ShipmentSchema}],
        "responses": {"200": ok, **found},
    }


def _batch(keys: bool) -> dict[str, Any]:
    line = '{"tracking_number": "MYIDBEP6D2FH5S2M", "created_at": "2026-11-24T21:05:07+08:00"}\n'
    table = "tracking_number,created_at\r\nMYIDBEP6D2FH5S2M,2026-11-24T21:05:07+08:00\r\n"
    numbers = {
        "tracking_numbers": [answers.NUMBER],
        "created_at": answers.MOMENT,
        "count": 1,
    }
    created = {
        "description": "The numbers, in the media type that `Accept` prefers.",
        "headers": _NO_STORE,
        "content": {
            **_json(answers.Numbers, numbers),
            "application/x-ndjson": {"schema": {"type": "string"}, "example": line},
            "text/csv": {"schema": {"type": "string"}, "example": table},
        },
    }
    return {
        "operationId": "issueTrackingNumbers",
        "tags": ["numbers"],
        "summary": f"Issue up to {COUNT_MOST:,} tracking numbers",
        "description": "All of them or none.",
        "parameters": [IDEMPOTENCY_KEY],
        "requestBody": {
            "required": True,
            "content": _json(BatchSchema, {**SHIPMENT, "count": 1}),
        },
        "responses": {
            "201": created,
            **problems.responses(
                problems.INVALID,
                problems.NO_NUMBER,
                problems.DATABASE_AWAY,
                problems.BATCH,
                _key_problems(keys, series=True),
            ),
        },
    }


def _verify(keys: bool) -> dict[str, Any]:
    verified = {
        "tracking_number": answers.NUMBER,
        "series": "default",
        "origin_country_id": "MY",
        "destination_country_id": "ID",
        "status": "issued",
        "leased_at": answers.MOMENT_UTC,
    }
    found = {
        "description": "The number was issued, or may have been.",
        "headers": _NO_STORE,
        "content": _json(answers.Verified, verified),
    }
    return {
        "operationId": "verifyTrackingNumber",
        "tags": ["numbers"],
        "summary": "Check a tracking number",
        "description": "Tells a typing error from an invention.",
        "parameters": [NUMBER_PARAMETER],
        "responses": {
            "200": found,
            **problems.responses(
                problems.NUMBER, problems.DATABASE_AWAY, _key_problems(keys, series=True)
            ),
        },
    }


def _status(keys: bool) -> dict[str, Any]:
    return _instance(
        "getStatus",
        "What the instance holds, and the fleet's last leases",
        "For operators; the page at `/` shows it. Leases nothing, and answers from memory while"
        " the database is away.",
        _json(answers.Status, answers.STATUS),
        keys,
    )


def _healthz() -> dict[str, Any]:
    return _instance(
        "getHealth",
        "Whether the process lives",
        "Says nothing of the database.",
        _json(answers.Health, {"status": "ok"}),
    )


def _readyz() -> dict[str, Any]:
    ready = {"status": "ready", "database": "up", "reserve_seconds": 1599.0}
    operation = _instance(
        "getReadiness",
        "Whether the instance can issue numbers",
        "While the database is away and a reserve is left, it can, and says for how long.",
        _json(answers.Ready, ready),
    )
    operation["responses"].update(problems.not_ready())
    return operation


def _metrics(keys: bool) -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    return _instance(
        "getMetrics",
        "Metrics for Prometheus",
        "In Prometheus's text format, or in OpenMetrics where `Accept` prefers it.",
        {"text/plain": text, "application/openmetrics-text": text},
        keys,
    )


def _instance(
    name: str, summary: str, description: str, content: Any, keys: bool = False
) -> dict[str, Any]:
    """An operation that asks nothing and tells of the instance."""
    return {
        "operationId": name,
        "tags": ["instance"],
        "summary": summary,
        "description": description,
        "responses": {
            "200": {"description": f"{summary}.", "headers": _NO_STORE, "content": content},
            **problems.responses(_key_problems(keys)),
        },
    }


def _key_problems(keys: bool, *, series: bool = False) -> list[Exception]:
    if not keys:
        return []
    return problems.SERIES_KEYS if series else problems.KEYS
