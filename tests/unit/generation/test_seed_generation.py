"""The seeds on disk against a plain computation, and what must not change them."""

import json
import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.processes import run_ranks
from helpers.seed_generators import (
    CHANNELS,
    CLASSES,
    MEAN,
    SEEDS,
    STD,
    build_classifier,
    build_generator,
    build_images,
    files_of,
)
from PIL import Image
from torch import nn

from mmseg_wsss.generation import SeedGenerator, SeedImage
from mmseg_wsss.seeds import Seed, aggregate_seeds
from mmseg_wsss.seeds.dropout import channel_masks
from mmseg_wsss.store import read_losing_votes, read_mask
from mmseg_wsss.utils.image import read_image


def plain_maps(model, image, seed, scales, draws, random_seed):
    """One pass per scale, mirror image and draw, with an explicit mask; no shared work."""
    import cv2

    pixels = read_image(image.path)
    height, width = pixels.shape[:2]
    total = torch.zeros(len(image.tags), height, width, dtype=torch.float64)
    if not image.tags:
        return total
    for scale in scales:
        size = (round(width * scale * seed.scale), round(height * scale * seed.scale))
        view = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
        normal = (torch.from_numpy(view).double() - torch.tensor(MEAN)) / torch.tensor(STD)
        for mirrored in (False, True):
            inputs = normal.permute(2, 0, 1)[None]
            inputs = inputs.flip(-1) if mirrored else inputs
            with torch.no_grad():
                features = model.double().backbone(inputs)[0]
                masks = channel_masks(
                    CHANNELS,
                    seed.dropout,
                    draws,
                    random_seed,
                    image.image_id,
                    seed.name,
                    f'{scale * seed.scale:.6f}',
                    mirrored,
                )
                for mask in masks:
                    dropped = features * torch.from_numpy(mask)[None, :, None, None]
                    dropped = dropped / (1 - seed.dropout)
                    maps = model.head.class_layer(dropped)[0, [tag - 1 for tag in image.tags]]
                    maps = maps.flip(-1) if mirrored else maps
                    total += F.interpolate(maps[None], (height, width), mode='bilinear')[0] / draws
    total = total.relu()
    return total / total.amax(dim=(1, 2), keepdim=True).clamp_min(1e-300)


def test_masks_equal_a_plain_computation(tmp_path):
    images = build_images(tmp_path)
    generator = build_generator(scales=(0.5, 1.0, 1.5), num_draws=3, random_seed=7)
    summary = generator.run(images, tmp_path / 'seeds')
    differing = total = 0
    counts = np.zeros(4, int)
    for image in images:
        masks = []
        for seed in SEEDS:
            path = tmp_path / 'seeds' / seed.name / f'{image.image_id}.png'
            mask = read_mask(path, num_classes=4)
            assert Image.open(path).mode == 'P'
            maps = plain_maps(build_classifier(), image, seed, (0.5, 1.0, 1.5), 3, 7)
            background = torch.full((1, *mask.shape), 0.2, dtype=torch.float64)
            expected = torch.cat([background, maps]).argmax(0).numpy()
            differing += (mask != np.array([0, *image.tags])[expected]).sum()
            total += mask.size
            masks.append(mask)
        label, agreement = aggregate_seeds(np.stack(masks), 4)
        counts += np.bincount(label.ravel(), minlength=4)
        for name, expected in (('aggregated', label), ('agreement', agreement)):
            found = read_mask(tmp_path / 'seeds' / name / f'{image.image_id}.png')
            assert np.array_equal(found, expected)
        path = tmp_path / 'seeds' / 'losing_votes' / f'{image.image_id}.png'
        losers = read_losing_votes(path, label.shape, 4)
        lost = (losers[:, None] == np.arange(4)[:, None, None]).any(axis=0)
        voted = (np.stack(masks)[:, None] == np.arange(4)[:, None, None]).any(axis=0)
        assert np.array_equal(lost, voted & (np.arange(4)[:, None, None] != label))
    # The plain computation is in double precision: a pixel on the edge may go either way.
    assert differing <= total * 1e-3
    assert counts[1:].sum() > total // 30  # there is something to compare
    assert (summary.made, summary.skipped, summary.empty) == (5, 0, ['image 3'])
    assert summary.labels.tolist() == counts.tolist()
    assert summary.num_bytes == sum(
        len(content) for name, content in files_of(tmp_path / 'seeds').items() if '.png' in name
    )
    assert 'image 3' in summary.report(CLASSES)


def test_image_without_tags_is_all_background(tmp_path):
    images = build_images(tmp_path)
    build_generator().run(images, tmp_path / 'seeds')
    for name in [*(seed.name for seed in SEEDS), 'aggregated']:
        assert not read_mask(tmp_path / 'seeds' / name / 'image 3.png').any()
    assert (read_mask(tmp_path / 'seeds' / 'agreement' / 'image 3.png') == 3).all()


def test_workers_writers_and_order_do_not_change_a_byte(tmp_path):
    images = build_images(tmp_path)
    build_generator(num_draws=2).run(images, tmp_path / 'plain')
    expected = files_of(tmp_path / 'plain')
    build_generator(num_draws=2, num_workers=2, num_writers=2).run(images, tmp_path / 'parallel')
    assert files_of(tmp_path / 'parallel') == expected
    build_generator(num_draws=2).run(images[::-1], tmp_path / 'reversed')
    reversed_files = files_of(tmp_path / 'reversed')
    assert json.loads(expected.pop('manifest.json'))['images'] != []
    reversed_files.pop('manifest.json')
    assert reversed_files == expected
    build_generator(num_draws=2, batch_size=2).run(images, tmp_path / 'batched')
    batched = files_of(tmp_path / 'batched')
    batched.pop('manifest.json')
    assert batched == expected


def test_random_seed_and_draws_matter(tmp_path):
    images = build_images(tmp_path)[:3]
    roots = []
    for index, options in enumerate(
        (dict(random_seed=0), dict(random_seed=1), dict(random_seed=0, num_draws=5))
    ):
        build_generator(**options).run(images, tmp_path / str(index))
        roots.append(files_of(tmp_path / str(index)))
    name = '0.30-1.00/image 2.png'
    assert len({root[name] for root in roots}) == 3
    without = '0.00-1.00/image 2.png'
    assert len({root[without] for root in roots}) == 1


def test_resume_makes_only_what_is_missing_or_damaged(tmp_path):
    images = build_images(tmp_path)
    root = tmp_path / 'seeds'
    build_generator().run(images, root)
    expected = files_of(root)
    (root / '0.30-1.00' / 'image 1.png').unlink()
    (root / 'aggregated' / 'image 2.png').write_bytes(b'')
    damaged = root / 'agreement' / 'image 4.png'
    damaged.write_bytes(damaged.read_bytes()[:-20])
    kept = root / 'aggregated' / 'image 0.png'
    before = kept.stat().st_mtime_ns
    summary = build_generator(num_writers=1).run(images, root)
    assert (summary.made, summary.skipped) == (3, 2)
    assert files_of(root) == expected
    assert kept.stat().st_mtime_ns == before
    again = build_generator().run(images, root)
    assert (again.made, again.skipped) == (0, 5)


def test_other_settings_are_refused_unless_overwritten(tmp_path):
    images = build_images(tmp_path)
    root = tmp_path / 'seeds'
    build_generator().run(images, root)
    with pytest.raises(ValueError, match='random_seed: 5 here, 0 there'):
        build_generator(random_seed=5).run(images, root)
    with pytest.raises(ValueError, match='checkpoint_sha256'):
        build_generator(build_classifier(seed=1)).run(images, root)
    summary = build_generator(random_seed=5).run(images, root, overwrite=True)
    assert summary.made == 5


def test_seeds_with_several_backgrounds_are_those_of_each_background(tmp_path):
    images = build_images(tmp_path)
    backgrounds = [dict(threshold=0.2), dict(threshold=0.6)]
    both = tmp_path / 'both'
    build_generator(background=backgrounds).run(images, both)
    for place, background in enumerate(backgrounds):
        alone = tmp_path / f'alone {place}'
        build_generator(background=background).run(images, alone)
        for seed in SEEDS[place::2]:
            for image in images:
                name = f'{seed.name}/{image.image_id}.png'
                assert (both / name).read_bytes() == (alone / name).read_bytes()
    with pytest.raises(ValueError, match='parameters.background'):
        build_generator(background=backgrounds[::-1]).run(images, both)


def test_losing_votes_are_added_to_seeds_of_an_earlier_version(tmp_path):
    """Of kept seeds without the network; where none are kept, all is made anew."""
    images = build_images(tmp_path)
    for keep, made in (('all', 0), ('aggregate', 5)):
        root = tmp_path / keep
        build_generator(keep=keep).run(images, root)
        expected = files_of(root)
        shutil.rmtree(root / 'losing_votes')
        summary = build_generator(keep=keep).run(images, root)
        assert (summary.made, summary.skipped) == (made, 5 - made)
        assert files_of(root) == expected
        assert build_generator(keep=keep).run(images, root).made == 0


def test_keep_aggregate_writes_three_files_per_image(tmp_path):
    images = build_images(tmp_path)
    build_generator().run(images, tmp_path / 'all')
    build_generator(keep='aggregate').run(images, tmp_path / 'few')
    few = files_of(tmp_path / 'few')
    assert sorted(few) == sorted(
        ['manifest.json']
        + [
            f'{name}/{one.image_id}.png'
            for name in ('aggregated', 'agreement', 'losing_votes')
            for one in images
        ]
    )
    everything = files_of(tmp_path / 'all')
    assert all(everything[name] == few[name] for name in few if name != 'manifest.json')
    assert build_generator(keep='aggregate').run(images, tmp_path / 'few').made == 0


def test_one_classifier_per_dropout(tmp_path):
    images = build_images(tmp_path)[:3]
    models = {0.0: build_classifier(0), 0.3: build_classifier(1)}
    build_generator(models).run(images, tmp_path / 'each')
    for dropout, model in models.items():
        seeds = [seed for seed in SEEDS if seed.dropout == dropout]
        # Dropout is off at seed time: the same as a seed without dropout.
        plain = [Seed(0.0, seed.scale) for seed in seeds]
        build_generator(model, seeds=plain).run(images, tmp_path / f'plain {dropout}')
        for seed, without in zip(seeds, plain, strict=True):
            for image in images:
                found = tmp_path / 'each' / seed.name / f'{image.image_id}.png'
                expected = tmp_path / f'plain {dropout}' / without.name / f'{image.image_id}.png'
                assert np.array_equal(read_mask(found), read_mask(expected))
    with pytest.raises(ValueError, match=r'dropout rates \[0.3\]'):
        build_generator({0.0: build_classifier()})


def test_crf_refines(tmp_path):
    images = build_images(tmp_path)[:2]
    build_generator().run(images, tmp_path / 'plain')
    build_generator(refine='irn', num_writers=1).run(images, tmp_path / 'refined')
    found = files_of(tmp_path / 'refined')
    assert set(found) == set(files_of(tmp_path / 'plain'))
    for image in images:
        for seed in SEEDS:
            mask = read_mask(tmp_path / 'refined' / seed.name / f'{image.image_id}.png')
            assert set(np.unique(mask)) <= {0, *image.tags}


@pytest.mark.parametrize('writers', [0, 2])
def test_nan_stops_with_the_image_id(tmp_path, writers):
    images = build_images(tmp_path)
    model = build_classifier()
    forward = model.backbone.forward
    calls = []

    def poisoned(inputs):
        calls.append(None)
        features = forward(inputs)[0]
        return (features * float('nan') if len(calls) > 9 else features,)

    model.backbone.forward = poisoned
    generator = build_generator(model, num_writers=writers)  # 8 scales, fewer where they coincide
    with pytest.raises(ValueError, match=r'image 1 .*NaN'):
        generator.run(images, tmp_path / 'seeds')


def test_writing_errors_are_raised(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError('disk full')

    monkeypatch.setattr('mmseg_wsss.store.SeedStore.write', fail)
    with pytest.raises(OSError, match='disk full'):
        build_generator(num_writers=1).run(build_images(tmp_path), tmp_path / 'seeds')


def test_out_of_gpu_memory_halves_the_batch_then_takes_the_cpu(tmp_path, monkeypatch):
    images = build_images(tmp_path)[:2]
    build_generator(num_draws=2).run(images, tmp_path / 'expected')
    generator = build_generator(num_draws=2, batch_size=2)
    extractor = generator.source
    plain = type(extractor)._batch
    tried = []

    def small_gpu(self, samples, keep):
        tried.append((self.device.type, len(samples)))
        if self.device.type == 'cuda':
            raise torch.cuda.OutOfMemoryError('out of memory')
        return plain(self, samples, keep)

    monkeypatch.setattr(type(extractor), '_batch', small_gpu)
    monkeypatch.setattr(torch.cuda, 'empty_cache', lambda: None)
    extractor.device = torch.device('cuda')
    generator.run(images, tmp_path / 'found')
    assert tried == [('cuda', 2), ('cuda', 1), ('cpu', 1), ('cuda', 1), ('cpu', 1)]
    found = files_of(tmp_path / 'found')
    expected = files_of(tmp_path / 'expected')
    found.pop('manifest.json'), expected.pop('manifest.json')
    assert found == expected


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(refine='grabcut'), 'refine'),
        (dict(keep='nothing'), 'keep'),
        (dict(background=dict(kind='learned')), 'background'),
        (dict(background=[dict(threshold=0.2), dict(kind='learned')]), 'background'),
        (dict(background=dict(threshold=1.5)), 'threshold'),
        (dict(scales=()), 'scale'),
        (dict(scales=(1.0, 1.0)), 'scales'),
        (dict(seeds=()), 'seed'),
        (dict(num_draws=0), 'num_draws'),
        (dict(batch_size=0), 'batch_size'),
        (dict(amp='int8'), 'amp'),
        (dict(aggregate=dict(tie='seed_order', seed_order=['0.30-1.00'])), 'seed_order'),
    ],
)
def test_bad_options(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        build_generator(**options).run(build_images(tmp_path), tmp_path / 'seeds')


def test_bad_input(tmp_path):
    images = build_images(tmp_path)
    root = tmp_path / 'seeds'
    with pytest.raises(ValueError, match='empty'):
        build_generator().run([], root)
    with pytest.raises(ValueError, match='image 0 comes twice'):
        build_generator().run([images[0], images[0]], root)
    with pytest.raises(ValueError, match=r'image 0 .*\[4\]'):
        build_generator().run([SeedImage('image 0', images[0].path, (4,))], root)
    with pytest.raises(ValueError, match='3 foreground classes'):
        SeedGenerator(build_classifier(), CLASSES[:3])
    with pytest.raises(ValueError, match='no ClassActivationHead'):
        SeedGenerator(nn.Linear(1, 1), CLASSES)
    assert not root.exists()
    (tmp_path / 'image 0.png').write_bytes(b'')
    with pytest.raises(ValueError, match='image 0.png'):
        build_generator(num_writers=1).run(images, root)
    with pytest.raises(ValueError, match='image 0.png'):
        build_generator(batch_size=2).run(images, root)


def test_seed_order_settles_ties(tmp_path):
    images = build_images(tmp_path)[:3]
    seeds = SEEDS[:2]
    order = [seeds[1].name, seeds[0].name]
    aggregate = dict(tie='seed_order', seed_order=order)
    build_generator(seeds=seeds, aggregate=aggregate).run(images, tmp_path / 'seeds')
    manifest = json.loads((tmp_path / 'seeds' / 'manifest.json').read_text())
    assert (manifest['tie'], manifest['seed_order']) == ('seed_order', order)
    for image in images:
        best = read_mask(tmp_path / 'seeds' / order[0] / f'{image.image_id}.png')
        found = read_mask(tmp_path / 'seeds' / 'aggregated' / f'{image.image_id}.png')
        assert np.array_equal(found, best)  # of two seeds the better one always wins


def test_two_processes_write_what_one_writes(tmp_path):
    images = build_images(tmp_path)
    build_generator(num_draws=2, batch_size=2).run(images, tmp_path / 'expected')

    def work(rank: int, world_size: int) -> None:
        summary = build_generator(num_draws=2, batch_size=2).run(images, tmp_path / 'seeds')
        assert (summary.made, summary.skipped, summary.empty) == (5, 0, ['image 3'])
        pixels = sum(read_image(image.path)[..., 0].size for image in images)
        assert summary.labels.sum() == pixels

    run_ranks(tmp_path / 'ranks', work, 2)
    assert files_of(tmp_path / 'seeds') == files_of(tmp_path / 'expected')


def test_a_compiled_backbone_gives_the_same_seeds(tmp_path, monkeypatch):
    compiled = []
    compile_function = torch.compile

    def spy(function, **options):
        compiled.append(options)
        return compile_function(function, **options)

    monkeypatch.setattr(torch, 'compile', spy)
    images = build_images(tmp_path)
    build_generator().run(images, tmp_path / 'plain')
    assert not compiled
    # Traced, but not turned into machine code, which takes half a minute.
    build_generator(compile_backend='aot_eager').run(images, tmp_path / 'compiled')
    assert compiled == [dict(backend='aot_eager', dynamic=True)]
    plain, found = files_of(tmp_path / 'plain'), files_of(tmp_path / 'compiled')
    for manifest in (plain, found):
        assert manifest.pop('manifest.json')
    assert plain == found
