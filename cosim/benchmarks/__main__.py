"""One benchmark at one size in a process of its own, so that its peak of memory is its own.

``python -m cosim.benchmarks SECTION SIZE FULL THREADS`` prints one line of JSON a row.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict

from cosim.benchmarks.run import MARK
from cosim.benchmarks.sections import SECTIONS
from cosim.errors import CosimError


def main() -> None:
    """Run what the command line names."""
    name, size, full, threads = sys.argv[1:]
    # Ended from outside as by the user: simulators are stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for row in SECTIONS[name].measure(int(size), full == "1", int(threads)):
            # On a line of its own whatever a peer has printed before.
            print(f"\n{MARK}{json.dumps(asdict(row))}", flush=True)
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except CosimError as error:
        sys.exit(f"{type(error).__name__}: {error.thing}")


if __name__ == "__main__":
    main()
