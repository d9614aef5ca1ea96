"""A memristor array netlist that plain ngspice runs, with no Python in between.

Must give: the currents that `ngspice -b` finds on the printed file are those of cosim's own run of
the same array within 1e-6 (the same equations and the same program: only its tolerances differ).
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import cosim as cs
from cosim.simulators.raw import read_raw


def main() -> bool:
    """Compare the current into the first bit line."""
    cell = cs.Cell(cs.load_model("cmo_hfox"), cs.load_model("nmos_3v3"))
    array = cs.Array(cell, rows=1, cols=4, parasitics=cs.Parasitics(r_row=0.35, r_col=0.35))
    with tempfile.TemporaryDirectory() as folder:
        netlist = Path(folder) / "array.cir"
        netlist.write_text(array.netlist(read_voltage=0.2))
        subprocess.run(["ngspice", "-b", str(netlist)], cwd=folder, capture_output=True, timeout=60)
        plot = read_raw(Path(folder) / "result.raw")[0]
    plain = abs(float(plot.values[0, plot.columns()["i(vbl0)"]]))
    read = cs.Read(array, read_voltage=0.2).run(progress=False)
    ours = float(read["current"].sum())
    print(f"plain ngspice: {plain * 1e6:.6f} uA, cosim: {ours * 1e6:.6f} uA")
    return abs(plain - ours) < 1e-6 * ours


if __name__ == "__main__":
    sys.exit(not main())
