"""Experiments: what is done to an array, and what is measured."""

from cosim.experiments.base import with_spread
from cosim.experiments.cycling import Cycling
from cosim.experiments.forming import Forming
from cosim.experiments.pulse_update import PulseUpdate
from cosim.experiments.read import Read

__all__ = ["Cycling", "Forming", "PulseUpdate", "Read", "with_spread"]
