"""gunicorn with three workers, and what a parent that issued before it forked has said of it."""

from __future__ import annotations

import re
import sys

from tests.support.ports import HOST

GUNICORN = (sys.executable, "-m", "gunicorn", "--bind", f"{HOST}:{{port}}", "--workers", "3")
BEFORE = re.compile(r"issued before the fork: (\w+)")
