"""What holds for every request that Flask answers: the caller's key, and headers of caution."""

from typing import TYPE_CHECKING

from flask import Flask, Response, request

from tracking_service.api.auth import admit, scope_of
from tracking_service.api.middleware.fast_path import FAULT
from tracking_service.api.responses import CAUTION_HEADERS

if TYPE_CHECKING:
    from tracking_service.auth import Keyring


def register(app: Flask, keyring: "Keyring | None") -> None:
    """Let nobody in without the key for it, unless `keyring` is None; add the headers."""
    if keyring is not None:
        app.before_request(lambda: _admit(keyring))
    app.after_request(_add_caution)


def _admit(keyring: "Keyring") -> None:
    # What the hot path has found is not looked for again; and whatever it is, it ends here.
    if (fault := request.environ.get(FAULT)) is not None:
        raise fault
    # Without an endpoint it is a 404 or a 405, which tell nothing.
    if request.endpoint is not None and (scope := scope_of(request.endpoint)) is not None:
        admit(request.environ, keyring, scope)


def _add_caution(response: Response) -> Response:
    for name, value in CAUTION_HEADERS:
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
