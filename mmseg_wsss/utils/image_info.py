"""What an image file holds, by its header: size, depth, bands, transparency, pages."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO

from PIL import UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from .pixel_limit import DECODER_ERRORS, check_pixels, open_image

_TIFF = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')  # the latter two are BigTIFF
_PNG = b'\x89PNG\r\n\x1a\n'
_ORIENTATION = 0x0112
# Of a TIFF's photometric interpretation: what Pillow calls it, and how many bands it has.
_TIFF_MODES = {
    0: ('L', 1), 1: ('L', 1), 2: ('RGB', 3), 3: ('P', 1), 5: ('CMYK', 4), 6: ('YCbCr', 3),
    8: ('LAB', 3),
}  # fmt: skip
_TIFF_SAMPLES = {1: 'unsigned', 2: 'signed', 3: 'float', 4: 'unsigned'}
_UNASSOCIATED_ALPHA = 2
_PILLOW_DEPTHS = {'1': (1, 'unsigned'), 'I': (32, 'signed'), 'F': (32, 'float')}


@dataclass(frozen=True)
class ImageInfo:
    """What the header of an image file says.

    Attributes:
        file_format (str): ``'JPEG'``, ``'PNG'``, ``'TIFF'`` and so on, whatever the suffix.
        mode (str): Its bands in Pillow's words: ``'L'`` (grey), ``'RGB'``, ``'RGBA'``, ``'P'``
            (palette) ...
        height (int): As stored, before EXIF orientation.
        width (int): As stored.
        bits (int): Of a sample.
        sample (str): ``'unsigned'``, ``'signed'``, ``'float'`` or ``'complex'``.
        bands (int): Samples of a pixel, alpha included.
        extra (int): How many of them are no colour: alpha, near infrared and so on.
        multiplies (bool): Whether readers multiply the colours by the extra band: an 8-bit TIFF
            says that it is unassociated alpha.
        turned (bool): Whether EXIF turns or mirrors the image.
        pages (int): Pages or frames; the first is read.
        layout (str): Of deep samples only: how they are stored, where decoders misread it.
    """

    file_format: str
    mode: str
    height: int
    width: int
    bits: int = 8
    sample: str = 'unsigned'
    bands: int = 3
    extra: int = 0
    multiplies: bool = False
    turned: bool = False
    pages: int = 1
    layout: str = ''

    @property
    def is_deep(self) -> bool:
        """Whether a sample is anything but an unsigned integer of at most 8 bits."""
        return self.bits > 8 or self.sample != 'unsigned'

    @property
    def has_unknown_bands(self) -> bool:
        """Whether there are bands of which nothing says what they show, beyond one after RGB."""
        if self.extra in (0, 1) and self.mode in ('RGB', 'RGBA', 'YCbCr', 'LAB', 'LABA'):
            return False
        if self.mode.endswith('A') and self.extra == 1:
            return False
        # A transparent colour of a palette is no band.
        return self.extra < 0 or (self.extra > 0 and self.bands > 1)

    @property
    def colours(self) -> str:
        """The bands in words, e.g. ``'grey'`` or ``'RGB'``."""
        name = 'grey' if self.mode[0] in '1LIF' and self.mode[:3] != 'LAB' else self.mode
        return name + (f' ({self.bands} bands)' if self.extra and self.bands > 1 else '')

    @property
    def depth(self) -> str:
        """The depth in words, e.g. ``'16-bit'`` or ``'32-bit float'``."""
        return f'{self.bits}-bit' + ('' if self.sample == 'unsigned' else f' {self.sample}')

    @property
    def kind(self) -> str:
        """Format, bands and an unusual depth, e.g. ``'JPEG RGB'`` or ``'TIFF L 16-bit'``."""
        return f'{self.file_format} {self.mode}' + (f' {self.depth}' if self.is_deep else '')


def describe_image(path: str, content: bytes | None = None) -> ImageInfo:
    """Read the header of an image file.

    Args:
        path (str): The file, of this machine unless its content is given.
        content (bytes, optional): Its content.

    Returns:
        ImageInfo: What it says.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image, broken, or has more pixels than allowed
            (:func:`mmseg_wsss.utils.pixel_limit.max_pixels`).
    """
    try:
        with io.BytesIO(content) if content is not None else open(path, 'rb') as file:
            start = file.read(26)
            size = file.seek(0, io.SEEK_END)
            is_tiff = start[:4] in _TIFF
            info = _describe_tiff(file) if is_tiff else _describe_other(file, start)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such image.') from None
    except UnidentifiedImageError:
        raise ValueError(f'{path}: not a readable image ({size} bytes).') from None
    except DECODER_ERRORS as error:
        raise ValueError(f'{path}: broken image ({error}).') from None
    check_pixels(path, info.height, info.width)
    return info


def _describe_other(file: BinaryIO, start: bytes) -> ImageInfo:
    file.seek(0)
    with open_image(file) as image:
        bits, sample = _PILLOW_DEPTHS.get(image.mode, (8, 'unsigned'))
        if image.mode.startswith('I;16'):
            bits, sample = 16, 'unsigned'
        if start[:8] == _PNG and start[24] == 16:  # Pillow calls it RGB
            bits, sample = 16, 'unsigned'
        bands = len(image.getbands())
        with_alpha = image.mode in ('LA', 'PA', 'RGBA', 'RGBa', 'La')
        # A JPEG of a telephone (MPO) has a preview behind, which is no other page.
        pages = 1 if image.format in ('JPEG', 'MPO') else getattr(image, 'n_frames', 1)
        # To look for it behind the pixels, Pillow would decode the whole of a PNG.
        exif = image.getexif() if image.format != 'PNG' or 'exif' in image.info else {}
        return ImageInfo(
            file_format=image.format,
            mode=image.mode,
            height=image.height,
            width=image.width,
            bits=bits,
            sample=sample,
            bands=bands,
            extra=int(with_alpha or 'transparency' in image.info),
            turned=exif.get(_ORIENTATION, 1) in range(2, 9),
            pages=pages,
        )


def _describe_tiff(file: BinaryIO) -> ImageInfo:
    """By its tags: Pillow opens few of the combinations of depths and bands."""
    tags, pages = _read_tags(file)
    (bands,) = _numbers(tags, 277, 1)
    (photometric,) = _numbers(tags, 262, 1)
    bits = max(_numbers(tags, 258, 1))
    sample = _TIFF_SAMPLES.get(_numbers(tags, 339, 1)[0], 'complex')
    mode, colours = _TIFF_MODES.get(photometric, (f'photometric {photometric}', bands))
    extra = bands - colours
    # What an extra band is may be left open: near infrared as well as transparency.
    kinds = _numbers(tags, 338, 0)
    is_alpha = extra == 1 and kinds[-1] in (1, _UNASSOCIATED_ALPHA)
    layout = ''
    if bits > 8 and bands > 1 and _numbers(tags, 284, 1)[0] != 1:
        layout = 'bands one after the other (planar)'
    elif bits > 8 and photometric == 0:
        layout = 'white as 0'
    return ImageInfo(
        file_format='TIFF',
        mode='1' if bits == 1 and mode == 'L' else mode + 'A' * is_alpha,
        height=_numbers(tags, 257, 0)[0],
        width=_numbers(tags, 256, 0)[0],
        bits=bits,
        sample=sample,
        bands=bands,
        extra=extra,
        multiplies=is_alpha and kinds[-1] == _UNASSOCIATED_ALPHA and colours >= 3 and bits <= 8,
        turned=_numbers(tags, _ORIENTATION, 1)[0] in range(2, 9),
        pages=pages,
        layout=layout,
    )


def _read_tags(file: BinaryIO) -> tuple[dict, int]:
    """Give the tags of a TIFF's first page and the number of its pages."""
    file.seek(0)
    header = file.read(8)
    if header[2:4] in (b'+\0', b'\0+'):
        header += file.read(8)
    directory = ImageFileDirectory_v2(header)
    first, pages, seen = None, 0, set()
    while directory.next and directory.next not in seen:
        seen.add(directory.next)
        file.seek(directory.next)
        directory.load(file)
        tags = dict(directory)
        first = tags if first is None else first
        # Smaller copies of a page and transparency masks are no pages of their own.
        pages += not _numbers(tags, 254, 0)[0] & 5
    if not first:
        raise ValueError('a TIFF without a page')
    return first, max(1, pages)


def _numbers(tags: dict, tag: int, default: int) -> tuple[int, ...]:
    value = tags.get(tag, default)
    numbers = tuple(value) if isinstance(value, (tuple, bytes)) else (value,)
    if not numbers or not all(isinstance(number, int) for number in numbers):
        raise ValueError(f'tag {tag} is {value!r:.40}')
    return numbers
