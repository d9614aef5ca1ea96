"""Run one netlist in neospice, as a process of its own: NETLIST NAMES RESULT.

neospice is a library. A process can be stopped at a deadline, and takes nobody with it when it
crashes. NAMES is a JSON list of raw vectors; RESULT is a raw file with these. The file is run by
its path and imports nothing of ours, which would take longer than the simulation.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main(netlist: str, names: str, result: str) -> int:
    """Run; the exit status is 0 when the raw file was written."""
    import neospice

    wanted = json.loads(Path(names).read_text(encoding="utf-8"))
    simulator = neospice.Simulator()
    circuit = simulator.load(netlist)
    try:
        run = simulator.run(circuit)
    except (RuntimeError, ValueError) as error:
        print(f"analysis failed: {error}", flush=True)
        return 1
    found = run.transient or run.dc_sweep or run.dc
    if not found.status.converged:
        print("analysis failed: it did not converge", flush=True)
        return 1
    if run.transient:
        axis = np.asarray(found.time, dtype=np.float64)
    else:
        axis = np.asarray(found.sweep_values) if run.dc_sweep else np.zeros(1)
    columns, kept = [axis], ["axis"]
    for name in wanted:
        values = _values(found, name)
        if values is not None:
            columns.append(np.broadcast_to(values, axis.shape))
            kept.append(name)
    head = ["Title: neospice", "Plotname: run", "Flags: real", f"No. Variables: {len(kept)}"]
    head += [f"No. Points: {len(axis)}", "Variables:"]
    head += [f"\t{k}\t{name}\tvoltage" for k, name in enumerate(kept)]
    with Path(result).open("wb") as stream:
        stream.write(("\n".join(head) + "\nBinary:\n").encode())
        stream.write(np.column_stack(columns).astype("<f8").tobytes())
    return 0


def _values(found: Any, name: str) -> Any:
    """A vector; None where there is none of that name."""
    ask = found.voltage if name.startswith("v(") else found.current
    try:
        return np.asarray(ask(name[2:-1]), dtype=np.float64)
    except (KeyError, IndexError, RuntimeError, ValueError):
        return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
