"""Broken on purpose: the child of a fork keeps its parent's blocks. A number is issued before."""

import sys

from tests.support.client import number_path
from tracking_service.instance import process

vars(process)["register_hooks"] = lambda owner: None

from wsgi import app  # noqa: E402

answer = app.test_client().get(number_path())
sys.stderr.write(f"issued before the fork: {answer.get_json()['tracking_number']}\n")
sys.stderr.flush()
