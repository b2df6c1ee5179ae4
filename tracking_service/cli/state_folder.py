"""Whether the folder of the high-water marks can be written, found out before it is needed."""

import tempfile
from pathlib import Path

from tracking_service.errors import SettingsError


def check_state_folder(folder: Path) -> None:
    """Make `folder`, and write what goes by itself; raise SettingsError where that fails.

    An instance that cannot record a lease there may not use its block: it would listen, lease and
    never be ready.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Permissions tell too little: of a user who may do anything, of a disk that is mounted to
        # be read only.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(
            f"TRACKING_STATE_DIR must name a folder that this user may write, and {folder} is"
            f" none: {error.strerror}"
        ) from error
