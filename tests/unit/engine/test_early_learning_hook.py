from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny_networks import SIZE, build_network, seed_batch
from mmengine.hooks import EMAHook
from mmengine.logging import MessageHub
from sklearn.metrics import confusion_matrix

from mmseg_wsss.engine.hooks import EarlyLearningHook
from mmseg_wsss.engine.hooks.early_learning_hook import KEY, count_matches, possible_classes
from mmseg_wsss.models.label_correction import correct_codes
from mmseg_wsss.models.learning_curve import LearningCurve
from mmseg_wsss.models.pseudo_supervision import class_probabilities

CURVE = LearningCurve(0.6, 1.0, 1.5)  # its slope has fallen by 0.9 at t = 4.45


class Log(list):
    info = warning = list.append


@pytest.fixture
def runner():
    loader = SimpleNamespace(
        batch_sampler=SimpleNamespace(batch_size=2),
        dataset=SimpleNamespace(metainfo=dict(classes=('background', 'cat', 'dog'))),
    )
    loader.dataset = type('D', (), dict(__len__=lambda self: 8, metainfo=loader.dataset.metainfo))()
    return SimpleNamespace(
        model=build_network(), train_dataloader=loader, world_size=1, iter=0, hooks=[],
        logger=Log(), message_hub=MessageHub.get_instance('early-learning'), _resume=True,
        optim_wrapper=SimpleNamespace(optim_context=lambda model: nullcontext()),
    )  # fmt: skip


def test_counts_make_the_iou_of_a_confusion_matrix():
    chances, codes = torch.rand(2, 3, 8, 12), torch.randint(0, 3, (2, 8, 10))
    codes[0, :3] += 256 + (2 << 16)
    codes[1, 5] = 255
    found = count_matches(chances, codes)
    used = codes != 255
    truth, predicted = (codes & 255)[used], chances[..., :8, :10].argmax(1)[used]
    matrix = confusion_matrix(truth, predicted, labels=[0, 1, 2])
    assert found.tolist() == [[matrix[k, k], matrix[:, k].sum(), matrix[k].sum()] for k in range(3)]


def follow(hook, runner, iterations, iou):
    """Feed counts of which class 1 has an IoU, as if predicted; class 2 is never labelled."""
    for iteration in iterations:
        runner.iter = iteration
        both = round(1e6 * iou(iteration))
        counts = torch.tensor([[10**6, 10**6, 10**6], [both, both, 10**6], [0, 5, 0]])
        hook._follow(runner, counts)


def test_a_class_is_due_when_its_curve_has_flattened(runner):
    hook = EarlyLearningHook(interval=2, window=1)
    hook.before_train(runner)
    assert hook._unit == 4  # 8 images, 2 at a time
    follow(hook, runner, range(2, 40, 2), lambda i: CURVE.value(i / 4))
    assert hook.due == {1: 18}  # t = 4.5, the first beyond 4.45
    assert hook.curves[1][0] == (0.5, pytest.approx(CURVE.value(0.5), abs=1e-5))
    assert hook.curves[0] == hook.curves[2] == []
    assert len(runner.logger) == 1 and 'cat is over at iteration 18' in runner.logger[0]


def test_a_window_is_one_point_at_its_middle_with_the_counts_of_all_of_it(runner):
    hook = EarlyLearningHook(interval=1, window=3, epoch_iters=10)
    hook.before_train(runner)
    follow(hook, runner, [10, 11, 12, 13], lambda i: (i - 9) / 10)
    assert hook.curves[1] == [(1.1, pytest.approx(0.2))]


def test_labels_of_due_classes_are_corrected_in_the_batch(runner, monkeypatch):
    batch, untouched = seed_batch(), seed_batch()
    codes = torch.cat([sample.gt_sem_seg.data for sample in untouched['data_samples']])
    hook = EarlyLearningHook(interval=1, window=100, confidence=0.2, scales=(0.5, 1.0))
    hook.before_train(runner)
    hook.before_train_iter(runner, 0, batch)
    after = torch.cat([sample.gt_sem_seg.data for sample in batch['data_samples']])
    assert torch.equal(after, codes) and hook._looks == [0]
    hook.due = {1: 0}
    hook.before_train_iter(runner, 0, batch)
    inputs = runner.model.data_preprocessor(untouched, True)['inputs']
    chances = class_probabilities(runner.model, inputs, (0.5, 1.0))
    expected, change = correct_codes(codes, chances, torch.tensor([False, True, False]), 0.2)
    after = torch.cat([sample.gt_sem_seg.data for sample in batch['data_samples']])
    assert change.any() and torch.equal(after, expected)
    share = runner.message_hub.get_scalar('train/corrected_share').current()
    assert share == pytest.approx(change.float().mean().item())


def test_images_of_several_sizes_are_predicted_by_themselves(runner):
    batch, other = seed_batch(1), seed_batch(1, (12, 16))
    mixed = {key: [*batch[key], *other[key]] for key in batch}
    hook = EarlyLearningHook(interval=1, window=100, confidence=0.2, scales=(1.0,))
    hook.before_train(runner)
    hook.due = {1: 0}
    hook.before_train_iter(runner, 0, mixed)
    assert [tuple(s.gt_sem_seg.data.shape[1:]) for s in mixed['data_samples']] == [SIZE, (12, 16)]
    pixels = sum(int((s.gt_sem_seg.data != 255).sum()) for s in mixed['data_samples'])
    assert sum(labelled for *_, labelled in hook._counts) == pixels


def test_tags_of_samples_are_read():
    samples = seed_batch(2)['data_samples']
    assert possible_classes(samples, 3) is None
    for sample, tags in zip(samples, ([2], []), strict=True):
        sample.set_metainfo(dict(tags=tags))
    assert possible_classes(samples, 3).tolist() == [[True, False, True], [True, False, False]]


def test_tags_limit_what_labels_become(runner):
    batch = seed_batch()
    for sample in batch['data_samples']:
        sample.set_metainfo(dict(tags=[]))
    hook = EarlyLearningHook(interval=1, window=100, confidence=0.0, scales=(1.0,))
    hook.before_train(runner)
    hook.due = {1: 0, 2: 0}
    hook.before_train_iter(runner, 0, batch)
    for sample, before in zip(batch['data_samples'], seed_batch()['data_samples'], strict=True):
        after, code = sample.gt_sem_seg.data, before.gt_sem_seg.data
        assert ((after == code) | (after == 0)).all()


def test_a_resumed_training_goes_on_from_its_curves(runner):
    hooks = [EarlyLearningHook(interval=2, window=2) for _ in range(2)]
    for hook in hooks:
        hook.before_train(runner)
    follow(hooks[0], runner, range(2, 16, 2), lambda i: CURVE.value(i / 4))
    checkpoint = {}
    hooks[0].before_save_checkpoint(runner, checkpoint)
    hooks[1].after_load_checkpoint(runner, checkpoint)
    for hook in hooks:
        follow(hook, runner, range(16, 40, 2), lambda i: CURVE.value(i / 4))
    assert hooks[0].due and hooks[0].due == hooks[1].due
    assert hooks[0].curves == hooks[1].curves
    fresh = EarlyLearningHook()
    fresh.after_load_checkpoint(runner, {})
    assert not fresh.due and 'begin anew' in runner.logger[-1]
    runner._resume = False
    fresh.after_load_checkpoint(runner, checkpoint)  # load_from: another training
    assert KEY in checkpoint and not fresh.curves


def test_the_average_predicts_if_asked(runner):
    hook = EarlyLearningHook(average=True)
    with pytest.raises(ValueError, match='TeacherHook'):
        hook.before_train(runner)
    ema = EMAHook()
    ema.before_run(runner)
    runner.hooks = [ema]
    hook.before_train(runner)
    assert hook._predictor is ema.ema_model.module


@pytest.mark.parametrize(
    'options',
    [
        dict(interval=0),
        dict(window=0),
        dict(epoch_iters=0),
        dict(ratio=1.0),
        dict(confidence=2),
        dict(scales=()),
        dict(scales=(0.0,)),
    ],
)
def test_wrong_options(options):
    with pytest.raises(ValueError):
        EarlyLearningHook(**options)
