"""What ngspice says of a transistor card: currents over the plane, capacitances of the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import CalibrationError

if TYPE_CHECKING:
    from compact_models.foundry import ForeignTransistor
    from cosim.simulators.ngspice import NgspiceSimulator

Array = NDArray[np.float64]

SOURCES = (0.0, 0.25, 0.5, 1.0, 1.5)
"""Voltages of the source above the bulk [V]."""
_OPTIONS = ".options reltol=1e-6 abstol=1e-16 gmin=1e-15"


def _run(
    card: ForeignTransistor,
    body: list[str],
    analysis: str,
    probes: list[str],
    simulator: NgspiceSimulator,
) -> Any:
    from cosim.simulators.osdi import compile_module
    from netlists.topology import foundry_text

    loads = "".join(f"pre_osdi {stem}.osdi\n" for stem in card.modules)
    control = f".control\n{loads}set num_threads=1\nrun\nwrite result.raw\nquit 0\n.endc\n.end\n"
    lines = ["* transistor", *foundry_text(card), *body, _OPTIONS, ".save " + " ".join(probes)]
    text = "\n".join([*lines, analysis, control])
    files = {f"{stem}.osdi": compile_module(code) for stem, code in card.modules.items()}
    run = simulator.run_text(text, expect=probes, files=files)
    return run.plots[-1]


def _instance(card: ForeignTransistor, name: str, nodes: str) -> str:
    size = " ".join(f"{key}={value!r}" for key, value in card.parameters.items())
    return f"x{name} {nodes} {card.subcircuit} {size}".rstrip()


def plane(
    card: ForeignTransistor, gates: Array, drains: Array, simulator: NgspiceSimulator
) -> Array:
    """Current into the drain [A], shape (sources, gates, drains), bulk at 0 V.

    Parameters
    ----------
    gates, drains : ndarray
        Equidistant [V].
    """
    body = ["vd d 0 0", "vg g 0 0"]
    for k, source in enumerate(SOURCES):
        body += [f"vs{k} s{k} 0 {source!r}", f"vi{k} d d{k} 0"]
        body.append(_instance(card, str(k), f"d{k} g s{k} 0"))
    probes = [f"i(vi{k})" for k in range(len(SOURCES))]
    steps = [f"{a[0]!r} {a[-1]!r} {a[1] - a[0]!r}" for a in (drains.tolist(), gates.tolist())]
    plot = _run(card, body, f".dc vd {steps[0]} vg {steps[1]}", probes, simulator)
    columns, shape = plot.columns(), (gates.size, drains.size)
    if len(plot.values) != gates.size * drains.size:
        raise CalibrationError(
            thing="the sweep of the transistor is not complete",
            value=len(plot.values),
            limit=f"{gates.size * drains.size} points",
        )
    return np.array([plot.values[:, columns[p]].real.reshape(shape) for p in probes])


def capacitances(
    card: ForeignTransistor, gates: Array, simulator: NgspiceSimulator
) -> tuple[Array, Array]:
    """Capacitance from gate to drain and from gate to bulk [F] at V_DS = 0, each (gates,)."""
    body, probes = [], []
    for k, gate in enumerate(gates.tolist()):
        body += [f"vg{k} g{k} 0 {gate!r} ac 1", f"vd{k} d{k} 0 0", f"vb{k} b{k} 0 0"]
        body.append(_instance(card, str(k), f"d{k} g{k} 0 b{k}"))
        probes += [f"i(vd{k})", f"i(vb{k})"]
    plot = _run(card, body, ".ac lin 1 1meg 1meg", probes, simulator)
    columns = [plot.columns()[p] for p in probes]
    taken = plot.values[0, columns].imag.reshape(-1, 2) / (2 * np.pi * 1e6)
    return taken[:, 0], taken[:, 1]
