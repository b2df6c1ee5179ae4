"""Flask's hello world as JSON: one route, no parameter read, nothing validated, no database.

It answers at the service's path, so that all peers are sent the very same requests.
"""

from __future__ import annotations

from flask import Flask

from benchmarks.traffic import NEXT_NUMBER

app = Flask(__name__, static_folder=None)


@app.get(NEXT_NUMBER)
def hello() -> dict[str, str]:
    """Greet the world."""
    return {"message": "Hello, world!"}
