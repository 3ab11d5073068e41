"""Parts against the noise that all seeds share, through training, a stop, resuming and a test."""

import pytest
import torch
from helpers.network_run import TRAINING_CONFIG, command
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.config import Config

from mmseg_wsss.store import read_mask, write_mask

pytestmark = pytest.mark.slow
IDS = ['one', 'two', 'three', 'four']
# Options with which each part is at work within six iterations of a network that knows nothing.
PARTS = {
    'teacher': """
model = dict(
    type='TeacherEncoderDecoder', consistency=dict(confidence=0.0),
    decode_head=dict(loss_decode=dict(
        _delete_=True, type='FilteredLoss', loss=dict(type='PNHybridLoss'), pixels='all',
        min_pixels=2, min_gap=0.0, probability=0.5, begin_iter=2)))
custom_hooks = [
    dict(type='TeacherHook', momentum=0.3),
    dict(type='EarlyLearningHook', interval=1, window=1, epoch_iters=1, ratio=0.01,
         confidence=0.34, scales=(0.5, 1.0), average=True),
    dict(type='SeedStatisticsHook', interval=1)]
""",
    'co-training': """
model = dict(type='CoTrainingEncoderDecoder', begin_iter=2)
custom_hooks = [dict(type='SeedPictureHook', interval=3)]
""",
}
LOGGED = {
    'teacher': ('consistency.loss_strong', 'decode.filtered_share', 'Early learning of'),
    'co-training': ('exchange.loss_partner', 'partner.decode.loss_pn_hybrid'),
}


@pytest.mark.parametrize('name', PARTS)
def test_a_training_can_be_stopped_tested_and_used(name, tmp_path, root):
    write_images(tmp_path / 'images', IDS)
    write_split(tmp_path / 'train.txt', IDS)
    seeds = write_seed_root(tmp_path / 'seeds', IDS)
    for image_id in IDS:
        write_mask(tmp_path / 'truth' / f'{image_id}.png', seeds[image_id][0])
    (tmp_path / 'base.py').write_text(TRAINING_CONFIG.replace('DATA', str(tmp_path)))
    config = tmp_path / 'config.py'
    config.write_text(
        "_base_ = 'base.py'\ntrain_cfg = dict(max_iters=6, val_interval=6)\n"
        'default_hooks = dict(checkpoint=dict(interval=3))\n' + PARTS[name]
    )
    assert Config.fromfile(config).model.type != 'EncoderDecoder'
    command(root, 'train.py', config, '--work-dir', tmp_path / 'whole')
    (log,) = (tmp_path / 'whole').glob('*/*.log')
    for text in LOGGED[name]:
        assert text in log.read_text()
    if name == 'teacher':  # the other part has no state but its weights
        stopped = ['train.py', config, '--work-dir', tmp_path / 'stopped']
        command(root, *stopped, '--cfg-options', 'train_cfg.max_iters=3')
        command(root, *stopped, '--resume')
        whole, resumed = (
            torch.load(tmp_path / run / 'iter_6.pth', weights_only=False)
            for run in ('whole', 'stopped')
        )
        for part in ('state_dict', 'ema_state_dict'):
            for key, value in whole[part].items():
                assert torch.equal(value, resumed[part][key]), key
        assert whole['early_learning'] == resumed['early_learning']
    out = tmp_path / 'masks'
    command(root, 'test.py', config, tmp_path / 'whole/iter_6.pth', '--work-dir', tmp_path / 'test',
            '--out', out)  # fmt: skip
    predicted = tmp_path / 'predicted'
    command(root, 'predict.py', tmp_path / 'images', tmp_path / 'whole/iter_6.pth',
            '--out', predicted)  # fmt: skip
    masks = sorted(path.relative_to(out) for path in out.glob('*.png'))
    assert len(masks) == len(IDS)
    for mask in masks:
        (same,) = predicted.rglob(mask.name)
        assert (read_mask(out / mask) == read_mask(same)).all()
