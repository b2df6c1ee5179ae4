"""What the header `Idempotency-Key` may say, and what tells one request from another.

The header: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

KEY_HEADER = "Idempotency-Key"
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def key_faults(key: str | None) -> dict[str, list[str]]:
    """The faults of an idempotency key: none if it is good, or if there is no key."""
    if key is None or IDEMPOTENCY_KEY.fullmatch(key) is not None:
        return {}
    return {KEY_HEADER: ["must be 1 to 255 printable ASCII characters without spaces"]}


def fingerprint_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of what a request asks for, in hexadecimal: the same for the same request.

    `values` are JSON values by the names of their parameters; defaults are filled in, and what is
    ignored is left out. A batch has `count` among them, so that it is never the same as a request
    for one number.
    """
    canonical = json.dumps(values, sort_keys=True)
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()
