"""The run lengths of Label Studio's brush: a stream of bits that packs the bytes of RGBA pixels.

32 bits: the number of values. 5 bits: the bits of a value, less one. Four times 4 bits: widths of
the field that holds a length, less one. Then packets: 1 bit tells runs from lists, 2 bits choose
the width, a length less one of that width follows, and the value of the run or the values of the
list. Zeros fill the last byte.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

VALUE_BITS = 8
LENGTH_BITS = (3, 4, 8, 16)
CHANNELS = 4
ALPHA = 3


def encode(region: np.ndarray) -> list[int]:
    """Encode a region: its pixels are white and opaque, the others black and transparent.

    Args:
        region (np.ndarray): bool (H, W), at least one pixel.

    Returns:
        list[int]: Bytes, 0 to 255.

    >>> encode(np.array([[False, True]]))
    [0, 0, 0, 8, 57, 27, 252, 96, 17, 255, 128]
    """
    values = region.reshape(-1)
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    lengths = CHANNELS * np.diff(np.r_[starts, values.size])
    bits = _BitWriter()
    bits.write(CHANNELS * values.size, 32)
    bits.write(VALUE_BITS - 1, 5)
    for width in LENGTH_BITS:
        bits.write(width - 1, 4)
    for value, length in zip(values[starts].tolist(), lengths.tolist(), strict=True):
        while length:
            part = min(length, 1 << LENGTH_BITS[-1])
            choice = next(i for i, width in enumerate(LENGTH_BITS) if part <= 1 << width)
            bits.write(1, 1)
            bits.write(choice, 2)
            bits.write(part - 1, LENGTH_BITS[choice])
            bits.write(255 * value, VALUE_BITS)
            length -= part
    return list(bits.content())


def decode(encoded: Sequence[int], shape: tuple[int, int]) -> np.ndarray:
    """Decode a region: the pixels that are not wholly transparent.

    Args:
        encoded (Sequence[int]): Bytes, 0 to 255.
        shape (tuple[int, int]): Height and width of the image.

    Returns:
        np.ndarray: bool (H, W).

    Raises:
        ValueError: If the stream is damaged or of an image of another size.

    >>> decode([0, 0, 0, 8, 57, 27, 252, 96, 17, 255, 128], (1, 2))
    array([[False,  True]])
    """
    try:
        bits = _BitReader(bytes(list(encoded)))
    except (TypeError, ValueError):
        raise ValueError('the run lengths are no list of bytes, 0 to 255') from None
    number = bits.read(32)
    expected = CHANNELS * shape[0] * shape[1]
    if number != expected:
        raise ValueError(
            f'run lengths of {number} values, expected {expected}: {CHANNELS} for each pixel of '
            f'{shape[0]} x {shape[1]} (height x width)'
        )
    value_bits = bits.read(5) + 1
    widths = [bits.read(4) + 1 for _ in range(4)]
    values = np.zeros(number, bool)
    position = 0
    while position < number:
        is_run = bits.read(1)
        end = position + 1 + bits.read(widths[bits.read(2)])
        if end > number:
            raise ValueError('the run lengths hold more values than they say')
        if is_run:
            values[position:end] = bits.read(value_bits) > 0
        else:
            values[position:end] = [bits.read(value_bits) > 0 for _ in range(position, end)]
        position = end
    return values.reshape(*shape, CHANNELS)[..., ALPHA]


class _BitWriter:
    """Collects numbers of some bits each, the highest bit first."""

    def __init__(self) -> None:
        self.bytes, self.pending, self.width = bytearray(), 0, 0

    def write(self, value: int, width: int) -> None:
        self.pending = self.pending << width | value
        self.width += width
        while self.width >= 8:
            self.width -= 8
            self.bytes.append(self.pending >> self.width)
            self.pending &= (1 << self.width) - 1

    def content(self) -> bytes:
        tail = [self.pending << (8 - self.width)] if self.width else []
        return bytes([*self.bytes, *tail])


class _BitReader:
    """Reads numbers of up to 32 bits each, the highest bit first."""

    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0

    def read(self, width: int) -> int:
        first, end = self.position // 8, self.position + width
        if end > 8 * len(self.content):
            raise ValueError('the run lengths end too early')
        last = -(-end // 8)
        self.position = end
        number = int.from_bytes(self.content[first:last], 'big')
        return number >> (8 * last - end) & ((1 << width) - 1)
