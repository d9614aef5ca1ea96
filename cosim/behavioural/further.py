"""What a calibration learns from data besides pulses: reads, disturb, programming, retention."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from compact_models.errors import CalibrationError
from cosim.behavioural.calibration_result import CalibrationResult
from cosim.behavioural.half_select import HalfSelectLaw, is_disturb
from cosim.behavioural.noise_fit import NoiseFit, combined, fit_noise, is_programming, is_retention
from cosim.behavioural.pulse_data import PulseData
from cosim.behavioural.read_law import ReadLaw
from cosim.behavioural.wire_fit import fit_wires

if TYPE_CHECKING:
    import xarray


@dataclass(kw_only=True)
class Further:
    """Datasets by what they tell."""

    reads: list[xarray.Dataset] = field(default_factory=list)
    products: list[xarray.Dataset] = field(default_factory=list)
    disturb: list[xarray.Dataset] = field(default_factory=list)
    noise: list[xarray.Dataset] = field(default_factory=list)

    @classmethod
    def sorted_from(
        cls, data: Sequence[xarray.Dataset | PulseData]
    ) -> tuple[list[PulseData], Further]:
        """Pulse data, and everything else.

        Raises
        ------
        CalibrationError
            A Dataset of no use, or none with pulses.
        """
        pulses, out = [], cls()
        for one in data:
            if isinstance(one, PulseData):
                pulses.append(one)
            elif is_disturb(one):
                out.disturb.append(one)
            elif is_programming(one) or is_retention(one):
                out.noise.append(one)
            elif "current" in one and "input_voltage" in one:
                (out.reads if one["conductance"].shape[0] == 1 else out.products).append(one)
            elif "polarity" in one or "pulse" in one.dims or len(data) == 1:
                pulses.append(PulseData.from_dataset(one))
            else:
                raise CalibrationError(
                    thing="Dataset for a calibration",
                    value=[str(v) for v in one.data_vars][:6],
                    limit="pulses, reads, disturb, programming or retention",
                )
        if not pulses:
            raise CalibrationError(
                thing="data of a calibration", value=len(data), limit="one or more with pulses"
            )
        return pulses, out

    def apply(
        self,
        found: CalibrationResult,
        *,
        half_pulses: float,
        given_k: bool,
        temperature: float | None,
    ) -> CalibrationResult:
        """The calibration with all this in its device and its report."""
        device, report = found.device, found.report
        parts, notes = dict(report.parts), list(report.warnings)
        valid, validity = dict(report.valid), device.validity
        wires = None
        if self.disturb and not given_k:
            law = HalfSelectLaw.from_dataset(self.disturb[-1])
            device = law.apply(device, half_pulses)
            parts["half_select"] = law.residual
            notes = [n for n in notes if "half-select" not in n]
        if self.reads:
            read_law = ReadLaw.from_dataset(self.reads[-1])
            device = device.replace(read_law=read_law)
            parts["read_law"] = read_law.residual
            validity = dataclasses.replace(validity, read_voltage=read_law.read_voltage)
            valid["read_voltage"] = (0.0, read_law.voltages[-1])
        else:
            notes.append("no read of a row of cells: the read law is Ohm's")
        fits: list[NoiseFit] = [fit_noise(one) for one in self.noise]
        if fits:
            device = device.replace(noise=dataclasses.replace(device.noise, **combined(fits)))
            names = {"read": "read_noise"}
            parts |= {names.get(k, k): v for fit in fits for k, v in fit.residuals.items()}
        for name, data in (
            ("programming", "closed-loop programming"),
            ("relaxation", "retention"),
            ("read_noise", "retention at four or more times"),
        ):
            if name not in parts:
                notes.append(f"no data of {data}: {name.replace('_', ' ')} law as published")
        if self.products:
            fit = fit_wires(self.products[-1], device)
            wires = fit.parasitics
            parts |= {"product": fit.rms, "product_worst": fit.worst,
                      "product_without_wires": fit.without}  # fmt: skip
        if temperature is not None and validity.temperature is None:
            validity = dataclasses.replace(validity, temperature=(temperature, temperature))
            valid["temperature"] = (temperature, temperature)
        if validity.temperature is None:
            notes.append("temperature of the data not known: no warning at another one")
        changes: dict[str, Any] = {"parts": parts, "warnings": tuple(notes), "valid": valid}
        return dataclasses.replace(
            found,
            device=device.replace(validity=validity),
            report=dataclasses.replace(report, **changes),
            parasitics=wires,
        )
