"""Random walks over an affinity network that a config names, and the networks themselves."""

import numpy as np
import pytest
import torch
from helpers.seed_generators import (
    SEEDS,
    build_classifier,
    build_generator,
    build_images,
    samples_of,
)
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmseg_wsss.generation import ActivationExtractor, SeedSettings
from mmseg_wsss.generation.refiners import AffinityRefiner
from mmseg_wsss.models.heads import AffinityHead, BoundaryHead
from mmseg_wsss.models.segmentors import AffinityNet
from mmseg_wsss.registry import MODELS
from mmseg_wsss.seeds import RefinerInput, refine_seeds
from mmseg_wsss.seeds.affinity import affinity_loss, affinity_walk
from mmseg_wsss.seeds.boundary import boundary_affinity
from mmseg_wsss.store import SeedManifest, read_mask

AFFINITY = """
model = dict(
    type='AffinityNet',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[120.0] * 3, std=[60.0] * 3, bgr_to_rgb=True
    ),
    backbone=dict(
        type='MobileNetV2', widen_factor=0.25, strides=(1, 2, 2, 2, 1, 1, 1), out_indices=(2, 4, 6),
        init_cfg=dict(type='Pretrained', checkpoint='nowhere.pth'),
    ),
    decode_head=dict(type='AffinityHead', in_channels=(8, 24, 80), channels=(4, 6, 8), radius=3),
)
"""


def build_network(config):
    model = Config.fromfile(config).model
    model.backbone.pop('init_cfg')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        net = MODELS.build(model)
    net.init_weights()
    return net


def write_network(folder, text, scale=1):
    """Write a network's config and checkpoint, its last convolution scaled."""
    config, checkpoint = folder / 'affinity.py', folder / 'affinity.pth'
    config.write_text(text)
    net = build_network(config).eval()
    net.decode_head.joint.weight.data.mul_(scale)
    torch.save(dict(state_dict=net.state_dict()), checkpoint)
    return dict(config=str(config), checkpoint=str(checkpoint)), net


def stages_of(net, image):
    """Feature maps of the backbone, the image normalised by hand."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    return net.backbone((pixels - 120) / 60)


def image_and_maps():
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    return image, torch.rand(1, 2, 1, 64, 96, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def affinity_files(tmp_path):
    # Features that differ, so that no two labels tie up to the last bit.
    return write_network(tmp_path, AFFINITY, scale=50)


def test_affinity_refiner_walks_over_the_network_s_features(tmp_path, affinity_files):
    files, net = affinity_files
    images = build_images(tmp_path, 2)
    walk = dict(type='AffinityRefiner', **files, exponent=2, steps=8, most_foreground=1)
    generator = build_generator(refine=[walk])
    generator.run(images, tmp_path / 'seeds')
    model = build_classifier()
    settings = SeedSettings(seeds=SEEDS)
    plain = ActivationExtractor.from_settings(model, settings)
    for image, sample in zip(images, samples_of(plain, images, settings), strict=True):
        (maps,) = plain([sample])
        with torch.no_grad():
            features = net.decode_head(stages_of(net, sample.image))
        walked = affinity_walk(features, maps[None], 3, 2, 8, 1)[0]
        expected = refine_seeds(walked, sample.image, image.tags, refine=None)
        for seed, mask in zip(SEEDS, expected, strict=True):
            found = read_mask(tmp_path / 'seeds' / seed.name / f'{image.image_id}.png')
            assert (found == mask.numpy()).mean() > 0.99
    (record,) = SeedManifest.load(tmp_path / 'seeds/manifest.json').parameters['refine']
    assert record.pop('weights_sha256').isalnum()
    assert record == dict(type='AffinityRefiner', exponent=2, steps=8, most_foreground=1)
    # Other weights are other seeds, wherever their file is.
    state = torch.load(files['checkpoint'])
    torch.save(state, tmp_path / 'moved.pth')
    moved = dict(walk, checkpoint=str(tmp_path / 'moved.pth'))
    assert build_generator(refine=[moved]).run(images, tmp_path / 'seeds').made == 0
    state['state_dict']['decode_head.joint.weight'] += 1
    torch.save(state, tmp_path / 'moved.pth')
    with pytest.raises(ValueError, match='weights_sha256'):
        build_generator(refine=[moved]).run(images, tmp_path / 'seeds')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(steps=-1), 'steps must be an integer >= 0, got -1'),
        (dict(steps=2.5), 'steps must be an integer >= 0, got 2.5'),
        (dict(exponent=0), 'exponent must be above 0'),
        (dict(most_foreground=1.5), r'most_foreground must be in \(0, 1\]'),
        (dict(checkpoint='gone.pth'), r'gone\.pth'),
    ],
)
def test_bad_affinity_options(affinity_files, options, message):
    files, _ = affinity_files
    with pytest.raises(ValueError, match=message):
        build_generator(refine=[dict(type='AffinityRefiner', **{**files, **options})])


def test_an_affinity_refiner_wants_an_affinity_network(tmp_path, affinity_files):
    files, _ = affinity_files
    (tmp_path / 'other.py').write_text("model = dict(type='EncoderDecoder')")
    other = dict(files, config=str(tmp_path / 'other.py'))
    with pytest.raises(ValueError, match=r"other\.py: the model is 'EncoderDecoder'"):
        build_generator(refine=[dict(type='AffinityRefiner', **other)])
    text = AFFINITY.replace('(4, 6, 8)', '(4, 6, 9)')
    (tmp_path / 'other.py').write_text(text)
    with pytest.raises(ValueError, match='does not fit the config'):
        build_generator(refine=[dict(type='AffinityRefiner', **other)])


def test_the_affinity_network_trains_its_head_alone(affinity_files):
    _, net = affinity_files
    assert isinstance(net, AffinityNet) and isinstance(net.decode_head, AffinityHead)
    net.train()
    assert not net.backbone.training and net.decode_head.training
    trained = {name.split('.')[0] for name, one in net.named_parameters() if one.requires_grad}
    assert trained == {'decode_head'}
    with pytest.raises(NotImplementedError, match='predicts no masks'):
        net.decode_head.predict([])
    with pytest.raises(ValueError, match='gives 1 feature maps, in_channels has 3'):
        net.decode_head([torch.zeros(1, 8, 4, 4)])
    with pytest.raises(ValueError, match='must be as many'):
        AffinityHead((8, 24), (4,))
    with pytest.raises(ValueError, match=r'in_index=\(1, 2\) and in_channels must be as many'):
        AffinityHead((8,), (4,), in_index=(1, 2))
    with pytest.raises(ValueError, match=r'gives 1 .* has 1 and in_index is \(1,\)'):
        AffinityHead((8,), (4,), in_index=(1,))([torch.zeros(1, 8, 4, 4)])


@pytest.mark.parametrize('build', [AffinityHead, BoundaryHead])
def test_a_head_reads_the_feature_maps_of_its_index(build):
    head = build((8, 6), *([(4, 4)] if build is AffinityHead else []), in_index=(1, 3))
    stages = [torch.randn(1, channels, 4, 4) for channels in (3, 8, 5, 6)]
    read = head(stages)
    head.in_index = None
    assert torch.equal(read, head([stages[1], stages[3]]))


BOUNDARY = AFFINITY.replace('(2, 4, 6)', '(1, 2, 4, 6)').replace(
    AFFINITY[AFFINITY.index('decode_head') : AFFINITY.rindex(')')],
    """decode_head=dict(
        type='BoundaryHead', in_channels=(8, 8, 24, 80), channels=4, num_groups=2, walk_radius=3
    ),
""",
)


def test_affinity_refiner_walks_up_to_the_network_s_boundaries(tmp_path):
    files, net = write_network(tmp_path, BOUNDARY)
    refiner = AffinityRefiner(**files, exponent=2, steps=8, most_foreground=1)
    image, maps = image_and_maps()
    walked = refiner(maps, RefinerInput([image], [(1,)]))
    with torch.no_grad():
        boundaries = net.decode_head(stages_of(net, image))
    assert boundaries.shape == (1, 1, 16, 24)
    assert 0 < boundaries.min() and boundaries.max() < 1
    expected = affinity_walk(boundaries, maps, 3, 2, 8, 1, boundary_affinity)
    assert torch.allclose(walked, expected, atol=1e-5)
    assert not torch.allclose(walked, affinity_walk(boundaries, maps, 3, 2, 8, 1), atol=1e-3)
    assert refiner.record()['walk_radius'] == 3


def test_affinity_refiner_in_half_precision(tmp_path):
    """Nearly the same maps, by a network that computes otherwise; the manifest says so."""
    files, _ = write_network(tmp_path, BOUNDARY)
    image, maps = image_and_maps()
    walk = dict(exponent=2, steps=8, most_foreground=1)
    full, half = (AffinityRefiner(**files, **walk, amp=amp) for amp in (None, 'bfloat16'))
    seen = []
    half.net.backbone.register_forward_hook(lambda *args: seen.append(args[2][0].dtype))
    inputs = RefinerInput([image], [(1,)])
    walked, expected = half(maps, inputs), full(maps, inputs)
    assert seen == [torch.bfloat16]
    assert walked.dtype == torch.float32
    assert 0 < (walked - expected).abs().max() < 0.05
    assert half.record() == {**full.record(), 'amp': 'bfloat16'}
    with pytest.raises(ValueError, match='amp must be None, "bfloat16" or "float16", got 16'):
        AffinityRefiner(**files, amp=16)


_features = AFFINITY[AFFINITY.index('decode_head') : AFFINITY.rindex('),')]
BOTH = BOUNDARY.replace('decode_head', _features + ', in_index=(1, 2, 3)),\n    auxiliary_head')


@pytest.fixture
def both_heads(tmp_path):
    return write_network(tmp_path, BOTH)


def test_both_heads_of_a_network_walk_and_the_maps_are_the_mean(both_heads):
    files, net = both_heads
    refiner = AffinityRefiner(**files, exponent=2, steps=8, most_foreground=1)
    image, maps = image_and_maps()
    with torch.no_grad():
        stages = stages_of(net, image)
        features, boundaries = net.decode_head(stages), net.auxiliary_head(stages)
    assert features.shape[-2:] == (8, 12) and boundaries.shape[-2:] == (16, 24)
    first = affinity_walk(features, maps, 3, 2, 8, 1)
    second = affinity_walk(boundaries, maps, 3, 2, 8, 1, boundary_affinity)
    walked = refiner(maps, RefinerInput([image], [(1,)]))
    assert torch.allclose(walked, (first + second) / 2, atol=1e-5)
    assert not torch.allclose(first, second, atol=1e-2)
    assert refiner.record()['walk_radius'] == [3, 3]


def test_both_heads_learn_as_each_would_alone(both_heads):
    _, net = both_heads
    net.train()
    trained = {name.split('.')[0] for name, one in net.named_parameters() if one.requires_grad}
    assert trained == {'decode_head', 'auxiliary_head'}
    generator = torch.manual_seed(0)
    image = torch.rand(2, 3, 64, 96, generator=generator)
    labels = torch.randint(0, 3, (2, 1, 64, 96), generator=generator)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=one)) for one in labels]
    losses = net.loss(image, samples)
    stages = net.backbone(image)
    features, boundaries = net.decode_head(stages), net.auxiliary_head(stages)
    coarse = affinity_loss(features, labels[:, 0, ::8, ::8], 3)
    fine = affinity_loss(boundaries, labels[:, 0, ::4, ::4], 7, affinity=boundary_affinity)
    expected = {f'decode.{name}': one for name, one in coarse.items()}
    expected |= {f'aux.{name}': one for name, one in fine.items()}
    assert losses.keys() == expected.keys() and len(losses) == 6
    for name, one in expected.items():
        assert float(losses[name]) == pytest.approx(float(one), rel=1e-5) != 0


def test_boundaries_learn_in_half_precision():
    """-log(1 - B) has a slope where bfloat16 would call B 1."""
    head = BoundaryHead((2,), channels=4)
    head.joint.bias.data.fill_(9.0)
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.ones(1, 8, 8, dtype=torch.long)))
    with torch.autocast('cpu', torch.bfloat16):
        losses = head.loss([torch.randn(1, 2, 8, 8, generator=torch.manual_seed(0))], [sample])
    losses['loss_foreground'].backward()
    assert head.joint.bias.grad.item() > 0.1


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(in_channels=()), 'names no feature map'),
        (dict(walk_radius=1), 'radius must be above 1'),
        (
            dict(in_channels=(2, 4)),
            'BoundaryHead: the backbone gives 1 feature maps, in_channels has 2',
        ),
    ],
)
def test_bad_options_of_a_boundary_head(options, message):
    with pytest.raises(ValueError, match=message):
        BoundaryHead(**{**dict(in_channels=(2,)), **options})([torch.zeros(1, 2, 4, 4)])
