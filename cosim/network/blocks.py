"""Devices of a row pulsed sixteen at once, as one piece of vector code.

The compiler does not vectorise a loop with look-ups, random numbers that only some devices
draw, and stops; so this piece is handed to it as vectors. It does what `some_pulses` does
on one device after the other, bit for bit, on any processor: where vectors of sixteen are
missing, the compiler cuts them up.

Time goes by how long one step waits for another. So the random numbers are fetched for all
devices that are likely to draw one, beside the look-up of their steps, and once more in the
rare case that a device does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from cosim.network.lanes import (
    BITS,
    FLOATS,
    I32,
    I64,
    INTEGERS,
    LANES,
    LONGS,
    MASK,
    Lanes,
    Steps,
)
from cosim.network.random import STRIDE


def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.make_array(kind)(context, builder, value).data


@intrinsic
def count_bits(typing_context: Any, word: Any) -> Any:
    """Number of set bits of a whole number."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.ctpop(values[0])

    return word(word), generate


@intrinsic
def pulse_blocks(
    typing_context: Any, w: Any, planes: Any, numbers: Any, sides: Any, law: Any, noise: Any,
    bounds: Any, gauss: Any, up: Any, start: Any, column: Any, lanes: Any, read: Any,
    lumped: Any, counter: Any,
) -> Any:  # fmt: skip
    """Pulses on the devices of one row, up to the first that needs single steps.

    Parameters
    ----------
    w : float32 (inputs, outputs)
    planes : float32 (4, inputs, outputs)
    numbers, sides : int32
        Pulses and signs by column, room for a multiple of 16.
    law, noise, bounds, gauss
        As everywhere; `gauss` the table of normal numbers.
    up : int32
        The sign that raises.
    start, column : int64
        First element of the row; column to begin with, a multiple of 16.
    lanes : int32
        Bit mask of the first sixteen columns that may be touched.
    read : int32
        1 leaves out a random number before every such column, pulsed or not; else 0.
    lumped : float32
        Largest share of the window for several pulses in one step.
    counter : uint64

    Returns
    -------
    (uint64, int64, int32)
        Counter afterwards; first column of the last sixteen; bit mask of those of them that
        need single steps (0 at the end of the row). Only columns before the first of these
        were pulsed.
    """
    arrays = (w, planes, numbers, sides, law, noise, bounds, gauss)
    if any(a.layout != "C" for a in arrays):
        return None  # Places in memory are counted below.
    kinds: Any = types
    signature = kinds.Tuple((types.uint64, types.int64, types.int32))(
        *arrays, types.int32, types.int64, types.int64, types.int32, types.int32, types.float32,
        types.uint64,
    )  # fmt: skip

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = [
            _data(context, builder, kind, value)
            for kind, value in zip(signature.args[:8], values[:8], strict=True)
        ]
        shape = context.make_array(planes)(context, builder, values[1]).shape
        columns = builder.extract_value(shape, 2)
        size = builder.mul(builder.extract_value(shape, 1), columns)
        knots = builder.extract_value(context.make_array(law)(context, builder, values[4]).shape, 1)
        wide = "+avx512f" in context.codegen().magic_tuple()[2]
        row = _Row(Lanes(builder), arrays, values[8:], (size, columns, knots), wide)
        return context.make_tuple(builder, signature.return_type, row.loop())

    return signature, generate


class _Row:
    """What `pulse_blocks` does."""

    def __init__(
        self, v: Lanes, arrays: list[Any], rest: list[Any], sizes: tuple[Any, ...], wide: bool
    ) -> None:
        self.v, self.wide = v, wide
        self.w, self.planes, self.numbers, self.sides, law, noise, bounds, self.gauss = arrays
        up, self.start, self.column, self.lanes, self.read, lumped, self.counter = rest
        self.up = v.spread(INTEGERS, up)
        self.size, self.columns, knots = sizes
        b = v.b

        def scalar(data: Any, index: int) -> Any:
            return v.spread(FLOATS, b.load(b.gep(data, [I64(index)])))

        # Memory that never changes is read once: the compiler cannot know that it does not.
        self.noise = [scalar(noise, n) for n in range(4)]
        # Usual are noise that goes with the step, and none that does not.
        zero = v.constant(FLOATS, 0.0)
        even = b.and_(v.above(self.noise[0], zero), v.above(self.noise[1], zero))
        for n in (2, 3):
            even = b.and_(even, b.not_(v.above(self.noise[n], zero)))
        self.uneven = b.icmp_unsigned("!=", b.bitcast(even, MASK), MASK((1 << LANES) - 1))
        self.bounds = [scalar(bounds, n) for n in range(2)]
        self.lumped = v.spread(FLOATS, lumped)
        self.steps = Steps(v, law, b.trunc(knots, I32), wide)
        self.stride = v.constant(LONGS, int(STRIDE))

    def loop(self) -> tuple[Any, Any, Any]:
        """Sixteen after sixteen; what `pulse_blocks` returns."""
        b = self.v.b
        before = b.basic_block
        head, pulse, onward, end = (
            b.append_basic_block(n) for n in ("head", "pulse", "onward", "end")
        )
        b.branch(head)
        b.position_at_end(head)
        column, counter, lanes = b.phi(I64), b.phi(I64), b.phi(I32)
        for value, first in ((column, self.column), (counter, self.counter), (lanes, self.lanes)):
            value.add_incoming(first, before)
        left = b.sub(self.columns, column)
        tail = b.sub(
            b.shl(I64(1), b.select(b.icmp_signed(">", left, I64(LANES)), I64(LANES), left)),
            I64(1),
        )
        allowed = b.trunc(b.and_(lanes, b.trunc(tail, I32)), MASK)
        count = b.load(self.v.place(self.numbers, column, INTEGERS), align=4)
        hit = b.and_(
            b.icmp_signed(">", count, self.v.constant(INTEGERS, 0)), b.bitcast(allowed, BITS)
        )
        idle = b.mul(self.v.tally(allowed), b.zext(self.read, I64))
        skipped = b.add(counter, b.mul(idle, I64(int(STRIDE))))
        b.cbranch(b.icmp_unsigned("==", self.v.bits(hit), MASK(0)), onward, pulse)
        b.position_at_end(pulse)
        pulsed, stops = self._sixteen(column, counter, allowed, count, hit)
        hard = b.zext(stops, I32)
        done = b.basic_block
        b.cbranch(b.icmp_unsigned("==", stops, MASK(0)), onward, end)
        b.position_at_end(onward)
        later = b.phi(I64)
        later.add_incoming(skipped, head)
        later.add_incoming(pulsed, done)
        following = b.add(column, I64(LANES))
        column.add_incoming(following, onward)
        counter.add_incoming(later, onward)
        lanes.add_incoming(I32((1 << LANES) - 1), onward)
        b.cbranch(b.icmp_signed("<", following, self.columns), head, end)
        b.position_at_end(end)
        out = []
        for kind, stopped, last in (
            (I64, pulsed, later), (I64, column, following), (I32, hard, I32(0)),
        ):  # fmt: skip
            value = b.phi(kind)
            value.add_incoming(stopped, done)
            value.add_incoming(last, onward)
            out.append(value)
        return out[0], out[1], out[2]

    def _normal(self, places: Any) -> Any:
        """Normal numbers at places of the generator."""
        return self.v.look_up(self.gauss, self.v.random(places), FLOATS)

    def _places(self, counter: Any, drawn: Any, rough: Any, readings: Any) -> Any:
        """Places of the generator from which the lanes in `drawn` take their first number."""
        v, b = self.v, self.v.b
        order = b.add(v.ranks(v.bits(drawn)), readings)
        before = b.basic_block
        with b.if_then(v.some(rough), likely=False):
            twice = b.add(order, v.ranks(v.bits(rough)))
            inside = b.basic_block
        order = b.zext(v.either(INTEGERS, order, before, twice, inside), LONGS)
        ahead = b.mul(b.add(order, v.constant(LONGS, 1)), self.stride)
        return b.add(v.spread(LONGS, counter), ahead)

    def _root(self, count: Any, many: Any) -> Any:
        """Square roots of the numbers of pulses."""
        v, b = self.v, self.v.b
        if not self.wide:
            return v.call(f"llvm.sqrt.v{LANES}f32", FLOATS, [many])
        roots = np.sqrt(np.arange(2 * LANES, dtype=np.float32))
        low, high = (
            v.constant(FLOATS, [float(r) for r in half]) for half in (roots[:LANES], roots[LANES:])
        )
        quick = v.of_32(count, low, high)
        before = b.basic_block
        long = b.icmp_signed(">", count, v.constant(INTEGERS, 2 * LANES - 1))
        with b.if_then(v.some(long), likely=False):
            slow = v.call(f"llvm.sqrt.v{LANES}f32", FLOATS, [many])
            inside = b.basic_block
        return v.either(FLOATS, quick, before, slow, inside)

    def _sixteen(
        self, column: Any, counter: Any, allowed: Any, count: Any, hit: Any
    ) -> tuple[Any, Any]:
        """Counter afterwards, and the lanes that need single steps."""
        v, b = self.v, self.v.b
        zero = v.constant(FLOATS, 0.0)
        down = b.icmp_signed("!=", b.load(v.place(self.sides, column, INTEGERS), align=4), self.up)
        many = b.sitofp(count, FLOATS)
        relative = b.select(down, self.noise[1], self.noise[0])
        floor = b.select(down, self.noise[3], self.noise[2])
        usual = b.basic_block
        with b.if_then(self.uneven, likely=False):
            floored_1 = v.above(floor, zero)
            rough_1 = b.and_(hit, floored_1)
            likely_1 = b.and_(hit, b.or_(v.above(relative, zero), floored_1))
            inside = b.basic_block
        nobody = ir.Constant(BITS, [False] * LANES)
        floored = v.either(BITS, nobody, usual, floored_1, inside)
        rough = v.either(BITS, nobody, usual, rough_1, inside)
        likely = v.either(BITS, hit, usual, likely_1, inside)
        readings = b.add(v.ranks(allowed), v.constant(INTEGERS, 1))
        readings = b.mul(readings, v.spread(INTEGERS, self.read))
        root = self._root(count, many)
        places = self._places(counter, likely, rough, readings)
        normal = self._normal(places)

        offset = b.add(self.start, column)
        low = v.load(self.planes, offset, hit, 0.0)
        span = v.load(self.planes, b.add(offset, self.size), hit, 1.0)
        twice = b.add(offset, b.add(self.size, self.size))
        rise = v.load(self.planes, twice, b.and_(hit, b.not_(down)), 0.0)
        fall = v.load(self.planes, b.add(twice, self.size), b.and_(hit, down), 0.0)
        scale = b.select(down, b.fsub(v.constant(FLOATS, -0.0), fall), rise)
        u = b.fdiv(b.fsub(v.load(self.w, offset, hit, 0.0), low), span)
        mean = b.fmul(self.steps.at(u, down), scale)
        magnitude = v.size(mean)
        far = b.fcmp_unordered(">=", b.fmul(many, magnitude), self.lumped)
        hard = b.and_(hit, b.and_(far, b.icmp_signed(">", count, v.constant(INTEGERS, 1))))
        sigma = b.fmul(magnitude, relative)
        noisy = b.or_(v.above(sigma, zero), floored)
        after = self._after(counter, allowed, likely, rough)

        usual = b.basic_block
        odd = b.or_(hard, b.and_(likely, b.not_(noisy)))
        with b.if_then(v.some(odd), likely=False):
            stops = v.bits(hard)
            before = b.and_(b.not_(stops), b.sub(stops, MASK(1)))
            seen = b.and_(allowed, b.or_(before, b.and_(stops, b.neg(stops))))
            within = b.bitcast(before, BITS)
            hit_now, rough_now = b.and_(hit, within), b.and_(rough, within)
            drawn = b.and_(hit_now, noisy)
            places_now = self._places(counter, drawn, rough_now, readings)
            normal_now = self._normal(places_now)
            after_now = self._after(counter, seen, drawn, rough_now)
            inside = b.basic_block

        def either(kind: Any, at_once: Any, now: Any) -> Any:
            return v.either(kind, at_once, usual, now, inside)

        places, normal = either(LONGS, places, places_now), either(FLOATS, normal, normal_now)
        hit, rough = either(BITS, hit, hit_now), either(BITS, rough, rough_now)
        after, stops = either(I64, after, after_now), either(MASK, MASK(0), stops)

        step = b.fmul(mean, many)
        step = b.fadd(step, b.fmul(b.fmul(root, sigma), normal))
        usual = b.basic_block
        with b.if_then(v.some(rough), likely=False):
            second = self._normal(b.add(places, self.stride))
            worse = b.fadd(step, b.fmul(b.fmul(root, floor), second))
            inside = b.basic_block
        step = v.either(FLOATS, step, usual, worse, inside)
        u = v.limit(b.fadd(u, step), *self.bounds)
        v.store(b.fadd(low, b.fmul(u, span)), self.w, offset, hit)
        return after, stops

    def _after(self, counter: Any, seen: Any, drawn: Any, rough: Any) -> Any:
        """Counter after the lanes of three masks took their random numbers."""
        v, b = self.v, self.v.b
        draws = b.add(v.tally(v.bits(drawn)), v.tally(v.bits(rough)))
        draws = b.add(draws, b.mul(v.tally(seen), b.zext(self.read, I64)))
        return b.add(counter, b.mul(draws, I64(int(STRIDE))))
