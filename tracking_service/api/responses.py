"""Headers of every answer, and JSON answers."""

import json
from typing import Any

from flask import Response

# Data, not a page: a browser must guess no other type, load and frame nothing, and share it with no
# other site. https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html
CAUTION_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
JSON_HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    *CAUTION_HEADERS,
)


def json_response(body: dict[str, Any]) -> Response:
    """Return a response that is for this request alone."""
    return Response(json.dumps(body, allow_nan=False), headers=dict(JSON_HEADERS))
