"""SPIRIT: train, program, classify, and check the layer against the circuit - one job.

``experiment = "spirit"`` in a study file, or :func:`run_study` from Python. Every step is a
function of its own in :mod:`cosim.network.spiking`; here they are put in order, and their
results beside the published ones.
"""

from __future__ import annotations

import importlib.metadata
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import ConfigError, best_matches
from cosim.network import datasets
from cosim.network.spiking import agreement, energy, faults, stability, studies
from cosim.network.spiking.hardware import EFFECTS, Chip, build_chip, default_parameters
from cosim.network.spiking.layer import Classified
from cosim.network.spiking.training import Training, train

if TYPE_CHECKING:
    import xarray as xr

    from cosim.config import StudyFile
    from cosim.pipeline import JobResult

SIDE = 12  # pixels of an image, Valentian2019
TEMPERATURES = (253.0, 273.0, 293.0, 313.0, 333.0, 353.0, 373.0)
# Images of the further studies: they compare settings on the same trains, so that what differs
# between them is known better than the 0.7 points of an accuracy over 2000 images.
FEWER = 2000
_ONE = {"units": "1"}


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
        from cosim.experiments.spirit_page import sections
        from cosim.pipeline import JobResult

        found = self.compute(seed=study.seed, progress=progress)
        for name, data in found.data.items():
            _save(data, folder / f"{name}.nc")
        parts = sections(found)
        problems = tuple(p for s in parts for p in s.problems)
        return JobResult(sections=parts, datasets=found.data, problems=problems)

    def compute(self, *, seed: int = 0, progress: bool = False) -> Found:
        """Run every step and return all data."""
        say = _speaker(progress)
        image_set = datasets.mnist(self.folder or None) if self.data == "mnist" else None
        if image_set is None:
            image_set = datasets.digits(seed=seed)
        side = SIDE if self.data == "mnist" else image_set.train_images.shape[1]
        test = datasets.shrink(image_set.test_images, side)[: self.images]
        labels = image_set.test_labels[: self.images]
        say("training")
        trained = train(
            datasets.shrink(image_set.train_images, side), image_set.train_labels,
            classes=image_set.classes, settings=Training(seed=seed),
        )  # fmt: skip
        p = default_parameters()
        task = studies.Task(
            images=test, labels=labels, weights=trained.weights, parameters=p, lead=self.lead,
            seed=seed,
        )  # fmt: skip
        ideal = build_chip(trained.weights, p)
        task.run(ideal.layer(), lead=1)  # compiles, so that the time below is that of the work
        say(f"classifying {len(test)} images")
        started = time.perf_counter()
        result = task.run(ideal.layer())
        seconds = time.perf_counter() - started
        data: dict[str, xr.Dataset] = {"inference": _inference(task, result, seconds)}
        say("losses")
        data["losses"] = studies.losses(task, chips=self.chips, progress=say)
        say("lead")
        data["lead"] = studies.against_lead(task)
        data["energy"] = energy.image_energy(ideal, test, result)
        data["formal"] = energy.against_formal(test, result.events)
        if self.further:
            small = replace(task, images=test[:FEWER], labels=labels[:FEWER])
            say("coding")
            data["codings"] = studies.codings(small)
            say("stuck cells")
            data["faults"] = faults.fault_tolerance(small)
            say("temperature")
            conductance = stability.at_temperature(p, TEMPERATURES)
            data["temperature"] = studies.temperature(small, TEMPERATURES, conductance)
            say("leakage")
            data["leakage"] = studies.leakage(small)
            say("read stability")
            data["stability"] = stability.read_stability(p)
            say("SET and RESET in ngspice")
            data["writing"] = stability.write_cells(p)
        runs: list[agreement.Agreement] = []
        chip = build_chip(trained.weights, p, effects=EFFECTS) if self.circuit_effects else ideal
        for k in range(min(self.circuit_images, len(test))):
            say(f"image {k} in ngspice ({k + 1} of {self.circuit_images})")
            runs.append(
                agreement.compare(
                    chip,
                    test,
                    k,
                    lead=self.lead,
                    seed=seed,
                    limit=self.circuit_events,
                    lumped=not self.circuit_all_cells,
                    together=self.circuit_all_cells,
                )
            )
        if runs:
            data["circuit"] = _circuit(runs, chip)
        for name, item in data.items():
            _stamp(item, name, seed, p.fingerprint, image_set.source)
        return Found(settings=self, data=data, runs=tuple(runs), chip=chip, seconds=seconds)


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """Everything a run of :class:`Spirit` found.

    Parameters
    ----------
    settings : Spirit
    data : dict of str to xarray.Dataset
    runs : tuple of Agreement
    chip : Chip
        The one that was in the circuit.
    seconds : float
        Time of the classification of all images.
    """

    settings: Spirit
    data: dict[str, xr.Dataset]
    runs: tuple[agreement.Agreement, ...]
    chip: Chip
    seconds: float


def run_study(config: Mapping[str, Any], output: Path, progress: bool = True) -> xr.Dataset:
    """Run SPIRIT from plain settings; data and pictures go to `output`.

    Parameters
    ----------
    config : mapping
        Fields of :class:`Spirit`, and ``seed``; other keys are refused.
    output : Path
        Folder; made when it is not there.
    progress : bool

    Returns
    -------
    xarray.Dataset
        The classification of the ideal chip, with all main figures as attributes.

    Raises
    ------
    ConfigError, DataError, SimulatorError
    """
    from cosim.experiments.spirit_page import sections

    known = {f.name for f in fields(Spirit)}
    given = {k: v for k, v in config.items() if k not in ("experiment", "seed", "title")}
    for name in given:
        if name not in known:
            raise ConfigError(
                thing="unknown setting of spirit", value=name, next_step=best_matches(name, known)
            )
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    found = Spirit(**given).compute(seed=int(config.get("seed", 0)), progress=progress)
    for name, data in found.data.items():
        _save(data, folder / f"{name}.nc")
    main = found.data["inference"].copy()
    for section in sections(found):
        for picture in section.plots:
            picture.figure.savefig(folder / picture.file, dpi=130)
        main.attrs |= {f.key: f.value for f in section.figures}
        main.attrs["problems"] = [*main.attrs.get("problems", []), *section.problems]
    main.attrs["problems"] = "; ".join(main.attrs["problems"])
    return main


def _speaker(progress: bool) -> Callable[[str], None]:
    def say(text: str) -> None:
        if progress:
            print(f"  spirit: {text}", file=sys.stderr, flush=True)

    return say


def _inference(task: studies.Task, result: Classified, seconds: float) -> xr.Dataset:
    import xarray as xr

    count = {
        "choice": result.choice, "label": task.labels, "events": result.events,
        "output_spikes": result.output_spikes, "decided": result.decided.astype(np.int8),
    }  # fmt: skip
    made = xr.Dataset({n: ("image", v, _ONE) for n, v in count.items()})
    made["duration"] = ("image", result.duration, {"units": "s"})
    made["weights"] = (("neuron", "input"), task.weights, _ONE)
    made.attrs |= {
        "accuracy": result.accuracy(task.labels),
        "mean_events": float(result.events.mean()),
        "seconds": seconds,
        "lead": task.lead,
    }
    return made


def _circuit(runs: list[agreement.Agreement], chip: Chip) -> xr.Dataset:
    import xarray as xr

    parts = list(energy.PARTS)
    per_event = [[r.energy[n] / (r.events * len(chip.weights)) for n in parts] for r in runs]
    made = xr.Dataset(
        {
            "same_counts": ("image", [int(r.same_counts) for r in runs], _ONE),
            "same_order": ("image", [int(r.same_order) for r in runs], _ONE),
            "time_error": ("image", [r.time_error for r in runs], {"units": "s"}),
            "events": ("image", [r.events for r in runs], _ONE),
            "spikes_circuit": ("image", [len(r.circuit.times) for r in runs], _ONE),
            "spikes_layer": ("image", [len(r.layer.times) for r in runs], _ONE),
            "per_event": (("image", "part"), per_event, {"units": "J"}),
        },
        coords={"image": ("image", [r.image for r in runs], _ONE), "part": parts},
    )
    made.attrs["simulator"] = "ngspice"
    made.attrs["wall_time"] = sum(r.wall_time for r in runs)
    return made


def _stamp(data: xr.Dataset, name: str, seed: int, fingerprint: str, source: str) -> None:
    """Give a dataset the attributes and units that every saved result has."""
    for variable in data.variables.values():
        bare = not variable.attrs.get("units") and variable.dtype.kind not in "OUST"
        if bare or variable.attrs.get("units") == "dimensionless":
            variable.attrs["units"] = "1"
    standard = {
        "experiment": f"spirit {name}",
        "version": importlib.metadata.version("reram-cosim"),
        "parameter_fingerprint": fingerprint,
        "seed": seed,
        "simulator": "behavioural spiking layer",
        "netlist_sha256": "",
        "citations": default_parameters().citation,
        "data": source,
    }
    data.attrs = standard | data.attrs


def _save(data: xr.Dataset, path: Path) -> None:
    from cosim.dataset import save

    save(data, path)
