"""Checks early that the folder of the high-water marks can be written."""

import tempfile
from pathlib import Path

from tracking_service.errors import SettingsError


def check_state_folder(folder: Path) -> None:
    """Make `folder`, and write a temporary file in it. Raises SettingsError.

    An instance that cannot record a lease may not use its block. It would listen, lease and never
    be ready.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Permissions are not enough: the user may be root, or the disk mounted read-only.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(
            f"TRACKING_STATE_DIR must name a folder that this user may write, and {folder} is"
            f" none: {error.strerror}"
        ) from error
