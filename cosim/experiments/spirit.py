"""SPIRIT: train, program, classify, and check the layer against the circuit - one job.

``experiment = "spirit"`` in a study file, or :class:`Spirit` from Python. Every step is a
function of its own in :mod:`cosim.network.spiking`; here they are put in order, and their
results beside the published ones.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.content import code_fingerprint, content_hash
from cosim.errors import ConfigError, SimulatorNotFound, best_matches
from cosim.experiments import spirit_data
from cosim.experiments.job_parts import stamped
from cosim.experiments.resume import FinishedSteps
from cosim.network import datasets
from cosim.network.spiking import agreement, energy, faults, stability, studies
from cosim.network.spiking.hardware import EFFECTS, build_chip, default_parameters
from cosim.network.spiking.training import Training, train
from cosim.simulators.ngspice import NgspiceSimulator

if TYPE_CHECKING:
    import xarray as xr

    from cosim.config import StudyFile
    from cosim.pipeline import JobResult

SIDE = 12  # pixels of an image, Valentian2019
TEMPERATURES = (253.0, 273.0, 293.0, 313.0, 333.0, 353.0, 373.0)
# Images of the further studies: they compare settings on the same trains, so that what differs
# between them is known better than the 0.7 points of an accuracy over 2000 images.
FEWER = 2000


ALWAYS = ("inference", "losses", "lead", "energy", "formal")
FURTHER = ("codings", "faults", "temperature", "leakage", "stability", "writing")
STEPS = (*ALWAYS, *FURTHER, "circuit")


@dataclass(frozen=True, kw_only=True)
class Spirit:
    """Spiking inference on binary 1T1R synapses, from training to the circuit.

    Parameters
    ----------
    data : str
        ``"mnist"`` (needs the files), or ``"digits"`` of scikit-learn (8 x 8, for a quick look).
    folder : str
        Where the data are; empty: the environment variable COSIM_DATA, then the cache.
    images : int
        Test images; 10000 is all of MNIST.
    chips : int
        Chips drawn for the chip-like figures.
    lead : float
        Output spikes [1] the winner must be ahead.
    circuit_images : int
        Test images that ngspice repeats, all neurons of each.
    circuit_events : int
        Most input spikes of an image in ngspice.
    circuit_effects : bool
        Circuit with all effects of a chip instead of the ideal cells. Membranes then come
        arbitrarily near a threshold, and spikes at such margins may differ.
    circuit_all_cells : bool
        Every cell of every input in one netlist of all neurons, in place of one netlist a
        neuron in which parallel cells are one and silent inputs left out; far slower.
    further : bool
        Also the studies of coding, faults, temperature, leakage, writing and read stability.
    """

    data: str = "mnist"
    folder: str = ""
    images: int = 10000
    chips: int = 10
    lead: float = 10.0
    circuit_images: int = 2
    circuit_events: int = 2000
    circuit_effects: bool = False
    circuit_all_cells: bool = False
    further: bool = True

    def __post_init__(self) -> None:
        """Refuse sizes that leave nothing to show."""
        if self.data not in ("mnist", "digits"):
            raise ConfigError(
                thing="data set of spirit", value=self.data, limit="mnist, digits",
                next_step=best_matches(self.data, ("mnist", "digits")),
            )  # fmt: skip
        if not (
            self.images >= 1
            and self.chips >= 1
            and self.lead > 0
            and self.circuit_images >= 0
            and self.circuit_events >= 1
        ):
            raise ConfigError(
                thing="spirit needs at least one image, chip and event, and a positive lead",
                value=(self.images, self.chips, self.circuit_events, self.lead),
            )

    def run(
        self, *, folder: Path, study: StudyFile, fresh: bool = False, progress: bool = True
    ) -> JobResult:
        """Run as a job of ``cosim run``; pictures and page are written by the caller."""
        return _drawn(self.compute(seed=study.seed, folder=folder, fresh=fresh, progress=progress))

    def redraw(self, *, folder: Path) -> JobResult:
        """The page again from the data in `folder`, computing nothing.

        Raises
        ------
        DataError
            Steps are missing: run the study again to go on.
        """
        from cosim.dataset import load

        there = [n for n in STEPS if n in ALWAYS or (folder / f"{n}.nc").is_file()]
        return _drawn({name: load(folder / f"{name}.nc") for name in there})

    def compute(
        self,
        *,
        seed: int = 0,
        folder: Path | None = None,
        fresh: bool = False,
        progress: bool = False,
    ) -> dict[str, xr.Dataset]:
        """Run every step that `folder` does not hold yet, and return the data of all by name.

        Parameters
        ----------
        folder : Path, optional
            Every step is kept there when it is done, and of the long ones every chip and every
            neuron in ngspice, so that an interrupted run goes on where it stopped.
        fresh : bool
            Run every step again.
        """
        say = _speaker(progress)
        image_set = datasets.mnist(self.folder or None) if self.data == "mnist" else None
        if image_set is None:
            image_set = datasets.digits(seed=seed)
        side = SIDE if self.data == "mnist" else image_set.train_images.shape[1]
        test = datasets.shrink(image_set.test_images, side)[: self.images]
        labels = image_set.test_labels[: self.images]
        p = default_parameters()
        known = (image_set.train_images, image_set.train_labels, test, labels)
        steps = FinishedSteps(
            folder=folder,
            key=content_hash((code_fingerprint(), known, seed, self.lead)),
            fresh=fresh,
            progress=progress,
            label="spirit: ",
        )

        def get(name: str, make: Callable[[], xr.Dataset], depends: object = None) -> xr.Dataset:
            def whole() -> xr.Dataset:
                data = make()
                data.attrs["data"] = image_set.source
                return stamped(
                    data,
                    f"spirit {name}",
                    seed=seed,
                    fingerprint=p.fingerprint,
                    citations=p.citation,
                    simulator="behavioural spiking layer",
                )

            return steps.get(name, whole, depends)

        def task_with(weights: NDArray[np.int64]) -> studies.Task:
            return studies.Task(
                images=test, labels=labels, weights=weights, parameters=p, lead=self.lead, seed=seed
            )

        def inference() -> xr.Dataset:
            trained = train(
                datasets.shrink(image_set.train_images, side), image_set.train_labels,
                classes=image_set.classes, settings=Training(seed=seed),
            )  # fmt: skip
            task = task_with(trained.weights)
            layer = build_chip(trained.weights, p).layer()
            task.run(layer, lead=1)  # compiles, so that the time below is that of the work
            started = time.perf_counter()
            result = task.run(layer)
            return spirit_data.inference(task, result, time.perf_counter() - started, self.data)

        found = get("inference", inference)
        task = task_with(found.weights.values)
        result = spirit_data.classified(found)
        ideal = build_chip(task.weights, p)
        get(
            "losses",
            lambda: studies.losses(task, chips=self.chips, progress=say, keep=steps.part),
            self.chips,
        )
        get("lead", lambda: studies.against_lead(task))
        get("energy", lambda: energy.image_energy(ideal, test, result))
        get("formal", lambda: energy.against_formal(test, result.events))
        if self.further:
            self._further(get, task)
        count = min(self.circuit_images, len(test))
        if count:
            chip = build_chip(task.weights, p, effects=EFFECTS if self.circuit_effects else ())
            how = (
                self.circuit_events, self.circuit_effects, self.circuit_all_cells, _version(),
            )  # fmt: skip

            def played(k: int) -> agreement.Agreement:
                say(f"image {k} in ngspice ({k + 1} of {count})")
                return agreement.compare(
                    chip, test, k, lead=self.lead, seed=seed, limit=self.circuit_events,
                    lumped=not self.circuit_all_cells, together=self.circuit_all_cells,
                    keep=lambda name, make: steps.part(name, make, how),
                )  # fmt: skip

            get(
                "circuit",
                lambda: spirit_data.circuit(
                    [played(k) for k in range(count)], chip, exact=not self.circuit_effects
                ),
                (count, *how),
            )
        steps.close()
        return steps.done

    def _further(self, get: Callable[..., xr.Dataset], task: studies.Task) -> None:
        """Coding, faults, temperature, leakage, read stability and writing."""
        p = task.parameters
        small = replace(task, images=task.images[:FEWER], labels=task.labels[:FEWER])
        get("codings", lambda: studies.codings(small))
        get("faults", lambda: faults.fault_tolerance(small))
        get(
            "temperature",
            lambda: studies.temperature(
                small, TEMPERATURES, stability.at_temperature(p, TEMPERATURES)
            ),
        )
        get("leakage", lambda: studies.leakage(small))
        get("stability", lambda: stability.read_stability(p))
        get("writing", lambda: stability.write_cells(p), _version())


def _drawn(data: dict[str, xr.Dataset]) -> JobResult:
    from cosim.experiments.spirit_page import sections
    from cosim.pipeline import JobResult

    parts = sections(data)
    problems = tuple(p for s in parts for p in s.problems)
    return JobResult(sections=parts, datasets=data, problems=problems)


def _version() -> str:
    """Of ngspice, on which what it gave depends; empty where there is none."""
    try:
        return NgspiceSimulator().version
    except SimulatorNotFound:
        return ""


def _speaker(progress: bool) -> Callable[[str], None]:
    def say(text: str) -> None:
        if progress:
            print(f"  spirit: {text}", file=sys.stderr, flush=True)

    return say
