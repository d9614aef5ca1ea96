"""Which benchmarks there are, at which sizes, and what each needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from cosim.benchmarks.rows import Row


@dataclass(frozen=True, kw_only=True)
class Section:
    """One benchmark.

    Parameters
    ----------
    home, name : str
        Module and function: ``(size, full, threads)`` to rows.
    title : str
    sizes, full_sizes : tuple of int
        By default, and with ``--full``.
    """

    home: str
    name: str
    title: str
    sizes: tuple[int, ...]
    full_sizes: tuple[int, ...]

    @property
    def measure(self) -> Callable[[int, bool, int], Iterator[Row]]:
        """The benchmark."""
        found: Callable[[int, bool, int], Iterator[Row]] = getattr(
            import_module(f"cosim.benchmarks.{self.home}"), self.name
        )
        return found


_ALL = (64, 128, 256, 512, 1024)
SECTIONS = {
    s.name: s
    for s in (
        Section(
            home="crossbar", name="linear", sizes=_ALL, full_sizes=_ALL,
            title="linear crossbar with wires, one input, factoring included",
        ),
        Section(
            home="crossbar", name="batch", sizes=(256, 512), full_sizes=(256, 512, 1024),
            title="the same with 100 inputs",
        ),
        Section(
            home="crossbar", name="growth", sizes=(1024,), full_sizes=(1024,),
            title="cost of twice the size",
        ),
        Section(
            home="tiles", name="matrix", sizes=(64, 128), full_sizes=(64, 128, 256),
            title="effective conductances of a 1T1R tile, then images through a network of tiles",
        ),
        Section(
            home="arrays", name="read", sizes=(16, 64, 128, 256, 1024),
            full_sizes=(16, 64, 128, 256, 512, 1024),
            title="operating point of a nonlinear 1T1R array with wires",
        ),
        Section(
            home="arrays", name="pulse", sizes=(8, 64), full_sizes=(8, 64, 128),
            title="one 100 ns parallel-update pulse with self-heating and vacancy motion",
        ),
        Section(
            home="others", name="osdi", sizes=(16,), full_sizes=(16, 32, 64),
            title="compiled Verilog-A against B-sources in one ngspice",
        ),
        Section(
            home="others", name="training", sizes=(1, 10), full_sizes=(1, 10),
            title="training, images a batch, 784-256-128-10",
        ),
        Section(
            home="others", name="inference", sizes=(1, 100), full_sizes=(1, 100),
            title="inference, images a batch, 784-256-128-10",
        ),
    )
}  # fmt: skip


def absent() -> dict[str, str]:
    """Peers that are not on this machine, and how to get them."""
    from importlib.util import find_spec

    from cosim.benchmarks import engines
    from cosim.simulators.native.peers import PEERS

    missing = {p.name: p.get for p in PEERS if not p.installed}
    if engines.plain() is None:
        missing["ngspice"] = engines.GET_PLAIN
    if engines.compiled() is None:
        missing["ngspice with compiled devices"] = engines.GET_COMPILED
    if find_spec("aihwkit") is None:
        missing["aihwkit"] = "pip install 'reram-cosim[aihwkit]'"
    return missing
