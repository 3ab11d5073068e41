"""Saliency maps: the network that makes them, the folder, and seeds made with them."""

import json
import os
import sys

import make_saliency as tool
import numpy as np
import pytest
import torch
from helpers.seed_generators import build_generator, build_images
from PIL import Image

from mmseg_wsss.apis.make_saliency import make_saliency
from mmseg_wsss.generation.saliency_net import SaliencyNet, default_backend
from mmseg_wsss.store import SaliencyFolder, SeedManifest, read_mask, write_saliency

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
SIZE, MEAN, STD = 8, (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)


def write_network(path, factor=1.0, side=SIZE):
    """A network whose first output is the sum of the channels, and whose second is not."""
    helper, tensor = onnx.helper, onnx.TensorProto.FLOAT
    weight = helper.make_tensor('weight', tensor, (1, 3, 1, 1), [factor] * 3)
    nodes = [
        helper.make_node('Conv', ['image', 'weight'], ['sum'], kernel_shape=[1, 1]),
        helper.make_node('Sigmoid', ['sum'], ['other']),
        helper.make_node('Mul', ['sum', 'two'], ['saliency']),
    ]
    two = helper.make_tensor('two', tensor, (1,), [2.0])
    graph = helper.make_graph(
        nodes,
        'net',
        [helper.make_tensor_value_info('image', tensor, (1, 3, side, side))],
        [
            helper.make_tensor_value_info(name, tensor, (1, 1, side, side))
            for name in ('saliency', 'other')
        ],
        [weight, two],
    )
    opset = [helper.make_opsetid('', 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.fixture
def network(tmp_path):
    return write_network(tmp_path / 'net.onnx')


@pytest.mark.parametrize('backend', ['onnxruntime', 'cv2'])
def test_map_of_a_network(network, backend):
    image = np.random.default_rng(0).integers(0, 200, (SIZE, SIZE, 3), dtype=np.uint8)
    net = SaliencyNet(network, SIZE, MEAN, STD, backend)
    values = ((image / image.max() - np.array(MEAN)) / np.array(STD)).sum(axis=-1)
    expected = (values - values.min()) / (values.max() - values.min()) * 255
    found = net(image)
    assert found.dtype == np.uint8 and np.abs(found - expected).max() <= 1
    assert found.min() == 0 and found.max() == 255
    large = net(np.repeat(np.repeat(image, 3, axis=0), 2, axis=1))
    assert large.shape == (3 * SIZE, 2 * SIZE)
    assert np.abs(large[1::3, ::2].astype(int) - found).mean() < 30
    assert not net(np.full((5, 6, 3), 9, np.uint8)).any()


def test_bad_networks(tmp_path, network):
    with pytest.raises(FileNotFoundError, match=r'none\.onnx: there is no such network'):
        SaliencyNet(tmp_path / 'none.onnx')
    (tmp_path / 'no.onnx').write_bytes(b'no network')
    for backend in ('onnxruntime', 'cv2'):
        with pytest.raises(ValueError, match=r'no\.onnx: not a readable ONNX network'):
            SaliencyNet(tmp_path / 'no.onnx', backend=backend)
    with pytest.raises(ValueError, match='size=0'):
        SaliencyNet(network, 0)
    with pytest.raises(ValueError, match="backend='caffe'"):
        SaliencyNet(network, backend='caffe')
    with pytest.raises(ValueError, match='does not take an input of'):
        SaliencyNet(network, 2 * SIZE)(np.zeros((4, 4, 3), np.uint8))


def test_opencv_where_onnxruntime_is_missing(monkeypatch, network):
    assert default_backend() == 'onnxruntime'
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    assert SaliencyNet(network, SIZE).backend == 'cv2'
    with pytest.raises(ImportError, match='pip install onnxruntime'):
        SaliencyNet(network, SIZE, backend='onnxruntime')


def write_photos(folder, names):
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return folder


def test_maps_of_a_folder_are_resumed_and_follow_the_photographs(tmp_path, network):
    photos = write_photos(tmp_path / 'photos', ['a.png', 'sub/a.png', 'b.jpg'])
    out = tmp_path / 'out'
    net = SaliencyNet(network, SIZE)
    summary = make_saliency(photos, net, out)
    assert (summary.made, summary.kept, summary.problems) == (3, 0, [])
    maps = {path: path.read_bytes() for path in out.rglob('*.png')}
    assert {str(path.relative_to(out)) for path in maps} == {'a.png', 'sub/a.png', 'b.png'}
    assert SaliencyFolder(out).read('sub/a', (9, 12)).shape == (9, 12)
    write_photos(photos, ['x.png', 'y.png', 'a.png'])
    (out / 'b.png').write_bytes(b'half')
    (photos / 'y.png').write_bytes(b'no image')
    summary = make_saliency(photos, net, out)
    assert (summary.made, summary.kept) == (3, 1)  # a, b, x; sub/a
    (problem,) = summary.problems
    assert 'y.png' in problem
    assert (out / 'b.png').read_bytes() == maps[out / 'b.png']
    assert (out / 'a.png').read_bytes() != maps[out / 'a.png']
    other = SaliencyNet(write_network(tmp_path / 'other.onnx', factor=-1.0), SIZE)
    with pytest.raises(ValueError, match='holds 4 PNG files made by another network'):
        make_saliency(photos, other, out)
    os.unlink(photos / 'y.png')
    assert make_saliency(photos, other, out, overwrite=True).made == 4
    os.unlink(out / 'saliency.json')
    with pytest.raises(ValueError, match='made by unknown means'):
        make_saliency(photos, other, out)


def test_command(tmp_path, network, capsys):
    photos = write_photos(tmp_path / 'photos', ['a.png'])
    options = ['--model', str(network), '--out', str(tmp_path / 'out'), '--size', str(SIZE)]
    assert tool.main([str(photos), *options, '--backend', 'cv2']) == 0
    assert '1 saliency maps made by cv2, 0 kept' in capsys.readouterr().out
    assert tool.main([str(tmp_path / 'none'), *options]) == 1
    assert 'none' in capsys.readouterr().err
    (photos / 'bad.png').write_bytes(b'')
    assert tool.main([str(photos), *options]) == 1
    assert 'bad.png' in capsys.readouterr().err


@pytest.fixture
def saliency(tmp_path):
    """Images, and a folder of maps that are salient in the left half."""
    images = build_images(tmp_path, 3)
    for image in images:
        with Image.open(image.path) as file:
            width, height = file.size
        values = np.zeros((height, width), np.uint8)
        values[:, : width // 2] = 200
        write_saliency(tmp_path / 'saliency' / f'{image.image_id}.png', values)
    return images, tmp_path / 'saliency'


def test_fusion(tmp_path, saliency):
    images, folder = saliency
    chain = [dict(type='SaliencyFusion', folder=str(folder), weight=0.25)]
    background = dict(threshold=0.55)
    build_generator(refine=chain, background=background).run(images, tmp_path / 'seeds')
    manifest = SeedManifest.load(tmp_path / 'seeds/manifest.json')
    assert manifest.parameters['supervision'] == 'I+S'
    assert manifest.supervision == 'I+S (image tags and saliency maps)'
    assert manifest.parameters['refine'] == [
        dict(type='SaliencyFusion', maps=str(folder), weight=0.25)
    ]
    for image in images:
        mask = read_mask(tmp_path / 'seeds/aggregated' / f'{image.image_id}.png')
        width = mask.shape[1]
        # 0.25 at most on the right, 0.59 at least on the left.
        assert (mask[:, : width // 2] > 0).all() and not mask[:, width // 2 :].any()
    build_generator().run(images, tmp_path / 'tags')
    assert SeedManifest.load(tmp_path / 'tags/manifest.json').parameters['supervision'] == 'I'


def test_fusion_is_the_weighted_mean(saliency):
    from mmseg_wsss.generation import SaliencyFusion
    from mmseg_wsss.seeds import RefinerInput

    images, folder = saliency
    maps = torch.rand(1, 2, 3, 24, 32)
    inputs = RefinerInput([None], [(1, 2, 3)], [images[0].image_id])
    expected = 0.7 * maps
    expected[..., :16] += 0.3 * 200 / 255
    found = SaliencyFusion(str(folder), 0.7)(maps, inputs)
    assert torch.allclose(found, expected, atol=1e-6)
    half = SaliencyFusion(str(folder), 0.7)(maps[..., ::2, ::2], inputs)
    assert torch.allclose(half, expected[..., ::2, ::2], atol=1e-6)


def test_an_automatic_threshold_is_halfway_to_that_of_the_maps_without_saliency(tmp_path, saliency):
    from mmseg_wsss.generation import SaliencyFusion

    images, folder = saliency
    fusion = dict(type='SaliencyFusion', folder=str(folder))

    class Mixed(SaliencyFusion):
        shifts_threshold = False

    pamr = dict(type='PAMRRefiner', works_on='maps', iterations=1)
    fits = {}
    for name, chain in [
        ('tags', [pamr]),
        ('mixed', [pamr, dict(fusion, type=Mixed)]),
        ('halfway', [pamr, fusion]),
        ('saliency first', [fusion, pamr]),
    ]:
        background = dict(threshold='auto')
        build_generator(refine=chain, background=background).run(images, tmp_path / name)
        manifest = SeedManifest.load(tmp_path / name / 'manifest.json')
        fits[name] = manifest.parameters['background_fit']
    before, mixed = fits['tags']['threshold'], fits['mixed']['threshold']
    assert fits['saliency first']['thresholds'][0] == before
    assert fits['halfway'].pop('thresholds') == [before, mixed] and before != mixed
    assert fits['halfway']['threshold'] == pytest.approx((before + mixed) / 2, abs=1e-4)
    # All else is that of the mixed maps, which the threshold is put before.
    assert dict(fits['halfway'], threshold=mixed) == fits['mixed']
    given = dict(threshold=fits['halfway']['threshold'])
    build_generator(refine=[pamr, fusion], background=given).run(images, tmp_path / 'given')
    for image in images:
        masks = [
            read_mask(tmp_path / name / f'aggregated/{image.image_id}.png')
            for name in ('halfway', 'given')
        ]
        assert np.array_equal(*masks)


def test_the_settings_of_the_maps_are_recorded(tmp_path, saliency):
    images, folder = saliency
    (folder / 'saliency.json').write_text(json.dumps(dict(size=5)))
    chain = [dict(type='SaliencyFusion', folder=str(folder))]
    build_generator(refine=chain).run(images, tmp_path / 'seeds')
    (record,) = SeedManifest.load(tmp_path / 'seeds/manifest.json').parameters['refine']
    assert record == dict(type='SaliencyFusion', maps=dict(size=5), weight=0.5)


def gone(folder, ids):
    os.unlink(folder / f'{ids[1]}.png')
    return rf'1 of 3 saliency maps cannot be used.*\n  .*{ids[1]}\.png: the saliency map is missing'


def small(folder, ids):
    write_saliency(folder / f'{ids[0]}.png', np.zeros((3, 4), np.uint8))
    return rf'{ids[0]}\.png: .* 3 x 4 pixels \(height x width\), its image 24 x 32'


def coloured(folder, ids):
    Image.new('RGB', (32, 24)).save(folder / f'{ids[0]}.png')
    return rf'{ids[0]}\.png: a PNG of mode RGB, expected 8-bit grey'


def broken(folder, ids):
    (folder / f'{ids[2]}.png').write_bytes(b'')
    return rf'{ids[2]}\.png: not a readable saliency map'


def white(folder, ids):
    for image_id, size in zip(ids[:2], ((24, 32), (24, 32)), strict=True):
        write_saliency(folder / f'{image_id}.png', np.full(size, 255, np.uint8))
    return '2 of 3 saliency maps have one value everywhere, e.g. image 0, image 1'


@pytest.mark.parametrize('harm', [gone, small, coloured, broken, white])
def test_bad_maps_are_named_before_any_seed_is_made(tmp_path, saliency, harm):
    images, folder = saliency
    message = harm(folder, [image.image_id for image in images])
    generator = build_generator(refine=[dict(type='SaliencyFusion', folder=str(folder))])
    with pytest.raises(ValueError, match=message):
        generator.run(images, tmp_path / 'seeds')
    assert not list((tmp_path / 'seeds').rglob('*.png'))


def test_bad_fusions(tmp_path, saliency):
    _, folder = saliency
    with pytest.raises(ValueError, match=r'no such folder of saliency maps; tools/make_saliency'):
        build_generator(refine=[dict(type='SaliencyFusion', folder=str(tmp_path / 'none'))])
    with pytest.raises(ValueError, match=r'weight must be in \[0, 1\], got 2'):
        build_generator(refine=[dict(type='SaliencyFusion', folder=str(folder), weight=2)])


def test_a_map_must_fit_its_image(saliency):
    _, folder = saliency
    with pytest.raises(ValueError, match='has 24 x 32 pixels .* its image 5 x 5'):
        SaliencyFolder(folder).read('image 0', (5, 5))
