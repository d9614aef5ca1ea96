"""The same neurons in ngspice: every 1T1R cell, clamp, injector, membrane, in time.

Cells are read, not written: each is the resistor of its programmed state with its access
transistor. That a read leaves the state alone is shown on the device equations in
:mod:`cosim.network.spiking.stability`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import DataError, IncompleteResult
from cosim.network.spiking.hardware import EDGE, cell_conductance
from cosim.network.spiking.layer import OutputSpikes
from cosim.simulators.ngspice import NgspiceSimulator
from netlists.periphery import CurrentInjector, IntegrateAndFire, ReadClamp


@dataclass(frozen=True, kw_only=True, eq=False)
class CircuitRun:
    """One transient run of spiking neurons.

    Parameters
    ----------
    time : ndarray, shape (points,)
        [s]
    membrane : ndarray, shape (points, neurons)
        Relative to rest [V].
    spikes : OutputSpikes
    energy : dict of str to float
        Drawn during the run [J]: ``synapse`` (cells and bit lines, from the supply through
        the clamps), ``injector`` (copies into and beside the membrane), ``clamp`` (amplifiers,
        awake for one window an event), ``neuron`` (comparators and spike logic),
        ``word_line`` (gates of the cells).
    wall_time : float
        [s]
    netlist_sha256 : str
    """

    time: NDArray[np.float64]
    membrane: NDArray[np.float64]
    spikes: OutputSpikes
    energy: dict[str, float]
    wall_time: float
    netlist_sha256: str

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As plain arrays, from which :meth:`of_arrays` makes the same run again."""
        spikes = self.spikes
        return {
            "time": self.time,
            "membrane": self.membrane,
            "spikes": np.stack([spikes.times, spikes.neurons, spikes.signs]),
            "events": np.array([spikes.events, spikes.decided]),
            "energy": np.array(list(self.energy.values())),
            "parts": np.array(list(self.energy)),
            "wall_time": np.array(self.wall_time),
            "netlist_sha256": np.array(self.netlist_sha256),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> CircuitRun:
        """The run that :meth:`arrays` came from."""
        times, neurons, signs = arrays["spikes"]
        return cls(
            time=arrays["time"],
            membrane=arrays["membrane"],
            spikes=OutputSpikes(
                times=times,
                neurons=neurons.astype(np.int64),
                signs=signs.astype(np.int64),
                events=int(arrays["events"][0]),
                decided=bool(arrays["events"][1]),
            ),
            energy=dict(zip(arrays["parts"].tolist(), arrays["energy"].tolist(), strict=True)),
            wall_time=float(arrays["wall_time"]),
            netlist_sha256=str(arrays["netlist_sha256"]),
        )


def netlist(
    conductance: ArrayLike,
    times: ArrayLike,
    pixels: ArrayLike,
    parameters: Mapping[str, float],
    *,
    stop: float,
    gain: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    firing: bool = True,
    lumped: bool = False,
) -> str:
    """Complete ngspice file of some neurons with all their synapses.

    Parameters
    ----------
    conductance : array_like, shape (neurons, inputs, 2, cells)
        Programmed cell conductances [S]; axis 2 is (positive, negative).
    times, pixels : array_like, shape (events,)
        Input train [s].
    parameters : mapping
        Such as the set ``oxram_spirit``.
    stop : float
        [s]
    gain, offset : array_like, shape (neurons, 2), optional
        Relative gain of each injector polarity; offset of each comparator [V].
    firing : bool
        False: thresholds out of reach, so that the membrane only integrates.
    lumped : bool
        Leave out inputs that have no event, and write the parallel cells of one side of a
        synapse as one of the same conductance: same spikes, about ten times faster.
    """
    p = dict(parameters)
    g = np.asarray(conductance, dtype=float)
    if g.ndim != 4 or g.shape[2] != 2 or not np.all(g > 0):
        raise DataError(
            thing="conductances of the synapses",
            value=g.shape,
            limit="(neurons, inputs, 2, cells), all positive",
        )
    neurons, inputs = g.shape[:2]
    gains = np.ones((neurons, 2)) if gain is None else np.asarray(gain, dtype=float)
    offsets = np.zeros((neurons, 2)) if offset is None else np.asarray(offset, dtype=float)
    if not firing:
        offsets = offsets + 10.0
    t, pixel = np.asarray(times, dtype=float), np.asarray(pixels, dtype=np.int64)
    # Level 1 triode: R = 1 / (KP (V_G - V_T)).
    transconductance = 1.0 / (
        p["selector_resistance"] * (p["word_line_voltage"] - p["selector_threshold"])
    )
    lines = [
        f"spiking inference: {neurons} neurons, {inputs} inputs, {len(t)} events",
        ReadClamp.from_parameters(p).subcircuit(),
        CurrentInjector.from_parameters(p).subcircuit(),
        IntegrateAndFire.from_parameters(p).subcircuit(),
        f".model selector nmos level=1 vto={p['selector_threshold']!r} kp={transconductance!r}",
        f"Vdd vdd 0 {p['supply']!r}",
    ]
    shown = np.unique(pixel) if lumped else np.arange(inputs)
    for i in shown:
        lines.append(_word_line(i, t[pixel == i], p["pulse"], p["word_line_voltage"]))
    width = 1
    if lumped:
        series = cell_conductance(g, p).sum(axis=-1, keepdims=True)
        width = g.shape[3]
        g = series / (1.0 - series * p["selector_resistance"] / width)
    for j in range(neurons):
        for s, name in enumerate("pn"):
            # A supply of its own for each block: its current is that block's energy.
            lines.append(f"Vc{name}{j} vc{name}{j} 0 {p['supply']!r}")
            lines.append(f"Xclamp{name}{j} bl{name}{j} copy{name}{j} vc{name}{j} read_clamp")
            for i in shown:
                for k in range(g.shape[3]):
                    cell = f"{name}{j}_{i}_{k}"
                    lines.append(f"R{cell} bl{name}{j} d{cell} {1.0 / g[j, i, s, k]:.9g}")
                    lines.append(f"M{cell} d{cell} wl{i} 0 0 selector m={width}")
        lines.append(f"Vi{j} vi{j} 0 {p['supply']!r}")
        lines.append(
            f"Xinjector{j} copyp{j} copyn{j} mem{j} vi{j} current_injector "
            f"gain_p={gains[j, 0]:.12g} gain_n={gains[j, 1]:.12g}"
        )
        lines.append(f"Vn{j} vn{j} 0 {p['supply']!r}")
        lines.append(
            f"Xneuron{j} mem{j} spikep{j} spiken{j} vn{j} neuron "
            f"offset_p={offsets[j, 0]:.12g} offset_n={offsets[j, 1]:.12g}"
        )
    saved = [f"v(mem{j}) v(spikep{j}) v(spiken{j})" for j in range(neurons)]
    saved += [f"i(vcp{j}) i(vcn{j}) i(vi{j}) i(vn{j})" for j in range(neurons)]
    lines += [".save " + s for s in saved]
    lines.append(".options reltol=1e-4 abstol=1e-13 chgtol=1e-17 method=trap trtol=1")
    lines.append(f".tran 1e-9 {stop!r} 0 {p['pulse'] / 10!r}")
    lines.append(".end")
    return "\n".join(lines) + "\n"


def _word_line(i: int, times: NDArray[np.float64], pulse: float, voltage: float) -> str:
    if len(times) == 0:
        return f"Vwl{i} wl{i} 0 0"
    points = ["0 0"]
    for t in times:
        rise, fall = float(t), float(t) + pulse
        points += [f"{rise!r} 0", f"{rise + EDGE!r} {voltage!r}"]
        points += [f"{fall!r} {voltage!r}", f"{fall + EDGE!r} 0"]
    # Long lines are folded: ngspice reads '+' as a continuation.
    folded = "\n+ ".join(" ".join(points[k : k + 8]) for k in range(0, len(points), 8))
    return f"Vwl{i} wl{i} 0 pwl(\n+ {folded})"


def simulate(
    conductance: ArrayLike,
    times: ArrayLike,
    pixels: ArrayLike,
    parameters: Mapping[str, float],
    *,
    stop: float | None = None,
    gain: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    firing: bool = True,
    lumped: bool = False,
    simulator: NgspiceSimulator | None = None,
) -> CircuitRun:
    """Run :func:`netlist` in ngspice and read spikes and energy; arguments as there.

    Raises
    ------
    SimulatorError
        If the run did not come back whole, or a spike had not ended at the stop time.
    """
    t = np.asarray(times, dtype=float)
    if len(t) == 0:
        raise DataError(thing="a train without events cannot be simulated")
    p = dict(parameters)
    end = float(t[-1] + p["slot"] + p["refractory"] + p["reset_time"]) if stop is None else stop
    text = netlist(
        conductance, t, pixels, p, stop=end, gain=gain, offset=offset, firing=firing, lumped=lumped
    )
    neurons = np.shape(conductance)[0]
    names = [f"v({n}{j})" for j in range(neurons) for n in ("mem", "spikep", "spiken")]
    names += [f"i({n}{j})" for j in range(neurons) for n in ("vcp", "vcn", "vi", "vn")]
    run = (simulator or NgspiceSimulator()).run_text(text, expect=names, stop=end)
    plot = run.plots[-1]
    columns = plot.columns()

    def column(name: str) -> NDArray[np.float64]:
        return np.asarray(plot.values[:, columns[name]].real)

    axis = plot.axis
    spikes = _spikes(axis, neurons, column, len(t))
    vdd = p["supply"]
    events = len(t) * neurons

    def charge(name: str) -> float:
        return float(-sum(np.trapezoid(column(f"i({name}{j})"), axis) for j in range(neurons)))

    energy = {
        "synapse": vdd * (charge("vcp") + charge("vcn")),
        "injector": vdd * charge("vi"),
        "clamp": vdd * 2 * p["clamp_bias"] * p["clamp_window"] * events,
        "neuron": vdd * charge("vn") + p["spike_energy"] * len(spikes.times),
        "word_line": p["word_line_capacitance"] * p["word_line_voltage"] ** 2 * events,
    }
    membrane = np.stack([column(f"v(mem{j})") for j in range(neurons)], axis=1) - vdd / 2
    return CircuitRun(
        time=axis, membrane=membrane, spikes=spikes, energy=energy,
        wall_time=run.wall_time, netlist_sha256=run.netlist_sha256,
    )  # fmt: skip


def _spikes(
    axis: NDArray[np.float64],
    neurons: int,
    column: Callable[[str], NDArray[np.float64]],
    events: int,
) -> OutputSpikes:
    """Rising crossings of 0.5 V of every spike output, in the order of time."""
    found: list[tuple[float, int, int]] = []
    for j in range(neurons):
        for name, sign in (("spikep", 1), ("spiken", -1)):
            v = column(f"v({name}{j})")
            if v[-1] > 0.5:
                raise IncompleteResult(
                    thing=f"output spike of neuron {j} had not ended at the stop time",
                    next_step="Give a later stop",
                )
            up = np.flatnonzero((v[:-1] < 0.5) & (v[1:] >= 0.5))
            share = (0.5 - v[up]) / (v[up + 1] - v[up])
            found += [(float(x), j, sign) for x in axis[up] + share * (axis[up + 1] - axis[up])]
    found.sort()
    return OutputSpikes(
        times=np.array([f[0] for f in found]),
        neurons=np.array([f[1] for f in found], dtype=np.int64),
        signs=np.array([f[2] for f in found], dtype=np.int64),
        events=events,
        decided=False,
    )
