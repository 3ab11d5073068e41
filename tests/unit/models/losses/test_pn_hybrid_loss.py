import pytest
import torch
from helpers.features import require_cpu_autocast
from helpers.loss_oracle import (
    DEFAULTS,
    OPTIONS,
    give_tags,
    hybrid,
    option_names,
    seed_batch,
    value_and_grad,
    with_losing_votes,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead, SegformerHead
from mmseg.structures import SegDataSample

from mmseg_wsss.models.losses import HybridSettings, PNHybridLoss, draw_complementary_labels
from mmseg_wsss.models.losses.chunked_loss import CHUNK_BYTES
from mmseg_wsss.registry import MODELS


@pytest.mark.parametrize('options', OPTIONS, ids=option_names)
def test_every_option_equals_the_loop_over_pixels(options):
    options = {**DEFAULTS, **options}
    settings = HybridSettings(**options)
    logits, codes = seed_batch()
    noisy = codes[codes > 255] % 256
    codes = with_losing_votes(codes) if settings.losers else codes
    generator = torch.Generator().manual_seed(7)
    draws = draw_complementary_labels(noisy, 5, options.get('num_draws', 1), generator)
    total, _, gradient = hybrid(logits, codes, settings, draws if settings.draws else None)
    loss = give_tags(PNHybridLoss(**options, seed=7, loss_weight=0.4))
    value, grad = value_and_grad(loss, logits, codes)
    supervised = (codes % 65536 != 255).sum()
    torch.testing.assert_close(value, 0.4 * total / supervised, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(grad, 0.4 * gradient / supervised, rtol=1e-6, atol=1e-8)


def test_noisy_pixels_with_full_positive_weight_alone_count_as_clean():
    logits, codes = seed_batch()
    clean = torch.where(codes == 255, 255, codes % 256)
    off = dict(direct_weight=0.0, indirect_weight=0.0)
    found = value_and_grad(PNHybridLoss(noisy_positive_weight=1.0, **off), logits, codes)
    expected = value_and_grad(PNHybridLoss(**off), logits, clean)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize('positive', ['constraint', 'ce', 'ce+constraint'])
@pytest.mark.parametrize('indirect', ['draws', 'mean', 'unvoted'])
@pytest.mark.parametrize('direct', ['assigned', 'losers'])
def test_gradcheck(positive, indirect, direct):
    logits, codes = seed_batch(size=(3, 3))
    codes = with_losing_votes(codes)
    options = dict(DEFAULTS, positive=positive, indirect=indirect, direct=direct, seed=3)
    if direct == 'losers':
        options.update(noisy_set_weight=0.4, tag_set_weight=0.6)

    def loss(z):
        return give_tags(PNHybridLoss(**options))(z, codes)

    assert torch.autograd.gradcheck(loss, logits.requires_grad_())


@pytest.mark.parametrize('reduction', ['none', 'sum', 'mean'])
def test_reductions_and_pixel_weights(reduction):
    logits, codes = seed_batch()
    weight = torch.rand(codes.shape)
    config = dict(**DEFAULTS, indirect='mean')
    total, pixels, gradient = hybrid(logits, codes, HybridSettings(**config), weight=weight)
    loss = PNHybridLoss(**config)
    value, grad = value_and_grad(loss, logits, codes, weight, reduction_override=reduction)
    count = (codes != 255).sum() if reduction == 'mean' else 1
    expected = pixels if reduction == 'none' else total / count
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(grad, gradient / count, rtol=1e-5, atol=1e-7)


def test_incoming_gradient_per_pixel():
    logits, codes = seed_batch()
    factor = torch.rand(codes.shape, dtype=torch.float64)
    loss = PNHybridLoss(indirect='mean', reduction='none')
    by_hand = value_and_grad(lambda z: loss(z, codes) * factor, logits)
    torch.testing.assert_close(value_and_grad(loss, logits, codes, factor), by_hand)


@pytest.mark.parametrize('avg_factor', [7.0, torch.tensor(7)])
def test_avg_factor_replaces_the_number_of_pixels(avg_factor):
    logits, codes = seed_batch()
    loss = PNHybridLoss(indirect='mean')
    total = loss(logits, codes, reduction_override='sum')
    torch.testing.assert_close(loss(logits, codes, avg_factor=avg_factor), total / 7)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_nothing_supervised_gives_zero_with_gradients(dtype):
    logits = torch.randn(2, 5, 4, 4, dtype=dtype)
    codes = torch.full((2, 4, 4), 255)
    value, grad = value_and_grad(PNHybridLoss(), logits, codes)
    assert value.item() == 0
    assert grad.dtype == dtype
    assert torch.equal(grad, torch.zeros_like(grad))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('options', OPTIONS[::5], ids=option_names)
def test_half_precision_is_computed_in_float32(dtype, options):
    require_cpu_autocast(dtype)
    logits, codes = seed_batch(num_classes=7, size=(8, 8))
    codes = with_losing_votes(codes, 7)
    half = logits.to(dtype)
    loss, exact = (give_tags(PNHybridLoss(**options, seed=1)) for _ in range(2))
    expected, expected_grad = value_and_grad(exact, half.double(), codes)
    with torch.autocast('cpu', dtype=dtype):
        value, grad = value_and_grad(loss, half, codes)
    assert value.dtype == torch.float32
    assert grad.dtype == dtype
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-6)
    tolerance = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(grad.double(), expected_grad, rtol=tolerance, atol=1e-7)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize('options', OPTIONS, ids=option_names)
def test_finite_where_the_prediction_is_certain(dtype, options):
    logits = torch.zeros(1, 4, 2, 4, dtype=dtype)
    for column, gap in enumerate((30.0, 200.0, 6e4, -6e4)):
        logits[0, 1, :, column] = gap
    codes = torch.tensor([[[1, 1, 1, 1], [257, 256, 257, 257]]])
    codes[0, 1] += torch.tensor([1, 2, 1, 3]) << 16  # losers 0, 1, 0, 2
    loss = give_tags(PNHybridLoss(**options, seed=0), [[3]])
    value, grad = value_and_grad(loss, logits, codes)
    assert value.isfinite()
    assert grad.isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32])
def test_finite_where_the_logits_vanish(dtype):
    codes = torch.tensor([[[1, 257], [255, 0]]])
    value, grad = value_and_grad(PNHybridLoss(), torch.zeros(1, 4, 2, 2, dtype=dtype), codes)
    assert value.isfinite()
    assert grad.isfinite().all()


def test_loss_scaler_does_not_change_half_precision_gradients():
    logits, codes = seed_batch(size=(16, 16))
    half, loss = logits.half(), PNHybridLoss(indirect='mean')
    grads = []
    for factor in (1.0, 65536.0):
        z = half.clone().requires_grad_()
        (loss(z, codes) * factor / 64).backward()
        grads.append(z.grad.double() / factor)
    torch.testing.assert_close(*grads, rtol=2e-3, atol=1e-7)


def test_backward_twice_adds_up_and_leaves_the_first_alone():
    logits, codes = seed_batch()
    z = logits.clone().requires_grad_()
    value = PNHybridLoss(indirect='mean')(z, codes)
    value.backward(retain_graph=True)
    once = z.grad.clone()
    value.backward()
    torch.testing.assert_close(z.grad, 2 * once)


def test_second_derivative_is_refused():
    logits, codes = seed_batch()
    z = logits.clone().requires_grad_()
    with pytest.raises(RuntimeError, match='second derivative'):
        torch.autograd.grad(PNHybridLoss()(z, codes), z, create_graph=True)


def test_no_grad_keeps_nothing():
    logits, codes = seed_batch()
    with torch.no_grad():
        value = PNHybridLoss(indirect='mean')(logits.requires_grad_(), codes)
    assert not value.requires_grad
    torch.testing.assert_close(value, PNHybridLoss(indirect='mean')(logits, codes).detach())


@pytest.mark.parametrize('rows', [1, 3, 100])
def test_chunks_do_not_matter(rows, monkeypatch):
    logits, codes = seed_batch(size=(7, 5))
    expected = value_and_grad(PNHybridLoss(seed=2), logits, codes)
    monkeypatch.setitem(CHUNK_BYTES, 'cpu', rows * 5 * 5 * 8)
    torch.testing.assert_close(value_and_grad(PNHybridLoss(seed=2), logits, codes), expected)


@pytest.mark.parametrize(
    'relayout',
    [
        lambda z: z.to(memory_format=torch.channels_last),
        lambda z: z.transpose(2, 3).contiguous().transpose(2, 3),
        lambda z: z.repeat_interleave(2, 3)[..., ::2],
        lambda z: z[:, :1].expand_as(z),
    ],
)
def test_memory_layouts(relayout):
    logits, codes = seed_batch()
    loss = PNHybridLoss(indirect='mean')
    other = relayout(logits)
    expected, expected_grad = value_and_grad(loss, other.contiguous(), codes)
    (grad,) = torch.autograd.grad(loss(other.requires_grad_(), codes), other)
    torch.testing.assert_close(loss(other, codes).detach(), expected)
    torch.testing.assert_close(grad, expected_grad)


def test_points_instead_of_maps():
    logits, codes = seed_batch()
    loss = PNHybridLoss(indirect='mean')
    value, grad = value_and_grad(loss, logits, codes)
    flat_value, flat_grad = value_and_grad(loss, logits.flatten(2), codes.flatten(1))
    torch.testing.assert_close(flat_value, value)
    torch.testing.assert_close(flat_grad, grad.flatten(2))
    pixels = loss(logits.flatten(2), codes.flatten(1), reduction_override='none')
    assert pixels.shape == codes.flatten(1).shape


def test_detect_anomaly_finds_nothing():
    logits, codes = seed_batch()
    codes[0] = 255
    with torch.autograd.detect_anomaly(check_nan=True):
        value_and_grad(PNHybridLoss(), logits, codes)


def test_seeded_draws_are_reproducible_and_go_on():
    logits, codes = seed_batch()
    first, second = PNHybridLoss(seed=5), PNHybridLoss(seed=5)
    values = [[loss(logits, codes).item() for _ in range(3)] for loss in (first, second)]
    assert values[0] == values[1]
    assert len(set(values[0])) > 1


def test_unseeded_draws_follow_the_global_generator():
    logits, codes = seed_batch()
    values = []
    for _ in range(2):
        torch.manual_seed(11)
        values.append(PNHybridLoss()(logits, codes).item())
    assert values[0] == values[1]


def test_statistics():
    logits = torch.zeros(1, 3, 1, 8)
    logits[0, 1] = 5  # class 1 is predicted everywhere
    codes = torch.tensor([[[1, 1, 0, 255, 257, 256, 258, 258]]])
    loss = PNHybridLoss()
    loss(logits.requires_grad_(), codes)
    statistics = {name: round(v.item(), 4) for name, v in loss.statistics.items()}
    assert statistics == dict(
        clean_share=0.375, noisy_share=0.5, clean_right=0.6667, noisy_left=0.75,
        assigned_right=0.4286,
    )  # fmt: skip
    assert not any(v.requires_grad for v in loss.statistics.values())
    loss(logits, torch.full_like(codes, 255))
    assert loss.statistics['clean_right'].isnan()


@pytest.mark.parametrize(
    ('shape', 'codes', 'kwargs', 'message'),
    [
        ((1, 3, 2, 2), torch.full((1, 2, 2), 3), {}, r'\[3\].*3 classes'),
        ((1, 3, 2, 2), torch.full((1, 2, 2), 259), {}, r'\[259\].*3 classes'),
        ((1, 3, 2, 2), torch.zeros(1, 2, 3).long(), {}, 'does not fit logits'),
        ((1, 1, 2, 2), torch.zeros(1, 2, 2).long(), {}, '2 to 255 classes'),
        ((1, 3), torch.zeros(1).long(), {}, r'\(B, K, H, W\)'),
        ((1, 3, 2, 2), torch.zeros(1, 2, 2).long(), dict(weight=torch.ones(1)), 'weight'),
        (
            (1, 3, 2, 2),
            torch.zeros(1, 2, 2).long(),
            dict(avg_factor=3, reduction_override='sum'),
            'avg_factor',
        ),
        ((1, 3, 2, 2), torch.zeros(1, 2, 2).long(), dict(reduction_override='max'), 'max'),
    ],
)
def test_errors_name_what_is_wrong(shape, codes, kwargs, message):
    with pytest.raises(ValueError, match=message):
        PNHybridLoss()(torch.zeros(shape), codes, **kwargs)


@pytest.mark.parametrize('options', [dict(direct='losers'), dict(noisy_set_weight=1.0)])
def test_codes_that_never_carry_losing_votes_are_refused(options):
    logits, codes = seed_batch(size=(20, 20), noisy=1.0, ignored=0.0)
    loss = PNHybridLoss(**options)
    loss(logits, codes)  # 800 noisy pixels, all of whose seeds may have kept out of it
    with pytest.raises(ValueError, match='losing_votes=True in LoadSeedAnnotations'):
        loss(logits, codes)
    loss = PNHybridLoss(**options)
    loss(logits, with_losing_votes(codes))
    for _ in range(3):
        loss(logits, codes)


def test_a_loser_that_is_no_class_is_named():
    logits, codes = seed_batch()
    codes[0, 0, 0] = 256 + (6 << 16)
    with pytest.raises(ValueError, match=r'losing votes \[5\] are out of range.*0\.\.4'):
        PNHybridLoss(direct='losers')(logits, codes)
    PNHybridLoss()(logits, codes)  # does not read them


def test_losing_votes_mean_nothing_to_other_losses():
    logits, codes = seed_batch()
    found = value_and_grad(PNHybridLoss(seed=2), logits, with_losing_votes(codes))
    torch.testing.assert_close(found, value_and_grad(PNHybridLoss(seed=2), logits, codes))


@pytest.mark.parametrize(
    ('tags', 'message'),
    [
        (None, 'TagsToLossHook.*custom_hooks'),
        ([[1], [2], [3]], 'tags of 3 images and the logits of 2'),
        ([[1], [5]], r'labels 1\.\.4, 5 classes'),
    ],
)
def test_missing_or_wrong_tags_are_named(tags, message):
    logits, codes = seed_batch()
    loss = PNHybridLoss(tag_set_weight=1.0)
    if tags is not None:
        give_tags(loss, tags)
    with pytest.raises(ValueError, match=message):
        loss(logits, codes)


def test_a_set_of_all_classes_costs_nothing_and_of_the_label_cross_entropy():
    logits, codes = seed_batch()
    off = dict(positive='ce', direct_weight=0.0, indirect_weight=0.0)
    plain = value_and_grad(PNHybridLoss(**off, noisy_positive_weight=1.0), logits, codes)
    everything = give_tags(
        PNHybridLoss(**off, noisy_positive_weight=1.0, tag_set_weight=9.0), [[1, 2, 3, 4]] * 2
    )
    torch.testing.assert_close(value_and_grad(everything, logits, codes), plain)
    # Without losers the label alone was voted for.
    alone = PNHybridLoss(**off, noisy_set_weight=1.0)
    torch.testing.assert_close(value_and_grad(alone, logits, codes), plain)


def test_float_labels_are_refused():
    with pytest.raises(ValueError, match='float32, expected integer'):
        PNHybridLoss()(torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2))


@pytest.mark.parametrize('wrong', [dict(reduction='max'), dict(positive='x')])
def test_wrong_options_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PNHybridLoss(**wrong)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 6), st.floats(0, 1), st.floats(0, 1))
def test_invariants(seed, num_classes, noisy, ignored):
    logits, codes = seed_batch(num_classes, (4, 5), noisy=noisy, ignored=ignored, seed=seed)
    loss = PNHybridLoss(positive='ce', indirect='mean')
    value, grad = value_and_grad(loss, logits, codes)
    assert value >= 0
    # Softmax does not see a common shift of the logits, so gradients sum to 0 over the classes.
    torch.testing.assert_close(grad.sum(1), torch.zeros_like(grad[:, 0]), rtol=0, atol=1e-12)
    torch.testing.assert_close(loss(logits + 3.5, codes), value)
    assert not grad.movedim(1, -1)[codes == 255].any()
    # The constraint does not see the length of the logits.
    clean = torch.where(codes > 255, codes - 256, codes)
    constrained = PNHybridLoss()
    torch.testing.assert_close(
        constrained(logits, clean), constrained(logits * 10, clean), rtol=1e-6, atol=1e-6
    )
    # Image order does not matter.
    torch.testing.assert_close(loss(logits.flip(0), codes.flip(0)), value)


@pytest.mark.parametrize('scope', ['', 'mmseg_wsss.'])
@pytest.mark.parametrize(
    'head',
    [
        dict(cls=FCNHead, in_channels=8, channels=4, num_convs=1, in_index=-1),
        dict(cls=SegformerHead, in_channels=[8, 8], channels=4, in_index=[0, 1]),
    ],
    ids=['FCNHead', 'SegformerHead'],
)
def test_in_a_decode_head_of_mmseg(head, scope):
    head = dict(head)
    module = head.pop('cls')(
        **head, num_classes=5, loss_decode=dict(type=f'{scope}PNHybridLoss', loss_weight=0.5)
    )
    features = [torch.randn(2, 8, 6, 6), torch.randn(2, 8, 3, 3)]
    _, codes = seed_batch(size=(24, 24))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=c[None])) for c in codes]
    losses = module.loss(features, samples, None)
    assert set(losses) == {'loss_pn_hybrid', 'acc_seg'}
    losses['loss_pn_hybrid'].backward()
    assert all(p.grad.isfinite().all() for p in module.parameters() if p.grad is not None)
    assert module.conv_seg.weight.grad.abs().sum() > 0


def test_with_a_pixel_sampler_of_mmseg():
    head = FCNHead(
        in_channels=8, channels=4, num_convs=1, num_classes=5,
        sampler=dict(type='OHEMPixelSampler', min_kept=20), loss_decode=dict(type='PNHybridLoss'),
    )  # fmt: skip
    _, codes = seed_batch(size=(12, 12))
    samples = [SegDataSample(gt_sem_seg=PixelData(data=c[None])) for c in codes]
    losses = head.loss([torch.randn(2, 8, 6, 6)], samples, None)
    losses['loss_pn_hybrid'].backward()
    assert losses['loss_pn_hybrid'] > 0


def test_built_by_name():
    loss = MODELS.build(dict(type='PNHybridLoss', positive='ce', loss_name='loss_seg'))
    assert loss.loss_name == 'loss_seg'
    assert 'positive' in repr(loss)
