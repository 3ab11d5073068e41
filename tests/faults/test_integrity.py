"""Files that are not what they should be are noticed when they are read, and not trained on."""

import io
import json

import numpy as np
import pytest
import verify_seeds
from helpers.seed_generators import build_classifier, build_generator, build_images
from helpers.seed_roots import SEED_NAMES, write_images, write_seed_root, write_split
from PIL import Image

from mmseg_wsss.datasets import FolderSeedDataset
from mmseg_wsss.store import read_mask, write_mask

SHAPE = (24, 32)


def encoded(mode: str, shape: tuple[int, int] = SHAPE) -> bytes:
    """A PNG of zeros."""
    file = io.BytesIO()
    Image.new(mode, shape[::-1]).save(file, 'PNG')
    return file.getvalue()


FAULTS = {
    'zero bytes': (lambda content: b'', r'empty \(0 bytes\)'),
    'truncated': (lambda content: content[:-9], 'truncated'),
    'signature only': (lambda content: content[:5], 'truncated'),
    'damaged': (lambda content: content[:60] + bytes([content[60] ^ 1]) + content[61:], 'damaged'),
    'no PNG': (lambda content: b'label' * 99, 'not a PNG'),
    'RGB': (lambda content: encoded('RGB'), '8-bit RGB PNG'),
    'RGBA': (lambda content: encoded('RGBA'), '8-bit RGBA PNG'),
    '16-bit': (lambda content: encoded('I;16'), '16-bit grey PNG'),
    'turned': (lambda content: encoded('L', SHAPE[::-1]), '32 x 24 .* expected 24 x 32'),
    'other class list': (lambda content: wrong_labels(), 'label 17'),
}


def wrong_labels() -> bytes:
    """A mask with a label that no class and no number of votes has."""
    file = io.BytesIO()
    Image.fromarray(np.full(SHAPE, 17, np.uint8)).save(file, 'PNG')
    return file.getvalue()


@pytest.mark.parametrize('folder', ['aggregated', 'agreement'])
@pytest.mark.parametrize('fault', FAULTS)
def test_training_stops_at_a_mask(tmp_path, folder, fault):
    write_images(tmp_path / 'images', ['a', 'b'])
    write_seed_root(tmp_path / 'seeds', ['a', 'b'])
    write_split(tmp_path / 'train.txt', ['a', 'b'])
    path = tmp_path / 'seeds' / folder / 'b.png'
    damage, message = FAULTS[fault]
    path.write_bytes(damage(path.read_bytes()))
    dataset = FolderSeedDataset(
        seed_root=str(tmp_path / 'seeds'),
        ann_file=str(tmp_path / 'train.txt'),
        data_prefix=dict(img_path=str(tmp_path / 'images')),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmseg_wsss.LoadSeedAnnotations'),
            dict(type='mmseg.PackSegInputs'),
        ],
    )
    assert dataset[0]['data_samples'].gt_sem_seg.shape == SHAPE
    with pytest.raises(ValueError, match=f'(?s)b.png: .*{message}'):
        dataset[1]


@pytest.mark.parametrize('fault', FAULTS)
def test_a_rerun_makes_a_damaged_mask_anew(tmp_path, fault):
    images = build_images(tmp_path, 2)
    build_generator().run(images, tmp_path / 'seeds')
    path = tmp_path / 'seeds' / 'aggregated' / 'image 1.png'
    content = path.read_bytes()
    path.write_bytes(FAULTS[fault][0](content))
    if fault == 'turned':  # the other masks of the image tell
        assert read_mask(path).shape == (32, 24)
    summary = build_generator().run(images, tmp_path / 'seeds')
    assert (summary.made, summary.skipped) == (1, 1)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    'options, difference',
    [
        (dict(random_seed=5), 'parameters.random_seed: 5 here, 0 there'),
        (dict(scales=(1.0,)), 'parameters.scales'),
        (dict(refine='irn'), r"parameters.refine: \[\{.*'irn'\}\] here, \[\] there"),
        (dict(palette=[[0] * 3, [1] * 3, [2] * 3, [3] * 3]), 'palette'),
        (dict(aggregate=dict(tie='foreground')), "tie: 'foreground' here, 'lowest' there"),
        (dict(keep='aggregate'), "parameters.keep: 'aggregate' here, 'all' there"),
        (dict(model=build_classifier(1)), 'checkpoint_sha256'),
        (
            dict(config=dict(model=dict(depth=18))),
            'parameters.config.model.depth: 18 here, 50 there',
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else '',
)
def test_a_run_that_does_not_match_is_refused(tmp_path, options, difference):
    images = build_images(tmp_path, 2)
    build_generator().run(images, tmp_path / 'seeds', config=dict(model=dict(depth=50)))
    kept = {path: path.read_bytes() for path in (tmp_path / 'seeds').rglob('*.png')}
    options = dict(options)
    config = options.pop('config', dict(model=dict(depth=50)))
    generator = build_generator(**options)
    with pytest.raises(ValueError, match=f'(?s){difference}.*new root, or --overwrite') as found:
        generator.run(images, tmp_path / 'seeds', config=config)
    assert 'config_sha256' not in str(found.value)
    assert kept == {path: path.read_bytes() for path in (tmp_path / 'seeds').rglob('*.png')}
    generator.run(images, tmp_path / 'seeds', overwrite=True, config=config)


def test_another_order_of_the_classes_is_refused(tmp_path):
    images = build_images(tmp_path, 2)
    build_generator().run(images, tmp_path / 'seeds')
    other = build_generator()
    other.classes = ['background', 'green', 'red', 'blue']
    with pytest.raises(ValueError, match='classes: .*green'):
        other.run(images, tmp_path / 'seeds')


@pytest.mark.parametrize('jobs', ['1', '2'])
def test_verification_finds_every_fault_of_a_root_at_once(tmp_path, capsys, jobs):
    image_ids = [f'{number:02}' for number in range(40)]
    write_seed_root(tmp_path / 'seeds', image_ids)
    expected = {}
    for image_id, fault in zip(image_ids, [*FAULTS, 'gone', 'swapped'], strict=False):
        path = tmp_path / 'seeds' / (*SEED_NAMES, 'aggregated')[int(image_id) % 4]
        path = path / f'{image_id}.png'
        if fault == 'gone':
            path.unlink()
        elif fault == 'swapped':  # a sound mask of another image
            write_mask(path, read_mask(path)[:, ::-1].copy())
        else:
            path.write_bytes(FAULTS[fault][0](path.read_bytes()))
        expected[image_id] = fault
    assert verify_seeds.main([str(tmp_path / 'seeds'), '--jobs', jobs]) == 1
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith('error: ')]
    assert len(errors) == len(expected) == 12
    for image_id in expected:
        assert sum(f'/{image_id}.png' in error for error in errors) == 1, '\n'.join(errors)


def test_a_manifest_of_two_runs_is_refused(tmp_path):
    """One file edited by hand: the root is not what it says."""
    images = build_images(tmp_path, 1)
    build_generator().run(images, tmp_path / 'seeds')
    path = tmp_path / 'seeds' / 'manifest.json'
    values = json.loads(path.read_text())
    values['seeds'][0]['dropout'] = 0.5
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r'(?s)seeds.*dropout.*--overwrite'):
        build_generator().run(images, tmp_path / 'seeds')
