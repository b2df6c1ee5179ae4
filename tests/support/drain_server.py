"""A server of `tracking_service.serving` whose routes wait, fail or answer at length.

    python -m tests.support.drain_server --threads 4

It tells on stdout what happens and obeys commands on stdin, so that no test guesses when.
"""

import argparse
import signal
import sys
import threading
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from tracking_service import serving
from tracking_service.serving.connections import Channel
from tracking_service.serving.options import OPTIONS

PIECE = b"0123456789abcdef" * 16_384  # 256 KiB
PIECES = 96


class Routes:
    """The application. `released` lets /hold answer; /hang never does; /sends tells `sends`."""

    def __init__(self) -> None:
        self.sends = 0
        self.released = threading.Event()
        self.never = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        body: Iterable[bytes] = [path.encode()]
        headers = [("Content-Type", "text/plain")]
        match path:
            case "/hold":
                say("holding")
                self.released.wait()
            case "/hang":
                say("hanging")
                self.never.wait()
            case "/sends":
                body = [str(self.sends).encode()]
            case "/large":
                body = [PIECE * PIECES]
            case "/stream":
                headers.append(("Content-Length", str(len(PIECE) * PIECES)))
                body = (PIECE for _ in range(PIECES))
            case "/fail":
                raise RuntimeError("a secret")
            case "/exit":
                raise SystemExit
        start_response("200 OK", headers)
        return body


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--drain-seconds", type=float, default=60.0)
    parser.add_argument("--pause", action="store_true", help="on_draining waits for a command")
    parser.add_argument("--in-thread", action="store_true")
    options = parser.parse_args()
    # Far above BOUND: whoever is answered in time was not helped by the poll's time-out.
    OPTIONS["asyncore_loop_timeout"] = 60
    routes = Routes()
    send = Channel.send

    def counted(channel: Channel, *args: Any, **kwargs: Any) -> Any:
        routes.sends += 1
        return send(channel, *args, **kwargs)

    Channel.send = counted  # type: ignore[assignment]
    drain = threading.Event()
    commands = {"release": routes.released.set, "drain": drain.set}
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    def obey() -> None:
        for line in sys.stdin:
            commands[line.strip()]()

    def on_draining() -> None:
        say("draining")
        if options.pause:
            drain.wait()

    def serve() -> None:
        serving.serve(
            routes,
            host="127.0.0.1",
            port=0,
            threads=options.threads,
            drain_seconds=options.drain_seconds,
            on_listening=lambda url, _: say(f"listening {url}"),
            on_draining=on_draining,
        )

    threading.Thread(target=obey, daemon=True).start()
    if options.in_thread:
        server = threading.Thread(target=serve)
        server.start()
        # An interpreter whose main thread has ended starts no thread more (from 3.12 on).
        server.join()
    else:
        serve()
        restored = handlers == [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
        say(f"returned, handlers restored: {restored}")


if __name__ == "__main__":
    run()
