"""The WSGI callable of an installed package, for any server: `tracking_service.wsgi:app`."""

import sys

from tracking_service.app import create_app
from tracking_service.errors import SettingsError

try:
    app = create_app()
except SettingsError as error:
    # One line that names the setting; a traceback would bury it.
    sys.exit(f"Error: {error}")
