"""The application, which has issued a number before gunicorn forks: its block is the parent's."""

import sys

from tests.support.client import number_path
from wsgi import app

answer = app.test_client().get(number_path())
sys.stderr.write(f"issued before the fork: {answer.get_json()['tracking_number']}\n")
sys.stderr.flush()
