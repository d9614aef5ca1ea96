"""IR drop along one bit line of a linear crossbar, against the exact solution.

A row of equal resistors behind wire segments is a ladder, which two lines of recursion solve. Must
give: ngspice agrees with it within 1e-6 of the largest current, at 0.35 Ohm a segment (the wire of
Falcone et al., Adv. Funct. Mater. 2025, as published in IBM's aihwkit).
"""

import sys

import numpy as np

import cosim as cs

CELLS, RESISTANCE, SEGMENT, VOLTAGE = 32, 10e3, 0.35, 0.2


def ladder() -> np.ndarray:
    """Cell currents [A]: impedances from the far end, then the voltages from the driver on."""
    seen = np.empty(CELLS)
    behind = np.inf
    for k in reversed(range(CELLS)):
        seen[k] = 1 / (1 / RESISTANCE + 1 / behind)
        behind = SEGMENT + seen[k]
    voltage, currents = VOLTAGE, []
    for k in range(CELLS):
        voltage *= seen[k] / (SEGMENT + seen[k])
        currents.append(voltage / RESISTANCE)
    return np.array(currents)


def main() -> bool:
    """Print both; say whether they agree."""
    resistor = cs.load_model("resistor").with_parameters(resistance=RESISTANCE)
    # Only the bit line has resistance: source lines run along the columns, one cell each.
    array = cs.Array(cs.Cell(resistor), rows=1, cols=CELLS, parasitics=cs.Parasitics(r_row=SEGMENT))
    read = cs.Read(array, read_voltage=VOLTAGE).run(progress=False)
    current, exact = read["current"].values[0], ladder()
    error = np.abs(current - exact).max() / exact.max()
    print(f"last cell: {current[-1] * 1e6:.6f} uA, exact {exact[-1] * 1e6:.6f} uA")
    print(f"largest difference: {error:.1e} of the largest current")
    return bool(error < 1e-6)


if __name__ == "__main__":
    sys.exit(not main())
