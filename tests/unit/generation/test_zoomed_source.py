"""A second look at the windows that small objects are in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.classifier_run import build_config, write_data
from helpers.seed_generators import SEEDS, build_classifier, build_generator, build_images
from PIL import Image

from mmseg_wsss.apis import check_generation
from mmseg_wsss.generation import ActivationExtractor, SeedImage, SeedSettings, SeedSource
from mmseg_wsss.generation.zoomed_source import ZoomedActivation
from mmseg_wsss.seeds import Seed, SeedRefiner
from mmseg_wsss.seeds.zoom import find_window
from mmseg_wsss.store import SeedManifest
from mmseg_wsss.utils.image import resize_image

TWO = (Seed(0.0, 1.0), Seed(0.3, 1.0))


class Coarse(SeedSource):
    """Class k is where channel k - 1 is bright, at an eighth of the resolution; two seeds."""

    num_classes = 3
    gives_features = True

    def __init__(self, model, settings):
        self.looks = []

    def __call__(self, samples):
        self.looks += samples
        return [self.maps(torch.from_numpy(one.image), one.info.tags) for one in samples]

    def with_features(self, samples):
        return [(maps, torch.ones(1, 2, 2)) for maps in self(samples)]

    def maps(self, image, tags):
        if not tags:
            return torch.zeros(2, 0, *image.shape[:2])
        channels = image[..., [tag - 1 for tag in tags]].permute(2, 0, 1)[None].float() / 255
        small = F.interpolate(channels, [-(-side // 8) for side in image.shape[:2]], mode='area')
        large = F.interpolate(small, image.shape[:2], mode='bilinear')[0]
        large = large / large.amax(dim=(-2, -1), keepdim=True)
        return torch.stack([large, large.square()])


class Sharper(SeedRefiner):
    """Squares the maps."""

    works_on = 'maps'

    def __call__(self, maps, inputs):
        assert all(image.shape[:2] == maps.shape[-2:] for image in inputs.images)
        assert all(len(tags) == maps.shape[2] for tags in inputs.present)
        return maps.square()


@pytest.fixture
def photograph(tmp_path):
    """Red in a corner of 10 x 14 pixels, green everywhere, blue nowhere but in one pixel."""
    pixels = np.zeros((64, 80, 3), np.uint8)
    pixels[6:16, 50:64, 0] = 255
    pixels[..., 1] = 200
    pixels[40, 20, 2] = 255
    Image.fromarray(pixels).save(tmp_path / 'one.png')
    return SeedImage('one', str(tmp_path / 'one.png'), (1, 2, 3))


def look_at(source, image):
    (sample,) = source.dataset([image], TWO, 1, 0)
    (maps,) = source([sample])
    return sample, maps


@pytest.mark.parametrize('refine', [False, True])
def test_small_objects_are_looked_at_again(photograph, refine):
    chain = [Sharper()] if refine else []
    inner = Coarse(None, None)
    source = ZoomedActivation(inner, chain, level=0.3, margin=0.2, largest=0.5, most=2.5)
    sample, maps = look_at(source, photograph)
    power = 2 if refine else 1
    pixels = torch.from_numpy(sample.image)
    whole = inner.maps(pixels, (1, 2, 3)) ** power
    assert torch.allclose(maps[:, 1], whole[:, 1])  # green is everywhere
    for place, tag in ((0, 1), (2, 3)):
        top, bottom, left, right = find_window(whole.mean(dim=0)[place], 0.3, 0.2, 0.5)
        height, width = bottom - top, right - left
        factor = min(2.5, (64 * 80 / (height * width)) ** 0.5)
        size = max(32, round(factor * height)), max(32, round(factor * width))
        crop = resize_image(sample.image[top:bottom, left:right], size)
        again = inner.maps(torch.from_numpy(crop), (tag,)) ** power
        expected = torch.zeros(2, 64, 80)
        expected[:, top:bottom, left:right] = F.interpolate(again, (height, width), mode='area')[
            :, 0
        ]
        assert torch.allclose(maps[:, place], expected, atol=1e-6)
    # What it is for: red comes closer to what is red.
    red = pixels[..., 0] > 0
    first, second = ((one[0, 0] > 0.5) for one in (whole, maps))
    quality = [float((one & red).sum() / (one | red).sum()) for one in (first, second)]
    assert quality[1] > quality[0] + 0.1
    assert [one.info.tags for one in inner.looks] == [(1, 2, 3), (1,), (3,)]


def test_images_without_tags_and_features(photograph, tmp_path):
    source = ZoomedActivation(Coarse(None, None))
    untagged = SeedImage('none', photograph.path, ())
    samples = list(source.dataset([untagged, photograph], TWO, 1, 0))
    (empty, _), (maps, features) = source.with_features(samples)
    assert empty.shape == (2, 0, 64, 80) and maps.shape == (2, 3, 64, 80)
    assert torch.equal(features, torch.ones(1, 2, 2))  # of the whole photograph


def test_the_window_is_seen_under_the_same_dropout(tmp_path):
    """Seeds of the extractor: by hand, from a sample of the crop with the photograph's draws."""
    model, images = build_classifier(), build_images(tmp_path, 3)
    settings = SeedSettings(seeds=SEEDS, scales=(0.5, 1.0))
    plain = ActivationExtractor.from_settings(model, settings)
    source = ZoomedActivation.from_settings(model, settings, level=0.8, margin=0.0, largest=0.9)
    zoomed = 0
    for sample in plain.dataset(images, SEEDS, 1, 0):
        (maps,), (whole,) = source([sample]), plain([sample])
        for place, tag in enumerate(sample.info.tags):
            window = find_window(whole.mean(dim=0)[place], 0.8, 0.0, 0.9)
            if window is None:
                assert torch.equal(maps[:, place], whole[:, place])
                continue
            zoomed += 1
            top, bottom, left, right = window
            height, width = sample.image.shape[:2]
            factor = min(3, (height * width / ((bottom - top) * (right - left))) ** 0.5)
            size = max(32, round(factor * (bottom - top))), max(32, round(factor * (right - left)))
            crop = resize_image(sample.image[top:bottom, left:right], size)
            Image.fromarray(crop).save(tmp_path / 'crop.png')
            # Draws are keyed by the image's id, the seed and the scale.
            info = SeedImage(sample.info.image_id, str(tmp_path / 'crop.png'), (tag,))
            (again,) = plain(list(plain.dataset([info], SEEDS, 1, 0)))
            expected = F.interpolate(again, (bottom - top, right - left), mode='area')[:, 0]
            assert torch.allclose(maps[:, place, top:bottom, left:right], expected, atol=1e-5)
    assert zoomed > 1


def test_seeds_of_a_config(tmp_path):
    images = build_images(tmp_path)
    pamr = dict(type='PAMRRefiner', works_on='maps', iterations=2)
    source = dict(type='ZoomedActivation', refine=[pamr], level=0.5)
    build_generator(source=source).run(images, tmp_path / 'zoomed')
    manifest = SeedManifest.load(tmp_path / 'zoomed/manifest.json')
    assert manifest.parameters['source'] == dict(
        type='ZoomedActivation',
        source=dict(type='ClassActivation'),
        refine=[pamr],
        level=0.5,
        most=3.0,
    )
    assert manifest.parameters['supervision'] == 'I'
    assert build_generator(source=source).run(images, tmp_path / 'zoomed').made == 0
    with pytest.raises(ValueError, match='parameters.source.level'):
        build_generator(source=dict(source, level=0.4)).run(images, tmp_path / 'zoomed')
    # Where nothing counts as small, the refiners are as good in the chain.
    build_generator(source=dict(source, largest=1e-9)).run(images, tmp_path / 'none')
    build_generator(refine=[pamr]).run(images, tmp_path / 'chain')
    for path in (tmp_path / 'none').rglob('*.png'):
        same = tmp_path / 'chain' / path.relative_to(tmp_path / 'none')
        assert path.read_bytes() == same.read_bytes()
    made = [
        {path.name: path.read_bytes() for path in (tmp_path / root / SEEDS[0].name).iterdir()}
        for root in ('none', 'zoomed')
    ]
    assert made[0].keys() == made[1].keys() and made[0] != made[1]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(level=2), r'level must be in \[0, 1\)'),
        (dict(most=0), 'most must be at least 1'),
        (dict(zoom=2), "source: .*'zoom'"),
        (dict(source=dict(type='PAMRRefiner')), 'source has the type .* expected a SeedSource'),
        (dict(refine=[dict(type='Grabcut')]), r"source\.refine\[0\] has the type 'Grabcut'"),
        (dict(refine=[dict(type='DenseCRFRefiner')]), 'DenseCRFRefiner works on scores'),
        (dict(refine=[dict(type='SaliencyFusion', folder='.')]), 'needs the whole photograph'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        build_generator(source=dict(type='ZoomedActivation', **options))


def test_the_inner_source_is_checked_before_the_training(tmp_path):
    write_data(tmp_path)
    config = build_config(tmp_path)
    source = dict(type='ZoomedActivation', source=dict(type='ClassProbability'))
    config.seed_generation = dict(source=source)
    with pytest.raises(ValueError, match='needs a head with a map of the background'):
        check_generation(config)


class Hungry(Sharper):
    """Has memory for few pixels."""

    def __call__(self, maps, inputs):
        if maps.shape[-2] * maps.shape[-1] > 2000:
            raise MemoryError
        return super().__call__(maps, inputs)


def test_want_of_memory_is_a_matter_of_resolution(photograph):
    """A photograph that is too large for a refiner has maps of half the sides."""
    source = ZoomedActivation(Coarse(None, None), [Hungry()], level=0.3, largest=0.5)
    _, maps = look_at(source, photograph)
    _, whole = look_at(ZoomedActivation(Coarse(None, None), [Sharper()], largest=0.5), photograph)
    assert maps.shape == (2, 3, 32, 40)
    assert (F.interpolate(whole, (32, 40), mode='area') - maps).abs().mean() < 0.02
