"""The Triton kernel: on a GPU where there is one, else in Triton's interpreter on the CPU."""

import functools
import os
import subprocess
import sys

import pytest
import torch
from helpers.loss_oracle import (
    DEFAULTS,
    OPTIONS,
    give_tags,
    hybrid,
    loser_map,
    option_names,
    seed_batch,
    tag_map,
    value_and_grad,
    with_losing_votes,
)
from packaging.version import Version

from mmseg_wsss.models.losses import (
    HybridSettings,
    PixelLabels,
    PNHybridLoss,
    draw_complementary_labels,
    pn_hybrid_loss,
)
from mmseg_wsss.models.losses.functional import (
    HybridTargets,
    hybrid_loss,
    hybrid_targets,
    pack_classes,
)

if not pn_hybrid_loss.HAS_TRITON:
    pytest.skip('no Triton, or a torch before 2.4', allow_module_level=True)
triton = pytest.importorskip('triton')
hybrid_kernel_loss = pn_hybrid_loss.hybrid_kernel_loss
DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
LAYOUTS = {
    'contiguous': lambda z: z.contiguous(),
    'channels-last': lambda z: z.contiguous(memory_format=torch.channels_last),
    'rows and columns swapped': lambda z: z.mT.contiguous().mT,
    'every second column': lambda z: z.repeat_interleave(2, 3)[..., ::2],
    'one class for all': lambda z: z[:, :1].expand_as(z),
}


@pytest.fixture
def with_kernel(monkeypatch):
    """Makes PNHybridLoss take the kernel on any device."""
    monkeypatch.setattr(pn_hybrid_loss, 'kernel_available', lambda logits: True)


def crop(settings, **kwargs):
    """Logits, codes, targets in float64 and drawn classes."""
    logits, codes = seed_batch(**kwargs)
    num_classes = logits.shape[1]
    codes = with_losing_votes(codes, num_classes) if settings.losers else codes
    labels = PixelLabels.from_codes(codes, num_classes)
    draws = draw_complementary_labels(labels.label.flatten(), num_classes, settings.num_draws)
    draws = draws.to(torch.uint8).view(*codes.shape, -1).movedim(-1, 1)
    targets = hybrid_targets(
        labels.label, labels.clean, labels.noisy, num_classes, settings, draws, logits.dtype,
        loser_map(codes), tag_map(codes.shape[1:], num_classes),
    )  # fmt: skip
    return logits, codes, targets, draws


def by_kernel(logits, targets, settings, dtype=torch.float64, used=1):
    """Loss and gradient of the sum by the kernel, in float64 on the CPU."""
    targets = HybridTargets(
        *(
            None if x is None else x.to(DEVICE, dtype if x.is_floating_point() else None)
            for x in targets
        )
    )
    leaf = logits.detach().to(DEVICE).requires_grad_()
    loss, hit = hybrid_kernel_loss(leaf, targets, settings)
    loss = loss * torch.as_tensor(used, device=DEVICE)
    (grad,) = torch.autograd.grad(loss.sum(), leaf)
    label = targets.label[:, None]
    assert torch.equal(hit, leaf.gather(1, label)[:, 0] >= leaf.amax(1))
    assert loss.dtype == dtype and grad.dtype == logits.dtype
    return loss.detach().double().cpu(), grad.double().cpu()


@pytest.mark.parametrize('options', OPTIONS, ids=option_names)
def test_every_option_equals_the_loop_over_pixels(options):
    settings = HybridSettings(**{**DEFAULTS, **options})
    logits, codes, targets, draws = crop(settings)
    _, pixels, gradient = hybrid(logits, codes, settings, draws if settings.draws else None)
    loss, grad = by_kernel(logits, targets, settings, used=codes % 65536 != 255)
    # Triton 3.1 rounds the weights and the temperature to float32.
    rtol, atol = (1e-6, 1e-7) if Version(triton.__version__) < Version('3.2') else (1e-11, 1e-12)
    torch.testing.assert_close(loss, pixels, rtol=rtol, atol=atol)
    torch.testing.assert_close(grad, gradient, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('num_classes', [2, 3, 21, 81, 255])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_number_of_classes_and_layout(num_classes, layout):
    settings = HybridSettings('ce+constraint', direct_gate='all', indirect='mean')
    logits, _, targets, _ = crop(settings, num_classes=num_classes, size=(9, 23))
    logits = LAYOUTS[layout](logits)
    expected = value_and_grad(lambda z: hybrid_loss(z, targets, settings), logits)
    found = by_kernel(logits, targets, settings)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize('options', OPTIONS[::7], ids=option_names)
def test_half_precision_is_computed_in_float32(dtype, options):
    settings = HybridSettings(**options)
    logits, _, targets, _ = crop(settings, num_classes=21, size=(8, 9))
    logits = logits.to(dtype)
    expected, gradient = value_and_grad(
        lambda z: hybrid_loss(z, targets, settings), logits.double()
    )
    loss, grad = by_kernel(logits, targets, settings, torch.float32)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    tolerance = max(torch.finfo(dtype).eps, 1e-5)
    torch.testing.assert_close(grad, gradient, rtol=tolerance, atol=1e-6)


@pytest.mark.parametrize('jnpl', [False, True])
def test_a_set_of_classes_for_each_pixel(jnpl):
    """Weights and sets that no option makes, as terms of the votes at each pixel would."""
    settings = HybridSettings(indirect='mean', jnpl_weighting=jnpl, noisy_positive_weight=0.5)
    logits, codes = seed_batch(num_classes=37, size=(6, 7))
    weights = torch.rand(3, *codes.shape, dtype=torch.float64)
    member = torch.rand(logits.shape) < 0.2
    targets = HybridTargets(codes % 37, *weights, pack_classes(member))
    expected = value_and_grad(lambda z: hybrid_loss(z, targets, settings), logits)
    found = by_kernel(logits, targets, settings)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_extreme_logits(dtype):
    """Certain predictions, shared tops and vanishing logits."""
    settings = HybridSettings('ce+constraint', direct_gate='all', indirect='mean')
    logits = torch.zeros(1, 4, 4, 8, dtype=dtype)
    for column, gap in enumerate((30.0, 200.0, 6e4, -6e4, 17.0, 0.5)):
        logits[0, 1, :, column] = gap
    logits[0, 2, 3] = logits[0, 1, 3]
    codes = torch.tensor([1, 257, 256, 257])[:, None].expand(4, 8)[None]
    labels = PixelLabels.from_codes(codes, 4)
    targets = hybrid_targets(
        labels.label, labels.clean, labels.noisy, 4, settings, dtype=torch.float64
    )
    expected, gradient = value_and_grad(
        lambda z: hybrid_loss(z, targets, settings), logits.double()
    )
    computed = torch.promote_types(dtype, torch.float32)
    loss, grad = by_kernel(logits, targets, settings, computed)
    tolerance = dict(rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(loss, expected, **tolerance)
    if dtype == torch.float16:
        gradient.clamp_(-65504, 65504)
    tolerance['rtol'] = max(torch.finfo(dtype).eps, 1e-5)
    torch.testing.assert_close(grad, gradient, **tolerance)


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize('reduction', ['mean', 'sum', 'none'])
def test_the_whole_loss_equals_the_chunked_loop(dtype, reduction, monkeypatch):
    logits, codes = seed_batch(num_classes=21, size=(6, 11))
    codes = with_losing_votes(codes, 21)
    logits, codes = logits.to(DEVICE, dtype), codes.to(DEVICE)
    weight = torch.rand(codes.shape, device=DEVICE)
    results = []
    for available in (False, True):
        monkeypatch.setattr(pn_hybrid_loss, 'kernel_available', lambda logits, a=available: a)
        loss = PNHybridLoss(
            indirect='unvoted', direct='losers', noisy_set_weight=0.3, tag_set_weight=0.6,
            balance='class', loss_weight=0.4, reduction=reduction,
        )  # fmt: skip
        give_tags(loss)
        results.append(value_and_grad(functools.partial(loss, label=codes, weight=weight), logits))
        results[-1] += (loss.statistics,)
    exact = dtype == torch.float64
    tolerance = dict(rtol=1e-10, atol=1e-12) if exact else dict(rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(results[0][0], results[1][0], **tolerance)
    tolerance['rtol'] = max(tolerance['rtol'], 0 if exact else 2 * torch.finfo(dtype).eps)
    torch.testing.assert_close(results[0][1], results[1][1], **tolerance)
    torch.testing.assert_close(results[0][2], results[1][2], equal_nan=True)


def test_points_and_draws(with_kernel):
    logits, codes = seed_batch()
    logits, codes = logits.to(DEVICE), codes.to(DEVICE)
    losses = [PNHybridLoss(seed=3, num_draws=3) for _ in range(2)]
    value, grad = value_and_grad(lambda z: losses[0](z, codes), logits)
    points, points_grad = value_and_grad(
        lambda z: losses[1](z, codes.flatten(1)), logits.flatten(2)
    )
    torch.testing.assert_close(points, value)
    torch.testing.assert_close(points_grad, grad.flatten(2))


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32])
def test_nothing_supervised_gives_zero_with_gradients(with_kernel, dtype):
    logits = torch.randn(2, 5, 4, 4, dtype=dtype, device=DEVICE)
    codes = torch.full((2, 4, 4), 255, device=DEVICE)
    value, grad = value_and_grad(lambda z: PNHybridLoss()(z, codes), logits)
    assert value.item() == 0
    assert torch.equal(grad, torch.zeros_like(grad))


def test_loss_scaler_does_not_change_half_precision_gradients(with_kernel):
    logits, codes = seed_batch(size=(16, 16))
    logits, codes = logits.half().to(DEVICE), codes.to(DEVICE)
    loss = PNHybridLoss(indirect='mean')
    grads = [
        value_and_grad(lambda z, f=factor: loss(z, codes) * f / 64, logits)[1].double() / factor
        for factor in (1.0, 65536.0)
    ]
    torch.testing.assert_close(*grads, rtol=2e-3, atol=1e-7)


def test_second_derivative_is_refused(with_kernel):
    logits, codes = seed_batch()
    z = logits.to(DEVICE).requires_grad_()
    (grad,) = torch.autograd.grad(PNHybridLoss()(z, codes.to(DEVICE)), z, create_graph=True)
    with pytest.raises(RuntimeError):
        grad.sum().backward()


@pytest.mark.parametrize('indirect', ['draws', 'unvoted'])
def test_compiled_without_a_break(with_kernel, indirect):
    """One graph: nothing depends on the data, and the compiler knows the kernel."""
    # All are noisy: outside the compiler the CPU draws for noisy pixels alone.
    logits, codes = seed_batch(size=(6, 7), noisy=1.0, ignored=0.0)
    logits, codes = logits.float().to(DEVICE), codes.to(DEVICE)
    loss = PNHybridLoss(indirect=indirect)
    torch._dynamo.reset()  # other tests compile losses too
    compiled = torch.compile(loss, backend='aot_eager', fullgraph=True)
    torch.manual_seed(0)
    expected = value_and_grad(lambda z: loss(z, codes), logits)
    torch.manual_seed(0)
    found = value_and_grad(lambda z: compiled(z, codes), logits)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(compiled.statistics, loss.statistics, equal_nan=True)


@pytest.mark.parametrize(
    ('options', 'tag_weight'),
    [({}, 0.0), (dict(direct='losers', noisy_set_weight=0.5, tag_set_weight=0.7), 0.7)],
    ids=['default', 'every map'],
)
def test_its_operators_are_registered_as_torch_wants(options, tag_weight):
    settings = HybridSettings(**options)
    logits, _, targets, _ = crop(settings, size=(2, 3))
    maps = (None if x is None else x.flatten(-2).to(DEVICE) for x in targets)
    inputs = (logits.flatten(2).to(DEVICE).requires_grad_(), *maps)
    torch.library.opcheck(
        torch.ops.mmseg_wsss.hybrid_loss.default,
        (*inputs, [1.0, 0.5, 1.0, 0.1, tag_weight], True, False, False),
    )


def test_compiles_for_gpus_that_are_not_here(root):
    """The interpreter accepts more than the compiler, which needs no GPU."""
    environment = {k: v for k, v in os.environ.items() if k != 'TRITON_INTERPRET'}
    environment['PYTHONPATH'] = str(root)
    command = [sys.executable, str(root / 'tests/helpers/compile_kernel.py')]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    sizes = [int(line.split()[-1]) for line in run.stdout.splitlines() if line[:2] in ('fp', 'bf')]
    assert len(sizes) == 3 and min(sizes) > 0
