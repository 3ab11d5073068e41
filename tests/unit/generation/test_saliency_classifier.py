"""Seeds of a classifier that learned from tags and saliency maps."""

import json
import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.classifier_run import build_config, write_data
from helpers.seed_generators import CHANNELS, build_classifier, build_generator, build_images
from mmengine.runner import Runner
from PIL import Image

from mmseg_wsss.apis import check_generation
from mmseg_wsss.generation import ActivationExtractor, ClassProbability, read_images
from mmseg_wsss.generation.images import SeedSample
from mmseg_wsss.models.heads import SaliencyActivationHead
from mmseg_wsss.seeds import Seed
from mmseg_wsss.store import SeedManifest, write_saliency


@pytest.fixture
def model():
    model = build_classifier()
    model.head = SaliencyActivationHead(3, CHANNELS)
    torch.nn.init.normal_(model.head.class_layer.weight)
    return model.eval()


@pytest.mark.parametrize('source', ['ClassActivation', 'ClassProbability'])
def test_the_supervision_is_recorded(tmp_path, model, source):
    images = build_images(tmp_path, 3)
    build_generator(model, source=dict(type=source)).run(images, tmp_path / 'seeds')
    manifest = SeedManifest.load(tmp_path / 'seeds/manifest.json')
    assert manifest.parameters['supervision'] == 'I+S'
    assert manifest.parameters['source'] == dict(type=source)
    build_generator().run(images, tmp_path / 'tags')
    assert SeedManifest.load(tmp_path / 'tags/manifest.json').parameters['supervision'] == 'I'


def test_classifiers_of_several_dropout_rates(model):
    plain = build_classifier()
    seeds = [Seed(0.1, 1.0), Seed(0.2, 1.0)]
    assert ActivationExtractor({0.1: plain, 0.2: plain}, seeds).supervision == 'I'
    assert ActivationExtractor({0.1: plain, 0.2: model}, seeds).supervision == 'I+S'
    assert ClassProbability({0.1: model, 0.2: model}, seeds).supervision == 'I+S'
    with pytest.raises(ValueError, match='got ClassActivationHead; leave out the source'):
        ClassProbability({0.1: plain, 0.2: model}, seeds)


@pytest.mark.parametrize('probability', [False, True])
def test_maps(tmp_path, model, probability):
    (image, *_) = build_images(tmp_path, 3)[1:]
    settings = dict(source=dict(type='ClassProbability' if probability else 'ClassActivation'))
    generator = build_generator(
        model, seeds=[Seed(0.0, 1.0)], scales=(1.0,), device='cpu', **settings
    )
    pixels = np.array(Image.open(image.path))
    size = pixels.shape[:2]
    sample = SeedSample(
        image, pixels, size, [torch.from_numpy(pixels)], [torch.ones(2, 1, CHANNELS)]
    )
    (found,) = generator.source([sample])
    inputs = torch.from_numpy(pixels).permute(2, 0, 1)[None].flip(1)  # as OpenCV reads
    total = 0
    for mirrored in (False, True):
        view = inputs.flip(-1) if mirrored else inputs
        view = model.data_preprocessor(dict(inputs=view))['inputs']
        with torch.no_grad():
            maps = F.conv2d(model.extract_feat(view)[-1], model.head.class_layer.weight)
        maps = maps.softmax(dim=1) if probability else maps
        total = total + (maps.flip(-1) if mirrored else maps)
    total = F.interpolate(total, pixels.shape[:2], mode='bilinear')[0, [t - 1 for t in image.tags]]
    expected = total.relu() / total.amax(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(found[0], expected, atol=1e-4, rtol=0)


@pytest.fixture
def config(tmp_path):
    """A config on four images with maps that follow the red channel."""
    write_data(tmp_path)
    config = build_config(tmp_path)
    for path in (tmp_path / 'images').iterdir():
        with Image.open(path) as image:
            write_saliency(tmp_path / f'maps/{path.stem}.png', np.array(image)[..., 0])
    config.model.head.type = 'SaliencyActivationHead'
    dataset = config.train_dataloader.dataset
    dataset.data_prefix.saliency_path = 'maps'
    dataset.pipeline = [
        dict(type='mmpretrain.LoadImageFromFile'),
        dict(type='LoadSaliency'),
        dict(
            type='TransformWithSaliency',
            transforms=[dict(type='mmpretrain.RandomResizedCrop', scale=32)],
        ),
        dict(type='mmpretrain.PackInputs', algorithm_keys=['gt_saliency']),
    ]
    config.seed_generation.source = dict(type='ClassProbability')
    return config


@pytest.mark.slow
def test_from_training_to_seeds(tmp_path, config):
    Runner.from_cfg(config).train()
    manifest = SeedManifest.load(tmp_path / 'work/seeds/manifest.json')
    assert manifest.parameters['supervision'] == 'I+S'
    assert len(manifest.images) == 4
    (log,) = (tmp_path / 'work').rglob('scalars.json')
    values = [json.loads(line) for line in log.read_text().splitlines()]
    assert any('loss_saliency' in one and 'loss_cls' in one for one in values)


def test_a_head_without_background_is_refused_before_the_training(config):
    check_generation(config)
    config.model.head.type = 'mmseg_wsss.ClassActivationHead'
    with pytest.raises(ValueError, match='ClassProbability needs a head with a map of the backg'):
        check_generation(config)
    config.seed_generation.source = dict(type='ClassActivation')
    check_generation(config)


def test_seeds_need_no_saliency_maps(tmp_path, config):
    os.unlink(tmp_path / 'maps/a.png')
    images, classes, _ = read_images(config.train_dataloader.dataset)
    assert [image.image_id for image in images] == list('abcd')
    assert classes == ['background', 'red', 'green']
