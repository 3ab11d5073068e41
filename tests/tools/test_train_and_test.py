"""tools/train.py and tools/test.py on a tiny network: training, resuming, TTA, CRF, outputs."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.classifier_run import build_config, write_data
from helpers.commands import run_forked
from helpers.network_run import TRAINING_CONFIG, command
from helpers.seed_roots import write_images, write_seed_root, write_split
from sklearn.metrics import confusion_matrix

from mmseg_wsss.store import Fingerprint, ImageRecord, ImageRecords, read_mask, write_mask

IDS = ['one', 'two', 'camA/three', 'camB/three']


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Data, config and work dir of a network trained for 4 iterations in two runs."""
    root = Path(__file__).resolve().parents[2]
    path = tmp_path_factory.mktemp('chain')
    write_images(path / 'images', IDS)
    write_split(path / 'train.txt', IDS)
    seeds = write_seed_root(path / 'seeds', IDS)
    for image_id in IDS:
        write_mask(path / 'truth' / f'{image_id}.png', seeds[image_id][0])
    config = path / 'config.py'
    config.write_text(TRAINING_CONFIG.replace('DATA', str(path)), encoding='utf-8')
    command(root, 'train.py', config, '--work-dir', path / 'work', '--cfg-options',
            'train_cfg.max_iters=2')  # fmt: skip
    command(root, 'train.py', config, '--work-dir', path / 'work', '--resume')
    return path, config


def scores(path: Path) -> dict:
    """The scores that a test run leaves in its work dir."""
    (file,) = path.glob('*/*.json')
    return json.loads(file.read_text().splitlines()[-1])


def test_training_is_resumed_and_not_begun_anew(trained):
    path, _ = trained
    logs = [file.read_text() for file in sorted((path / 'work').glob('*/*.log'))]
    assert len(logs) == 2
    assert 'Iter(train) [2/2]' in logs[0]
    assert 'Iter(train) [1/4]' not in logs[1]
    assert 'Iter(train) [4/4]' in logs[1]
    assert 'loss_pn_hybrid' in logs[1]
    assert 'mIoU_classes: 3' in logs[1]  # mmseg's metric, which the config names, has no such score
    assert (path / 'work' / 'iter_4.pth').is_file()


def test_parameters_are_grouped_and_a_training_keeps_its_groups(trained, tmp_path, root):
    """By learning rate and weight decay, with the same weights to the bit."""
    _, config = trained
    options = ['optim_wrapper.optimizer.weight_decay=0.1']
    options += ['optim_wrapper.paramwise_cfg.norm_decay_mult=0.0']
    usual = ['optim_wrapper.constructor=DefaultOptimWrapperConstructor']
    found = {}
    for name, more in {'grouped': [], 'usual': usual}.items():
        train = ['train.py', config, '--work-dir', tmp_path / name]
        command(root, *train, '--cfg-options', *options, *more, 'train_cfg.max_iters=2')
        command(root, *train, '--resume', '--cfg-options', *options)
        found[name] = torch.load(tmp_path / name / 'iter_4.pth', weights_only=False)
    groups = {name: one['optimizer']['param_groups'] for name, one in found.items()}
    assert [group['weight_decay'] for group in groups['grouped']] == [0.1, 0.0]
    number = sum(len(group['params']) for group in groups['grouped'])
    assert len(groups['usual']) == number > 2
    for name, weight in found['usual']['state_dict'].items():
        assert torch.equal(weight, found['grouped']['state_dict'][name]), name


@pytest.mark.skipif(torch.cuda.is_available(), reason='mmengine has an optimizer for GPUs')
def test_mixed_precision_on_the_cpu(trained, tmp_path, root):
    _, config = trained
    options = ['--cfg-options', 'train_cfg.max_iters=2', 'randomness.seed=0']
    found = {}
    for name, more in {'exact': [], 'mixed': ['--amp']}.items():
        command(root, 'train.py', config, '--work-dir', tmp_path / name, *more, *options)
        found[name] = torch.load(tmp_path / name / 'iter_2.pth', weights_only=False)['state_dict']
    weight = 'decode_head.conv_seg.weight'
    exact, mixed = (found[name][weight] for name in ('exact', 'mixed'))
    assert mixed.dtype == torch.float32
    assert not torch.equal(exact, mixed)
    torch.testing.assert_close(mixed, exact, rtol=0, atol=0.02)
    run = run_forked(
        [root / 'tools/train.py', config, '--work-dir', tmp_path / 'other', '--amp',
         '--cfg-options', 'optim_wrapper.type=ApexOptimWrapper']
    )  # fmt: skip
    assert run.returncode != 0
    assert '--amp needs optim_wrapper.type OptimWrapper, the config has Apex' in run.stderr


def test_written_masks_score_what_the_evaluation_says(trained, tmp_path, root):
    path, config = trained
    command(root, 'test.py', config, path / 'work', '--work-dir', tmp_path / 'work',
            '--out', tmp_path / 'masks')  # fmt: skip
    assert 'work/iter_4.pth' in next((tmp_path / 'work').glob('*/*.log')).read_text()
    matrix = np.zeros((3, 3), np.int64)
    for image_id in IDS:
        truth = read_mask(path / 'truth' / f'{image_id}.png')
        prediction = read_mask(tmp_path / 'masks' / f'{image_id}.png')
        counted = truth != 255
        matrix += confusion_matrix(truth[counted], prediction[counted], labels=[0, 1, 2])
    hits = matrix.diagonal()
    union = matrix.sum(0) + matrix.sum(1) - hits
    assert scores(tmp_path / 'work')['mIoU'] == pytest.approx(100 * (hits / union).mean(), abs=0.01)


def test_augmentation_and_crf_change_the_prediction_and_are_scored(trained, tmp_path, root):
    path, config = trained
    checkpoint = path / 'work' / 'iter_4.pth'
    tags = tmp_path / 'tags.json'
    told = {image_id: ['cat'] if number % 2 else [] for number, image_id in enumerate(IDS)}
    tags.write_text(json.dumps(told))
    masks = {}
    for name, options in {
        'plain': [],
        'tta': ['--tta'],
        'crf': ['--crf', 'deeplab'],
        'both': ['--tta', '--crf', 'psa', '--show-dir', 'shown'],
        'tags': ['--tags', tags],
        'tags-crf': ['--tags', tags, '--crf', 'deeplab'],
    }.items():
        out = tmp_path / name
        command(root, 'test.py', config, checkpoint, '--work-dir', out, '--out', out / 'masks',
                *options)  # fmt: skip
        assert 0 <= scores(out)['mIoU'] <= 100
        masks[name] = np.stack([read_mask(out / 'masks' / f'{i}.png') for i in IDS])
    for name in ('tta', 'crf', 'both'):
        assert (masks[name] != masks['plain']).any()
    # Where the allowed classes had the highest score of all nothing changes.
    allowed = np.array([[0, 1 if number % 2 else 0] for number in range(len(IDS))])
    for name in ('tags', 'tags-crf'):
        for mask, labels in zip(masks[name], allowed, strict=True):
            assert set(np.unique(mask)) <= set(labels)
    kept = (masks['plain'] == allowed[:, :1, None]) | (masks['plain'] == allowed[:, 1:, None])
    assert kept.any() and not kept.all()
    np.testing.assert_array_equal(masks['tags'][kept], masks['plain'][kept])
    # Every image is painted, also where mmseg's hook has an interval for tests.
    shown = tmp_path / 'both' / 'shown'
    assert {str(path.relative_to(shown)) for path in shown.rglob('*.png')} == {
        f'{image_id}.png' for image_id in IDS
    }


def test_seeds_of_another_photograph_are_refused_before_the_first_iteration(trained, tmp_path):
    path, config = trained
    records = ImageRecords(tmp_path / 'seeds')
    shutil.copytree(path / 'seeds', tmp_path / 'seeds')
    for image_id in IDS:
        photograph = Fingerprint.of_file(path / 'images' / f'{image_id}.jpg')
        records.write(image_id, ImageRecord(('cat',), photograph))
    records.write('two', ImageRecord(('cat',), Fingerprint.of_content(b'another')))
    arguments = [str(config), '--work-dir', str(tmp_path / 'work'), '--cfg-options']
    arguments += [f'train_dataloader.dataset.seed_root={tmp_path / "seeds"}']
    root = Path(__file__).resolve().parents[2]
    done = run_forked([root / 'tools' / 'train.py', *arguments, 'train_cfg.max_iters=1'])
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert 'error: ' in done.stderr and 'the seeds of 1 images' in done.stderr
    assert 'the masks of two were made of another photograph' in done.stderr
    assert not list(tmp_path.rglob('*.pth'))


@pytest.mark.parametrize(
    'tags, message',
    [
        ({'one': ['cat']}, '3 of 4 images have no entry, first two, camA/three, camB/three'),
        ({'one': ['unicorn']}, 'unicorn'),
        (None, 'tags.json: there is no such'),
    ],
)
def test_tags_that_do_not_fit_are_refused_before_anything_is_predicted(
    trained, tmp_path, root, tags, message
):
    path, config = trained
    if tags is not None:
        (tmp_path / 'tags.json').write_text(json.dumps(tags))
    run = run_forked(
        [root / 'tools' / 'test.py', config, path / 'work' / 'iter_4.pth', '--work-dir',
         tmp_path / 'work', '--tags', tmp_path / 'tags.json']
    )  # fmt: skip
    assert run.returncode == 1 and 'Traceback' not in run.stderr
    assert 'error: ' in run.stderr and message in run.stderr, run.stderr


def test_options_that_do_not_fit_the_config_say_so(trained, root):
    path, config = trained
    text = config.read_text()
    poor = path / 'poor.py'
    poor.write_text(
        text.replace('tta_pipeline', 'other_pipeline').replace(
            "visualization=dict(type='SegVisualizationHook')", ''
        )
    )
    for options, message in (
        (['--tta'], '--tta needs tta_pipeline and tta_model'),
        (['--show-dir', 'x'], 'need default_hooks.visualization'),
        (['--cfg-options', "custom_hooks=[dict(type='X')]"], 'custom_hooks wants a list of dicts'),
    ):
        run = run_forked([root / 'tools' / 'test.py', poor, 'none.pth', *options])
        assert run.returncode != 0
        assert message in run.stderr


@pytest.mark.parametrize('workers', [0, 1])
def test_an_image_that_its_loader_would_misread_ends_a_training_with_one_line(tmp_path, workers):
    write_data(tmp_path)
    deep = np.arange(32 * 40 * 3, dtype=np.uint16).reshape(32, 40, 3)
    for image_id in 'abcd':
        assert cv2.imwrite(str(tmp_path / 'images' / f'{image_id}.png'), deep)
    build_config(tmp_path).dump(tmp_path / 'config.py')
    root = Path(__file__).resolve().parents[2]
    options = ['--cfg-options', f'train_dataloader.num_workers={workers}']
    run = run_forked([root / 'tools' / 'train.py', tmp_path / 'config.py', *options])
    assert run.returncode == 1 and 'Traceback' not in run.stderr
    error = run.stderr.strip().splitlines()[-1]
    assert error.startswith(f'error: {tmp_path}/images/')
    assert '16-bit RGB, values 0 to 3,839' in error


def test_a_label_that_is_no_class_ends_the_test_with_its_file(trained, root):
    path, config = trained
    mask = read_mask(path / 'truth' / f'{IDS[2]}.png')
    write_mask(path / 'truth' / f'{IDS[2]}.png', np.where(mask == 1, 128, mask).astype(np.uint8))
    try:
        with pytest.raises(AssertionError) as error:
            command(root, 'test.py', config, path / 'work' / 'iter_4.pth', '--work-dir', path / 'x')
    finally:
        write_mask(path / 'truth' / f'{IDS[2]}.png', mask)
    text = str(error.value)
    assert f'error: {path}/truth/{IDS[2]}.png: label 128, expected 0 to 2 or 255' in text
    assert 'Traceback' not in text


@pytest.mark.parametrize(
    ('tool', 'first', 'options'),
    [
        ('test.py', 'config.py', []),
        ('make_pseudo_masks.py', 'config.py', ['--out', 'masks', '--tags', 'tags.csv']),
        ('predict.py', 'images', ['--out', 'masks']),
        ('predict_tags.py', 'images', ['--out', 'tags.csv']),
        ('background_curve.py', 'config.py', ['--gt', 'truth']),
    ],
)
def test_a_work_dir_without_a_checkpoint_is_named(trained, tmp_path, root, tool, first, options):
    path, _ = trained
    run = run_forked([root / 'tools' / tool, path / first, tmp_path, *options])
    assert run.returncode == 1
    assert f'error: {tmp_path}: there is no checkpoint in it; train first.' in run.stderr
