"""The inferencer and tools/predict.py against a plain computation with the same network."""

from __future__ import annotations

import os

import cv2
import numpy as np
import predict as tool
import pytest
import torch
from helpers.network_run import PSEUDO_MASK_CONFIG
from helpers.seed_roots import CLASSES, write_images
from helpers.tiff import write_tiff
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

import mmseg_wsss
from mmseg_wsss.apis import Inferencer
from mmseg_wsss.datasets.tags import write_tags
from mmseg_wsss.seeds import DenseCRF, unary_from_probabilities
from mmseg_wsss.store import ImageRecords
from mmseg_wsss.utils.config_text import parse_config_text

PALETTE = [[0, 0, 0], [9, 0, 0], [0, 9, 0]]
IDS = ['one', 'sub/two', 'three']


@pytest.fixture
def data(tmp_path):
    """Photographs and a checkpoint as a training writes it; no data set."""
    (tmp_path / 'photos' / 'sub').mkdir(parents=True)
    write_images(tmp_path / 'photos', IDS)
    config = Config.fromstring(PSEUDO_MASK_CONFIG.replace('DATA', '/nowhere'), '.py')
    model = build(config)
    weights = torch.randn_like(model.decode_head.conv_seg.weight)
    model.decode_head.conv_seg.weight.data = 20 * (weights - weights.mean(dim=1, keepdim=True))
    meta = dict(cfg=config.pretty_text, dataset_meta=dict(classes=CLASSES, palette=PALETTE))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), tmp_path / 'net.pth')
    (tmp_path / 'config.py').write_text(config.pretty_text)
    return tmp_path


def build(config):
    init_default_scope('mmseg')
    return mmseg_wsss.registry.MODELS.build(config.model).eval()


def resave(data, **changes):
    content = torch.load(data / 'net.pth')
    content['meta'].update(changes)
    torch.save(content, data / 'net.pth')


@torch.no_grad()
def plain_logits(data, image):
    """Logits without mmseg's pipeline, preprocessor and post-processing."""
    content = torch.load(data / 'net.pth')
    network = build(Config.fromfile(data / 'config.py'))
    network.load_state_dict(content['state_dict'])
    inputs = (torch.from_numpy(image.astype(np.float32)) - 127.5) / 64.0
    logits = network(inputs.permute(2, 0, 1)[None], mode='tensor')
    return torch.nn.functional.interpolate(
        logits, image.shape[:2], mode='bilinear', align_corners=False
    )[0]


def photo(data, image_id):
    return cv2.imread(str(data / 'photos' / f'{image_id}.jpg'))[..., ::-1].copy()


def run(data, *options):
    arguments = [data / 'photos', data / 'net.pth', '--out', data / 'out', '--device', 'cpu']
    return tool.main([str(argument) for argument in [*arguments, *options]])


def mask(data, image_id):
    return np.asarray(Image.open(data / 'out' / 'masks' / f'{image_id}.png'))


def test_a_path_an_array_a_folder_and_a_batch_give_the_plain_result(data):
    inferencer = Inferencer(data / 'net.pth', device='cpu')
    assert (inferencer.classes, inferencer.palette) == (list(CLASSES), PALETTE)
    folder = inferencer(data / 'photos', batch_size=3)
    assert [result.path for result in folder] == [
        str(data / 'photos' / f'{image_id}.jpg') for image_id in IDS
    ]
    for result in folder:
        image_id = result.path.removeprefix(f'{data}/photos/').removesuffix('.jpg')
        image = photo(data, image_id)
        expected = plain_logits(data, image).softmax(dim=0).numpy()
        for other in (result, *inferencer([image, result.path])):
            np.testing.assert_allclose(other.probabilities, expected, atol=1e-4)
            np.testing.assert_array_equal(other.mask, other.probabilities.argmax(axis=0))
            np.testing.assert_array_equal(other.image, image)
        assert result.confidence == pytest.approx(expected.max(axis=0).mean(), abs=1e-4)


def test_tags_rule_classes_out(data):
    image = photo(data, 'one')
    inferencer = Inferencer(data / 'net.pth', device='cpu')
    only, everything, none = inferencer([image] * 3, tags=[['dog'], None, []])
    expected = plain_logits(data, image)[[0, 2]].softmax(dim=0).numpy()
    np.testing.assert_allclose(only.probabilities[[0, 2]], expected, atol=1e-4)
    assert not only.probabilities[1].any() and not none.mask.any()
    assert 1 in everything.mask
    with pytest.raises(ValueError, match='cow are no classes'):
        inferencer(image, tags=['cow'])
    with pytest.raises(ValueError, match='tags of 2 images, but 1'):
        inferencer(image, tags=[['cat'], None])
    with pytest.raises(ValueError, match='expected a list'):
        inferencer(image, tags='cat')


def test_the_crf_refines_the_probabilities(data):
    image = photo(data, 'one')
    (result,) = Inferencer(data / 'net.pth', device='cpu', crf='deeplab')(image)
    unary = unary_from_probabilities(plain_logits(data, image).softmax(dim=0)[None])
    expected = DenseCRF('deeplab')(torch.from_numpy(image), unary)[0]
    np.testing.assert_allclose(result.probabilities, expected.numpy(), atol=1e-3)


def test_images_of_several_sizes_share_a_batch_size(data):
    images = [np.full((size, 20, 3), 90, np.uint8) for size in (16, 16, 24, 1)]
    inferencer = Inferencer(data / 'net.pth', device='cpu')
    for image, result in zip(images, inferencer(images, batch_size=4), strict=True):
        (alone,) = inferencer(image)
        assert result.mask.shape == image.shape[:2]
        np.testing.assert_allclose(result.probabilities, alone.probabilities, atol=1e-5)


def test_an_image_too_large_for_memory_is_segmented_smaller(data, monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (128, 96, 3), dtype=np.uint8)
    inferencer = Inferencer(data / 'net.pth', device='cpu')
    step = inferencer.model.test_step

    def limited(batch):
        if batch['inputs'][0].shape[-2] > 64:
            raise MemoryError
        return step(batch)

    monkeypatch.setattr(inferencer.model, 'test_step', limited)
    (result,) = inferencer(image)
    small = cv2.resize(image, (48, 64), interpolation=cv2.INTER_AREA)
    expected = plain_logits(data, small).softmax(dim=0)[None]
    expected = torch.nn.functional.interpolate(expected, (128, 96), mode='bilinear')[0].numpy()
    assert result.mask.shape == (128, 96)
    assert np.abs(result.probabilities - expected).mean() < 0.02


def test_what_is_no_input_is_refused(data, tmp_path):
    inferencer = Inferencer(data / 'net.pth', device='cpu')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'bad.jpg').write_bytes(b'no image')
    for inputs, error, message in [
        (tmp_path / 'empty', ValueError, 'no images'),
        (tmp_path / 'missing.jpg', FileNotFoundError, 'missing.jpg'),
        (tmp_path / 'bad.jpg', ValueError, 'not a readable image'),
        (np.zeros((4, 4, 3), np.float32), ValueError, 'expected .H, W, 3. uint8'),
    ]:
        with pytest.raises(error, match=message):
            inferencer(inputs)
    with pytest.raises(ValueError, match='batch_size=0'):
        inferencer(photo(data, 'one'), batch_size=0)


def test_the_config_can_be_given_and_name_the_classes(data):
    content = torch.load(data / 'net.pth')
    torch.save(content['state_dict'], data / 'net.pth')
    assert Inferencer(data / 'net.pth', data / 'config.py', 'cpu').classes == list(CLASSES)
    with pytest.raises(ValueError, match='no config in it'):
        Inferencer(data / 'net.pth')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('import os', 'line 1 of its config is no plain setting'),
        ("a = 1\nb = __import__('os')", 'line 2'),
        ("a = dict(**{'b': 1})", 'line 1'),
        ("model = dict(type='subprocess.Popen')", "type 'subprocess.Popen'"),
        ("model = [dict(a=dict(type='mmengine.os.system'))]", "type 'mmengine.os.system'"),
        ('a = (', 'no Python text'),
    ],
)
def test_a_config_in_a_checkpoint_runs_no_code(data, text, message):
    resave(data, cfg=text)
    with pytest.raises(ValueError, match=message):
        Inferencer(data / 'net.pth')


@pytest.mark.parametrize('name', ['deeplabv3plus_r50', 'mask2former_swin-t', 'segformer_b0'])
def test_the_text_of_a_config_is_read_as_mmengine_reads_it(root, name):
    config = Config.fromfile(root / 'configs' / 'plain' / f'{name}_voc_aggregate.py')
    expected = Config.fromstring(config.pretty_text, '.py').to_dict()
    assert parse_config_text(config.pretty_text, 'net.pth').to_dict() == expected


def test_predict_writes_masks_and_overlays_in_the_folders_of_the_photographs(data, capsys):
    assert run(data) == 0
    inferencer = Inferencer(data / 'net.pth', device='cpu')
    for image_id in IDS:
        (result,) = inferencer(data / 'photos' / f'{image_id}.jpg')
        np.testing.assert_array_equal(mask(data, image_id), result.mask)
        record = ImageRecords(data / 'out' / 'masks').read(image_id)
        assert record.confidence == pytest.approx(result.probabilities.max(0).mean(), abs=1e-5)
        with Image.open(data / 'out' / 'masks' / f'{image_id}.png') as file:
            assert file.mode == 'P' and file.getpalette()[:9] == sum(PALETTE, [])
        with Image.open(data / 'out' / 'overlays' / f'{image_id}.jpg') as file:
            difference = np.asarray(file).astype(int) - result.overlay()
        assert np.abs(difference).mean() < 25  # JPEG of noise
    assert '3 images segmented, 0 kept' in capsys.readouterr().out


def test_predict_resumes_and_refuses_another_setting(data, capsys):
    assert run(data) == 0
    (data / 'out' / 'overlays' / 'one.jpg').unlink()
    (data / 'out' / 'masks' / 'three.png').write_bytes(b'half')
    assert run(data) == 0
    assert '2 images segmented, 1 kept' in capsys.readouterr().out
    assert run(data, '--crf', 'irn') == 1
    assert 'other crf' in capsys.readouterr().err
    assert run(data, '--crf', 'irn', '--overwrite', '--config', data / 'config.py') == 0


def test_predict_makes_anew_what_changed_and_nothing_else(data, capsys):
    tags = {'one': (2,), 'sub/two': (), 'three': (1, 2)}
    write_tags(data / 'tags.csv', tags, CLASSES)
    assert run(data, '--tags', data / 'tags.csv') == 0
    kept = data / 'out' / 'masks' / 'sub' / 'two.png'
    before = kept.stat().st_mtime_ns
    write_tags(data / 'tags.csv', {**tags, 'three': (1,)}, CLASSES)
    path = data / 'photos' / 'one.jpg'
    stat = path.stat()
    with Image.open(path) as image:
        size = image.size
    Image.fromarray(np.full((*size[::-1], 3), 90, np.uint8)).save(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    capsys.readouterr()
    assert run(data, '--tags', data / 'tags.csv') == 0
    assert '2 images segmented, 1 kept' in capsys.readouterr().out
    assert kept.stat().st_mtime_ns == before
    inferencer = Inferencer(data / 'net.pth', device='cpu')
    (expected,) = inferencer(path, tags=['background', CLASSES[2]])
    np.testing.assert_array_equal(mask(data, 'one'), expected.mask)
    with Image.open(data / 'out' / 'overlays' / 'one.jpg') as file:
        assert abs(np.asarray(file).astype(int) - expected.overlay()).mean() < 25


def test_predict_restricts_to_tags(data, capsys):
    write_tags(data / 'tags.csv', {'one': (2,), 'sub/two': (), 'three': (1, 2)}, CLASSES)
    assert run(data, '--tags', data / 'tags.csv') == 0
    assert not mask(data, 'sub/two').any() and 1 not in mask(data, 'one')
    write_tags(data / 'tags.csv', {'one': (2,)}, CLASSES)
    assert run(data, '--tags', data / 'tags.csv') == 1
    assert '2 of 3 images have no entry' in capsys.readouterr().err


def test_predict_goes_on_after_an_image_that_cannot_be_read(data, capsys):
    (data / 'photos' / 'broken.jpg').write_bytes(b'no image')
    assert run(data) == 1
    said = capsys.readouterr()
    assert '3 images segmented' in said.out and 'broken.jpg: not a readable image' in said.err


def test_predict_refuses_a_checkpoint_that_carries_code(data, capsys):
    content = torch.load(data / 'net.pth')
    torch.save(dict(content, extra=Opaque()), data / 'net.pth')
    assert run(data) == 1
    assert '--trust-checkpoint' in capsys.readouterr().err
    assert run(data, '--trust-checkpoint') == 0


class Opaque:
    """A class that no checkpoint should need."""


def test_images_of_more_bits_are_refused_or_shifted_as_those_of_the_training(data, capsys):
    values = np.random.default_rng(0).integers(0, 4096, (24, 32, 3)).astype(np.uint16)
    write_tiff(data / 'photos' / 'deep.tif', values)
    assert run(data) == 1
    assert 'deep.tif: 16-bit RGB, values 0 to 4,09' in capsys.readouterr().err
    assert run(data, '--shift-bits', '4') == 1  # the masks there were made otherwise
    assert 'shift_bits' in capsys.readouterr().err
    assert run(data, '--shift-bits', '4', '--overwrite') == 0
    (result,) = Inferencer(data / 'net.pth', device='cpu')((values // 16).astype(np.uint8))
    np.testing.assert_array_equal(mask(data, 'deep'), result.mask)
    (result,) = Inferencer(data / 'net.pth', device='cpu')(photo(data, 'one'))
    np.testing.assert_array_equal(mask(data, 'one'), result.mask)  # 8 bits are not shifted
    assert run(data, '--shift-bits', '-1') == 1
    assert 'shift_bits=-1, expected 0 to 24' in capsys.readouterr().err


def test_hidden_files_of_a_folder_are_left_out(data):
    (data / 'photos' / '._one.jpg').write_bytes(b'no image')
    (data / 'photos' / '.ipynb_checkpoints').mkdir()
    (data / 'photos' / '.ipynb_checkpoints' / 'one.jpg').write_bytes(b'no image')
    assert len(Inferencer(data / 'net.pth', device='cpu')(data / 'photos')) == len(IDS)
