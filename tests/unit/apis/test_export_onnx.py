"""Exported networks against mmseg's own inference, for every family of networks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import export_onnx as tool
import numpy as np
import pytest
import torch
from helpers.network_run import PSEUDO_MASK_CONFIG
from mmcv.transforms import Resize
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from PIL import Image
from torch import nn

from mmseg_wsss.apis import Inferencer, export_onnx
from mmseg_wsss.models.photo_network import BinPool, PhotoNetwork, PipelineResize
from mmseg_wsss.registry import MODELS

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')
export_module = sys.modules['mmseg_wsss.apis.export_onnx']

ROOT = Path(__file__).resolve().parents[3]
CLASSES = ('background', 'cat', 'dog')
PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
RESNET = dict(depth=18, base_channels=4, stem_channels=8, num_stages=4)
# The oldest and the newest operators, too.
OPSET_OF = {'deeplabv2_r101_voc': 13, 'pspnet_r101_voc': 20}
# A config of each family and what makes it small.
FAMILIES = {
    'deeplabv1_r101_voc': dict(backbone=RESNET, decode_head=dict(in_channels=32)),
    'deeplabv2_r101_voc': dict(backbone=RESNET, decode_head=dict(in_channels=32)),
    'deeplabv3plus_r50_voc': dict(
        backbone=RESNET,
        decode_head=dict(in_channels=32, channels=8, c1_in_channels=4, c1_channels=4),
        auxiliary_head=dict(in_channels=16, channels=8),
    ),
    'deeplabv3plus_mobilenetv2_voc_animals': dict(
        backbone=dict(widen_factor=0.25),
        decode_head=dict(in_channels=80, channels=8, c1_in_channels=8, c1_channels=4),
    ),
    'pspnet_r101_voc': dict(
        backbone=RESNET,
        decode_head=dict(in_channels=32, channels=8),
        auxiliary_head=dict(in_channels=16, channels=8),
    ),
    'segformer_b0_voc': dict(
        backbone=dict(embed_dims=8, num_layers=[1] * 4),
        decode_head=dict(in_channels=[8, 16, 40, 64], channels=8),
    ),
}
MASK2FORMER = dict(
    backbone=RESNET,
    decode_head=dict(
        in_channels=[4, 8, 16, 32],
        num_queries=4,
        pixel_decoder=dict(encoder=dict(num_layers=1)),
        transformer_decoder=dict(num_layers=2),
    ),
)


def save_network(
    path: Path, config: Config, changes: dict | None = None, steps: tuple = ()
) -> Config:
    """Write a checkpoint of a random network whose labels vary from pixel to pixel."""
    config.merge_from_dict(dict(model=changes or {}))
    for part in (config.model.decode_head, config.model.get('auxiliary_head')):
        if part is not None:
            part.num_classes = len(CLASSES)
    config.model.backbone.pop('init_cfg', None)
    config.test_pipeline = [dict(type='LoadImageFromFile'), *steps, dict(type='PackSegInputs')]
    init_default_scope('mmseg')
    model = revert_sync_batchnorm(MODELS.build(config.model)).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
    last = [
        module
        for module in model.decode_head.modules()
        if isinstance(module, nn.Conv2d) and module.out_channels == len(CLASSES)
    ]
    if last:
        spread_logits(model, last)
    meta = dict(cfg=config.pretty_text, dataset_meta=dict(classes=CLASSES, palette=PALETTE))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return config


@torch.no_grad()
def spread_logits(model: nn.Module, last: list[nn.Conv2d]) -> None:
    """Let each class win somewhere in a photograph."""
    image = torch.from_numpy(planes(photo(96, 96)).copy()).float()[None]
    image = (image - 120) / 58
    deviations = model(image, mode='tensor').std(dim=(0, 2, 3))
    for module in last:
        module.weight *= (2 / deviations)[:, None, None, None]
    means = model(image, mode='tensor').mean(dim=(0, 2, 3))
    for module in last:
        module.bias -= means / len(last)


def small_config() -> Config:
    return Config.fromstring(PSEUDO_MASK_CONFIG.replace('DATA', '/nowhere'), '.py')


@pytest.fixture
def checkpoint(tmp_path):
    save_network(tmp_path / 'net.pth', small_config())
    return tmp_path / 'net.pth'


def session_of(path):
    return onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])


def photo(height, width, seed=0):
    """Patches of colour: where an image is smooth, resizing in two libraries is the same."""
    colors = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = Image.fromarray(colors).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image)


def planes(image):
    return image.transpose(2, 0, 1)


@pytest.mark.parametrize('name', FAMILIES)
def test_every_family_gives_what_the_inferencer_gives(tmp_path, name):
    config = Config.fromfile(ROOT / 'configs' / 'pnl' / f'{name}.py')
    save_network(tmp_path / 'net.pth', config, FAMILIES[name])
    inferencer = Inferencer(tmp_path / 'net.pth', device='cpu')
    opset = OPSET_OF.get(name, 17)
    result = export_onnx(inferencer, tmp_path / 'net.onnx', opset=opset)
    assert onnx.load(str(result.path)).opset_import[0].version == opset
    session = session_of(result.path)
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape[1]) == ('image', 'tensor(uint8)', 3)
    # Sizes that were neither traced nor checked by the export.
    for height, width in [(64, 64), (71, 90), (128, 33)]:
        images = [photo(height, width, seed) for seed in (1, 2)]
        labels, probabilities = session.run(None, {'image': np.stack([*map(planes, images)])})
        assert labels.dtype == np.uint8 and probabilities.dtype == np.float32
        for expected, label, probability in zip(
            inferencer(images), labels, probabilities, strict=True
        ):
            assert len(np.unique(expected.mask)) > 1
            np.testing.assert_allclose(probability, expected.probabilities, atol=2e-4)
            top = np.sort(expected.probabilities, axis=0)
            clear = top[-1] - top[-2] > 1e-3
            assert clear.mean() > 0.9
            np.testing.assert_array_equal(label[clear], expected.mask[clear])
    print(
        f'{name}: {result.num_bytes / 1024:.0f} KiB, largest difference '
        f'{result.largest_difference:.1e}, torch {result.torch_seconds:.2f} s, onnxruntime '
        f'{result.onnx_seconds:.2f} s'
    )


@pytest.mark.skipif(
    find_spec('mmdet') is None or find_spec('mmcv._ext') is None,
    reason="Mask2Former needs mmdetection and mmcv's compiled operators",
)
@pytest.mark.slow
def test_mask2former_is_exported_for_one_size_and_no_other(tmp_path):
    config = Config.fromfile(ROOT / 'configs' / 'pnl' / 'mask2former_r50_voc.py')
    config.model.decode_head.loss_cls.class_weight = [1.0] * 3 + [0.1]
    save_network(tmp_path / 'net.pth', config, MASK2FORMER)
    inferencer = Inferencer(tmp_path / 'net.pth', device='cpu')
    out = tmp_path / 'net.onnx'
    with pytest.raises(ValueError, match='MultiScaleDeformableAttention, .* --size HEIGHT WIDTH'):
        export_onnx(inferencer, out)
    assert not out.exists()
    image = photo(40, 70)  # 64 x 96 with its padding
    result = export_onnx(inferencer, out, (40, 70), photos=[image, photo(90, 80)])
    assert (result.size, result.inputs) == ((40, 70), 4)
    session = session_of(out)
    assert session.get_inputs()[0].shape == [1, 3, 40, 70]
    _, probabilities = session.run(None, {'image': planes(image)[None]})
    (expected,) = inferencer(image)
    np.testing.assert_allclose(probabilities[0], expected.probabilities, atol=2e-4)


@pytest.mark.parametrize(
    'step',
    [
        dict(scale=(160, 48), keep_ratio=True),
        dict(scale=(70, 56)),
        dict(scale_factor=0.75, keep_ratio=True),
        dict(scale_factor=(1.25, 0.5)),
        dict(scale=50),
    ],
    ids=str,
)
def test_sizes_and_pixels_of_resize_are_those_of_mmcv(step):
    rng = np.random.default_rng(3)
    resize = Resize(**step)
    for _ in range(40):
        height, width = rng.integers(1, 300, 2)
        expected = resize(dict(img=np.zeros((height, width, 3), np.uint8)))['img'].shape[:2]
        assert tuple(map(int, PipelineResize(resize).target(height, width))) == expected
    image = photo(61, 90)
    expected = planes(resize(dict(img=image))['img']).astype(np.float32)
    found = PipelineResize(resize)(torch.from_numpy(planes(image)[None].astype(np.float32)))
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1)


@pytest.mark.parametrize(
    ('preprocessor', 'resize'),
    [
        (dict(bgr_to_rgb=False, mean=[100.0, 120.0, 140.0], std=[50.0, 60.0, 70.0]), False),
        (dict(test_cfg=dict(size_divisor=32), pad_val=3), True),
        (dict(test_cfg=dict(size=(100, 80)), pad_val=3), False),
        (dict(mean=None, std=None), True),
    ],
    ids=str,
)
def test_the_test_pipeline_and_the_preprocessor_are_in_the_file(tmp_path, preprocessor, resize):
    config = small_config()
    config.model.data_preprocessor.update(preprocessor)
    steps = (dict(type='Resize', scale=(128, 48), keep_ratio=True),) if resize else ()
    save_network(tmp_path / 'net.pth', config, steps=steps)
    inferencer = Inferencer(tmp_path / 'net.pth', device='cpu')
    export_onnx(inferencer, tmp_path / 'net.onnx')
    session = session_of(tmp_path / 'net.onnx')
    for height, width in [(75, 50), (64, 96)]:
        image = photo(height, width)
        _, probabilities = session.run(None, {'image': planes(image)[None]})
        (expected,) = inferencer(image)
        differences = np.abs(probabilities[0] - expected.probabilities)
        # Resizing rounds to whole grey values there, by at most a half.
        assert differences.mean() < 0.005 if resize else differences.max() < 2e-4


def test_the_network_of_a_sliding_window_is_exported_for_whole_images(tmp_path):
    config = small_config()
    save_network(tmp_path / 'whole.pth', config)
    content = torch.load(tmp_path / 'whole.pth')
    config.model.test_cfg = dict(mode='slide', crop_size=(24, 24), stride=(16, 16))
    content['meta']['cfg'] = config.pretty_text
    torch.save(content, tmp_path / 'slide.pth')
    inferencer = Inferencer(tmp_path / 'slide.pth', device='cpu')
    image = photo(64, 64)
    (before,) = inferencer(image)
    assert export_onnx(inferencer, tmp_path / 'net.onnx').whole_instead_of_slide
    (expected,) = Inferencer(tmp_path / 'whole.pth', device='cpu')(image)
    assert np.abs(expected.probabilities - before.probabilities).max() > 0.01
    _, found = session_of(tmp_path / 'net.onnx').run(None, {'image': planes(image)[None]})
    np.testing.assert_allclose(found[0], expected.probabilities, atol=2e-4)
    # The inferencer is as it was.
    np.testing.assert_array_equal(inferencer(image)[0].probabilities, before.probabilities)


def test_the_command_writes_a_file_that_says_what_its_labels_mean(checkpoint, tmp_path, capsys):
    Image.fromarray(photo(30, 41)).save(tmp_path / 'photo.png')
    arguments = [checkpoint, '--out', tmp_path / 'net.onnx', '--photos', tmp_path / 'photo.png']
    assert tool.main([str(argument) for argument in arguments]) == 0
    printed = capsys.readouterr().out
    pixels = sum(batch * height * width for batch, height, width in export_module.SIZES)
    assert 'compared on 4 inputs' in printed and f'of {pixels + 30 * 41} labels' in printed
    meta = session_of(tmp_path / 'net.onnx').get_modelmeta().custom_metadata_map
    assert json.loads(meta['classes']) == list(CLASSES)
    assert json.loads(meta['palette']) == PALETTE
    assert sorted(path.name for path in tmp_path.iterdir()) == ['net.onnx', 'net.pth', 'photo.png']


def test_a_network_that_differs_leaves_no_file_and_an_older_one_alone(
    checkpoint, tmp_path, monkeypatch
):
    inferencer = Inferencer(checkpoint, device='cpu')
    out = tmp_path / 'net.onnx'
    out.write_bytes(b'older')

    def shifted(self, images):
        return images / 64 - 1.9

    monkeypatch.setattr(PhotoNetwork, '_preprocess', shifted)
    with pytest.raises(ValueError, match='probabilities that differ by .*no file is written'):
        export_onnx(inferencer, out)
    assert out.read_bytes() == b'older'
    assert sorted(path.name for path in tmp_path.iterdir()) == ['net.onnx', 'net.pth']


def test_labels_that_are_not_the_likeliest_are_found(checkpoint, tmp_path, monkeypatch):
    forward = PhotoNetwork.forward

    def other(self, images):
        labels, probabilities = forward(self, images)
        return labels * 0, probabilities

    monkeypatch.setattr(PhotoNetwork, 'forward', other)
    with pytest.raises(ValueError, match='gives other labels'):
        export_onnx(Inferencer(checkpoint, device='cpu'), tmp_path / 'net.onnx')


def test_what_cannot_be_exported_is_refused_in_one_sentence(tmp_path, checkpoint, monkeypatch):
    inferencer = Inferencer(checkpoint, device='cpu')
    out = tmp_path / 'net.onnx'
    for arguments, error, message in [
        ((tmp_path / 'net.pth',), ValueError, 'ends with .onnx'),
        ((tmp_path / 'none' / 'net.onnx',), FileNotFoundError, 'a folder that exists'),
        ((out, (0, 5)), ValueError, 'at least 1'),
        ((out, None, 12), ValueError, 'expected 13 to 20'),
        ((out, None, 17, tmp_path / 'none.jpg'), FileNotFoundError, 'none.jpg'),
    ]:
        with pytest.raises(error, match=message):
            export_onnx(inferencer, *arguments)
    save_network(tmp_path / 'flip.pth', small_config(), steps=(dict(type='RandomFlip', prob=1.0),))
    with pytest.raises(ValueError, match='step RandomFlip of the test pipeline'):
        export_onnx(Inferencer(tmp_path / 'flip.pth', device='cpu'), out)
    config = Config.fromfile(ROOT / 'configs' / 'demo' / 'cls_resnet_scenes.py')
    classifier = MODELS.build(config.model)
    meta = dict(cfg=config.pretty_text, dataset_meta=dict(classes=CLASSES))
    torch.save(dict(state_dict=classifier.state_dict(), meta=meta), tmp_path / 'cls.pth')
    with pytest.raises(ValueError, match='of type ImageClassifier; expected one that'):
        export_onnx(Inferencer(tmp_path / 'cls.pth', device='cpu'), out)
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ImportError, match='pip install onnx onnxruntime'):
        export_onnx(inferencer, out)
    assert not out.exists()


def test_global_pooling_stays_and_bins_of_any_size_are_averages():
    features = torch.rand(2, 3, 5, 9)
    for size in (2, (3, 6), (7, 1)):
        expected = nn.functional.adaptive_avg_pool2d(features, size)
        torch.testing.assert_close(BinPool(size)(features), expected)


def test_the_example_of_the_guide_needs_onnxruntime_alone(checkpoint, tmp_path):
    page = (ROOT / 'docs' / 'user_guides' / 'inference.md').read_text(encoding='utf-8')
    (example,) = re.findall(r'^```python\n(import json.*?)^```', page, re.M | re.S)
    inferencer = Inferencer(checkpoint, device='cpu')
    export_onnx(inferencer, tmp_path / 'net.onnx')
    image = photo(37, 52)
    Image.fromarray(image).save(tmp_path / 'photo.jpg', quality=95)
    without = ''.join(
        f'sys.modules[{name!r}] = None\n' for name in ('torch', 'mmseg', 'mmengine', 'mmseg_wsss')
    )
    run = subprocess.run(
        [sys.executable, '-c', f'import sys\n{without}{example}'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    (expected,) = inferencer(tmp_path / 'photo.jpg')
    with Image.open(tmp_path / 'mask.png') as mask:
        assert mask.getpalette()[:9] == sum(PALETTE, [])
        assert (np.asarray(mask) == expected.mask).mean() > 0.99
    shares = {
        name: float(share.strip(' %'))
        for name, share in (line.split(':') for line in run.stdout.splitlines())
    }
    found, counts = np.unique(expected.mask, return_counts=True)
    assert shares == pytest.approx(
        {CLASSES[label]: 100 * count / mask.size[0] / mask.size[1]
         for label, count in zip(found, counts, strict=True)}, abs=0.6
    )  # fmt: skip
