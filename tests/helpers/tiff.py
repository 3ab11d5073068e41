"""Plain TIFF files of any depth and number of bands, which the libraries do not write."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_tiff(
    path: Path,
    array: np.ndarray,
    photometric: int = 2,
    extra: Sequence[int] = (),
    planar: bool = False,
    pages: Sequence[int] = (0,),
) -> None:
    """Write an array as an uncompressed TIFF file.

    Args:
        path (Path): The file.
        array (np.ndarray): (H, W) or (H, W, bands), any type of numbers.
        photometric (int): 0 and 1 for grey, 2 for RGB, 5 for CMYK.
        extra (Sequence[int]): What each band beyond the colours is: 0 unspecified, 1 and 2 alpha.
        planar (bool): One band after the other.
        pages (Sequence[int]): Kind of each page, all with these pixels: 0 a page, 1 a smaller copy.
    """
    height, width = array.shape[:2]
    array = array.reshape(height, width, -1)
    bands = array.shape[2]
    data = (np.moveaxis(array, 2, 0) if planar else array).tobytes()
    strips = bands if planar else 1
    size = len(data) // strips
    tags = {
        254: ('I', [0]),
        256: ('I', [width]),
        257: ('I', [height]),
        258: ('H', [array.dtype.itemsize * 8] * bands),
        259: ('H', [1]),
        262: ('H', [photometric]),
        273: ('I', [8 + index * size for index in range(strips)]),
        277: ('H', [bands]),
        278: ('I', [height]),
        279: ('I', [size] * strips),
        284: ('H', [2 if planar else 1]),
        338: ('H', list(extra)),
        339: ('H', [{'u': 1, 'i': 2, 'f': 3, 'c': 6}[array.dtype.kind]] * bands),
    }
    data += b'\0' * (len(data) % 2)
    content = struct.pack('<2sHI', b'II', 42, 8 + len(data)) + data
    for number, kind in enumerate(pages):
        entries, behind = b'', b''
        used = {tag: value for tag, value in tags.items() if value[1]}
        used[254] = ('I', [kind])
        start = len(content) + 2 + 12 * len(used) + 4
        for tag, (code, values) in used.items():
            raw = struct.pack(f'<{len(values)}{code}', *values)
            if len(raw) > 4:
                place, behind = struct.pack('<I', start + len(behind)), behind + raw
                behind += b'\0' * (len(behind) % 2)
            else:
                place = raw.ljust(4, b'\0')
            entries += struct.pack('<HHI', tag, 3 if code == 'H' else 4, len(values)) + place
        following = start + len(behind) if number + 1 < len(pages) else 0
        content += struct.pack('<H', len(used)) + entries + struct.pack('<I', following) + behind
    path.write_bytes(content)
