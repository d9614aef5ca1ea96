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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from compact_models import load_model
from compact_models.errors import ConfigError, SimulatorError, best_matches
from cosim.behavioural.device import BehaviouralDevice
from cosim.network.circuit_rungs import BehaviourRung, CircuitRung, Rung, fresh
from cosim.network.circuit_tile import CircuitLayer
from cosim.network.crossbar import Matrix
from cosim.network.model import Labels, Network
from netlists import Array, Cell, Parasitics

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.float64]
RUNGS = ("behaviour", "ngspice")
LEARNERS = ("array", "behaviour, same pulses", "behaviour alone")


class CircuitConfig(BaseModel):
    """A circuit-in-the-loop study; unknown keys are errors. SI units.

    ``side`` 4 averages the digits of 8 x 8 pixels over 2 x 2; 8 keeps them. ``wire`` is the
    resistance of a line segment [Ohm].
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: Literal[2, 4, 8] = 4
    classes: tuple[int, ...] = tuple(range(10))
    algorithm: Literal["mixed", "sgd"] = "mixed"
    samples: int = Field(default=600, ge=1)
    batch: int = Field(default=10, ge=1)
    rate: float = Field(default=0.2, gt=0)
    weight_range: float = Field(default=8.0, gt=0)
    wire: float = Field(default=0.35, ge=0)
    parameters: str = "cmo_hfox"
    ngspice_steps: int = Field(default=0, ge=0)
    evaluate_every: int = Field(default=10, ge=1)
    test_samples: int = Field(default=100, ge=1)
    calibration_pulses: int = Field(default=150, ge=20)
    seed: int = Field(default=0, ge=0)

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> CircuitConfig:
        """Check a table from a study file."""
        try:
            return cls.model_validate(dict(config))
        except ValidationError as error:
            first = error.errors()[0]
            extra = first["type"] == "extra_forbidden"
            raise ConfigError(
                thing=f"circuit study, {'.'.join(str(p) for p in first['loc'])}",
                value=first.get("input"),
                limit=first["msg"],
                next_step=best_matches(str(first["loc"][-1]), cls.model_fields) if extra else "",
            ) from error


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """Digits as inputs in [0, 1] and labels from 0."""

    x: Matrix
    labels: Labels
    test_x: Matrix
    test_labels: Labels


def task(config: CircuitConfig) -> Task:
    """The chosen digits, averaged to the chosen size."""
    from cosim.network.datasets import digits

    found = digits(seed=config.seed)
    fold = 8 // config.side

    def part(images: Any, labels: Any, count: int) -> tuple[Matrix, Labels]:
        chosen = np.isin(labels, config.classes)
        blocks = images[chosen].reshape(-1, config.side, fold, config.side, fold)
        x = blocks.mean(axis=(2, 4)).reshape(len(blocks), -1) / 255.0
        return x[:count].astype(np.float32), np.searchsorted(
            np.sort(config.classes), labels[chosen][:count]
        )

    x, labels = part(found.train_images, found.train_labels, config.samples)
    test_x, test_labels = part(found.test_images, found.test_labels, config.test_samples)
    return Task(x=x, labels=labels, test_x=test_x, test_labels=test_labels)


def calibrated(array: Array, pulses: int) -> tuple[BehaviouralDevice, float]:
    """The behavioural device of one cell of the array, and the error of a predicted train."""
    from cosim.calibrate import calibrate
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


def table(dataset: xarray.Dataset) -> str:
    """Drift at the steps of the evaluations and the first ones, accuracies beside it."""
    evaluated = {int(k): n for n, k in enumerate(dataset["evaluation"].values)}
    spiced = int(np.isfinite(dataset["drift_rms"].sel(rung="ngspice")).sum())
    steps = [k for k in dataset["step"].values if k in evaluated or k <= max(spiced, 1)]
    lines = [
        "drift to the array rung, % of the window, and accuracy on unseen digits, %",
        f"{'step':>5}{'pulses':>8}{'behaviour rms':>15}{'max':>8}{'ngspice rms':>13}{'max':>8}"
        + "".join(f"{name:>24}" for name in LEARNERS),
    ]

    def show(value: float, width: int, digits: int = 3) -> str:
        return f"{100 * value:{width}.{digits}f}" if np.isfinite(value) else "-".rjust(width)

    for k in steps:
        rms, most = dataset["drift_rms"].sel(step=k), dataset["drift_max"].sel(step=k)
        total = int(dataset["pulses"].sel(step=slice(1, k)).sum())
        line = f"{k:5d}{total:8d}"
        for rung, width in zip(RUNGS, (15, 13), strict=True):
            line += show(float(rms.sel(rung=rung)), width, 4)
            line += show(float(most.sel(rung=rung)), 8)
        if int(k) in evaluated:
            found = dataset["accuracy"].values[evaluated[int(k)]]
            line += "".join(show(a, 24, 1) for a in found)
        lines.append(line)
    return "\n".join(lines)


def plot(dataset: xarray.Dataset) -> Any:
    """Drift and accuracy against the step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for rung, mark in zip(RUNGS, ("-", "o"), strict=True):
        for name, style in (("drift_rms", 1.0), ("drift_max", 0.4)):
            values = 100 * dataset[name].sel(rung=rung).values
            if np.isfinite(values).any():
                label = f"{rung}, {'rms' if name == 'drift_rms' else 'largest cell'}"
                colour = {"behaviour": "tab:orange", "ngspice": "tab:green"}[rung]
                left.semilogy(
                    dataset["step"], values, mark, color=colour, alpha=style, markersize=4,
                    label=label,
                )  # fmt: skip
    left.set_xlabel(f"step of {dataset.attrs['batch']} digits")
    left.set_ylabel("difference to the array rung [% of window]")
    left.legend(frameon=False, fontsize=8)
    for n, name in enumerate(LEARNERS):
        right.plot(
            dataset["evaluation"], 100 * dataset["accuracy"].values[:, n],
            ("-", "--", ":")[n], marker="os^"[n], markersize=3.5, label=name,
        )  # fmt: skip
    right.set_xlabel(f"step of {dataset.attrs['batch']} digits")
    right.set_ylabel("unseen digits right [%]")
    right.legend(frameon=False, fontsize=8)
    return figure
