"""The WSGI callable: `benchmarks.drf_peer.wsgi:app`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.drf_peer.settings")

app = get_wsgi_application()
