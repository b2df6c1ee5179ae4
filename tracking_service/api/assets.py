"""The files of the pages, their version and their headers.

Content-Security-Policy: https://www.w3.org/TR/CSP3/
"""

import hashlib
import json
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from tracking_service import __version__
from tracking_service.countries import COUNTRIES

PAGES = Path(__file__).parent / "pages"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_OF_SWAGGER_UI = ("swagger-ui.css", "swagger-ui-bundle.js")

# blob: is for a barcode, which the page fetches with the caller's key and shows as a picture.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Swagger UI's style sheet contains its icons.
DOCS_POLICY = POLICY.replace("img-src 'self' blob:", "img-src 'self' data: blob:")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

KEEP = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


@cache
def names() -> frozenset[str]:
    """The names of all assets: the style sheets, scripts and pictures in `pages/`, and two files of
    Swagger UI. A hidden file, such as an editor's lock or copy, is none.
    """
    ours = {each.name for each in PAGES.iterdir() if each.suffix in _TYPES and each.name[0] != "."}
    return frozenset(ours | {*_OF_SWAGGER_UI})


def content_type(name: str) -> str:
    """The media type of one of `names`."""
    return _TYPES[Path(name).suffix]


@cache
def asset(name: str) -> bytes:
    """The contents of one of `names`."""
    folder = _swagger_ui() if name in _OF_SWAGGER_UI else PAGES
    return (folder / name).read_bytes()


@cache
def version() -> str:
    """Changes with any asset, so that caches may keep each for ever under its address."""
    digest = hashlib.sha256()
    for name in sorted(names()):
        digest.update(hashlib.sha256(asset(name)).digest())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=16)
def page(name: str, *, keys: bool, root: str = "") -> bytes:
    """A page's HTML.

    `keys`: callers need an API key; `root` is the path that the app is mounted at, "" for the
    host's own.
    """
    html = (PAGES / name).read_text(encoding="utf-8")
    html = html.replace("{keys}", "required" if keys else "off")
    html = html.replace("{countries}", " ".join(sorted(COUNTRIES)))
    return html.replace("{root}", root).replace("{version}", version()).encode()


@lru_cache(maxsize=8)
def openapi_document(*, keys: bool, root: str = "") -> bytes:
    """The OpenAPI document; `keys`: callers need an API key; `root` is as for `page`.

    It is a file written by hand. Tests compare its patterns with the rules, its problems with their
    table, and every answer with its schemas. https://spec.openapis.org/oas/v3.1.1
    """
    document = json.loads((PAGES / "openapi.json").read_bytes())
    document["info"]["version"] = __version__
    if not keys:
        document["security"] = []
    if root:
        document["servers"] = [{"url": root}]
    return json.dumps(document, ensure_ascii=False).encode()


def _swagger_ui() -> Path:
    """The folder of Swagger UI in its package, which is found and not imported."""
    spec = find_spec("flask_swagger_ui")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package flask-swagger-ui is not installed")
    return Path(spec.origin).parent / "dist"
