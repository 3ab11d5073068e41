"""Salient-object networks in ONNX files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

BACKENDS = ('onnxruntime', 'cv2')


class SaliencyNet:
    """A salient-object network: one image in, one map out.

    The image is resized to the network's input, divided by its highest value (U-2-Net's way),
    normalised, and the first output is stretched to 0..255 by its minimum and maximum and resized
    to the image.

    Args:
        model (str | os.PathLike): ONNX file; input float32 (1, 3, H, W) RGB, first output
            (1, 1, h, w).
        size (int): Side of the input.
        mean (Sequence[float]): Of red, green and blue in 0..1.
        std (Sequence[float]): Their deviations.
        backend (str, optional): ``'onnxruntime'`` or ``'cv2'``; by default the former where it is
            installed.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If onnxruntime is asked for and missing.
        ValueError: If the file is no ONNX network, or an option makes no sense.
    """

    def __init__(
        self,
        model: str | os.PathLike,
        size: int = 320,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        backend: str | None = None,
    ) -> None:
        if size < 1 or len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(
                f'size={size}, mean={tuple(mean)}, std={tuple(std)}: expected a side of at least '
                '1, three means and three deviations above 0.'
            )
        if backend not in (None, *BACKENDS):
            raise ValueError(f'backend={backend!r}, expected one of {", ".join(BACKENDS)}.')
        if not Path(model).is_file():
            raise FileNotFoundError(f'{model}: there is no such network.')
        self.size = size
        self.mean, self.std = (np.array(one, np.float32) for one in (mean, std))
        self.backend = backend or default_backend()
        content = Path(model).read_bytes()
        self.sha256 = hashlib.sha256(content).hexdigest()
        try:
            self._run = _onnxruntime(content) if self.backend == 'onnxruntime' else _cv2(content)
        except ImportError:
            raise
        except Exception as error:  # each library has errors of its own
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error)
            raise ValueError(f'{model}: not a readable ONNX network ({reason}).') from None

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Saliency of an image.

        Args:
            image (np.ndarray): (H, W, 3) uint8 RGB.

        Returns:
            np.ndarray: (H, W) uint8; all 0 where the network's output is constant.

        Raises:
            ValueError: If the network does not take such an input or gives no map.
        """
        small = cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
        pixels = small.astype(np.float32) / max(1, int(small.max()))
        inputs = ((pixels - self.mean) / self.std).transpose(2, 0, 1)[None]
        try:
            output = np.asarray(self._run(np.ascontiguousarray(inputs)))
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(
                f'the saliency network does not take an input of (1, 3, {self.size}, {self.size}) '
                f'({reason}); set --size, or another network.'
            ) from None
        if output.ndim != 4 or output.shape[:2] != (1, 1) or not np.isfinite(output).all():
            raise ValueError(
                f'the first output of the saliency network is {output.shape}, expected finite '
                '(1, 1, h, w).'
            )
        saliency = output[0, 0].astype(np.float32)
        low, high = saliency.min(), saliency.max()
        if high > low:
            saliency = (saliency - low) / (high - low)
        else:
            saliency = np.zeros_like(saliency)
        height, width = image.shape[:2]
        large = cv2.resize(saliency, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.rint(large.clip(0, 1) * 255).astype(np.uint8)


def default_backend() -> str:
    """The backend that is installed: onnxruntime, otherwise OpenCV."""
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        return 'cv2'
    return 'onnxruntime'


def _onnxruntime(content: bytes):
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            "backend='onnxruntime' needs onnxruntime: pip install onnxruntime, or use 'cv2'."
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=['CPUExecutionProvider'])
    name = session.get_inputs()[0].name
    output = session.get_outputs()[0].name
    return lambda inputs: session.run([output], {name: inputs})[0]


def _cv2(content: bytes):
    net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
    # OpenCV lists outputs in an order of its own.
    name = _first_output(content)
    if name not in net.getUnconnectedOutLayersNames():
        raise ValueError(f'OpenCV does not give its output {name}; install onnxruntime')

    def run(inputs: np.ndarray) -> np.ndarray:
        net.setInput(inputs)
        return net.forward(name)

    return run


def _first_output(content: bytes) -> str:
    """Name of the first output of an ONNX file: field 7 (graph), 12 (output), 1 (name)."""
    for field in (7, 12, 1):
        content = next(value for number, value in _fields(content) if number == field)
    return content.decode()


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of the length-delimited fields of a protobuf message."""
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while place < len(message):
        number, kind = divmod(varint(), 8)
        if kind == 2:
            size = varint()
            yield number, message[place : place + size]
            place += size
        elif kind == 0:
            varint()
        else:
            place += {1: 8, 5: 4}[kind]
