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

import sympy as sp

from compact_models.constants import BOLTZMANN, ELEMENTARY_CHARGE
from compact_models.functions import clamp, softplus
from compact_models.model import Definition, define, p, v, x

DENSITY_SCALE = 1e25
"""Vacancy density [1/m^3] of the normalised state c = 1."""

TERMINALS = ("top", "bottom")

# Far bounds of what enters an exponential, for the sake of overshooting iterates.
_BOUNDS = {"c": (0, 1000), "phi": (-0.5, 1.5), "dT": (-100, 100000)}


def _rounded_maximum(a: sp.Expr, b: sp.Expr, width: sp.Expr) -> sp.Expr:
    return (a + b + sp.sqrt((a - b) ** 2 + width**2)) / 2


def _bounded(state: str) -> sp.Expr:
    low, high = _BOUNDS[state]
    return clamp(x(state), sp.Float(low), sp.Float(high))


def definitions() -> tuple[Definition, ...]:
    """Everything up to the rates of the states, in the order it is computed."""
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
