"""A client that keeps its connection, as those who call the service all day do."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

NEXT_NUMBER = "/api/next-tracking-number/"

# A request that is valid by the public contract.
PARAMETERS: Mapping[str, str] = {
    "origin_country_id": "MY",
    "destination_country_id": "ID",
    "weight": "1.234",
    "created_at": "2024-01-01T12:00:00+08:00",
    "customer_id": "de619854-b59b-425e-9db4-943979e1bd49",
    "customer_name": "RedBox Logistics",
    "customer_slug": "redbox-logistics",
}


def number_path(**overrides: str | None) -> str:
    """The path and query that ask for a number; an override of None leaves a parameter out."""
    chosen = {**PARAMETERS, **overrides}
    given = {name: value for name, value in chosen.items() if value is not None}
    return f"{NEXT_NUMBER}?{urlencode(given)}"


@dataclass(frozen=True)
class Response:
    """An answer, whole."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection to one server, opened when needed; for one thread at a time.

    Errors of the connection come out as they are (OSError, http.client.HTTPException), after
    which the next request opens a new one.
    """

    def __init__(self, host: str, port: int, *, timeout: float = 10.0) -> None:
        """`timeout` is in seconds, for connecting and for each read."""
        self._connection = http.client.HTTPConnection(host, port, timeout=timeout)
        self._late: list[socket.socket] = []

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        whole = False
        try:
            self._connection.request(method, path, body, headers=dict(headers or {}))
            response = _whole(self._connection.getresponse())
            whole = True
        except TimeoutError:
            # The answer may come yet: the socket is kept for it, and not used for another request.
            if self._connection.sock is not None:
                self._late.append(self._connection.sock)
                self._connection.sock = None
            raise
        finally:
            if not whole:
                self._connection.close()
        return response

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Response:
        return self.request("GET", path, headers=headers)

    def late_answers(self, *, seconds: float = 0.2) -> list[Response]:
        """The answers that came after their time-out, each waited for `seconds` more."""
        answers = []
        while self._late:
            with self._late.pop() as late:
                late.settimeout(seconds)
                answer = http.client.HTTPResponse(late)
                # One that never comes, or of which the beginning was read before, is no answer.
                with contextlib.suppress(OSError, http.client.HTTPException):
                    answer.begin()
                    answers.append(_whole(answer))
                answer.close()
        return answers

    def close(self) -> None:
        self._connection.close()
        while self._late:
            self._late.pop().close()


def _whole(answer: http.client.HTTPResponse) -> Response:
    return Response(answer.status, answer.headers, answer.read())
