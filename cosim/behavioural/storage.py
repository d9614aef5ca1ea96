"""Behavioural devices as JSON files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compact_models.errors import CosimError, DataError
from cosim.behavioural.noise import NoiseLaws
from cosim.behavioural.rate_law import RateLaw
from cosim.behavioural.read_law import ReadLaw
from cosim.behavioural.response import PulseResponse
from cosim.behavioural.validity import Validity

if TYPE_CHECKING:
    from cosim.behavioural.device import BehaviouralDevice


def save_device(device: BehaviouralDevice, path: str | Path) -> Path:
    """Write as JSON; returns the path."""
    path = Path(path)
    path.write_text(json.dumps(dataclasses.asdict(device), indent=1) + "\n")
    return path


def load_device(path: str | Path) -> BehaviouralDevice:
    """Read what `save_device` wrote.

    Raises
    ------
    DataError
        The file is missing, damaged or something else.
    """
    try:
        return device_from_dict(json.loads(Path(path).read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, CosimError) as error:
        raise DataError(
            thing="behavioural device file",
            value=f"{path} ({error})",
            limit="JSON as written by BehaviouralDevice.save",
            next_step="Calibrate again, or check the path.",
        ) from error


def device_from_dict(data: dict[str, Any]) -> BehaviouralDevice:
    """Inverse of ``dataclasses.asdict``."""
    from cosim.behavioural.device import BehaviouralDevice, DeviceSpread

    def response(fields: dict[str, Any]) -> PulseResponse:
        return PulseResponse(**{**fields, "steps": tuple(fields["steps"])})

    def rates(fields: dict[str, Any] | None) -> RateLaw | None:
        return None if fields is None else RateLaw.from_dict(fields)

    rest = dict(data)
    return BehaviouralDevice(
        up=response(rest.pop("up")),
        down=response(rest.pop("down")),
        rates_up=rates(rest.pop("rates_up")),
        rates_down=rates(rest.pop("rates_down")),
        bounds=tuple(rest.pop("bounds")),
        spread=DeviceSpread(**rest.pop("spread")),
        read_law=ReadLaw.from_dict(rest.pop("read_law")),
        noise=NoiseLaws.from_dict(rest.pop("noise")),
        validity=Validity.from_dict(rest.pop("validity")),
        **rest,
    )
