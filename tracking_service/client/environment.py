"""What the HTTP library takes from the environment: proxies and certificates.

It reads them when an HTTP client is made, and raises errors of many kinds.
https://www.python-httpx.org/environment_variables/
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from tracking_service.client.errors import InvalidSetting

PROXIES = "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY"
CERTIFICATES = "SSL_CERT_FILE", "SSL_CERT_DIR"


def check() -> None:
    """Raise InvalidSetting where no HTTP client can be made in this environment.

    A client makes its HTTP client at the first call. A program is to fail earlier, at its start.
    """
    with faults():
        # Certificates take a hundred times longer than all the rest to load: without them.
        httpx2.Client(verify=False).close()
        if any(map(os.environ.get, CERTIFICATES)):
            httpx2.create_ssl_context()


@contextmanager
def faults() -> Iterator[None]:
    """Raise InvalidSetting for what the HTTP library raises in the block, where it is made."""
    try:
        yield
    except ImportError as error:
        raise InvalidSetting(
            f"the environment has a SOCKS proxy ({PROXIES}), which needs the package socksio"
        ) from error
    except (ValueError, httpx2.InvalidURL):
        # Without the cause: the URL of a proxy may have a password in it.
        raise InvalidSetting(
            f"the environment has a proxy that cannot be used: correct or unset {PROXIES};"
            " a proxy is written as http://host:port"
        ) from None
    except OSError as error:
        raise InvalidSetting(
            f"the certificates cannot be read: correct or unset {' or '.join(CERTIFICATES)} ({error})"
        ) from error
