"""The main job: from pristine cells in a circuit to real digits, every step checked.

An array with device spread is formed, cycled and pulsed in ngspice. A behavioural device is fitted
to the pulses. A classifier of scikit-learn's handwritten digits then goes onto a 64 x 20 array of
such cells as differential pairs; some test images are read through the whole circuit, all of them
through the behavioural tile, and the two are compared where both were read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import ConfigError

if TYPE_CHECKING:
    import xarray as xr

    from cosim.config import StudyFile
    from cosim.outcome import JobResult
    from netlists import Cell


@dataclass(frozen=True, kw_only=True)
class Quickstart:
    """Form, cycle and pulse an array in ngspice, calibrate, and read real digits with it.

    Parameters
    ----------
    gate : float
        Word line during forming [V].
    cycles : int
        Quasi-static loops of every cell.
    cycle_reset : float
        Negative turning point of the loops [V]; published is only "below 1.5 V". Chosen so that
        the nominal cell has the published ratio.
    conditioning : int
        Pulses upward that bring the cells from where cycling left them into the pulsed window;
        they are not part of the calibration.
    pulses : int
        Pulses of a train, down and then up.
    alternating : int
        Pulses of changing direction after the trains, for the symmetry point.
    images : int
        Test images that are read through ngspice.
    wire_resistance : float
        Of one segment of the 64 x 20 array [ohm].
    """

    gate: float = 1.2
    cycles: int = 2
    cycle_reset: float = -1.3
    conditioning: int = 250
    pulses: int = 200
    alternating: int = 150
    images: int = 20
    wire_resistance: float = 0.35

    def __post_init__(self) -> None:
        """Refuse sizes that leave nothing to show."""
        if min(self.images, self.cycles, self.conditioning + 1) < 1 or (
            self.pulses < 20 or self.alternating < 40
        ):
            raise ConfigError(
                thing="quickstart is too small to measure anything",
                value=(self.images, self.cycles, self.pulses, self.alternating),
                limit="images and cycles >= 1, conditioning >= 0, pulses >= 20, alternating >= 40",
            )

    def _sequence(self) -> tuple[int, ...]:
        """Directions of all pulses."""
        trains = [1] * self.conditioning + [-1] * self.pulses + [1] * self.pulses
        return (*trains, *(-1 if k % 2 == 0 else 1 for k in range(self.alternating)))

    def run(
        self, *, folder: Path, study: StudyFile, fresh: bool = False, progress: bool = True
    ) -> JobResult:
        """Run every step that `folder` does not hold yet.

        Returns
        -------
        JobResult
            Sections of the page and datasets by name.
        """
        from cosim.build import build_array
        from cosim.experiments import Cycling, Forming, PulseUpdate
        from cosim.experiments.resume import FINISHED_CELLS, FinishedSteps, run_resumed
        from cosim.pipeline import carry_on, result_key

        array = build_array(study)
        seed, simulator = study.seed, study.engine
        steps = FinishedSteps(
            folder=folder, key=result_key(study, array, self), fresh=fresh, progress=progress
        )

        def run(experiment: Any, offset: int) -> Callable[[], xr.Dataset]:
            return lambda: run_resumed(
                experiment,
                folder / FINISHED_CELLS,
                simulator=simulator,
                seed=seed + offset,
                progress=progress,
                fresh=fresh,
            )

        formed = steps.get("forming", run(Forming(array, gate=self.gate), 0))
        array = carry_on(array, formed)
        cycled = steps.get(
            "cycling", run(Cycling(array, cycles=self.cycles, reset=self.cycle_reset), 1)
        )
        array = carry_on(array, cycled)
        pulsed = steps.get("pulse_update", run(PulseUpdate(array, sequence=self._sequence()), 2))
        return self._drawn(
            (formed, cycled, pulsed), study, folder, steps.get, cell=array.cell, progress=progress
        )

    def redraw(self, *, folder: Path) -> JobResult:
        """Return the page again from the data in `folder`, without a simulator.

        Raises
        ------
        DataError
            A dataset is missing: run the study again to go on.
        """
        from cosim.config import load_study
        from cosim.dataset import load
        from cosim.pipeline import STUDY_COPY

        def kept(name: str, _: Callable[[], xr.Dataset] | None = None) -> xr.Dataset:
            return load(folder / f"{name}.nc")

        done = [kept(name) for name in ("forming", "cycling", "pulse_update")]
        return self._drawn(done, load_study(folder / STUDY_COPY), folder, kept)

    def _drawn(
        self,
        done: Sequence[xr.Dataset],
        study: StudyFile,
        folder: Path,
        get: Callable[[str, Callable[[], xr.Dataset]], xr.Dataset],
        *,
        cell: Cell | None = None,
        progress: bool = False,
    ) -> JobResult:
        """The page of what was formed, cycled and pulsed, and of the digits on such cells."""
        from cosim.calibration import calibrate
        from cosim.digits_job import read_digits
        from cosim.outcome import JobResult
        from cosim.report import Plot, Section
        from cosim.sections import describe

        formed, cycled, pulsed = done
        updates = _after(pulsed, self.conditioning)
        fit = calibrate(updates)
        datasets = {"forming": formed, "cycling": cycled, "pulse_update": pulsed}

        def keep(name: str, make: Callable[[], xr.Dataset]) -> xr.Dataset:
            datasets[name] = get(name, make)
            return datasets[name]

        device, section = read_digits(
            fit.device,
            cell=cell,
            images=self.images,
            wire_resistance=self.wire_resistance,
            seed=study.seed,
            simulator=study.engine,
            get=keep,
            progress=progress,
        )
        device.save(folder / "device.json")
        notes = [(w,) for w in fit.report.warnings]
        calibration = Section(
            title="Calibrated device",
            text="Soft laws for steps up and down, fitted to all pulses of all devices; written "
            "to device.json.",
            figures=_fit_figures(fit.report),
            plots=(
                Plot(
                    name="device_steps",
                    caption="Mean step of the calibrated device over its window.",
                    figure=_draw_steps(device),
                ),
            ),
            tables={"what the fit has to say": (("note",), notes)} if notes else {},
        )
        sections = (*(describe(d) for d in (formed, cycled, updates)), calibration, section)
        return JobResult(
            sections=sections,
            datasets=datasets,
            problems=tuple(p for s in sections for p in s.problems),
        )


def _after(updates: xr.Dataset, pulses: int) -> xr.Dataset:
    """The pulses of a dataset after the first so many."""
    if pulses == 0:
        return updates
    later = updates.isel(pulse=slice(pulses, None)).copy()
    first = updates["conductance"].isel(pulse=pulses - 1)
    later["initial_conductance"] = updates["initial_conductance"].copy(data=first.values)
    return later


def _fit_figures(report: Any) -> tuple[Any, ...]:
    from cosim.published import Figure

    return (
        Figure(
            key="trajectory_error",
            name="largest error of a predicted train, median device",
            value=100 * report.trajectory_error,
            unit="%",
            note="of the window; each train predicted from its first point",
        ),
        Figure(
            key="step_residual",
            name="root mean square error of a single step",
            value=100 * report.step_residual,
            unit="%",
            note="of the window; holds the cycle-to-cycle noise of the data",
        ),
    )


def _draw_steps(device: Any) -> Any:
    import numpy as np

    from cosim import plot

    u = np.linspace(0.0, 1.0, 101)
    conductance = device.conductance(u)
    steps = {"up": device.up.step(u), "down": device.down.step(u)}
    return plot.step_curves(
        conductance, {n: s * device.window for n, s in steps.items()}, device.symmetry_point
    )
