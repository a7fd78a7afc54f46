"""Drives pycmpp in a process of its own: its receiving loop never ends, so only the process can.

Usage: ``python pycmpp_driver.py PORT SP_ID SECRET NUMBER``; each line of standard input is a text to send; the end of
input logs out. pycmpp's own log goes to standard output.
"""

import logging
import os
import sys
import threading

from pycmpp.cmpp import Cmpp  # type: ignore[import-untyped]  # it has no types


def main() -> None:
    port, sp_id, secret, number = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    sp = Cmpp("127.0.0.1", int(port), sp_id, secret, "10086", delivery=1, client_heartbeat=False)
    sp.connect()
    sp.auth()
    threading.Thread(target=sp.receive, daemon=True).start()
    try:
        for line in sys.stdin:
            sp.submit(line.rstrip("\n"), [number])
        sp.disconnect()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
