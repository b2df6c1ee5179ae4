"""Issues numbers, forks children that issue some too, amid leases; prints `pid number` lines.

Run as `python -m tests.faults.apps.forking CHILDREN EACH`. A child that hangs is ended,
and where it hung goes to stderr.
"""

import faulthandler
import multiprocessing
import os
import sys
import threading
from multiprocessing.connection import Connection

from tracking_service.app import create_app
from tracking_service.container import services_of
from tracking_service.errors import ReserveEmptyError
from tracking_service.numbering import Shipment
from tracking_service.services.issue import Issuer

SHIPMENT = Shipment("MY", "ID")
# Seconds; a child that is at it for longer hangs.
BOUND = 20
AT_ONCE = 4
# Seconds between two numbers of the parent's, which would else leave no turn to its children.
PAUSE = 0.001


def child(issuer: Issuer, count: int, result: Connection) -> None:
    faulthandler.dump_traceback_later(BOUND, exit=True)
    result.send([issue(issuer) for _ in range(count)])


def issue(issuer: Issuer) -> str:
    """A number, asked for again where so many lease at once that one has to wait too long."""
    while True:
        try:
            return issuer.issue(SHIPMENT)[0]
        except ReserveEmptyError:
            continue


def report(pid: int | None, numbers: list[str]) -> None:
    sys.stdout.write("".join(f"{pid} {number}\n" for number in numbers))


def main(children: int, each: int) -> None:
    issuer = services_of(create_app()).issuer
    forking = multiprocessing.get_context("fork")
    over = threading.Event()
    own: list[str] = []

    def issue_on() -> None:
        while not over.wait(PAUSE):
            own.append(issue(issuer))

    # The forks are to find this process in the midst of spending and leasing.
    busy = threading.Thread(target=issue_on, daemon=True)
    own.append(issue(issuer))
    busy.start()
    for _ in range(0, children, AT_ONCE):
        started = []
        for _ in range(AT_ONCE):
            mine, its = forking.Pipe(duplex=False)
            process = forking.Process(target=child, args=(issuer, each, its))
            process.start()
            its.close()
            started.append((process, mine))
        for process, results in started:
            # Nothing to read: it hung and was ended.
            numbers = results.recv() if results.poll(BOUND + 5) else []
            process.join()
            if process.exitcode:
                sys.exit(f"child {process.pid} ended with {process.exitcode}")
            report(process.pid, numbers)
    over.set()
    busy.join()
    report(os.getpid(), own)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
