"""The service with every logger at DEBUG, and a route that fails with what it was sent.

`flask --app tests.support.loud serve` runs it: for a test of what is in no log.
"""

from __future__ import annotations

import logging

from tracking_service.app import create_app

app = create_app()
logging.getLogger().setLevel(logging.DEBUG)


@app.route("/fail/<text>", endpoint="fail")
def fail(text: str) -> str:
    raise ValueError(f"nobody expected {text}")
