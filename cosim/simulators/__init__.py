"""Simulators: programs and solvers that turn a testbench into a checked result."""

from cosim.simulators.base import Result, RunProvenance, Simulator, get_simulator

__all__ = ["Result", "RunProvenance", "Simulator", "get_simulator"]
