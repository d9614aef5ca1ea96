"""The project's errors, as users import them.

They are defined in :mod:`compact_models.errors` so that every layer can raise them.
"""

from compact_models.errors import (
    CalibrationError,
    ConfigError,
    CosimError,
    DataError,
    DiskFull,
    IncompleteResult,
    InconsistentResult,
    Interrupted,
    ModelError,
    NetlistError,
    NetlistRejected,
    NotConverged,
    ParameterError,
    SimulationTimeout,
    SimulatorError,
    SimulatorKilled,
    SimulatorNotFound,
    best_matches,
)

__all__ = [
    "CalibrationError",
    "ConfigError",
    "CosimError",
    "DataError",
    "DiskFull",
    "IncompleteResult",
    "InconsistentResult",
    "Interrupted",
    "ModelError",
    "NetlistError",
    "NetlistRejected",
    "NotConverged",
    "ParameterError",
    "SimulationTimeout",
    "SimulatorError",
    "SimulatorKilled",
    "SimulatorNotFound",
    "best_matches",
]
