"""FilteredLoss against a plain filter by scikit-learn, and what the wrapped loss is given."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from sklearn.mixture import GaussianMixture

from mmseg_wsss.models.losses import FilteredLoss, PNHybridLoss, SeedCrossEntropyLoss
from mmseg_wsss.registry import MODELS

SIDE = 48
CROSS_ENTROPY = dict(type='SeedCrossEntropyLoss', noisy='ignore')


def batch(num_images=2, num_classes=4):
    """Logits that follow a hidden truth, and labels of which a block is wrong.

    Returns:
        tuple: Logits (B, K, H, W), codes (B, H, W), and the wrong foreground pixels (B, H, W).
    """
    generator = torch.Generator().manual_seed(3)
    truth = torch.randint(1, num_classes, (num_images, 6, 6), generator=generator)
    truth = truth.repeat_interleave(SIDE // 6, 1).repeat_interleave(SIDE // 6, 2)
    logits = torch.randn(num_images, num_classes, SIDE, SIDE, generator=generator) * 0.4
    logits += 3.0 * F.one_hot(truth, num_classes).movedim(-1, 1)
    codes = truth.clone()
    codes[:, :10, :20] = 1 + codes[:, :10, :20] % (num_classes - 1)  # foreground, another class
    wrong = codes != truth
    codes[:, 20:24] = 0  # background
    codes[:, 30:32] += 256  # noisy
    codes[:, 34] = 255
    return logits, codes, wrong


def by_scikit_learn(logits, codes, probability=0.95, min_gap=1.0, min_loss=0.1, first=1):
    """The same filter, image by image, on the host."""
    found = torch.zeros_like(codes, dtype=torch.bool)
    for index, (one, code) in enumerate(zip(logits, codes, strict=True)):
        clean = (code >= first) & (code < 255)
        label = torch.where(clean, code, 0)
        losses = F.cross_entropy(one[None], label[None], reduction='none')[0].double()
        used = losses[clean & (losses > min_loss)].numpy()[:, None]
        fit = GaussianMixture(2, tol=1e-9, max_iter=1000, reg_covar=5e-4, random_state=0).fit(used)
        high = int(fit.means_.argmax())
        if abs(fit.means_[0, 0] - fit.means_[1, 0]) > min_gap:
            chance = fit.predict_proba(losses.flatten().numpy()[:, None])[:, high]
            chance = torch.tensor(chance).view_as(losses)
            found[index] = clean & (chance > probability) & (losses > fit.means_.min())
    return found


@pytest.mark.parametrize('pixels', ['foreground', 'all'])
def test_filters_what_a_filter_by_scikit_learn_does(pixels):
    logits, codes, wrong = batch()
    loss = FilteredLoss(CROSS_ENTROPY, pixels=pixels, min_pixels=100)
    found = loss.suspicious_pixels(logits, codes)
    expected = by_scikit_learn(logits, codes, first=1 if pixels == 'foreground' else 0)
    assert (found != expected).float().mean() < 0.002  # at the threshold
    assert found[wrong].float().mean() > 0.95
    right_foreground = ~wrong & (codes > 0) & (codes < 255)
    assert found[right_foreground].float().mean() < 0.01
    assert not found[codes >= 255].any()
    background = found[codes == 0].float().mean()
    assert background > 0.9 if pixels == 'all' else background == 0


def test_filtered_pixels_are_noisy_to_the_wrapped_loss_and_keep_what_else_the_code_says():
    logits, codes, _ = batch()
    codes[:, 30:32] += (2 << 16) + (4 << 24)  # losing votes of noisy pixels
    seen = {}

    class Recorder(torch.nn.Module):
        loss_name = 'loss_recorder'

        def forward(self, cls_score, label, weight=None, ignore_index=255):
            seen.update(label=label, weight=weight, ignore_index=ignore_index)
            return cls_score.sum()

    MODELS.register_module(name='RecorderOfFilteredLoss', module=Recorder, force=True)
    before = codes.clone()
    weight = torch.ones_like(codes, dtype=torch.float)
    for mark, expected in (('noisy', lambda f: codes + 256 * f), ('ignore', None)):
        loss = FilteredLoss(dict(type='RecorderOfFilteredLoss'), mark, min_pixels=100)
        assert loss.loss_name == 'loss_recorder'
        loss(logits, codes, weight=weight, ignore_index=7)
        filtered = loss.filtered
        assert 0 < filtered.sum() < filtered.numel() / 2
        rewritten = expected(filtered) if expected else codes.masked_fill(filtered, 255)
        assert torch.equal(seen['label'], rewritten)
        assert seen['weight'] is weight and seen['ignore_index'] == 7
    assert torch.equal(codes, before)


def test_gradient_is_that_of_the_wrapped_loss_on_rewritten_codes():
    logits, codes, _ = batch()
    for mark in ('noisy', 'ignore'):
        loss = FilteredLoss(dict(type='PNHybridLoss', indirect='mean'), mark, min_pixels=100)
        here, there = (logits.clone().requires_grad_() for _ in range(2))
        value = loss(here, codes)
        marked = codes + 256 if mark == 'noisy' else torch.full_like(codes, 255)
        expected = PNHybridLoss(indirect='mean')(there, torch.where(loss.filtered, marked, codes))
        assert torch.equal(value, expected)
        value.backward()
        expected.backward()
        assert torch.equal(here.grad, there.grad)
        share = loss.statistics['filtered_share']
        assert share == loss.filtered.double().mean() and 'clean_right' in loss.statistics


@pytest.mark.parametrize(
    'options', [dict(min_gap=50.0), dict(min_pixels=SIDE * SIDE), dict(min_loss=50.0)]
)
def test_nothing_is_filtered_where_the_losses_are_of_one_kind(options):
    logits, codes, _ = batch()
    loss = FilteredLoss(CROSS_ENTROPY, **dict(dict(min_pixels=100), **options))
    assert torch.equal(loss(logits, codes), SeedCrossEntropyLoss(noisy='ignore')(logits, codes))
    assert not loss.filtered.any()


def test_filter_begins_at_an_iteration_of_the_training_and_always_works_outside_of_one():
    logits, codes, _ = batch()
    loss = FilteredLoss(CROSS_ENTROPY, min_pixels=100, begin_iter=5)
    hub = MessageHub.get_instance('filtered-loss-begins')
    loss(logits, codes)
    assert loss.filtered.any()
    for iteration, filters in ((0, False), (4, False), (5, True), (6, True)):
        hub.update_info('iter', iteration)
        loss(logits, codes)
        assert bool(loss.filtered.any()) == filters
    MessageHub.get_instance('filtered-loss-outside')  # the newest one is the current one


def test_half_precision_points_and_labels_that_are_no_class():
    logits, codes, _ = batch()
    loss = FilteredLoss(CROSS_ENTROPY, min_pixels=100)
    whole = loss.suspicious_pixels(logits, codes)
    half = loss.suspicious_pixels(logits.to(torch.bfloat16), codes.to(torch.int32))
    assert (whole != half).float().mean() < 0.01
    points = loss.suspicious_pixels(logits.flatten(2), codes.flatten(1))
    assert torch.equal(points, whole.flatten(1))
    assert torch.isfinite(loss(logits * torch.nan, codes)) == torch.tensor(False)  # is not hidden
    codes[0, 0, 0] = 9
    with pytest.raises(ValueError, match='out of range'):
        loss(logits, codes)


@pytest.mark.parametrize(
    ('options', 'word'),
    [
        (dict(mark='drop'), 'mark'),
        (dict(pixels='background'), 'pixels'),
        (dict(probability=1.0), 'probability'),
        (dict(min_gap=-1), 'min_gap'),
        (dict(min_loss=-1), 'min_loss'),
        (dict(min_pixels=1), 'min_pixels'),
        (dict(begin_iter=-1), 'begin_iter'),
    ],
)
def test_wrong_options(options, word):
    with pytest.raises(ValueError, match=word):
        FilteredLoss(CROSS_ENTROPY, **options)


def test_mmsegs_own_loss_can_be_wrapped_where_pixels_are_ignored():
    logits, codes, _ = batch()
    codes = torch.where(codes > 255, 255, codes)
    loss = FilteredLoss(dict(type='CrossEntropyLoss', avg_non_ignore=True), 'ignore', min_pixels=9)
    value = loss(logits, codes)
    kept = codes.masked_fill(loss.filtered, 255)
    assert value == pytest.approx(F.cross_entropy(logits, kept, ignore_index=255).item())
    assert loss.filtered.any() and list(loss.statistics) == ['filtered_share']
