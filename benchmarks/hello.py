"""Flask's hello world as JSON: one route, no parameter read, nothing validated, no database.

It answers at the service's path, so that all peers are sent the very same requests.
"""

from __future__ import annotations

from flask import Flask

app = Flask(__name__, static_folder=None)


@app.get("/api/next-tracking-number/")
def hello() -> dict[str, str]:
    """Greet the world."""
    return {"message": "Hello, world!"}
