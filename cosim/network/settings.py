"""What a training study is made of: fields, limits, and their fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from compact_models.errors import ConfigError, best_matches
from cosim.behavioural.device import BehaviouralDevice, DeviceSpread, soft_bounds
from cosim.behavioural.tile import Scheme
from cosim.network.algorithms import ALGORITHMS, TransferOptions
from cosim.network.crossbar import Pulses
from cosim.quantities import read_quantity

T = TypeVar("T")


def once(values: tuple[T, ...]) -> tuple[T, ...]:
    """Refuse what is named twice."""
    if len(set(values)) != len(values):
        raise ValueError("every entry once")
    return values


def _quantity(unit: str, name: str) -> BeforeValidator:
    return BeforeValidator(lambda value: read_quantity(value, unit, name=name))


# Several of a kind: one at least, none twice.
Several = Annotated[tuple[T, ...], Field(min_length=1), AfterValidator(once)]
Seed = Annotated[int, Field(ge=0)]
Bits = Annotated[int, Field(ge=2, le=24)]
Seconds = Annotated[float, _quantity("s", "time after programming"), Field(ge=0)]
Algorithm = Literal["fp", "sgd", "ttv1", "ttv2", "cttv2", "agad", "mixed"]
ReferenceName = Literal["middle", "nominal", "shifted"]
# Fields younger than the committed tables: at their defaults they leave fingerprints as they were.
LATER = ("adc_bound", "bound_management", "gains")


class Strict(BaseModel):
    """A table of a study: unknown keys and infinite numbers are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    # What it is called in errors.
    what: ClassVar[str]

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Self:
        """Check a table from a study file.

        Raises
        ------
        ConfigError
            The first complaint, in this project's words.
        """
        try:
            return cls.model_validate(dict(config))
        except ValidationError as error:
            first = error.errors()[0]
            hint = ""
            if first["type"] == "extra_forbidden":
                hint = best_matches(str(first["loc"][-1]), cls.model_fields)
            elif first["loc"] and first["loc"][0] == "algorithms":
                hint = best_matches(str(first["input"]), ALGORITHMS)
            raise ConfigError(
                thing=", ".join([cls.what, *filter(None, [".".join(map(str, first["loc"]))])]),
                value=first.get("input") if first["loc"] else None,
                limit=first["msg"].removeprefix("Value error, "),
                next_step=hint,
            ) from error


class DeviceConfig(Strict):
    """A soft-bounds device by its figures, or the path of a calibrated one.

    A path in a study file starts at that file; of the other fields only ``half_select`` can be
    given with it.
    """

    path: str | None = None
    states: float = Field(default=22.0, gt=1)
    skew: float = Field(default=0.61, gt=0, lt=1)
    nsr: float = Field(default=0.90, ge=0)
    step_spread: float = Field(default=0.0, ge=0, le=2)
    up_down_spread: float = Field(default=0.0, ge=0, le=2)
    half_select: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        fields = type(self).model_fields.items()
        others = [n for n, field in fields if getattr(self, n) != field.default]
        others = [n for n in others if n not in ("path", "half_select")]
        if self.path is not None and others:
            raise ValueError(f"a path or figures, not both: {', '.join(others)}")
        return self

    def build(self) -> BehaviouralDevice:
        """The device."""
        if self.path is not None:
            device = BehaviouralDevice.load(self.path)
        else:
            device = soft_bounds(
                states=self.states,
                skew=self.skew,
                nsr=self.nsr,
                spread=DeviceSpread(step=self.step_spread, up_down=self.up_down_spread),
            )
        if self.half_select is not None:
            device = device.replace(half_select=self.half_select)
        return device


class TransferConfig(Strict):
    """See `TransferOptions`."""

    fast: float = Field(default=1.0, gt=0)
    every: int = Field(default=1, ge=1)
    sweep: int | None = Field(default=100, ge=1)
    lift: float = Field(default=0.3, gt=0)
    flip: float = Field(default=0.1, ge=0, le=1)
    memory: float = Field(default=0.5, gt=0, le=1)
    read_sigma: float = Field(default=0.0, ge=0)
    pulse_length: int = Field(default=5, ge=1, le=63)

    def build(self) -> TransferOptions:
        """The options."""
        fields = self.model_dump(exclude={"pulse_length"})
        return TransferOptions(pulses=Pulses(length=self.pulse_length), **fields)


class TrainConfig(Strict):
    """What a training study is made of; unknown keys are errors.

    Rates count per sample; ``rates`` and ``gains`` override ``rate`` and ``gain`` for single
    algorithms.
    ``validation_samples`` measures on the last so many training images (of a text: on the
    first so many characters of its validation part) and leaves the test set alone, to
    choose hyperparameters by. ``epoch_characters`` cuts an epoch of a text short; the
    next one goes on behind it. ``hidden`` are the layers of an mlp or lstm, or the one behind the
    convolutions of a lenet. Converters, noise and tiles: see
    `cosim.network.layers.InputOutput`.
    """

    what = "training study"
    network: Literal["mlp", "lenet", "lstm"] = "mlp"
    data: Literal["mnist", "digits", "war_and_peace"] = "digits"
    data_folder: str | None = None
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = (256, 128)
    activation: Literal["sigmoid", "tanh", "relu"] = "tanh"
    gain: float = Field(default=8.0, gt=0)
    gains: dict[Algorithm, float] = {}
    algorithms: Several[Algorithm] = ("fp", "sgd", "agad")
    seeds: Several[Seed] = (0,)
    epochs: int = Field(default=10, ge=1)
    batch: int = Field(default=10, ge=1)
    rate: float = Field(default=0.02, gt=0)
    rates: dict[Algorithm, float] = Field(default_factory=dict)
    decay: float = Field(default=1.0, gt=0, le=1)
    train_samples: int | None = Field(default=None, ge=10)
    test_samples: int | None = Field(default=None, ge=10)
    validation_samples: int | None = Field(default=None, ge=10)
    epoch_characters: int | None = Field(default=None, ge=1000)
    sequence: int = Field(default=32, ge=2)
    device: DeviceConfig = Field(default_factory=DeviceConfig)
    transfer: TransferConfig = Field(default_factory=TransferConfig)
    reference: ReferenceName = "nominal"
    fast_reference: ReferenceName = "nominal"
    pulse_length: int = Field(default=31, ge=1, le=63)
    dac_bits: Bits | None = 7
    adc_bits: Bits | None = 9
    adc_bound: float = Field(default=12.0, gt=0)
    bound_management: int = Field(default=0, ge=0, le=10)
    output_noise: float = Field(default=0.0, ge=0)
    tile: int = Field(default=1024, ge=1)

    @model_validator(mode="after")
    def _fields_fit_the_network(self) -> Self:
        if (self.network == "lstm") != (self.data == "war_and_peace"):
            raise ValueError("war_and_peace for lstm, mnist or digits for mlp and lenet")
        given = self.hidden != type(self).model_fields["hidden"].default
        if self.network == "lenet" and given and len(self.hidden) != 1:
            raise ValueError("hidden of a lenet: one layer behind its convolutions")
        if self.network == "lstm" and len(set(self.hidden)) != 1:
            raise ValueError("hidden of a lstm: layers of the same size, one at least")
        return self

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides the results; where data and device lie does not."""
        table = self.model_dump(mode="json", exclude={"data_folder", "algorithms", "seeds"})
        if self.device.path is not None:
            # A device may be calibrated anew under its name.
            self.device.build()
            table["device"]["path"] = json.loads(Path(self.device.path).read_text())
        for name in LATER:
            if table[name] == type(self).model_fields[name].default:
                del table[name]
        return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def split(self) -> str:
        """What is measured: ``validation`` or ``test``."""
        return "test" if self.validation_samples is None else "validation"


class InferenceConfig(Strict):
    """How a trained network is programmed and read: table ``inference`` of a study.

    ``times`` after programming and the resistance ``wire`` of a line segment may carry units.
    ``program_seeds`` are one programming each; ``scheme`` is that of
    `cosim.behavioural.tile.TileOptions`: differential pairs, a reference column, or an offset
    subtracted as a number. ``tile`` is the largest number of rows and of outputs of a tile: by
    default that of the training, or 128 with wires.
    """

    what = "training study, inference"
    times: Several[Seconds] = (1.0, 3600.0, 86400.0, 3.156e8)
    acceptance_ranges: Several[float] = (0.002, 0.02)
    program_seeds: Several[Seed] = (0, 1, 2)
    read_bits: tuple[Bits | None, Bits | None] = (6, 8)
    scheme: Scheme = "differential"
    wire: Annotated[float, _quantity("ohm", "wire"), Field(ge=0, lt=1e6)] = 0.0
    tile: int | None = Field(default=None, ge=2)
    test_samples: int | None = Field(default=None, ge=1)


def arms_of(config: Mapping[str, Any]) -> dict[str, TrainConfig]:
    """Arms of a study: the table itself, once for every entry of its list ``arms``.

    An entry has a ``name`` and what differs in that arm; tables in it (``device``,
    ``transfer``, ``rates``, ``gains``) are merged key by key. Without the list there is one arm
    without a name.

    Raises
    ------
    ConfigError
        For a field that is unknown or out of range, and for names that are missing or equal.
    """
    common = dict(config)
    entries = common.pop("arms", [{"name": ""}])
    if not isinstance(entries, list) or not entries:
        raise ConfigError(thing="arms of a training study", value=entries, limit="a list of tables")
    arms: dict[str, TrainConfig] = {}
    for entry in entries:
        changes = dict(entry) if isinstance(entry, Mapping) else {}
        name = changes.pop("name", None)
        if not isinstance(name, str) or name in arms:
            raise ConfigError(
                thing="arm of a training study", value=entry, limit="a table with a name of its own"
            )
        merged = dict(common)
        for key, value in changes.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = {**merged[key], **value} if both else value
        arms[name] = TrainConfig.read(merged)
    if len({arm.network == "lstm" for arm in arms.values()}) > 1:
        raise ConfigError(
            thing="networks of the arms of a training study",
            value=[arm.network for arm in arms.values()],
            limit="all for texts (lstm), or all for images",
        )
    return arms
