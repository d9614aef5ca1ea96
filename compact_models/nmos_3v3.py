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

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from compact_models.emit.functions import Kernels, compile_model
from compact_models.errors import ModelError
from compact_models.functions import softplus
from compact_models.model import Branch, CompactModel, Definition, p, v
from compact_models.parameters import ParameterSet

BOLTZMANN = 1.380649e-23
ELEMENTARY_CHARGE = 1.602176634e-19

TERMINALS = ("drain", "gate", "source", "bulk")

# 3.3 V and the usual ten per cent.
_MAXIMUM_VOLTAGE = 3.63


def _definitions() -> tuple[Definition, ...]:
    thermal = sp.Float(repr(BOLTZMANN / ELEMENTARY_CHARGE), 20) * p("T_0")
    drain, gate, source, bulk = (v(name) for name in TERMINALS)
    phi, gamma = p("surface_potential"), p("body_factor")
    rounding, sharpness = p("voltage_rounding"), p("saturation_sharpness")
    size, drive, depletion = p("size_u"), p("drive"), p("depletion")
    low, high, knee, total = p("charge_low"), p("charge_high"), p("knee"), p("charge_sum")
    double = 2 * p("ideality") * thermal

    def d(
        name: str, expression: sp.Expr, unit: str, description: str, scale: float | None = None
    ) -> Definition:
        return Definition(
            name=name,
            expression=expression,
            unit=unit,
            description=description,
            auxiliary_scale=scale,
        )

    return (
        d("unit_charge", double, "V", "2 U: unit of the normalised charges"),
        d("limit", p("velocity_saturation") * double, "dimensionless", "z = 2 U zeta"),
        d(
            "size_u",
            sp.sqrt((drain - source) ** 2 + rounding**2),
            "V",
            "rounded magnitude of the voltage along the channel",
            1.0,
        ),
        d(
            "drive",
            gate - bulk - p("threshold_voltage") + p("barrier_lowering") * (size - rounding)
            + (sp.sqrt(phi) + gamma / 2) ** 2,
            "V",
            "h: gate voltage above flat band",
            1.0,
        ),
        d(
            "depletion",
            sp.sqrt((drive + sp.sqrt(drive**2 + p("depletion_rounding") ** 2)) / 2),
            "V**0.5",
            "w: square root of the depletion charge, as a voltage",
            1.0,
        ),
        d(
            "overdrive",
            drive - gamma * depletion + gamma**2 / 2 - phi + bulk - (drain + source) / 2,
            "V",
            "pinch-off voltage above the middle of the channel",
            1.0,
        ),
        d(
            "charge_low",
            softplus((p("overdrive") + size / 2) / p("unit_charge")),
            "dimensionless",
            "q_-: charge at the lower end",
            0.1,
        ),
        d(
            "charge_high",
            softplus((p("overdrive") - size / 2) / p("unit_charge")),
            "dimensionless",
            "q_+: charge at the upper end",
            0.1,
        ),
        d(
            "knee",
            p("limit") * (low - high)
            / (1 - 2 * sharpness + sp.sqrt(1 + 2 * p("limit") * low)),
            "dimensionless",
            "y: difference of the charges against its limit",
            0.1,
        ),
        d(
            "charge_sum",
            2 * low
            - (low - high)
            / (sp.Rational(1, 2) + knee / 2
               + sp.sqrt(sp.Rational(1, 4) + knee * (sp.Rational(1, 2) - sharpness + knee / 4))),
            "dimensionless",
            "q_s: sum of the charges that carry current",
            0.1,
        ),
        d("charge_difference", 2 * low - total, "dimensionless", "q_d"),
        d("mean_charge", p("unit_charge") / 2 * total, "V", "Q: mean inversion charge"),
        d(
            "screened",
            p("mean_charge") + p("screening_charge"),
            "V",
            "Q + Q_0",
            1.0,
        ),
        d(
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


def _channel_charge(end: str) -> sp.Expr:
    """Overlap plus half of the channel, which forms around a voltage of its own."""
    across = v("gate") - v(end)
    half = p("channel_capacitance") / 2
    return p("width") * (
        (p("overlap_capacitance") + half / 2) * across + half / 2 * _rounded(across)
    )


def _bulk_charge() -> sp.Expr:
    across = v("gate") - v("bulk")
    half = p("bulk_capacitance") / 2
    return p("width") * half * (across - _rounded(across))


def _rounded(across: sp.Expr) -> sp.Expr:
    return sp.sqrt((across - p("charge_threshold")) ** 2 + p("charge_width") ** 2)


# Not an attribute: generated functions cannot travel to a worker process with the model.
_KERNELS: WeakKeyDictionary[CompactModel, Kernels] = WeakKeyDictionary()


def _compiled(model: CompactModel) -> Kernels:
    if model not in _KERNELS:
        _KERNELS[model] = compile_model(model)
    return _KERNELS[model]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Nmos3v3(CompactModel):
    """3.3 V NMOS with shortcuts for its direct current."""

    def current(
        self,
        *,
        gate: ArrayLike,
        drain: ArrayLike,
        source: ArrayLike = 0.0,
        bulk: ArrayLike = 0.0,
        **parameters: ArrayLike,
    ) -> NDArray[np.float64]:
        """Return the current into the drain [A]; voltages broadcast.

        Parameters
        ----------
        gate, drain, source, bulk : array_like
            Potentials [V].
        **parameters : array_like
            Parameters that differ from the model's own, e.g. ``threshold_voltage``
            of every transistor of an array (SI); they broadcast with the voltages.

        Raises
        ------
        ModelError
            If a potential is not finite.
        ParameterError
            If there is no parameter of that name.

        Examples
        --------
        >>> from compact_models import load_model
        >>> transistor = load_model("nmos_3v3")
        >>> float(transistor.current(gate=3.0, drain=3.3)).__round__(4)
        0.0024
        """
        self.check_parameters(parameters)
        potentials = {"drain": drain, "gate": gate, "source": source, "bulk": bulk}
        for name, value in potentials.items():
            if not np.all(np.isfinite(np.asarray(value, dtype=float))):
                raise ModelError(
                    thing=f"{self.name}: potential of the {name} must be finite [V]",
                    value=value,
                    next_step="Correct the bias",
                )
        kernels = _compiled(self)
        numbers: dict[str, ArrayLike] = {**self.parameters, **parameters}
        shape = np.broadcast_shapes(
            *(np.shape(value) for value in (*potentials.values(), *parameters.values()))
        )
        nodes = np.array([np.broadcast_to(potentials[n], shape) for n in kernels.nodes], float)
        values = np.array([np.broadcast_to(numbers[n], shape) for n in kernels.parameters], float)
        states = np.zeros((0, *shape))
        return kernels.call(nodes, states, values).currents[kernels.nodes.index("drain")]

    def on_resistance(
        self, *, gate: ArrayLike, voltage: float = 0.05, **parameters: ArrayLike
    ) -> NDArray[np.float64]:
        """Return V_DS / I_D in triode [Ohm], source at the bulk's potential.

        Parameters
        ----------
        gate : array_like
            Gate voltage [V].
        voltage : float
            Drain-source voltage [V].
        """
        return voltage / self.current(gate=gate, drain=voltage, **parameters)


def build(parameters: ParameterSet | None = None) -> Nmos3v3:
    """Build the model on `parameters`, by default the fit to GF180MCU ``nfet_03v3``."""
    span = (-_MAXIMUM_VOLTAGE, _MAXIMUM_VOLTAGE)
    return Nmos3v3(
        name="nmos_3v3",
        description="3.3 V NMOS, charge-based, symmetric in drain and source",
        terminals=TERMINALS,
        definitions=_definitions(),
        branches=(
            Branch(name="channel", positive="drain", negative="source", current=p("I")),
            Branch(
                name="gate_drain",
                positive="gate",
                negative="drain",
                charge=_channel_charge("drain"),
            ),
            Branch(
                name="gate_source",
                positive="gate",
                negative="source",
                charge=_channel_charge("source"),
            ),
            Branch(name="gate_bulk", positive="gate", negative="bulk", charge=_bulk_charge()),
        ),
        parameters=parameters or ParameterSet.load("nmos_3v3"),
        limits={
            ("drain", "source"): span,
            ("gate", "bulk"): span,
            ("drain", "bulk"): span,
            ("source", "bulk"): span,
        },
    )
