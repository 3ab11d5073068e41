"""The curve of background thresholds: equal to seeds made at each, and what it refuses."""

import json

import background_curve as tool
import numpy as np
import pytest
import torch
from helpers.classifier_run import CLASSES, build_config, write_data
from helpers.seed_roots import write_split

from mmseg_wsss.apis import background_study, generate_seeds
from mmseg_wsss.evaluation import score_masks
from mmseg_wsss.generation import SeedImage, load_classifier
from mmseg_wsss.generation.background_fit import sample_images
from mmseg_wsss.registry import MODELS
from mmseg_wsss.store import read_mask, write_mask

IDS = list('abcd')


@pytest.fixture
def project(tmp_path):
    """A config file, its data, a checkpoint and ground truth."""
    write_data(tmp_path)
    config = build_config(tmp_path)
    config.dump(tmp_path / 'config.py')
    torch.manual_seed(0)
    state = MODELS.build(config.model).state_dict()
    torch.save(dict(state_dict=state, meta={}), tmp_path / 'model.pth')
    rng = np.random.default_rng(0)
    for image_id in IDS:
        truth = np.repeat(rng.integers(0, 3, (32, 5), np.uint8), 8, axis=1)
        truth[:2] = 255
        write_mask(tmp_path / 'truth' / f'{image_id}.png', truth)
    return tmp_path


def run(project, *options, gt='truth'):
    arguments = [project / 'config.py', project / 'model.pth', '--gt', project / gt, *options]
    return tool.main([*map(str, arguments), '--device', 'cpu'])


def curve(project, *options):
    """Run the tool and read what it wrote."""
    assert run(project, '--out', project / 'out', *options) == 0
    return json.loads((project / 'out' / 'background_curve.json').read_text())


@pytest.mark.parametrize('threshold', [0.2, 0.55])
def test_curve_is_that_of_seeds_made_at_the_threshold(project, threshold):
    seeds = ['0.1-1.0', '0.3-1.2']
    found = curve(project, '--seeds', *seeds)['seeds']
    config = build_config(project)
    generate_seeds(
        config,
        load_classifier(config, project / 'model.pth'),
        out=project / 'seeds',
        background=dict(kind='constant', threshold=threshold),
        num_workers=0,
        num_writers=0,
        report=False,
    )
    assert list(found) == ['0.10-1.00', '0.30-1.20']
    for name, values in found.items():
        folders = (project / 'truth', project / 'seeds' / name)
        pairs = [[read_mask(folder / f'{i}.png') for folder in folders] for i in IDS]
        expected = score_masks(pairs, len(CLASSES)).miou
        assert values['miou'][round(100 * threshold) - 1] == expected


def test_a_threshold_that_is_found_is_no_point_of_the_curve(project, capsys):
    config = build_config(project)
    config.seed_generation = dict(background=dict(threshold='auto'), seeds=[(0.1, 1.0)])
    config.dump(project / 'config.py')
    found = curve(project)
    assert found['head']['current'] is None and 'miou_at_current' not in found['seeds']['0.10-1.00']
    assert 'none of these thresholds' in capsys.readouterr().out


def test_output_says_what_it_was_tuned_on(project, capsys):
    write_split(project / 'some.txt', IDS[:3])
    found = curve(project, '--split', project / 'some.txt')
    printed = capsys.readouterr().out
    for text in (f'Images: 3 ({project / "some.txt"})', 'Tuned on the ground truth', 'Before the'):
        assert text in printed
    # The first seed of the config, and the threshold in use.
    assert list(found['seeds']) == ['0.10-1.00'] and found['head']['current'] == 0.2
    seed = found['seeds']['0.10-1.00']
    assert seed['miou_at_current'] == seed['miou'][19]
    assert seed['best']['miou'] == max(seed['miou'])
    page = (project / 'out' / 'background_curve.html').read_text()
    assert (
        'data:image/svg' in page
        and 'class="strong"' in page
        and 'Tuned on the ground truth' in page
    )
    assert '# Background threshold' in (project / 'out' / 'background_curve.md').read_text()


def test_other_background_scores_are_not_on_the_curve(project, capsys):
    options = ('--cfg-options', 'seed_generation.background.kind=power')
    assert run(project, *options) == 0
    assert 'none of these thresholds' in capsys.readouterr().out
    assert (
        background_study._threshold({}) == 0.2
        and background_study._threshold(dict(threshold=0.205)) is None
    )
    assert background_study._threshold(dict(threshold=0.07)) == 0.07


def test_a_sample_is_the_same_in_every_run(project, capsys):
    curve(project, '--max-images', 2)
    assert 'Images: 2 (train.txt), a sample of at most 2' in capsys.readouterr().out
    images = [SeedImage(f'image {number}', '', ()) for number in range(50)]
    chosen = sample_images(images, 7)
    assert len(chosen) == 7 and sorted(chosen, key=images.index) == chosen != images[:7]
    assert set(sample_images(images[::-1], 7)) == set(chosen) < set(sample_images(images, 8))
    assert sample_images(images, 100) == images


def test_ground_truth_of_other_classes(project):
    expected = curve(project)['seeds']
    for path in (project / 'truth').iterdir():
        numbers = np.full(256, 255, np.uint8)
        numbers[:3] = 0, 2, 1
        write_mask(path, numbers[read_mask(path)])
    assert curve(project, '--gt-classes', 'background,green,red')['seeds'] == expected


@pytest.mark.parametrize(
    'options, gt, message',
    [
        ((), 'nowhere', 'nowhere: there is no such folder'),
        (('--max-images', 0), 'truth', '0 images, expected at least 1'),
        (('--split', 'some.txt'), 'truth', 'first stranger'),
        ((), 'empty', '4 of 4 ground-truth masks are missing'),
        ((), 'small', 'a.png'),
        ((), 'void', 'every pixel of the 4 images is 255'),
    ],
)
def test_what_is_refused_is_named(project, capsys, monkeypatch, options, gt, message):
    monkeypatch.chdir(project)
    write_split(project / 'some.txt', ['a', 'stranger'])
    (project / 'empty').mkdir()
    for image_id in IDS:
        write_mask(project / 'small' / f'{image_id}.png', np.zeros((5, 5), np.uint8))
        write_mask(project / 'void' / f'{image_id}.png', np.full((32, 40), 255, np.uint8))
    assert run(project, *options, gt=gt) == 1
    assert message in capsys.readouterr().err
