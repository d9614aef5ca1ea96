"""CMO/HfOx ReRAM of this project; its equations stand in
:mod:`compact_models.cmo_hfox_equations`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.cmo_hfox_equations import DENSITY_SCALE, TERMINALS, definitions
from compact_models.errors import ModelError, ParameterError
from compact_models.inputs import finite
from compact_models.model import Branch, CompactModel, State, p, v
from compact_models.parameters import ParameterSet


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CmoHfox(CompactModel):
    """CMO/HfOx ReRAM with physical shortcuts for the formed device.

    Every method gives self-heated steady values at ``phi = 1`` and broadcasts.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        own = self.parameters
        if own["R_s"] + own["R_line"] <= 0:
            raise ParameterError(
                thing=f"{self.name}: R_s and R_line are all that is in series with a formed dome",
                value=own["R_s"] + own["R_line"],
                limit="a sum above 0 Ohm",
            )

    def current(self, *, voltage: ArrayLike, vacancies: ArrayLike) -> NDArray[np.float64]:
        """Return the current from top to bottom [A].

        Parameters
        ----------
        voltage : array_like
            V(top) - V(bottom) [V].
        vacancies : array_like
            Mean vacancy density of the dome [1/m^3].

        Raises
        ------
        ModelError
            If a density is negative or above C_max, a number is not finite, shapes do not fit
            together, or nothing settles at that bias.
        """
        return self._steady(voltage, vacancies).current("top")

    def temperature(self, *, voltage: ArrayLike, vacancies: ArrayLike) -> NDArray[np.float64]:
        """Return the temperature of the dome [K]; arguments as in :meth:`current`."""
        return np.asarray(self.parameters["T_0"] + self._steady(voltage, vacancies).state("dT"))

    def rate(self, *, voltage: ArrayLike, vacancies: ArrayLike) -> NDArray[np.float64]:
        """Return dC/dt [1/(m^3 s)]; arguments as in :meth:`current`."""
        return np.asarray(DENSITY_SCALE * self._steady(voltage, vacancies).rate("c"))

    def conductance(
        self, *, vacancies: ArrayLike, read_voltage: float = 0.2
    ) -> NDArray[np.float64]:
        """Return I / V [S] at the read voltage."""
        voltage = finite(read_voltage, f"{self.name}: read voltage [V]")
        if not voltage.all():
            raise ModelError(
                thing=f"{self.name} cannot be read at this voltage [V]",
                value=read_voltage,
                limit="not 0",
            )
        return self.current(voltage=voltage, vacancies=vacancies) / voltage

    def vacancies_at(self, *, conductance: ArrayLike, voltage: float = 0.2) -> NDArray[np.float64]:
        """Return the density [1/m^3] that reads as `conductance` [S].

        Where several do, because the conductance falls again beyond a maximum (92.5 to 93.8 uS
        of the published device at 0.2 V), the lowest of them.

        Raises
        ------
        ParameterError
            If a conductance is outside what densities of 1e23 to 1e26 give.
        ModelError
            If it is not finite.
        """
        from scipy.optimize.elementwise import find_root

        target = finite(conductance, f"{self.name}: conductance [S]")
        if not target.size:
            return target
        low, high = self.conductance(
            vacancies=np.array([1e23, 1e26]), read_voltage=voltage
        ).tolist()
        if target.min() < low or target.max() > high:
            raise ParameterError(
                thing="no vacancy density reads as that conductance [S]",
                value=(float(target.min()), float(target.max())),
                limit=f"{low:.4g} to {high:.4g} S at {voltage:g} V",
                next_step="Choose targets inside the window of the device",
            )

        def miss(log_density: Any, wanted: Any) -> Any:
            got = self.conductance(vacancies=np.exp(log_density), read_voltage=voltage)
            return got / wanted - 1.0

        grid = np.linspace(np.log(1e23), np.log(1e26), 801)
        known = self.conductance(vacancies=np.exp(grid), read_voltage=voltage)
        top = int(np.argmax(np.append(np.diff(known) < 0.0, True)))
        # Up to the first maximum where that reads as much; beyond it there is one root again.
        end = np.where(target <= known[top], grid[top], grid[-1])
        bracket = (np.full(target.shape, grid[0]), end)
        search: Any = find_root
        found = search(miss, bracket, args=(target,))
        return np.asarray(np.exp(found.x))

    def _steady(self, voltage: ArrayLike, vacancies: ArrayLike):  # type: ignore[no-untyped-def]
        from compact_models.steady import solve_steady

        bias = finite(voltage, f"{self.name}: voltage [V]")
        density = finite(vacancies, f"{self.name}: vacancy density [1/m^3]")
        highest = self.parameters["C_max"]
        wrong = density[(density < 0) | (density > highest)]
        if wrong.size:
            raise ModelError(
                thing=f"{self.name} has no such vacancy density [1/m^3]",
                value=float(wrong[0]),
                limit=f"0 to C_max = {highest:g}",
            )
        return solve_steady(
            self,
            voltages={"top": bias, "bottom": 0.0},
            held={"c": density / DENSITY_SCALE, "phi": 1.0},
        )


def build(parameters: ParameterSet | None = None) -> CmoHfox:
    """Build the model on `parameters`, by default the published 130 nm device."""
    chosen = parameters or ParameterSet.load("cmo_hfox")
    return CmoHfox(
        name="cmo_hfox",
        description="CMO/HfOx filamentary ReRAM: forming, vacancy drift, self-heating",
        terminals=TERMINALS,
        internal_nodes=("m",),
        definitions=definitions(),
        branches=(
            Branch(name="series", positive="top", negative="m", current=p("I")),
            Branch(name="dome", positive="m", negative="bottom", current=p("I_dome")),
            Branch(
                name="oxide", positive="top", negative="m", charge=p("C_ox") * (v("top") - v("m"))
            ),
            Branch(
                name="oxide_dome",
                positive="m",
                negative="bottom",
                charge=p("C_dome") * (v("m") - v("bottom")),
            ),
        ),
        states=(
            State(
                name="c",
                rate=p("rate_c"),
                initial="c_0",
                lower=0.0,
                upper=chosen["C_max"] / DENSITY_SCALE,
                scale=DENSITY_SCALE,
                unit="1/m**3",
                description="mean vacancy density of the dome",
            ),
            State(
                name="phi",
                rate=p("rate_phi"),
                initial="phi_0",
                lower=0.0,
                upper=1.0,
                runaway=True,
                description="formed fraction of the HfOx gap",
            ),
            State(
                name="dT",
                rate=p("rate_dT"),
                initial="dT_0",
                lower=0.0,
                upper=1e5,
                unit="K",
                held=False,
                time_constant="tau_th",
                description="temperature rise of the dome",
            ),
        ),
        parameters=chosen,
        limits={("top", "bottom"): (-4.0, 4.0)},
    )
