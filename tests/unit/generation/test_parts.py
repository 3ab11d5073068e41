"""Sources, backgrounds and refiners that a config names, also from a module outside the package."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.classifier_run import build_config, write_data
from helpers.seed_generators import (
    CLASSES,
    SEEDS,
    build_classifier,
    build_generator,
    build_images,
    samples_of,
)
from mmengine.config import Config
from torch import nn

from mmseg_wsss.apis import check_generation, generate_seeds
from mmseg_wsss.generation import (
    ActivationExtractor,
    PAMRRefiner,
    SeedGenerator,
    SeedSettings,
    SeedSource,
    load_classifier,
)
from mmseg_wsss.models.heads import ClassActivationHead
from mmseg_wsss.registry import MODELS, TASK_UTILS
from mmseg_wsss.seeds import DenseCRFRefiner, Seed, SeedRefiner, refine_seeds
from mmseg_wsss.seeds.pamr import pamr
from mmseg_wsss.store import SeedManifest, read_mask
from mmseg_wsss.utils.image import read_image

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def my_parts(tmp_path, monkeypatch):
    """The module of the page on extension points, and the config that names its parts."""
    page = (ROOT / 'docs/advanced_guides/extension_points.md').read_text(encoding='utf-8')
    blocks = re.findall(r'^```python\n(.*?)^```', page, re.M | re.S)
    (module,) = [block for block in blocks if block.startswith('# my_parts.py')]
    (config,) = [block for block in blocks if block.startswith("# the classifier's config")]
    (tmp_path / 'my_parts.py').write_text(module)
    (tmp_path / 'config.py').write_text(config)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / 'config.py'
    sys.modules.pop('my_parts', None)
    for name in ('SharpActivation', 'DarkBackground', 'MeanRefiner'):
        TASK_UTILS.module_dict.pop(name, None)
        TASK_UTILS.parent.module_dict.pop(name, None)


def test_parts_of_a_module_outside_the_package(tmp_path, my_parts):
    config = Config.fromfile(my_parts)
    images = build_images(tmp_path)
    model = build_classifier()
    options = dict(config.seed_generation, seeds=SEEDS, num_workers=0, num_writers=0)
    generator = SeedGenerator(model, CLASSES, **options)
    generator.run(images, tmp_path / 'seeds')

    settings = SeedSettings(seeds=SEEDS)
    plain = ActivationExtractor.from_settings(model, settings)
    for image, sample in zip(images, samples_of(plain, images, settings), strict=True):
        pixels = read_image(image.path)
        (maps,) = plain([sample])
        if image.tags:
            sharp = maps.numpy() ** 1.5
            height, width = pixels.shape[:2]
            mean = np.zeros_like(sharp)
            for y in range(height):
                for x in range(width):
                    window = sharp[..., max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
                    mean[..., y, x] = window.mean(axis=(-2, -1))
            dark = torch.from_numpy(1 - pixels.mean(axis=-1) / 255).float()
            dark = dark.expand(1, len(SEEDS), 1, height, width)
            expected = refine_seeds(
                torch.from_numpy(mean),
                pixels,
                image.tags,
                lambda maps, _, dark=dark: dark,
            )
        else:
            expected = torch.zeros(len(SEEDS), *pixels.shape[:2], dtype=torch.uint8)
        for seed, mask in zip(SEEDS, expected, strict=True):
            found = read_mask(tmp_path / 'seeds' / seed.name / f'{image.image_id}.png')
            assert (found == mask.numpy()).mean() > 0.99
    parameters = SeedManifest.load(tmp_path / 'seeds' / 'manifest.json').parameters
    assert parameters['source'] == dict(type='SharpActivation', power=1.5)
    assert parameters['background'] == [dict(type='DarkBackground')]
    assert parameters['refine'] == [
        dict(type='MeanRefiner', size=5),
        dict(type='DenseCRFRefiner', preset='irn'),
    ]


def test_a_preset_is_the_short_form_of_a_chain(tmp_path):
    images = build_images(tmp_path, 2)
    short = build_generator(refine='psa', crf=dict(iterations=3))
    short.run(images, tmp_path / 'seeds')
    chain = [dict(type='DenseCRFRefiner', preset='psa', iterations=3)]
    # The same manifest: the second run finds all done.
    assert build_generator(refine=chain).run(images, tmp_path / 'seeds').made == 0
    with pytest.raises(ValueError, match=r'refine: .*iterations'):
        other = [dict(chain[0], iterations=4)]
        build_generator(refine=other).run(images, tmp_path / 'seeds')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(refine=[dict(type='Grabcut')]), r"refine\[0\] has the type 'Grabcut'.*PAMRRefiner"),
        (dict(refine=[dict(preset='irn')]), r'refine\[0\] must be a dict with a type'),
        (dict(refine=['irn']), r'refine\[0\] must be a dict with a type'),
        (
            dict(refine=[dict(type='DenseCRFRefiner', preset='x')]),
            r"refine\[0\]: DenseCRFRefiner: Unknown CRF preset 'x'",
        ),
        (dict(refine=[dict(type='DenseCRFRefiner', sigma=3)]), r"refine\[0\]: .*'sigma'"),
        (
            dict(refine=[dict(type='DenseCRFRefiner'), dict(type='PAMRRefiner', works_on='maps')]),
            'PAMRRefiner works on activation maps, so it must stand before',
        ),
        (dict(refine=[dict(type='ClassActivation')]), r'refine\[0\] has the type'),
        (dict(refine=[dict(type='DenseCRFRefiner')], crf=dict(iterations=2)), 'crf goes with'),
        (dict(source=dict(type='PAMRRefiner')), 'source has the type .* expected a SeedSource'),
        (dict(source=dict(type='ClassActivation', power=2)), "source: .*'power'"),
        (dict(source=None), 'source must be a dict with a type, got None'),
        (dict(background=dict(type='Dusk')), "background has the type 'Dusk'"),
        (dict(background=dict(threshold='best')), "threshold must be a number, got 'best'"),
        (dict(background='dark'), "background must be one dict or a list, got 'dark'"),
        (
            dict(refine=[dict(type='AffinityRefiner', config='no.py', checkpoint='no.pth')]),
            r'refine\[0\]: AffinityRefiner: .*no\.py',
        ),
        (dict(refine=[dict(type='PAMRRefiner', works_on='masks')]), "works_on='masks'"),
        (dict(refine=[dict(type='PAMRRefiner', iterations=-1)]), 'iterations=-1'),
    ],
)
def test_bad_parts(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        build_generator(**options)
    assert not (tmp_path / 'seeds').exists()


def test_a_bad_part_stops_before_the_training(tmp_path):
    write_data(tmp_path)
    config = build_config(tmp_path)
    part = dict(type='AffinityRefiner', config='none.py', checkpoint='none.pth')
    config.seed_generation = dict(refine=[part])
    with pytest.raises(ValueError, match=r'none\.py'):
        check_generation(config)


class FeatureReader(SeedRefiner):
    """Where the first feature is above its mean, the first class is."""

    works_on = 'maps'
    needs_features = True
    seen: list = []

    def __call__(self, maps, inputs):
        self.seen.append(inputs)
        return maps


class Blind(SeedSource):
    """A source without features or scales of its own."""

    num_classes = 3

    def __init__(self, model, settings):
        self.seeds = settings.seeds

    def __call__(self, samples):
        return [
            torch.full((len(self.seeds), len(one.info.tags), *one.image.shape[:2]), 0.5)
            for one in samples
        ]


def test_features_reach_a_refiner_that_needs_them(tmp_path):
    images = build_images(tmp_path, 3)
    FeatureReader.seen.clear()
    model = build_classifier()
    build_generator(model, refine=[dict(type=FeatureReader)]).run(images, tmp_path / 'seeds')
    assert [one.image_ids for one in FeatureReader.seen] == [[one.image_id] for one in images]
    for image, inputs in zip(images, FeatureReader.seen, strict=True):
        pixels = torch.from_numpy(read_image(image.path)).permute(2, 0, 1)[None].float()
        mean, std = (torch.tensor(one).view(1, 3, 1, 1) for one in (model_mean(), model_std()))
        with torch.no_grad():
            expected = model.backbone((pixels - mean) / std)[0]
        assert torch.allclose(inputs.features, expected, atol=1e-4)


def model_mean():
    return (100.0, 110.0, 120.0)


def model_std():
    return (50.0, 60.0, 70.0)


def test_a_source_without_features_is_refused_where_they_are_needed(tmp_path):
    with pytest.raises(ValueError, match='FeatureReader needs feature maps, and the source Blind'):
        build_generator(source=dict(type=Blind), refine=[dict(type=FeatureReader)])
    images = build_images(tmp_path, 2)
    build_generator(
        source=dict(type=Blind), background=dict(threshold=0.4), seeds=[Seed(0.0, 1.0)]
    ).run(images, tmp_path / 'seeds')
    masks = [read_mask(tmp_path / 'seeds/aggregated' / f'{one.image_id}.png') for one in images]
    assert (masks[0] == 1).all() and (masks[1] == 2).all()


def test_pamr_as_a_refiner():
    images = [np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)]
    maps = torch.rand(1, 2, 2, 6, 7)
    found = PAMRRefiner(2, (1, 2), 'maps')(maps, inputs_of(images))
    pixels = torch.from_numpy(images[0]).permute(2, 0, 1)[None]
    expected = pamr(pixels, maps[:, 1], 2, (1, 2))[0]
    assert torch.allclose(found[0, 1], expected, atol=1e-6)
    assert PAMRRefiner().works_on == 'scores'


def inputs_of(images):
    from mmseg_wsss.seeds import RefinerInput

    return RefinerInput(images, [(1, 2)] * len(images))


@pytest.mark.parametrize('seeds', [SEEDS, SEEDS[:1]])
def test_automatic_threshold(tmp_path, seeds, monkeypatch):
    """It is found from the maps alone, kept on resuming, and what the masks are made with."""
    images = build_images(tmp_path, 5)
    automatic = dict(background=dict(threshold='auto'), seeds=seeds)
    build_generator(**automatic).run(images, tmp_path / 'auto')
    parameters = SeedManifest.load(tmp_path / 'auto/manifest.json').parameters
    fit = parameters['background_fit']
    assert parameters['background'] == [dict(threshold='auto')]
    # Four images have tags.
    assert fit['images'] == 4 and 0 < fit['threshold'] < 1 and sum(fit['counts']) > 1000
    build_generator(background=dict(threshold=fit['threshold']), seeds=seeds).run(
        images, tmp_path / 'given'
    )
    for path in (tmp_path / 'auto').rglob('*.png'):
        given = tmp_path / 'given' / path.relative_to(tmp_path / 'auto')
        assert path.read_bytes() == given.read_bytes()
    from mmseg_wsss.generation import seed_generator

    def not_again(*_):
        raise AssertionError('the threshold was looked for again')

    monkeypatch.setattr(seed_generator, 'fit_background', not_again)
    assert build_generator(**automatic).run(images, tmp_path / 'auto').made == 0
    # A root that was made otherwise is refused before a threshold is looked for.
    with pytest.raises(ValueError, match='num_draws: 2 here, 1 there') as refused:
        build_generator(**automatic, num_draws=2).run(images, tmp_path / 'auto')
    assert 'background' not in str(refused.value)
    with pytest.raises(ValueError, match=r"background: \[\{'threshold': 'auto'\}\] here"):
        build_generator(**automatic).run(images, tmp_path / 'given')
    with pytest.raises(AssertionError, match='looked for again'):
        build_generator(**automatic, num_draws=2).run(images, tmp_path / 'auto', overwrite=True)
    # So is one that says nothing of itself, or whose masks were corrected by hand.
    with pytest.raises(ValueError, match='masks of 3 of its 5 images would be dropped'):
        build_generator(**automatic).run(images[:2], tmp_path / 'auto')
    (tmp_path / 'auto/corrected').mkdir()
    shutil.copy(tmp_path / 'auto/aggregated/image 0.png', tmp_path / 'auto/corrected')
    with pytest.raises(ValueError, match='1 of its images are corrected by hand'):
        build_generator(**automatic, num_draws=2).run(images, tmp_path / 'auto', overwrite=True)
    manifest = tmp_path / 'given/manifest.json'
    manifest.write_text('{')
    with pytest.raises(ValueError, match='made by another run'):
        build_generator(**automatic).run(images, tmp_path / 'given')
    manifest.unlink()
    with pytest.raises(ValueError, match=r'there are masks but no manifest\.json'):
        build_generator(**automatic).run(images, tmp_path / 'given')


def test_the_threshold_of_a_root_stays_where_the_photographs_lie_elsewhere(tmp_path):
    images = build_images(tmp_path, 5)
    generator = build_generator(background=dict(threshold='auto'))
    config = dict(seed_generation='as it is', dataset=dict(data_root='here'))
    generator.run(images[:4], tmp_path / 'seeds', config=config)
    fit = SeedManifest.load(tmp_path / 'seeds/manifest.json').parameters['background_fit']
    assert (
        generator.run(images, tmp_path / 'seeds', config=config | dict(dataset='there')).made == 1
    )
    found = SeedManifest.load(tmp_path / 'seeds/manifest.json').parameters
    assert found['background_fit'] == fit and found['config']['dataset'] == 'there'


@pytest.fixture
def labelled(tmp_path):
    """Images, and the root of two seeds that agree in parts."""
    images = build_images(tmp_path, 5)
    two = dict(background=[dict(threshold=0.6), dict(threshold=0.3)], seeds=SEEDS[:2])
    build_generator(**two).run(images, tmp_path / 'labels')
    return images, tmp_path / 'labels'


def test_automatic_threshold_from_labels(tmp_path, labelled):
    images, labels = labelled
    background = dict(threshold='auto', labels=str(labels))
    build_generator(background=background, seeds=SEEDS[:1]).run(images, tmp_path / 'seeds')
    fit = SeedManifest.load(tmp_path / 'seeds/manifest.json').parameters['background_fit']
    # All maps, pixel by pixel.
    settings = SeedSettings(seeds=SEEDS[:1])
    plain = ActivationExtractor.from_settings(build_classifier(), settings)
    known = [[], []]
    for image, sample in zip(images, samples_of(plain, images, settings), strict=True):
        if not image.tags:
            continue
        highest = plain([sample])[0][0].amax(0).numpy()
        label, agreement = (
            read_mask(labels / kind / f'{image.image_id}.png', ignore_index=None)
            for kind in ('aggregated', 'agreement')
        )
        known[0] += highest[(agreement == 2) & (label == 0)].tolist()
        known[1] += highest[(agreement == 2) & (label > 0)].tolist()
    assert [sum(fit['background']), sum(fit['foreground'])] == [len(one) for one in known]
    background, foreground = map(np.array, known)
    scores = {
        limit: (background <= limit / 200).mean() + (foreground > limit / 200).mean()
        for limit in range(1, 200)
    }
    good = [limit for limit, score in scores.items() if score >= max(scores.values()) - 0.01]
    assert fit['threshold'] == pytest.approx(min(good, key=lambda one: abs(one - 70)) / 200)
    assert max(scores.values()) > 1.5
    assert fit['images'] == 4


def test_labels_of_a_threshold_are_checked_before_the_training(tmp_path):
    write_data(tmp_path)
    config = build_config(tmp_path)
    background = dict(threshold='auto', labels=str(tmp_path / 'none'))
    config.seed_generation = dict(background=background)
    with pytest.raises(FileNotFoundError, match='none'):
        check_generation(config)
    config.seed_generation.background.labels = str(tmp_path / 'other')
    build_generator(seeds=SEEDS[:1]).run(build_images(tmp_path, 1), tmp_path / 'other')
    with pytest.raises(ValueError, match='other: the labels of the background .* other classes'):
        check_generation(config)
    with pytest.raises(ValueError, match="Unknown parameter 'labels'"):
        build_generator(background=dict(threshold=0.3, labels='seeds'))


def test_no_two_kinds_of_pixels_ask_for_a_threshold(tmp_path):
    generator = build_generator(
        source=dict(type=Blind), background=dict(threshold='auto'), seeds=[Seed(0.0, 1.0)]
    )
    with pytest.raises(ValueError, match="threshold='auto': there are too few different activ"):
        generator.run(build_images(tmp_path, 2), tmp_path / 'seeds')


BACKBONES = {
    'ViT': (
        dict(
            type='mmpretrain.VisionTransformer',
            arch=dict(embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=16),
            img_size=32,
            patch_size=8,
            out_type='featmap',
        ),
        16,
    ),
    'DeiT': (
        dict(
            type='mmpretrain.DistilledVisionTransformer',
            arch=dict(embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=16),
            img_size=32,
            patch_size=8,
            out_type='featmap',
        ),
        16,
    ),
    'Swin': (
        dict(
            type='mmpretrain.SwinTransformer',
            arch=dict(embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2]),
            img_size=32,
            window_size=2,
            pad_small_map=True,
        ),
        64,
    ),
}


@pytest.mark.parametrize('name', BACKBONES)
def test_transformers_are_sources(tmp_path, name):
    backbone, channels = BACKBONES[name]
    write_data(tmp_path)
    config = build_config(tmp_path)
    config.model.backbone = backbone
    config.model.head.in_channels = channels
    config.seed_generation = dict(
        seeds=[(0.0, 1.0)], scales=(1.0, 2.0), refine=None, num_workers=0, report=False
    )
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    nn.init.normal_(model.head.class_layer.weight)
    assert isinstance(model.head, ClassActivationHead)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'cls.pth')
    summary = generate_seeds(config, load_classifier(config, tmp_path / 'cls.pth'))
    assert summary.made == 4 and (summary.labels > 0).sum() > 1


def test_the_crf_of_a_chain_is_that_of_the_preset():
    assert DenseCRFRefiner('psa', iterations=3).crf.iterations == 3
