"""The one place that knows what a mask file is: 8-bit palette or grey PNG, values are labels."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..seeds.codec import IGNORE_INDEX
from ..utils.atomic import write_atomic
from ..utils.pixel_limit import DECODER_ERRORS, check_pixels, open_image

SIGNATURE = b'\x89PNG\r\n\x1a\n'
# Colour of 255 where the palette does not name it, PASCAL VOC's "void".
IGNORE_COLOR = (224, 224, 192)
COLOR_TYPES = {0: 'grey', 2: 'RGB', 3: 'palette', 4: 'grey with alpha', 6: 'RGBA'}


def encode_mask(mask: np.ndarray, palette: Sequence[Sequence[int]] | None = None) -> bytes:
    """Encode a mask as the content of a PNG file; equal masks give equal bytes.

    Args:
        mask (np.ndarray): uint8 (H, W), neither side 0.
        palette (Sequence[Sequence[int]], optional): At most 256 RGB colours, 0 to 255, one per
            label. A palette PNG (mode P) is written with it, a grey one (mode L) without, which
            is how agreement is stored. The values are the same when read.

    Returns:
        bytes: The file's content. Colours are stored up to the last one named or, if the mask has
        a label beyond, for all 256 labels, as the PNG standard asks.

    Raises:
        TypeError: If the mask is not a uint8 array.
        ValueError: If it is not (H, W) or empty, or the palette has no valid colours.

    >>> decode_mask(encode_mask(np.array([[0, 1, 255]], np.uint8), [[0, 0, 0], [128, 0, 0]]), 'm')
    array([[  0,   1, 255]], dtype=uint8)
    """
    if not isinstance(mask, np.ndarray) or mask.dtype != np.uint8:
        kind = mask.dtype if isinstance(mask, np.ndarray) else type(mask).__name__
        raise TypeError(f'mask is {kind}, expected a uint8 array (H, W)')
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f'mask has shape {mask.shape}, expected (H, W) with no side 0')
    height, width = mask.shape
    # Filter 0 on every row: flat regions compress best unfiltered, and decoding is one inflate.
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = mask
    color_type = 0 if palette is None else 3
    chunks = [_chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, color_type, 0, 0, 0))]
    if palette is not None:
        chunks.append(_chunk(b'PLTE', _palette_bytes(palette, int(mask.max()))))
    # Run lengths fit flat regions: as small as the usual strategy within a few per cent, in a
    # fraction of its time. All are below one block of the file system.
    stream = zlib.compressobj(level=6, memLevel=9, strategy=zlib.Z_RLE)
    chunks.append(_chunk(b'IDAT', stream.compress(rows.tobytes()) + stream.flush()))
    chunks.append(_chunk(b'IEND', b''))
    return SIGNATURE + b''.join(chunks)


def write_mask(
    path: str | os.PathLike, mask: np.ndarray, palette: Sequence[Sequence[int]] | None = None
) -> int:
    """Write a mask file atomically; folders are made as needed.

    Args:
        path (str | os.PathLike): The file, ending in .png.
        mask (np.ndarray): As in :func:`encode_mask`.
        palette (Sequence[Sequence[int]], optional): As in :func:`encode_mask`.

    Returns:
        int: Bytes written.

    Raises:
        TypeError, ValueError: As :func:`encode_mask`.
        OSError: If the file cannot be written; nothing half-written is left.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> mask = np.array([[0, 2, 255]], np.uint8)
    >>> _ = write_mask(f'{folder.name}/a.png', mask, palette=[[0, 0, 0], [9, 0, 0], [0, 9, 0]])
    >>> read_mask(f'{folder.name}/a.png', shape=(1, 3), num_classes=3).tolist()
    [[0, 2, 255]]
    >>> folder.cleanup()
    """
    content = encode_mask(mask, palette)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content)
    return len(content)


def read_mask(
    path: str | os.PathLike,
    shape: tuple[int, int] | None = None,
    num_classes: int | None = None,
    ignore_index: int | None = IGNORE_INDEX,
) -> np.ndarray:
    """Read a mask file.

    Args:
        path (str | os.PathLike): The file.
        shape, num_classes, ignore_index: As in :func:`decode_mask`.

    Returns:
        np.ndarray: uint8 (H, W).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As :func:`decode_mask`.

    See :func:`write_mask` for an example.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: there is no such mask') from None
    return decode_mask(content, str(path), shape, num_classes, ignore_index)


def decode_mask(
    content: bytes,
    name: str,
    shape: tuple[int, int] | None = None,
    num_classes: int | None = None,
    ignore_index: int | None = IGNORE_INDEX,
    stacked: int = 1,
) -> np.ndarray:
    """Decode the content of a mask file, refusing whatever is not a whole and proper mask.

    The checksums of the file are verified, so a truncated or damaged file never yields labels.

    Args:
        content (bytes): Content of the file.
        name (str): Path of the file, for messages.
        shape (tuple[int, int], optional): Expected (H, W), the image's size.
        num_classes (int, optional): Labels must be below it or ``ignore_index``. For agreement
            pass the number of seeds + 1 and ``ignore_index=None``.
        ignore_index (int, optional): The label allowed beyond ``num_classes``; None for no such.
        stacked (int): How many masks of one image may lie in the file, one below the other; each
            may have as many pixels as an image.

    Returns:
        np.ndarray: uint8 (H, W), writable.

    Raises:
        ValueError: If the file is empty, no PNG, truncated, damaged, not 8-bit palette or grey, of
            another size, or has a label out of range.
    """
    width, height, depth, color_type, interlace, data = _parse(content, name, stacked)
    if color_type not in (0, 3) or (color_type == 0 and depth != 8) or depth > 8:
        raise ValueError(
            f'{name}: {depth}-bit {COLOR_TYPES.get(color_type, f"colour type {color_type}")} PNG, '
            'expected a mask of 8-bit labels (palette or grey)'
        )
    if shape is not None and (height, width) != tuple(shape):
        raise ValueError(
            f'{name}: {height} x {width} (height x width), expected {shape[0]} x {shape[1]}, the '
            'size of its image and of every other mask of it'
        )
    if depth == 8 and interlace == 0:
        rows = np.frombuffer(data, np.uint8).reshape(height, width + 1)
        mask = _decode_with_pillow(content, name) if rows[:, 0].any() else rows[:, 1:].copy()
    else:
        mask = _decode_with_pillow(content, name)
    if num_classes is not None and int(mask.max()) >= num_classes:
        outside = mask >= num_classes
        if ignore_index is not None:
            outside &= mask != ignore_index
        if outside.any():
            also = '' if ignore_index is None else f' or {ignore_index}'
            raise ValueError(
                f'{name}: label {mask[outside].max()}, expected 0 to {num_classes - 1}{also}; was '
                'it made with another class list?'
            )
    return mask


def _parse(content: bytes, name: str, stacked: int = 1) -> tuple[int, int, int, int, int, bytes]:
    """Give width, height, bit depth, colour type, interlacing and the inflated data of a PNG."""
    if not content:
        raise ValueError(f'{name}: the file is empty (0 bytes), expected a PNG mask')
    if not content.startswith(SIGNATURE):
        if SIGNATURE.startswith(content):
            raise ValueError(f'{name}: the file is truncated ({len(content)} bytes)')
        raise ValueError(f'{name}: not a PNG file, expected a PNG mask')
    header, compressed, position, kind = None, [], len(SIGNATURE), b''
    while kind != b'IEND':
        if position + 12 > len(content):
            raise ValueError(f'{name}: the file is truncated ({len(content)} bytes)')
        length, kind = struct.unpack_from('>I4s', content, position)
        end = position + 8 + length
        if end + 4 > len(content):
            raise ValueError(f'{name}: the file is truncated ({len(content)} bytes)')
        # The checksum of each chunk covers its kind and its data.
        (checksum,) = struct.unpack_from('>I', content, end)
        if zlib.crc32(memoryview(content)[position + 4 : end]) != checksum:
            raise ValueError(f'{name}: the file is damaged (wrong checksum of a PNG chunk)')
        body = content[position + 8 : end]
        if header is None:
            if kind != b'IHDR' or length != 13:
                raise ValueError(f'{name}: the file is damaged (no PNG header)')
            header = struct.unpack('>IIBBBBB', body)
        elif kind == b'IDAT':
            compressed.append(body)
        position = end + 4
    width, height, depth, color_type, _, _, interlace = header
    if width * height == 0:
        raise ValueError(f'{name}: {height} x {width} pixels, expected at least 1')
    check_pixels(name, -(-height // stacked), width)
    expected = height * (width + 1) if depth == 8 and color_type in (0, 3) else None
    data = b''
    if expected is not None and interlace == 0:
        data = _inflate(b''.join(compressed), expected, name)
    return width, height, depth, color_type, interlace, data


def _inflate(compressed: bytes, expected: int, name: str) -> bytes:
    """Inflate exactly ``expected`` bytes; a hostile stream cannot make it hold more."""
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(compressed, expected)
        # The stream's own checksum is verified at its end, which is then still to be read.
        surplus = b'' if stream.eof else stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error as error:
        raise ValueError(f'{name}: the file is damaged ({error})') from None
    if surplus or len(data) != expected or not stream.eof:
        raise ValueError(f'{name}: the file is damaged (more or fewer pixels than it declares)')
    return data


def _decode_with_pillow(content: bytes, name: str) -> np.ndarray:
    """Decode filtered rows, interlacing and palettes of fewer than 8 bits."""
    try:
        with open_image(io.BytesIO(content), formats=['PNG']) as image:
            return np.array(image, np.uint8)
    except DECODER_ERRORS as error:
        raise ValueError(f'{name}: the file is damaged ({error})') from None


def _palette_bytes(palette: Sequence[Sequence[int]], highest: int) -> bytes:
    colors = [tuple(int(value) for value in color) for color in palette]
    if not 1 <= len(colors) <= 256 or any(
        len(color) != 3 or not all(0 <= value <= 255 for value in color) for color in colors
    ):
        raise ValueError(f'palette of {len(colors)} colours, expected 1 to 256 RGB colours 0-255')
    if highest >= len(colors):
        colors += [(0, 0, 0)] * (255 - len(colors)) + [IGNORE_COLOR]
    return bytes(value for color in colors for value in color)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
