"""Periphery of spiking inference: read clamp, current injector, integrate-and-fire neuron.

Each block is a dataclass that prints one readable subcircuit for plain ngspice. They are
behavioural, but every one is what a circuit presents at its terminals, with its supply
current, its time constant and its rails; nothing switches faster than its own lag, and
there is no ``if`` in any of them.

The signal path of one polarity of one neuron::

    word line -> 1T1R cells -> bit line -> read clamp -> injector -> membrane
                                                          (x ratio)   (200 fF)
                                        comparators -> one-shot -> spike, reset, refractory

Signed weights use two bit lines. The current of the positive one is copied into the
membrane, that of the negative one out of it.

Sources
-------
[Valentian2019] IEDM 2019, 14.3.1: at most 100 mV across the RRAM, current injector, 200 fF
MOM capacitor, two comparators, signed spikes, refractory period that integrates. Other
numbers are assumptions, kept in ``compact_models/parameters/oxram_spirit.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from compact_models.errors import NetlistError, best_matches


@dataclass(frozen=True, kw_only=True)
class _Block:
    """A subcircuit whose numbers come from a parameter set."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if not (isinstance(value, (int, float)) and 0 < value < 1e15):
                raise NetlistError(
                    thing=f"'{f.name}' of {type(self).__name__}",
                    value=value,
                    limit="a positive finite number in SI",
                )
            # A number of numpy would be written with the name of its type.
            object.__setattr__(self, f.name, float(value))

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float]) -> Self:
        """Take the numbers of this block out of a parameter set such as ``oxram_spirit``."""
        names = [f.name for f in fields(cls)]
        for name in names:
            if name not in parameters:
                raise NetlistError(
                    thing=f"no parameter for {cls.__name__}",
                    value=name,
                    next_step=best_matches(name, parameters),
                )
        return cls(**{name: float(parameters[name]) for name in names})


@dataclass(frozen=True, kw_only=True)
class ReadClamp(_Block):
    """Holds a bit line at the read voltage and reports its current.

    A regulated cascode seen from the bit line: a reference behind ``1 / (g_m A)``. The
    cascode draws the bit-line current from the supply.

    Parameters
    ----------
    read_voltage : float
        [V]; across cell and selector, so the RRAM sees less.
    clamp_resistance : float
        [Ohm]
    bit_line_capacitance : float
        [F]
    """

    read_voltage: float
    clamp_resistance: float
    bit_line_capacitance: float

    def subcircuit(self) -> str:
        """``.subckt read_clamp bit_line copy vdd``; v(copy) is the current in uA."""
        return f"""\
* read clamp: bit line held at the read voltage; 1 V at 'copy' means 1 uA [Valentian2019]
.subckt read_clamp bit_line copy vdd
Vread   held  0        {self.read_voltage!r}
Vsense  held  source   0
Rout    source bit_line {self.clamp_resistance!r}
Cline   bit_line 0     {self.bit_line_capacitance!r}
Bcopy   copy  0        V = 1e6 * i(Vsense)
Bsupply vdd   0        I = i(Vsense)
.ends read_clamp
"""


@dataclass(frozen=True, kw_only=True)
class CurrentInjector(_Block):
    """Copies two bit-line currents, scaled, into and out of the membrane.

    Parameters
    ----------
    copy_ratio : float
    copy_lag : float
        Time constant [s]; the charge of a pulse does not depend on it.
    saturation_voltage : float
        A copy fades as ``tanh(headroom / saturation_voltage)`` [V].
    """

    copy_ratio: float
    copy_lag: float
    saturation_voltage: float

    def subcircuit(self) -> str:
        """``.subckt current_injector positive negative membrane vdd``, gains as parameters."""
        v = repr(self.saturation_voltage)
        c = repr(self.copy_lag * 1e-3)
        return f"""\
* current injector: positive copy from the supply, negative copy to ground
.subckt current_injector positive negative membrane vdd params: gain_p=1 gain_n=1
Rp positive p 1e3
Cp p 0 {c}
Rn negative n 1e3
Cn n 0 {c}
Bp vdd membrane I = 1e-6 * {self.copy_ratio!r} * gain_p * v(p) * tanh((v(vdd) - v(membrane)) / {v})
Bn membrane 0   I = 1e-6 * {self.copy_ratio!r} * gain_n * v(n) * tanh(v(membrane) / {v})
* the negative mirror takes the same current from the supply
Bm vdd 0        I = 1e-6 * {self.copy_ratio!r} * gain_n * v(n)
.ends current_injector
"""


@dataclass(frozen=True, kw_only=True)
class IntegrateAndFire(_Block):
    """Membrane, two comparators, one-shot with reset, refractory timer.

    A crossing of either threshold starts a one-shot of `reset_time`: the output spike, in
    which the membrane is shorted to rest. Until `refractory` after its start no new spike
    begins, while the membrane integrates; what is then beyond a threshold fires at once.

    Parameters
    ----------
    membrane_capacitance : float
        [F]
    supply : float
        [V]; rest is half of it.
    threshold : float
        Distance of both thresholds from rest [V].
    comparator_width, comparator_lag, comparator_bias : float
        [V], [s], [A] each.
    refractory, reset_time : float
        [s]
    reset_resistance : float
        [Ohm]
    """

    membrane_capacitance: float
    supply: float
    threshold: float
    comparator_width: float
    comparator_lag: float
    comparator_bias: float
    refractory: float
    reset_time: float
    reset_resistance: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.threshold < self.supply / 2:
            raise NetlistError(
                thing="threshold lies outside the supply",
                value=self.threshold,
                limit=f"below {self.supply / 2:g} V, half the supply",
            )
        if not self.refractory > self.reset_time:
            raise NetlistError(
                thing="refractory time must outlast the reset",
                value=self.refractory,
                limit=f"above {self.reset_time:g} s",
            )

    def subcircuit(self) -> str:
        """``.subckt neuron membrane spike_p spike_n vdd``, comparator offsets as parameters."""
        ramp = 0.8 / (self.refractory - self.reset_time)

        def over(sign: str, offset: str) -> str:
            level = f"{sign}v(membrane, rest) - {self.threshold!r} - {offset}"
            return f"(0.5 + 0.5 * tanh(({level}) / {self.comparator_width!r}))"

        def one_shot(spike: str, comparator: str) -> str:
            drive = f"v({comparator}) * v(ready) + v({spike}) * v(alive) - 0.5"
            return f"I = 1e-9 / 0.2e-9 * (0.5 + 0.5 * tanh(10 * ({drive})) - v({spike}))"

        return f"""\
* integrate-and-fire neuron [Valentian2019]: 200 fF, two comparators, signed spikes
.subckt neuron membrane spike_p spike_n vdd params: offset_p=0 offset_n=0
Vrest rest 0 {self.supply / 2!r}
Cm    membrane rest {self.membrane_capacitance!r}
* leakage of the capacitor (assumed; 20 ms): the path by which an operating point finds rest
Rleak membrane rest   1e11
* comparators: 0 to 1 V, one lag each, biased all the time
Bcp 0 cp I = 1e-9 / {self.comparator_lag!r} * ({over("", "offset_p")} - v(cp))
Ccp cp 0 1e-9
Bcn 0 cn I = 1e-9 / {self.comparator_lag!r} * ({over("-", "offset_n")} - v(cn))
Ccn cn 0 1e-9
Iop vdd 0 {2 * self.comparator_bias!r}
* one-shots: started by a comparator while ready, held by themselves until the timer is full
Bsp 0 spike_p {one_shot("spike_p", "cp")}
Csp spike_p 0 1e-9
Bsn 0 spike_n {one_shot("spike_n", "cn")}
Csn spike_n 0 1e-9
Bon on 0 V = v(spike_p) + v(spike_n)
* timer of the one-shot: full at 1 V
* (emptied only once the spike is nearly over, or the two would settle half way)
Bidle idle 0 V = 0.5 + 0.5 * tanh((0.2 - v(on)) / 0.05)
Bt 0 timer I = 1e-9 * (v(on) / {self.reset_time!r} - v(idle) * v(timer) / 2e-9)
Ct timer 0 1e-9
Rt timer 0 1e9
Balive alive 0 V = 0.5 - 0.5 * tanh((v(timer) - 1) / 0.01)
* refractory timer: set by the spike, runs down to 0.2 V, where the neuron is ready again
* ('held' waits for the latch: an early reset would take the trigger away again)
Bheld held 0 V = 0.5 + 0.5 * tanh((v(on) - 0.7) / 0.05)
Bset 0 tired I = 1e-9 * v(held) * (1 - v(tired)) / 0.5e-9
Brun tired 0 I = 1e-9 * (1 - v(held)) * {ramp!r} * tanh(v(tired) / 0.05)
Cr tired 0 1e-9
Bready ready 0 V = 0.5 + 0.5 * tanh((0.2 - v(tired)) / 0.01)
* reset switch
Breset membrane rest I = v(held) * v(membrane, rest) / {self.reset_resistance!r}
.ends neuron
"""
