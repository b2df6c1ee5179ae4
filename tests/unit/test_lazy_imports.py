"""Late imports: a fork while a thread imports a module leaves the child free to import it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, signal, sys, threading, time

from tracking_service.numbering import KEY_BYTES, Format, Shipment, parse

number_format = Format(parse("RB{body:9}{check}", "digits"), bytes(KEY_BYTES))


def write():
    return number_format.encode_many(0, 2, Shipment("MY", "ID"))


assert "numpy" not in sys.modules
thread = threading.Thread(target=write)
thread.start()
while "numpy" not in sys.modules:
    time.sleep(0.001)
child = os.fork()
if child == 0:
    # Ends a child that hangs.
    signal.alarm(10)
    os._exit(0 if write() == write() else 1)
thread.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0)
"""


def test_a_fork_while_another_thread_writes_the_first_run_leaves_no_import_locked() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PROGRAM], timeout=60)

    assert 0 == done.returncode
