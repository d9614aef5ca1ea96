"""Benchmarks of the solvers beside their peers, in one run: size, time, accuracy, memory, goal.

Times are medians of calls that solvers make in turns; the first call, which may compile, is timed
apart.  A peer runs where it is installed, and is named with how to get it where it is not.
"""

from __future__ import annotations

from cosim.benchmarks.rows import Goal, Row
from cosim.benchmarks.run import run_benchmarks
from cosim.benchmarks.sections import SECTIONS

__all__ = ["SECTIONS", "Goal", "Row", "run_benchmarks"]
