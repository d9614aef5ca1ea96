"""Electro-thermal finite elements: what field and heat do inside the device.

Needs the extra ``electrothermal`` (scikit-fem). :func:`make_device` builds the
axisymmetric device, :func:`sweep` solves it, and the :class:`Factors` it gives
are the counterparts of R_th, L and C_th of the compact model.
"""

from compact_models.electrothermal.device import (
    Device,
    HoppingLaw,
    electrothermal_parameters,
    hopping_law,
)
from compact_models.electrothermal.problem import Problem, Solution
from compact_models.electrothermal.regions import REGION_UNITS, REGIONS, Region, drift_rate, regions
from compact_models.electrothermal.solver import solve
from compact_models.electrothermal.study import (
    HRS,
    LRS,
    RANGES,
    SYMMETRY,
    UNITS,
    Factors,
    calibrate_conductivity,
    discretisation_error,
    factors,
    make_device,
    maps,
    mesh_convergence,
    sensitivity,
    sweep,
)
from compact_models.electrothermal.transient import settling_time

__all__ = [
    "HRS",
    "LRS",
    "RANGES",
    "REGIONS",
    "REGION_UNITS",
    "SYMMETRY",
    "UNITS",
    "Device",
    "Factors",
    "HoppingLaw",
    "Problem",
    "Region",
    "Solution",
    "calibrate_conductivity",
    "discretisation_error",
    "drift_rate",
    "electrothermal_parameters",
    "factors",
    "hopping_law",
    "make_device",
    "maps",
    "mesh_convergence",
    "regions",
    "sensitivity",
    "settling_time",
    "solve",
    "sweep",
]
