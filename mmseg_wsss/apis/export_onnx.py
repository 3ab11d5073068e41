"""Exports a trained segmentation network to an ONNX file that needs nothing of this package."""

from __future__ import annotations

import inspect
import json
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor

from ..models.photo_network import PhotoNetwork
from ..models.segmentors.affinity_net import AffinityNet
from ..utils.atomic import atomic_path
from ..utils.image import read_image, resize_image
from ..version import __version__
from .inferencer import Inferencer, list_inputs

OPSETS = range(13, 21)  # what torch's exporter and the networks' operators have in common
TOLERANCE = 1e-3  # of a probability; rounding errors are a hundred times smaller
# Batch, height and width of generated inputs; odd and uneven ones. The first one is traced.
SIZES = ((2, 97, 129), (1, 96, 64), (3, 65, 111))
# Modules whose Python code counts pixels: a trace keeps the counts of its example.
ONE_SIZE = ('MultiScaleDeformableAttention', 'ShiftWindowMSA')
AXES = dict(
    image={0: 'batch', 2: 'height', 3: 'width'},
    labels={0: 'batch', 1: 'height', 2: 'width'},
    probabilities={0: 'batch', 2: 'height', 3: 'width'},
)


@dataclass(frozen=True)
class OnnxExport:
    """An exported network and how it compares with the network in torch.

    Attributes:
        path (Path): The ONNX file.
        size (tuple[int, int], optional): Fixed height and width of the input, None if dynamic.
        num_bytes (int): Of the file.
        inputs (int): Inputs that both networks were run on.
        largest_difference (float): Of a probability, over these inputs.
        other_labels (int): Pixels of another label, all of them ties.
        pixels (int): Pixels compared.
        torch_seconds (float): The network in torch took for these inputs.
        onnx_seconds (float): onnxruntime took.
        whole_instead_of_slide (bool): Whether the config tests by sliding window, which the file
            does not.
    """

    path: Path
    size: tuple[int, int] | None
    num_bytes: int
    inputs: int
    largest_difference: float
    other_labels: int
    pixels: int
    torch_seconds: float
    onnx_seconds: float
    whole_instead_of_slide: bool


def export_onnx(
    inferencer: Inferencer,
    out: str | os.PathLike,
    size: Sequence[int] | None = None,
    opset: int = 17,
    photos: str | os.PathLike | Sequence | None = None,
) -> OnnxExport:
    """Write a network to an ONNX file and compare it with the one in torch.

    The file has one input, ``image``: uint8 (batch, 3, height, width), RGB, photographs at their
    own size. What the config's test pipeline and data preprocessor do to them is inside. Outputs
    are ``labels``, uint8 (batch, height, width), and ``probabilities``, float32 (batch, K, height,
    width). Its metadata has ``classes`` (K names) and ``palette`` (K RGB colours), both as JSON.

    Args:
        inferencer (Inferencer): The network, best on the CPU; a dense CRF is not exported.
        out (str | os.PathLike): The file, ``*.onnx``; replaced if it exists.
        size (Sequence[int], optional): Height and width, for a file that takes single images of
            this size. By default batch, height and width can be any.
        opset (int): Version of ONNX's operators, 13 to 20.
        photos (str | os.PathLike | Sequence, optional): Photographs, as for the inferencer, to
            compare the networks on beside generated images.

    Returns:
        OnnxExport: The file and the comparison.

    Raises:
        ImportError: If onnx or onnxruntime is missing.
        FileNotFoundError: If a photograph or the folder of the file is missing.
        ValueError: If the network cannot be exported or an argument makes no sense, or the
            exported network gives other results; no file is left then.
    """
    onnx, onnxruntime = _libraries()
    out = Path(out)
    _check_arguments(inferencer, out, size, opset)
    size = None if size is None else (int(size[0]), int(size[1]))
    examples = list(_generated(size))
    if photos is not None:
        examples += _photographs(photos, size)
    network = PhotoNetwork(inferencer.model, inferencer.pipeline.transforms)
    network.to('cpu')
    with atomic_path(out) as temporary:
        _export(network, examples[0], temporary, size is None, opset)
        _describe(onnx, temporary, inferencer)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # failures are raised
        session = onnxruntime.InferenceSession(
            str(temporary), options, providers=['CPUExecutionProvider']
        )
        comparison = _compare(session, inferencer, network, examples, size is None)
        num_bytes = temporary.stat().st_size
    slide = inferencer.model.test_cfg.get('mode') == 'slide'
    return OnnxExport(out, size, num_bytes, len(examples), *comparison, slide)


def _libraries() -> tuple[ModuleType, ModuleType]:
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            f'{error.name} is missing: pip install onnx onnxruntime. The first is needed to write '
            'the file, the second to check it.'
        ) from None
    return onnx, onnxruntime


def _check_arguments(
    inferencer: Inferencer, out: Path, size: Sequence[int] | None, opset: int
) -> None:
    model = inferencer.model
    if not isinstance(model, EncoderDecoder) or isinstance(model, AffinityNet):
        raise ValueError(
            f'The checkpoint holds a network of type {type(model).__name__}; expected one that '
            'segments (EncoderDecoder), such as training on seeds gives.'
        )
    if model.out_channels != len(inferencer.classes):
        raise ValueError(
            f'The network has {model.out_channels} output channels for {len(inferencer.classes)} '
            'classes; expected one for each class.'
        )
    if out.suffix.lower() != '.onnx':
        raise ValueError(f'{out}: expected the name of a file that ends with .onnx.')
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise FileNotFoundError(f'{out}: expected a file in a folder that exists.')
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise ValueError(f'size={size}; expected height and width, at least 1.')
    kinds = {type(module).__name__ for module in model.modules()}
    if size is None and kinds & set(ONE_SIZE):
        raise ValueError(
            f'The network has {" and ".join(sorted(kinds & set(ONE_SIZE)))}, as Mask2Former has, '
            'and can be exported for one size of images only: --size HEIGHT WIDTH (size=...).'
        )
    if opset not in OPSETS:
        raise ValueError(f'opset={opset}; expected {OPSETS[0]} to {OPSETS[-1]}.')


def _generated(size: tuple[int, int] | None) -> Iterator[Tensor]:
    """Images for the comparison, uint8 (N, 3, H, W): noise, and patches of colour with noise."""
    generator = torch.Generator().manual_seed(0)
    for index, (batch, *sides) in enumerate(SIZES if size is None else [(1, *size)] * 2):
        noise = torch.randint(0, 256, (batch, 3, *sides), generator=generator).float()
        if index:
            colors = 255 * torch.rand((batch, 3, 5, 5), generator=generator)
            colors = torch.nn.functional.interpolate(colors, sides, mode='bicubic')
            noise = colors.clamp(0, 255) * 0.9 + noise * 0.1
        yield noise.to(torch.uint8)


def _photographs(photos: object, size: tuple[int, int] | None) -> list[Tensor]:
    images = [
        read_image(source) if isinstance(source, str) else source for source in list_inputs(photos)
    ]
    if size is not None:
        images = [resize_image(image, size) for image in images]
    return [torch.from_numpy(image.transpose(2, 0, 1)[None].copy()) for image in images]


def _export(network: PhotoNetwork, example: Tensor, path: Path, dynamic: bool, opset: int) -> None:
    # torch's newer exporter needs a further package, and is not there in torch 2.1.
    older = 'dynamo' in inspect.signature(torch.onnx.export).parameters
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter('ignore')  # on Python values in a trace: the result is checked
            torch.onnx.export(
                network,
                (example,),
                str(path),
                input_names=['image'],
                output_names=['labels', 'probabilities'],
                dynamic_axes=AXES if dynamic else None,
                opset_version=opset,
                **(dict(dynamo=False) if older else {}),
            )
    except OSError:
        raise
    except Exception as error:  # the exporter and the operators raise of all kinds
        raise ValueError(
            f'The network cannot be exported to ONNX with opset {opset}: {_first_line(error)}'
        ) from error


def _describe(onnx: ModuleType, path: Path, inferencer: Inferencer) -> None:
    """Add what a user of the file has to know to its metadata."""
    model = onnx.load(str(path))
    model.producer_name, model.producer_version = 'mmseg_wsss', __version__
    model.doc_string = (
        'image: uint8 (batch, 3, height, width), RGB, as photographs are; labels: uint8, indices '
        'into classes; probabilities: float32, sum to 1 over the classes.'
    )
    onnx.helper.set_model_props(
        model,
        dict(classes=json.dumps(inferencer.classes), palette=json.dumps(inferencer.palette)),
    )
    onnx.save(model, str(path))


def _compare(
    session, inferencer: Inferencer, network: PhotoNetwork, examples: list[Tensor], dynamic: bool
) -> tuple[float, int, int, float, float]:
    """Run both networks.

    Returns:
        tuple: Largest difference of a probability, pixels of another label, all pixels, seconds of
        torch and of onnxruntime.

    Raises:
        ValueError: If they differ by more than rounding errors.
    """
    largest, others, pixels = 0.0, 0, 0
    seconds = [0.0, 0.0]
    for index, example in enumerate(examples):
        started = time.perf_counter()
        expected = _torch_probabilities(inferencer, network, example)
        seconds[0] += time.perf_counter() - started
        started = time.perf_counter()
        try:
            labels, probabilities = session.run(None, {'image': example.numpy()})
        except Exception as error:  # onnxruntime has many
            raise _differs(index, example, dynamic, f'fails there: {_first_line(error)}') from error
        seconds[1] += time.perf_counter() - started
        difference = float(np.abs(probabilities - expected).max())
        if not difference <= TOLERANCE:  # also if it is not a number
            text = f'gives probabilities that differ by {difference:.2g}'
            raise _differs(index, example, dynamic, text)
        differ = labels != expected.argmax(axis=1)
        chosen = np.take_along_axis(expected, labels[:, None].astype(np.int64), axis=1)[:, 0]
        gap = float((expected.max(axis=1) - chosen).max())
        if gap > 2 * TOLERANCE:
            raise _differs(index, example, dynamic, 'gives other labels')
        largest, others = max(largest, difference), others + int(differ.sum())
        pixels += differ.size
    return largest, others, pixels, *seconds


def _differs(index: int, example: Tensor, dynamic: bool, what: str) -> ValueError:
    shape = ' x '.join(map(str, example.shape))
    remedy = (
        ' At the size it was traced with it is right: --size HEIGHT WIDTH exports it for one size.'
        if dynamic and index
        else ''
    )
    return ValueError(
        f'The exported network {what} (an image of {shape}); no file is written.{remedy}'
    )


@torch.inference_mode()
def _torch_probabilities(
    inferencer: Inferencer, network: PhotoNetwork, images: Tensor
) -> np.ndarray:
    """Probabilities by mmseg's own preprocessing, network and postprocessing."""
    inputs = network.resize(images.float()).flip(1)  # as OpenCV reads: BGR
    shapes = dict(ori_shape=tuple(images.shape[2:]), img_shape=tuple(inputs.shape[2:]))
    samples = [SegDataSample(metainfo=shapes) for _ in images]
    with _whole(inferencer.model):
        results = inferencer.model.test_step(dict(inputs=list(inputs), data_samples=samples))
    logits = torch.stack([result.seg_logits.data for result in results])
    return logits.float().softmax(dim=1).cpu().numpy()


@contextmanager
def _whole(model: EncoderDecoder) -> Iterator[None]:
    """Let a network see whole images, also one that is tested by sliding window."""
    settings = model.test_cfg
    model.test_cfg = type(settings)(settings, mode='whole')
    try:
        yield
    finally:
        model.test_cfg = settings


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
