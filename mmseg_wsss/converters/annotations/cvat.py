"""CVAT's "Segmentation mask 1.1": an archive of coloured masks and a ``labelmap.txt``."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...store import encode_mask
from ...utils.palette import label_palette
from ...utils.pixel_limit import DECODER_ERRORS, check_pixels, open_image
from .annotated import AnnotatedImage, ImageToAnnotate, LabelNames, json_bytes, labels_in

FILE_NAME = 'annotations.zip'
LABELS_NAME = 'labels.json'
LABEL_MAP = 'labelmap.txt'
CLASS_FOLDER, OBJECT_FOLDER = 'SegmentationClass', 'SegmentationObject'
LIST = 'ImageSets/Segmentation/default.txt'
BACKGROUND = 'background'
# Archives of equal masks are equal.
DATE = (1980, 1, 1, 0, 0, 0)

Color = tuple[int, ...]


def write(images: Sequence[ImageToAnnotate], labels: LabelNames) -> dict[str, bytes]:
    """Give the archive to upload as annotations, and the labels of the project.

    Args:
        images (Sequence[ImageToAnnotate]): The images; their order is that of the list in the
            archive. Each label of an image is one object.
        labels (LabelNames): The labels.

    Returns:
        dict[str, bytes]: Content by file name.

    Raises:
        ValueError: If two labels have one colour, or a name could not be read again.
    """
    colors: dict[str, Color] = {BACKGROUND: tuple(labels.palette[0])}
    palette = np.zeros((256, 3), int)
    palette[0] = labels.palette[0]
    for label, name, color in labels.foreground:
        if color in colors.values():
            other = next(one for one in colors if colors[one] == color)
            raise ValueError(
                f'{other!r} and {name!r} both have the colour {color}: CVAT tells labels by their '
                'colours; give the classes of the seed root different ones, or take another format'
            )
        if ':' in name or name.startswith('#') or name != name.strip():
            raise ValueError(
                f"class {name!r}: CVAT's {LABEL_MAP} cannot hold this name (a colon, a leading # "
                'or blanks around it); take another format'
            )
        colors[name] = palette[label] = color
    lines = ['# label:color_rgb:parts:actions']
    lines += [f'{name}:{",".join(map(str, color))}::' for name, color in colors.items()]
    content = {
        LABEL_MAP: ('\n'.join(lines) + '\n').encode(),
        LIST: ''.join(f'{_stem(image.file_name)}\n' for image in images).encode(),
    }
    for image in images:
        objects = np.zeros(256, np.uint8)
        present = labels_in(image.mask)
        objects[present] = np.arange(1, len(present) + 1)
        name = f'{_stem(image.file_name)}.png'
        content[f'{CLASS_FOLDER}/{name}'] = encode_mask(image.mask, palette.tolist())
        content[f'{OBJECT_FOLDER}/{name}'] = encode_mask(objects[image.mask], label_palette(256))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), data)
    project = [
        dict(name=name, color='#{:02x}{:02x}{:02x}'.format(*color), type='any', attributes=[])
        for _, name, color in labels.foreground
    ]
    return {FILE_NAME: buffer.getvalue(), LABELS_NAME: json_bytes(project)}


def read(path: Path, labels: LabelNames) -> Iterator[AnnotatedImage]:
    """Read the masks of an archive, or of a folder that it was unpacked to.

    Args:
        path (Path): The archive or the folder.
        labels (LabelNames): The labels. Colours are those of the archive's ``labelmap.txt``.

    Yields:
        AnnotatedImage: By name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such archive, a mask is damaged, or has a colour that is no label
            of the archive, or a label that is no class.
    """
    if path.is_dir() and (path / FILE_NAME).is_file() and not (path / LABEL_MAP).is_file():
        path = path / FILE_NAME
    if path.is_dir():
        names = sorted(one.relative_to(path).as_posix() for one in path.rglob('*.*'))
        yield from _read(path, names, lambda name: (path / name).read_bytes(), labels)
        return
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such archive')
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
            yield from _read(path, names, archive.read, labels)
    except zipfile.BadZipFile as error:
        raise ValueError(f'{path}: no whole zip archive ({error})') from None


def _read(
    path: Path, names: Sequence[str], load: Callable[[str], bytes], labels: LabelNames
) -> Iterator[AnnotatedImage]:
    maps = [name for name in names if name.rpartition('/')[2] == LABEL_MAP]
    if len(maps) != 1:
        raise ValueError(
            f'{path}: has {len(maps)} files {LABEL_MAP}, expected one: export the task as '
            '"Segmentation mask 1.1"'
        )
    root = maps[0].removesuffix(LABEL_MAP)
    colors = _read_label_map(load(maps[0]), f'{path}: {maps[0]}')
    folder = f'{root}{CLASS_FOLDER}/'
    masks = [name for name in names if name.startswith(folder) and name.endswith('.png')]
    if not masks:
        raise ValueError(f'{path}: has no masks {folder}*.png')
    for name in masks:
        source = f'{path}: {name}'
        named, numbers = _decode(load(name), colors, source)
        table = [labels.label(_class_name(one, labels), source) for one in named]
        mask = np.array(table, np.uint8)[numbers]
        yield AnnotatedImage(name.removeprefix(folder).removesuffix('.png'), mask, source)


def _class_name(name: str, labels: LabelNames) -> str:
    """CVAT calls pixels without a label background, whatever the classes call label 0."""
    return labels.classes[0] if name == BACKGROUND and name not in labels.classes else name


def _decode(content: bytes, colors: Mapping[int, str], source: str) -> tuple[list[str], np.ndarray]:
    """Names of the labels of a mask, and at each pixel which of them it is, (H, W)."""
    try:
        with open_image(io.BytesIO(content), formats=['PNG']) as image:
            check_pixels(source, image.height, image.width)
            pixels = np.asarray(image.convert('RGB'), np.int64)
    except DECODER_ERRORS as error:
        if str(error).startswith(source):
            raise
        raise ValueError(f'{source}: no readable PNG file ({error})') from None
    found, numbers = np.unique(_number(pixels), return_inverse=True)
    for number in found.tolist():
        if number not in colors:
            color = (number >> 16, number >> 8 & 255, number & 255)
            pixel = int((numbers.reshape(-1) == found.tolist().index(number)).sum())
            raise ValueError(
                f'{source}: {pixel} pixels have the colour {color}, which is no label of '
                f'{LABEL_MAP}'
            )
    return [colors[number] for number in found.tolist()], numbers.reshape(pixels.shape[:2])


def _read_label_map(content: bytes, source: str) -> dict[int, str]:
    """Names by colour; black is the background where no label says so."""
    try:
        lines = content.decode('utf-8').splitlines()
    except UnicodeDecodeError:
        raise ValueError(f'{source}: is not UTF-8') from None
    entries = [
        (number, line.split(':'))
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith('#')
    ]
    # Without any colour they are PASCAL VOC's, in the order of the lines.
    default = None
    if not any(one.strip() for _, parts in entries for one in parts[1:2]):
        default = label_palette(min(len(entries), 256))
    colors: dict[int, str] = {}
    for index, (number, (name, *rest)) in enumerate(entries):
        values = rest[0].split(',') if rest else []
        if default is not None and index < len(default):
            values = [str(value) for value in default[index]]
        if len(values) != 3 or not all(one.strip().isdecimal() for one in values):
            raise ValueError(
                f'{source}:{number}: {":".join([name, *rest])!r}, expected name:red,green,blue::'
            )
        key = int(_number(np.array([int(one) for one in values])))
        if key in colors:
            raise ValueError(
                f'{source}:{number}: {colors[key]!r} and {name!r} have one colour, so that their '
                'pixels cannot be told apart'
            )
        colors[key] = name.strip()
    colors.setdefault(0, BACKGROUND)
    return colors


def _number(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]


def _stem(file_name: str) -> str:
    """The path without suffix, as CVAT names the masks."""
    folder, slash, name = file_name.rpartition('/')
    return f'{folder}{slash}{name.rpartition(".")[0] or name}'
