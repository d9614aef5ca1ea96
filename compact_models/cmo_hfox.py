r"""CMO/HfOx filamentary ReRAM: forming, vacancy dynamics and self-heating.

Formed device [Galetta2025]
---------------------------
The state is the mean oxygen-vacancy density C of the conductive-metal-oxide
dome above the filament. Electrons hop from trap to trap through it, vacancies
drift in and out of it, and the heat of the whole device warms it:

.. math::
    F &= V_d / L, \quad V_d = V - I R \\
    I &= A q C a_e \nu_e e^{-E_e / kT} \, 2 \sinh(q F a_e / 2 kT) \\
    \dot C &= \frac{C a_i \nu_i}{L} e^{-E_i / kT} \, 2 \sinh(z q F a_i / 2 kT)
              (1 - C / C_{max})^{10} \\
    \dot T &= V I / C_{th} - (T - T_0) / (R_{th} C_{th})

Two corners of the published equations are rounded so that Newton iterations
and time integrators see smooth functions: the maximum in a_e, and the change
of E_i at V = 0 (where the drift vanishes). The widths are parameters.

Pristine device and forming [this project]
------------------------------------------
No open forming model for this stack exists, so one is derived here. The HfOx
of a pristine device has no filament: a gap :math:`g = t_{ox} (1 - \phi)` is in
series with the dome.

*Conduction.* With a local resistivity that grows by e over :math:`\lambda`
(tunnelling between defects), the resistance of the gap is the integral

.. math:: R_{gap} = R_g (e^{g / \lambda} - 1), \quad R = R_s + R_{line} + R_{gap},

which is some GOhm for a pristine film and exactly zero at :math:`\phi = 1`:
the formed device is the published one, with nothing added.

*Breakage.* In the thermochemical model of breakdown a bond in the field F is
weakened by :math:`p_f F`; unbroken bonds, a fraction :math:`1 - \phi`, break at

.. math:: \dot\phi = (1 - \phi) \, \nu_f
          \exp(-\max(E_f - p_f |F_{gap}|, E_m) / kT),
          \quad F_{gap} = V_{gap} / \sqrt{g^2 + g_{min}^2}.

However high the field, the freed oxygen must still hop away over its own barrier
:math:`E_m`, which bounds the rate (the maximum is a smooth one). Breakage does
not depend on polarity and is never undone.

*What follows.* While the gap is long it takes all the voltage. As it closes,
its field rises and it closes faster: breakdown is abrupt. In a sweep it comes
at the voltage at which the rate equals the sweep's own, so it rises with the
logarithm of the sweep rate; at constant voltage the time falls exponentially
with it. At breakdown the current jumps to what the access transistor allows;
the voltage then moves to the transistor and the dome, the heat of that
compliance current finishes the filament within about a millisecond, and the
dome's vacancies settle where the published SET law takes them.

Calibrated, not published: ``E_f`` (to the published mean forming voltage) and
the spread of ``t_ox`` (to its published sigma). All other constants of the gap
are assumed: ``p_f``, ``nu_f`` and ``E_m`` within what is usual for HfO2,
``t_ox``, ``lambda_g`` and ``R_g`` freely.

References
----------
[Galetta2025] Adv. Electron. Mater. 12(7), e00373, doi 10.1002/aelm.202500373.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from compact_models.errors import ModelError, ParameterError
from compact_models.functions import clamp, softplus
from compact_models.model import Branch, CompactModel, Definition, State, define, p, v, x
from compact_models.parameters import ParameterSet

BOLTZMANN = 1.380649e-23
ELEMENTARY_CHARGE = 1.602176634e-19
DENSITY_SCALE = 1e25

# Far bounds of what enters an exponential, for the sake of overshooting iterates.
_BOUNDS = {"c": (0, 1000), "phi": (-0.5, 1.5), "dT": (-100, 100000)}

TERMINALS = ("top", "bottom")


def _rounded_maximum(a: sp.Expr, b: sp.Expr, width: sp.Expr) -> sp.Expr:
    return (a + b + sp.sqrt((a - b) ** 2 + width**2)) / 2


def _bounded(state: str) -> sp.Expr:
    low, high = _BOUNDS[state]
    return clamp(x(state), sp.Float(low), sp.Float(high))


def _definitions() -> tuple[Definition, ...]:
    k, q = sp.Float(repr(BOLTZMANN), 20), sp.Float(repr(ELEMENTARY_CHARGE), 20)
    C, T, F, V, V_d = p("C"), p("T"), p("F"), p("V"), p("V_d")
    gap = p("gap")
    rounded_field = sp.sqrt(p("F_gap") ** 2 + p("F_width") ** 2) - p("F_width")
    set_share = (1 + sp.tanh(V / p("V_switch"))) / 2

    return (
        define("V", v("top") - v("bottom"), "V", "voltage across the device, SET positive"),
        define("V_d", v("m") - v("bottom"), "V", "voltage across the dome"),
        define("C", sp.Float("1e25", 20) * _bounded("c"), "1/m**3", "vacancy density in the dome"),
        define("T", p("T_0") + _bounded("dT"), "K", "temperature of the dome"),
        define("F", V_d / p("L"), "V/m", "field in the dome"),
        define("A", p("area_factor") * sp.pi * p("r") ** 2, "m**2", "conducting area of the dome"),
        define(
            "a_e",
            _rounded_maximum(p("a_e0") + p("a_e1") * C, p("a_e_floor"), p("a_e_width")),
            "m",
            "electron hopping distance",
        ),
        define("E_e", p("E_e0") + p("E_e1") * C, "J", "electron hopping barrier"),
        define(
            "I_dome",
            p("A") * q * C * p("a_e") * p("nu_e") * sp.exp(-p("E_e") / (k * T))
            * 2 * sp.sinh(q * F * p("a_e") / (2 * k * T)),
            "A",
            "trap-to-trap hopping current through the dome",
        ),
        define("gap", p("t_ox") * (1 - _bounded("phi")), "m", "length of HfOx without a filament"),
        define(
            "R_gap",
            p("R_g") * (sp.exp(gap / p("lambda_g")) - 1),
            "ohm",
            "resistance of the gap; zero when formed",
        ),
        define(
            "R", p("R_s") + p("R_line") + p("R_gap"), "ohm", "all that is in series with the dome"
        ),
        define("I", (v("top") - v("m")) / p("R"), "A", "current through the device"),
        define(
            "F_gap",
            p("I") * p("R_gap") / sp.sqrt(gap**2 + p("g_min") ** 2),
            "V/m",
            "field in the gap",
            1e9,
        ),
        define(
            "E_gap",
            # Decays exponentially above the corner, where the published voltages lie.
            p("E_m")
            + p("E_width")
            * softplus((p("E_f") - p("p_f") * rounded_field - p("E_m")) / p("E_width")),
            "J",
            "bond-breaking barrier lowered by the field",
        ),
        define(
            "E_i",
            set_share * (p("E_i_set0") + p("E_i_set1") * C) + (1 - set_share) * p("E_i_reset"),
            "J",
            "vacancy migration barrier, SET or RESET",
        ),
        define("tau_th", p("R_th") * p("C_th"), "s", "thermal time constant"),
        define(
            "rate_c",
            x("c") * p("a_i") * p("nu_i") / p("L") * sp.exp(-p("E_i") / (k * T))
            * 2 * sp.sinh(p("z") * q * F * p("a_i") / (2 * k * T))
            * (1 - C / p("C_max")) ** 10,
            "1/s",
            "vacancy drift into the dome",
        ),
        define(
            "rate_phi",
            (1 - x("phi")) * p("nu_f") * sp.exp(-p("E_gap") / (k * T)),
            "1/s",
            "bond breakage in the gap",
        ),
        define(
            "rate_dT",
            V * p("I") / p("C_th") - x("dT") / p("tau_th"),
            "K/s",
            "Joule heating against heat flow to ambient",
        ),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CmoHfox(CompactModel):
    """CMO/HfOx ReRAM with physical shortcuts for the formed device.

    Every method gives self-heated steady values at ``phi = 1`` and broadcasts.
    """

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
            If a density is negative or nothing settles at that bias.
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
        return self.current(voltage=read_voltage, vacancies=vacancies) / read_voltage

    def vacancies_at(self, *, conductance: ArrayLike, voltage: float = 0.2) -> NDArray[np.float64]:
        """Return the density [1/m^3] that reads as `conductance` [S].

        Raises
        ------
        ParameterError
            If a conductance is outside what densities of 1e23 to 1e26 give.
        """
        from scipy.optimize.elementwise import find_root

        target = np.asarray(conductance, dtype=float)
        low, high = self.conductance(
            vacancies=np.array([1e23, 1e26]), read_voltage=voltage
        ).tolist()
        if target.size and (target.min() < low or target.max() > high):
            raise ParameterError(
                thing="no vacancy density reads as that conductance [S]",
                value=(float(target.min()), float(target.max())),
                limit=f"{low:.4g} to {high:.4g} S at {voltage:g} V",
                next_step="Choose targets inside the window of the device",
            )

        def miss(log_density: Any, wanted: Any) -> Any:
            got = self.conductance(vacancies=np.exp(log_density), read_voltage=voltage)
            return got / wanted - 1.0

        bracket = (np.full(target.shape, np.log(1e23)), np.full(target.shape, np.log(1e26)))
        search: Any = find_root
        found = search(miss, bracket, args=(target,))
        return np.asarray(np.exp(found.x))

    def _steady(self, voltage: ArrayLike, vacancies: ArrayLike):  # type: ignore[no-untyped-def]
        from compact_models.steady import solve_steady

        density = np.asarray(vacancies, dtype=float)
        if np.any(density < 0) or not np.all(np.isfinite(density)):
            raise ModelError(
                thing="vacancy density must be finite and not negative [1/m^3]",
                value=float(np.min(density)),
                limit="0 to C_max",
            )
        return solve_steady(
            self,
            voltages={"top": voltage, "bottom": 0.0},
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
        definitions=_definitions(),
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
