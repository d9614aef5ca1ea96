"""Compiled devices against B-sources in one ngspice; networks beside aihwkit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from cosim.benchmarks import engines
from cosim.benchmarks.arrays import array_1t1r
from cosim.benchmarks.rows import NATIVE, Goal, Row

OSDI_GOALS = {32: 8.0, 64: 15.0}


def osdi(size: int, full: bool, threads: int) -> Iterator[Row]:
    """A 100 ns pulse and a read with compiled Verilog-A and with B-sources, same ngspice."""
    from cosim.simulators.osdi_bench import compare_devices

    simulator = engines.compiled()
    if simulator is None:
        return
    found = compare_devices(
        array_1t1r(size), analysis="pulse", simulator=replace(simulator, deadline=3000.0)
    )
    goals: tuple[Goal, ...] = ()
    if size in OSDI_GOALS:
        least = OSDI_GOALS[size]
        goals = (
            Goal(
                what="B-sources over compiled devices, processor time",
                wanted=f">= {least:g} x",
                measured=f"{found.speed_up:.3g} x",
                reached=found.speed_up >= least,
            ),
        )
    for form, name in (("osdi", "compiled"), ("subcircuit", "B-sources")):
        yield Row(
            work="osdi", size=size, solver=f"ngspice {name}", seconds=found.seconds[form],
            ratio=found.seconds[form] / found.seconds["osdi"],
            accuracy=found.state_difference if form == "subcircuit" else math.nan,
            goals=goals if form == "osdi" else (),
            note=f"ngspice {found.version}, pulse, {found.points[form]} points, processor time"
            + ("; accuracy: states" if form == "subcircuit" else ""),
        )  # fmt: skip


def _network_rows(work: str, found: Iterator[object]) -> Iterator[Row]:
    from cosim.network.speed import SpeedRow

    for one in found:
        assert isinstance(one, SpeedRow)
        goals: tuple[Goal, ...] = ()
        if one.goal is not None:
            goals = (
                Goal(
                    what=f"{one.name}, batch {one.batch}, over aihwkit",
                    wanted=f">= {one.goal:g} x",
                    measured="no peer here" if one.ratio is None else f"{one.ratio:.3g} x",
                    reached=one.met,
                ),
            )
        plain = f"{one.name}: {one.ours:.4g} images/s"
        yield Row(
            work=work, size=one.batch, solver=NATIVE, seconds=1.0 / one.ours, cpu=1.0 / one.ours,
            accuracy=math.nan if one.accuracy is None else 1.0 - one.accuracy, goals=goals,
            note=f"{plain}, {one.note}; time: one image; accuracy: share of wrong answers",
        )  # fmt: skip
        if one.peer is not None and one.ratio is not None:
            yield Row(
                work=work, size=one.batch, solver="aihwkit", seconds=1.0 / one.peer,
                cpu=1.0 / one.peer, ratio=one.ratio,
                accuracy=math.nan if one.peer_accuracy is None else 1.0 - one.peer_accuracy,
                note=f"{one.name}: {one.peer:.4g} images/s",
            )  # fmt: skip


def training(size: int, full: bool, threads: int) -> Iterator[Row]:
    """Images a second in training, `size` at a time."""
    from cosim.network.speed import training_rows

    images = 3000 if full else 600
    yield from _network_rows("training", training_rows(images=images, batches=(size,)))


def inference(size: int, full: bool, threads: int) -> Iterator[Row]:
    """Images a second in inference with and without IR drop, `size` at a time."""
    from cosim.network.speed import inference_rows

    images = 2000 if full else 1000
    yield from _network_rows("inference", inference_rows(images=images, batches=(size,)))
