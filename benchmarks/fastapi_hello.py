"""FastAPI's hello world as JSON: one route, no parameter read, nothing validated, no database.

It answers at the service's path, so that all peers are sent the very same requests.
"""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI(openapi_url=None)


@app.get("/api/next-tracking-number/")
async def hello() -> dict[str, str]:
    """Greet the world."""
    return {"message": "Hello, world!"}
