"""TeacherHook in a runner, with plain sums as the oracle of the average."""

import copy
import itertools

import pytest
import torch
from helpers.tiny_networks import build_network, seed_batch
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset

from mmseg_wsss.engine.hooks import TeacherHook

MOMENTUM = 0.25
NUMBERS = itertools.count()


class Batches(Dataset):
    """Four images; a batch of two is the same for every iteration."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {key: values[index % 2] for key, values in seed_batch().items()}


def collate(items):
    return {key: [item[key] for item in items] for key in items[0]}


class Recorder(TeacherHook):
    """Keeps the weights of network and average after each iteration."""

    def after_train_iter(self, runner, *args, **kwargs):
        super().after_train_iter(runner, *args, **kwargs)
        self.seen.append((weights(self.src_model), weights(self.ema_model.module)))


def weights(model):
    return copy.deepcopy(dict(model.named_parameters()))


def run(tmp_path, iterations, accumulate=1, kind='TeacherEncoderDecoder', **options):
    hook = Recorder(momentum=MOMENTUM, **options)
    hook.seen = []
    more = dict(consistency=dict(confidence=0.0)) if kind != 'EncoderDecoder' else {}
    model = build_network(type=kind, **more)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    Runner(
        model, str(tmp_path), DataLoader(Batches(), 2, collate_fn=collate),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iterations),
        optim_wrapper=OptimWrapper(optimizer, accumulative_counts=accumulate),
        custom_hooks=[hook], default_scope='mmseg', randomness=dict(seed=0),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1)),
        experiment_name=f'teacher-hook-{next(NUMBERS)}',
    ).train()  # fmt: skip
    return hook


def test_teacher_is_the_average_and_weights_of_the_checkpoint(tmp_path):
    hook = run(tmp_path, 3)
    model = hook.src_model
    assert model.teacher is hook.ema_model.module
    expected = hook.seen[0][0]  # the first step copies
    for student, teacher in hook.seen[1:]:
        for name in expected:
            expected[name] = expected[name] + MOMENTUM * (student[name] - expected[name])
            torch.testing.assert_close(teacher[name], expected[name])
    checkpoint = torch.load(tmp_path / 'iter_3.pth', weights_only=False)
    student, teacher = hook.seen[-1]
    for name in expected:
        assert torch.equal(checkpoint['state_dict'][name], teacher[name])
        assert torch.equal(checkpoint['ema_state_dict'][f'module.{name}'], student[name])
    build_network().load_state_dict(checkpoint['state_dict'])  # as a plain network


def test_average_moves_once_an_update_where_gradients_are_accumulated(tmp_path):
    seen = run(tmp_path, 6, accumulate=2).seen
    name = 'decode_head.conv_seg.weight'
    students, teachers = ([pair[i][name] for pair in seen] for i in (0, 1))
    assert torch.equal(teachers[1], students[1])
    assert torch.equal(teachers[2], teachers[1]) and not torch.equal(students[3], students[2])
    expected = students[1] + MOMENTUM * (students[3] - students[1])
    torch.testing.assert_close(teachers[3], expected)
    assert torch.equal(teachers[4], teachers[3])


def test_teacher_is_a_copy_until_the_average_begins_and_any_network_has_one(tmp_path):
    seen = run(tmp_path, 3, kind='EncoderDecoder', begin_iter=3).seen
    name = 'decode_head.conv_seg.weight'
    assert torch.equal(seen[1][0][name], seen[1][1][name])


@pytest.mark.parametrize('momentum', [0.0, 1.0, 2.0])
def test_momentum_out_of_range(momentum):
    with pytest.raises(ValueError, match='momentum'):
        TeacherHook(momentum=momentum)
