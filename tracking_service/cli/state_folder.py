"""Whether the folder of the witness can be written, found out before it is needed."""

import tempfile
from pathlib import Path

from tracking_service.errors import SettingsError


def check_state_folder(folder: Path) -> None:
    """Make `folder`, and write what goes by itself; raise SettingsError where that fails.

    Whoever cannot record a block in the witness may not use it: an instance would listen, lease
    and never be ready.
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
