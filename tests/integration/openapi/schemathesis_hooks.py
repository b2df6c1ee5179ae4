"""What Schemathesis cannot know from the document. It loads this itself, in its own process."""

from itertools import count
from typing import Any

import schemathesis
from hypothesis import strategies as st

from tests.support.numbers import completed
from tracking_service.api.idempotency import IDEMPOTENCY_KEY

_ATTEMPTS = count()

# The check character is no matter of a pattern.
schemathesis.openapi.format(
    "tracking-number",
    st.from_regex(r"[A-P][B-Z]MY[0-9A-HJKMNP-TV-Z]{11}", fullmatch=True).map(completed),
)
# Nor is what makes a pattern of a series.
schemathesis.openapi.format(
    "series-pattern",
    st.builds(
        "{}{{body:{}}}{{check}}{}".format,
        st.sampled_from(["", "RB", "{origin}", "{yyyy}"]),
        st.integers(6, 9),
        st.sampled_from(["", "7", "{destination:ID}"]),
    ),
)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Let no key be used twice: the second request with it is another one, and refused for that."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and IDEMPOTENCY_KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = f"{key[:200]}-{next(_ATTEMPTS)}"


def _has_visible_name(holder: Any) -> bool:
    """Whether `customer_name` is one that the document's words allow, as far as it is a text."""
    name = holder.get("customer_name") if isinstance(holder, dict) else None
    return not isinstance(name, str) or any(character.isalnum() for character in name)


@schemathesis.hook
def filter_query(context: Any, query: Any) -> bool:
    """Leave out names of spaces and the like: no pattern says what is visible."""
    return _has_visible_name(query)


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """The same for batches."""
    return _has_visible_name(body)
