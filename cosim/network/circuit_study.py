"""Training with the circuit in the loop: the drift between the rungs, step by step.

A linear layer learns real digits with every product and every update solved by the array
rung: wires, heat, transistors, device physics. The very same pulses go to the calibrated
behavioural device and, for the first steps, to ngspice; after each step the conductances
of all cells are compared. A second behavioural layer learns alone, from its own errors.
The pulses are drawn from one seed, and cycle-to-cycle noise is off: what differs is the rung.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models import load_model
from compact_models.errors import SimulatorError
from cosim.behavioural.device import BehaviouralDevice
from cosim.network.circuit_report import LEARNERS, RUNGS, plot
from cosim.network.circuit_rungs import BehaviourRung, CircuitRung, Rung, fresh
from cosim.network.circuit_settings import CircuitConfig, task
from cosim.network.circuit_tile import CircuitLayer
from cosim.network.model import Network
from netlists import Array, Cell, Parasitics

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.float64]


def calibrated(array: Array, pulses: int) -> tuple[BehaviouralDevice, float]:
    """The behavioural device of one cell of the array, and the error of a predicted train."""
    from cosim.calibration import calibrate
    from cosim.experiments.pulse_update import PulseUpdate

    one = array.replace(rows=1, cols=1, parasitics=Parasitics(), parameters={})
    cell = fresh(one, 5e-5)
    data = PulseUpdate(cell, pulses=pulses, alternating=40, cycle_spread=False)
    fit = calibrate(data.run(simulator="native", seed=0, progress=False))
    return fit.device, fit.report.trajectory_error


def run_circuit_study(
    config: Mapping[str, Any] | None = None,
    output: Path | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    """Train on the array rung; follow with the others.

    Parameters
    ----------
    config : mapping, optional
        Fields of `CircuitConfig`.
    output : Path, optional
        Folder for ``circuit.nc`` and ``circuit.png``.

    Returns
    -------
    xarray.Dataset
        ``drift_rms``, ``drift_max`` (step, rung): difference of the conductances to the array
        rung, over the window; ``pulses``, ``loss`` (step); ``accuracy`` (evaluation, learner);
        ``conductance`` (rung, row, col) at the end [S].

    Raises
    ------
    ConfigError
        Unknown keys or wrong values.
    """
    c = CircuitConfig.read(config or {})
    data = task(c)
    shape = (c.side * c.side, len(c.classes))
    array = Array(
        Cell(load_model("cmo_hfox", c.parameters), load_model("nmos_3v3")),
        rows=shape[0], cols=shape[1], parasitics=Parasitics(r_row=c.wire, r_col=c.wire),
    )  # fmt: skip
    device, fit_error = calibrated(array, c.calibration_pulses)
    array = fresh(array, device.symmetry_point)
    native = CircuitRung(array, "native")
    start = native.conductances()

    def layer(rung: Rung) -> CircuitLayer:
        return CircuitLayer(
            rung, device, weight_range=c.weight_range, algorithm=c.algorithm, seed=c.seed
        )

    leader = layer(native)
    followers: dict[str, Rung] = {
        "behaviour": BehaviourRung(device, start, parasitics=array.parasitics)
    }
    if c.ngspice_steps:
        followers["ngspice"] = CircuitRung(array, "ngspice")
    alone = layer(BehaviourRung(device, start, parasitics=array.parasitics))
    same = layer(followers["behaviour"])
    net, free = Network([leader]), Network([alone])
    learners = dict(zip(LEARNERS, (net, Network([same]), free), strict=True))

    steps = -(-c.samples // c.batch)
    drift = np.full((2, steps, len(RUNGS)), np.nan)
    pulses, loss = np.zeros(steps, int), np.zeros(steps)
    failures: list[str] = []
    at = [0]
    accuracy = [[n.accuracy(data.test_x, data.test_labels) for n in learners.values()]]
    begun = time.perf_counter()
    for k in range(steps):
        part = slice(k * c.batch, (k + 1) * c.batch)
        loss[k] = net.learn(data.x[part], data.labels[part], c.rate)
        free.learn(data.x[part], data.labels[part], c.rate)
        pulses[k] = sum(int(s.cells.sum()) for s in leader.last)
        truth = native.conductances()
        for r, name in enumerate(RUNGS):
            if name not in followers or (name == "ngspice" and k >= c.ngspice_steps):
                continue
            try:
                followers[name].pulse(leader.last)
            except SimulatorError as error:
                # What went before stays; the steps after have no place to start from.
                failures.append(f"{name}, step {k + 1}: {error}")
                del followers[name]
                continue
            gap = (followers[name].conductances() - truth) / device.window
            drift[:, k, r] = np.sqrt(np.mean(gap**2)), np.abs(gap).max()
        if (k + 1) % c.evaluate_every == 0 or k + 1 == steps:
            at.append(k + 1)
            accuracy.append([n.accuracy(data.test_x, data.test_labels) for n in learners.values()])
        if progress:
            print(
                f"step {k + 1}/{steps}: loss {loss[k]:.3f}, {pulses[k]} pulses, behaviour off by "
                f"{100 * drift[0, k, 0]:.3f} % of the window (rms), "
                f"{time.perf_counter() - begun:.0f} s",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    dataset = _dataset(
        c, array, native, drift, pulses, loss, at, accuracy,
        {"array": truth, **{n: f.conductances() for n, f in followers.items()}}, fit_error,
    )  # fmt: skip
    dataset.attrs["warnings"] = "; ".join(failures)
    if output is not None:
        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        dataset.to_netcdf(folder / "circuit.nc", engine="h5netcdf")
        plot(dataset).savefig(folder / "circuit.png", dpi=130)
    return dataset


def _dataset(
    c: CircuitConfig,
    array: Array,
    native: CircuitRung,
    drift: FloatArray,
    pulses: NDArray[np.int_],
    loss: FloatArray,
    at: list[int],
    accuracy: list[list[float]],
    conductances: dict[str, FloatArray],
    fit_error: float,
) -> xarray.Dataset:
    import xarray as xr

    from cosim.dataset import package_version

    names = list(conductances)
    one = {"units": "1"}
    return xr.Dataset(
        {
            "drift_rms": (("step", "rung"), drift[0], one | {"long_name": "over the window"}),
            "drift_max": (("step", "rung"), drift[1], one | {"long_name": "over the window"}),
            "pulses": (("step",), pulses, one),
            "loss": (("step",), loss, one),
            "accuracy": (("evaluation", "learner"), np.array(accuracy), one),
            "conductance": (
                ("solved_by", "row", "col"), np.array([conductances[n] for n in names]),
                {"units": "S"},
            ),
        },
        coords={
            "step": ("step", np.arange(1, len(pulses) + 1), one),
            "rung": ("rung", list(RUNGS)),
            "learner": ("learner", list(LEARNERS)),
            "evaluation": ("evaluation", at, one),
            "solved_by": ("solved_by", names),
        },
        attrs={
            "experiment": "circuit_training",
            "version": package_version(),
            "seed": c.seed,
            "simulator": "native",
            "solver_seconds": native.seconds,
            "parameter_fingerprint": array.fingerprint,
            "citations": array.cell.reram.parameters.citation,
            "calibration_error": fit_error,
            "batch": c.batch,
            "algorithm": c.algorithm,
        },
    )  # fmt: skip
