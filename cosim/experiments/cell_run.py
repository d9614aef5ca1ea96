"""The frame of an experiment on cells: devices drawn, groups measured, a dataset made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.dataset import Variable
from cosim.experiments.base import cell_dataset, provenance, state_variables
from cosim.experiments.cells import Group, Outputs, assemble, cell_groups, measure_groups
from cosim.experiments.resume import FinishedCells
from cosim.simulators.base import Result, Simulator
from netlists.array import Array

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, kw_only=True, eq=False)
class CellRun:
    """What the cells of an array gave, and where it came from.

    Parameters
    ----------
    array : Array
        With the devices that were simulated.
    outputs : dict of str to ndarray
        Cells (rows, cols) last; NaN where a cell failed.
    status : ndarray of str, shape (rows, cols)
        "ok", or why the cell failed.
    attributes : mapping
        Provenance.
    """

    array: Array
    outputs: Outputs
    status: NDArray[np.str_]
    attributes: Mapping[str, Any]

    def dataset(
        self,
        variables: Mapping[str, Variable],
        *,
        coordinates: Mapping[str, Variable],
        attributes: Mapping[str, Any],
    ) -> xr.Dataset:
        """Dataset of these variables with final states, status and provenance."""
        return cell_dataset(
            {**variables, **dict(state_variables(self.array, self.outputs))},
            status=self.status,
            coordinates=coordinates,
            attributes={**self.attributes, **attributes},
            shape=self.array.shape,
        )


def run_cells(
    experiment: Any,
    array: Array,
    measure: Callable[[Group, bool], tuple[Outputs, Sequence[Result]]],
    *,
    simulator: Simulator,
    seed: int,
    progress: bool,
    cache: str | Path | None,
    label: str,
) -> CellRun:
    """Measure every cell of an array.

    Parameters
    ----------
    measure : callable
        Gets a group and whether it shows its own progress, which a group that is alone does.
    cache : str or Path, optional
        Folder of finished cells.

    Raises
    ------
    SimulatorError
        No cell could be simulated.
    """
    groups = cell_groups(array, simulator)
    alone = len(groups) == 1
    measured = measure_groups(
        groups,
        lambda group: measure(group, progress and alone),
        simulator=simulator,
        progress=progress and not alone,
        label=label,
        finished=FinishedCells.of(cache, experiment, simulator, seed),
    )
    outputs, status = assemble(array.shape, groups, measured)
    results = [result for m in measured for result in m.results]
    return CellRun(
        array=array,
        outputs=outputs,
        status=status,
        attributes=provenance(experiment, array, simulator, seed, results),
    )
