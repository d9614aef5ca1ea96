"""One memory cell: a two-terminal device and, usually, an access transistor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from compact_models.errors import NetlistError
from compact_models.foreign_model import ForeignModel
from compact_models.model import CompactModel

SELECTOR_TERMINALS = ("drain", "gate", "source", "bulk")


@runtime_checkable
class ForeignTransistor(Protocol):
    """A transistor that comes as somebody else's subcircuit, such as a foundry card.

    Attributes
    ----------
    name : str
    subcircuit : str
        Name in the library.
    library : tuple of str
        ``.include`` and ``.lib`` lines.
    parameters : mapping of str to float
        Written on every instance, SI.
    terminals : tuple of str
        drain, gate, source, bulk: no other order is written.
    definition : str
        ``.subckt`` text around a model that is none, or empty.
    modules : mapping of str to str
        Compiled file (without ending) -> Verilog-A text that its models are written in.
    fingerprint : str
    """

    @property
    def name(self) -> str: ...
    @property
    def subcircuit(self) -> str: ...
    @property
    def library(self) -> tuple[str, ...]: ...
    @property
    def parameters(self) -> Mapping[str, float]: ...
    @property
    def terminals(self) -> tuple[str, ...]: ...
    @property
    def definition(self) -> str: ...
    @property
    def modules(self) -> Mapping[str, str]: ...
    @property
    def fingerprint(self) -> str: ...


Selector = CompactModel | ForeignTransistor


@dataclass(frozen=True, eq=False)
class Cell:
    """A memory device between bit line and source line.

    Wiring: device top -> bit line, device bottom -> node ``mid_i_j`` -> transistor drain;
    source -> source line, gate -> word line, bulk -> ground. Without a selector the bottom
    goes to the source line.

    Parameters
    ----------
    reram : CompactModel, ForeignModel or str
        Two terminals; current is positive from the first to the second. A str is a Verilog-A
        file of one's own, whose device runs in an ngspice that loads compiled models.
    selector : CompactModel, ForeignTransistor or str, optional
        Terminals drain, gate, source, bulk; a str names a foundry card.

    Raises
    ------
    NetlistError
        The terminals are not these.
    """

    reram: Any  # CompactModel, or a ForeignModel, which most of the code never meets
    selector: Selector | None = None

    def __post_init__(self) -> None:
        if isinstance(self.reram, str | Path):
            object.__setattr__(self, "reram", _from_file(self.reram))
        if isinstance(self.selector, str):
            from compact_models.foundry import load_transistor

            object.__setattr__(self, "selector", load_transistor(self.selector))
        if len(self.reram.terminals) != 2:
            raise NetlistError(
                thing=f"{self.reram.name} cannot be the memory device of a cell",
                value=self.reram.terminals,
                limit="two terminals",
                next_step="Name the ports of a .va file that may stay open: reram_monitors in a "
                "study, monitors=(...) in load_veriloga",
            )
        if self.selector is not None and self.selector.terminals != SELECTOR_TERMINALS:
            raise NetlistError(
                thing=f"{self.selector.name} cannot be the selector of a cell",
                value=self.selector.terminals,
                limit=", ".join(SELECTOR_TERMINALS),
                next_step="Take nmos_3v3, a foundry card, or None",
            )


def _from_file(path: str | Path) -> ForeignModel:
    if Path(path).suffix not in (".va", ".vams"):
        raise NetlistError(
            thing="the memory device of a cell is a model, or a Verilog-A file",
            value=str(path),
            limit="a file that ends in .va",
            next_step="Load compact models with load_model first",
        )
    from compact_models.foreign_va import load_veriloga

    return load_veriloga(path)
