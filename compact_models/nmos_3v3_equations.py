r"""3.3 V NMOS: charge-based, smooth from weak to strong inversion, symmetric in D and S.

The form of the EKV model [Enz1995]: the current is the difference of a forward and
a reverse part, each a function of the inversion charge at one end of the channel.
Voltages are relative to the bulk; :math:`U = \kappa kT/q`.

*One equation for both directions.* With :math:`u = V_D - V_S` and the rounded
magnitude :math:`|u| = \sqrt{u^2 + \delta^2}`, the lower and the upper end of the
channel are :math:`V_{\mp} = (V_D + V_S \mp |u|) / 2`. Everything below is even in u
and multiplied by :math:`u / |u|`: swapping drain and source turns the sign of the
current and changes nothing else, and at :math:`u = 0` all derivatives exist.

*Pinch-off voltage* with body effect (:math:`\Phi` surface potential, :math:`\gamma`
body factor, :math:`\sigma` barrier lowering by the drain):

.. math::
    h &= V_G - V_T + \sigma(|u| - \delta) + (\sqrt{\Phi} + \gamma / 2)^2, \quad
    w = \sqrt{(h + \sqrt{h^2 + h_0^2}) / 2} \\
    V_P &= h - \gamma w + \gamma^2 / 2 - \Phi

With :math:`\gamma^2 / 4` in place of :math:`\gamma^2 / 2`, as in [Enz1995], it would vanish at
:math:`V_G = V_T`. The fitted threshold takes up these 25 mV of :math:`V_P`.

*Charges at the two ends*, in units of :math:`2 U C_{ox}`:
:math:`q_{\mp} = \ln(1 + e^{(V_P - V_{\mp}) / 2U})`.

*Velocity saturation.* Carriers of limited speed must keep a charge at the upper end,
so the difference of the charges stays below the one with the largest current,
:math:`(r - 1) / z` with :math:`r = \sqrt{1 + 2 z q_-}` and :math:`z = 2 U \zeta`.
The approach to it is a hyperbola of sharpness :math:`\theta_s`:

.. math::
    y = \frac{z (q_- - q_+)}{1 + r - 2\theta_s}, \quad
    q_d = \frac{2 (q_- - q_+)}{1 + y + \sqrt{(1 + y)^2 - 4 \theta_s y}}, \quad
    q_s = 2 q_- - q_d

which ends, where :math:`q_+ = 0`, at that very difference. In weak inversion
:math:`q_d = q_- - q_+`.

*Current.* :math:`Q = U q_s` is the mean inversion charge as a voltage; the three
terms of the mobility are inversion charge, depletion charge and scattering that
inversion screens; the last factor is the shortening of the channel, with an Early
voltage that grows with the charge:

.. math::
    I_D = \frac{u}{|u|} \, 2 \beta \frac{W}{L} U^2
          \frac{q_d q_s}{1 + \theta_1 Q + \theta_b w + \theta_c / (Q + Q_0) + z q_d}
          \left(1 + \lambda \frac{|u| - \delta}{Q + Q_0}\right)

Every factor but u is positive at any voltage: the device is passive.

*Gate charges.* Each depends on its own branch voltage only and grows with it, so
they store energy and never give any: half the channel plus the overlap to drain and
to source, which fades to the overlap below threshold, and the bulk, which the
channel screens above it.

Not in the model: junction diodes (a drain or source more than 0.5 V below the bulk
would conduct), gate and drain leakage, accumulation, temperature dependence.

All constants of the current are fitted to GF180MCU ``nfet_03v3``, a BSIM4 card of
another foundry's open 180 nm process, chosen because it has the published selector's
R_DS; see the parameter file. They describe that device at L = 0.28 um and 27 degC as
a whole; one by one they need not be its physical constants. In particular the
ideality :math:`\kappa > 1` stands for what flattens the card's weak inversion.

References
----------
[Enz1995] C. Enz, F. Krummenacher, E. Vittoz, Analog Integr. Circuits Signal Process.
8, 83 (1995).
"""

from __future__ import annotations

import sympy as sp

from compact_models.constants import BOLTZMANN, ELEMENTARY_CHARGE
from compact_models.functions import softplus
from compact_models.model import Definition, define, p, v

TERMINALS = ("drain", "gate", "source", "bulk")


def definitions() -> tuple[Definition, ...]:
    """Everything up to the channel current, in the order it is computed."""
    thermal = sp.Float(repr(BOLTZMANN / ELEMENTARY_CHARGE), 20) * p("T_0")
    drain, gate, source, bulk = (v(name) for name in TERMINALS)
    phi, gamma = p("surface_potential"), p("body_factor")
    rounding, sharpness = p("voltage_rounding"), p("saturation_sharpness")
    size, drive, depletion = p("size_u"), p("drive"), p("depletion")
    low, high, knee, total = p("charge_low"), p("charge_high"), p("knee"), p("charge_sum")
    double = 2 * p("ideality") * thermal

    return (
        define("unit_charge", double, "V", "2 U: unit of the normalised charges"),
        define("limit", p("velocity_saturation") * double, "dimensionless", "z = 2 U zeta"),
        define(
            "size_u",
            sp.sqrt((drain - source) ** 2 + rounding**2),
            "V",
            "rounded magnitude of the voltage along the channel",
            1.0,
        ),
        define(
            "drive",
            gate - bulk - p("threshold_voltage") + p("barrier_lowering") * (size - rounding)
            + (sp.sqrt(phi) + gamma / 2) ** 2,
            "V",
            "h: gate voltage above flat band",
            1.0,
        ),
        define(
            "depletion",
            sp.sqrt((drive + sp.sqrt(drive**2 + p("depletion_rounding") ** 2)) / 2),
            "V**0.5",
            "w: square root of the depletion charge, as a voltage",
            1.0,
        ),
        define(
            "overdrive",
            drive - gamma * depletion + gamma**2 / 2 - phi + bulk - (drain + source) / 2,
            "V",
            "pinch-off voltage above the middle of the channel",
            1.0,
        ),
        define(
            "charge_low",
            softplus((p("overdrive") + size / 2) / p("unit_charge")),
            "dimensionless",
            "q_-: charge at the lower end",
            0.1,
        ),
        define(
            "charge_high",
            softplus((p("overdrive") - size / 2) / p("unit_charge")),
            "dimensionless",
            "q_+: charge at the upper end",
            0.1,
        ),
        define(
            "knee",
            p("limit") * (low - high)
            / (1 - 2 * sharpness + sp.sqrt(1 + 2 * p("limit") * low)),
            "dimensionless",
            "y: difference of the charges against its limit",
            0.1,
        ),
        define(
            "charge_sum",
            2 * low
            - (low - high)
            / (sp.Rational(1, 2) + knee / 2
               + sp.sqrt(sp.Rational(1, 4) + knee * (sp.Rational(1, 2) - sharpness + knee / 4))),
            "dimensionless",
            "q_s: sum of the charges that carry current",
            0.1,
        ),
        define("charge_difference", 2 * low - total, "dimensionless", "q_d"),
        define("mean_charge", p("unit_charge") / 2 * total, "V", "Q: mean inversion charge"),
        define(
            "screened",
            p("mean_charge") + p("screening_charge"),
            "V",
            "Q + Q_0",
            1.0,
        ),
        define(
            "I",
            p("current_factor") * p("width") / p("length") * p("unit_charge") ** 2 / 2
            * (drain - source)
            * p("charge_difference") * total
            * (p("screened") + p("channel_shortening") * (size - rounding))
            / (
                size
                * (
                    p("scattering")
                    + p("screened")
                    * (
                        1 + p("mobility_inversion") * p("mean_charge")
                        + p("mobility_depletion") * depletion
                        + p("limit") * p("charge_difference")
                    )
                )
            ),
            "A",
            "channel current from drain to source",
        ),
    )  # fmt: skip


def channel_charge(end: str) -> sp.Expr:
    """Overlap plus half of the channel, which forms around a voltage of its own."""
    across = v("gate") - v(end)
    half = p("channel_capacitance") / 2
    return p("width") * (
        (p("overlap_capacitance") + half / 2) * across + half / 2 * _rounded(across)
    )


def bulk_charge() -> sp.Expr:
    """The bulk under the gate, which the channel screens above threshold."""
    across = v("gate") - v("bulk")
    half = p("bulk_capacitance") / 2
    return p("width") * half * (across - _rounded(across))


def _rounded(across: sp.Expr) -> sp.Expr:
    return sp.sqrt((across - p("charge_threshold")) ** 2 + p("charge_width") ** 2)
