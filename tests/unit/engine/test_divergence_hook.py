"""A training that diverges stops; what it has written before is kept."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import LoggerHook
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmseg_wsss.engine.hooks import DivergenceHook
from mmseg_wsss.engine.hooks.divergence_hook import non_finite_weights, require_finite_weights

NAN, INF = float('nan'), float('inf')


def runner_of(folder: Path, scaled: bool = False) -> SimpleNamespace:
    """What the hook reads of a runner; the learning rate of iteration i is i."""
    wrapper = SimpleNamespace(param_groups=[dict(lr=0.0), dict(lr=0.0)])
    if scaled:
        wrapper.loss_scaler = object()
    return SimpleNamespace(
        iter=0,
        hooks=[LoggerHook(interval=4)],
        model=nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)),
        optim_wrapper=wrapper,
        work_dir=str(folder),
    )


def run(hook: DivergenceHook, runner: SimpleNamespace, losses: list[float]) -> int:
    """Train with these losses; return the number of iterations done."""
    hook.before_train(runner)
    for runner.iter, loss in enumerate(losses):
        runner.optim_wrapper.param_groups[1]['lr'] = runner.iter + 1.0
        hook.after_train_iter(runner, runner.iter, outputs=dict(loss=torch.tensor(loss)))
    hook.after_train(runner)
    return len(losses)


def test_finite_losses_pass(tmp_path):
    assert run(DivergenceHook(), runner_of(tmp_path), [1.0, 0.0, -5.0, 3e38] * 3) == 12


@pytest.mark.parametrize('bad', [NAN, INF, -INF])
@pytest.mark.parametrize('interval', [None, 1, 3, 50])
@pytest.mark.parametrize('at', [1, 4, 5, 7])
def test_the_first_bad_loss_is_named_at_the_next_look(tmp_path, bad, interval, at):
    losses = [1.0] * 8
    losses[at - 1] = bad
    runner = runner_of(tmp_path)
    with pytest.raises(FloatingPointError) as caught:
        run(DivergenceHook(interval), runner, losses)
    text = str(caught.value)
    assert text.startswith(f'iteration {at}: the loss is not finite (learning rate {at}).')
    assert 'No checkpoint had been written.' in text and 'optim_wrapper.optimizer.lr' in text
    step = interval or 4
    assert runner.iter + 1 == min(8, -(-at // step) * step)


def test_with_a_loss_scaler_a_number_in_a_row_is_tolerated(tmp_path):
    """Against a plain count over all patterns of 12 iterations with up to 3 bad ones in a row."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        bad = rng.random(12) < 0.5
        patience = int(rng.integers(0, 4))
        row, expected = 0, None
        for index, one in enumerate(bad):
            row = row + 1 if one else 0
            if row > patience and expected is None:
                expected = index + 1 - patience
        hook = DivergenceHook(int(rng.integers(1, 6)), patience)
        losses = np.where(bad, np.nan, 1.0).tolist()
        if expected is None:
            assert run(hook, runner_of(tmp_path, scaled=True), losses) == 12
        else:
            with pytest.raises(FloatingPointError, match=f'^iteration {expected}: '):
                run(hook, runner_of(tmp_path, scaled=True), losses)


def test_losses_are_read_at_the_interval_alone(tmp_path):
    """No value goes from the device to the host in between, which would make it wait."""

    class Reads(TorchDispatchMode):
        number = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            name = func.overloadpacket.__name__
            self.number += name in ('_local_scalar_dense', 'item') or name.endswith('_to_copy')
            return func(*args, **(kwargs or {}))

    hook, runner = DivergenceHook(8), runner_of(tmp_path)
    hook.before_train(runner)
    loss = torch.tensor(1.0)
    for runner.iter in range(7):
        with Reads() as reads:
            hook.after_train_iter(runner, runner.iter, outputs=dict(loss=loss))
        assert reads.number == 0


def test_weights_and_statistics_that_are_not_finite_stop_a_checkpoint(tmp_path):
    runner = runner_of(tmp_path)
    require_finite_weights(runner)
    runner.model[1].running_var[1] = INF
    runner.model[0].weight.data[0, 0] = NAN
    assert non_finite_weights(runner.model) == ['0.weight', '1.running_var']
    (tmp_path / 'last_checkpoint').write_text('work/iter_2.pth')
    with pytest.raises(FloatingPointError, match=r'\(0\.weight and 1 more; .*work/iter_2\.pth'):
        require_finite_weights(runner)


def test_weights_that_are_not_finite_stop_a_training_before_it_begins(tmp_path):
    runner = runner_of(tmp_path)
    runner.model[0].weight.data[0, 0] = NAN
    message = r'^The weights that training starts from are not finite \(0\.weight\): the file'
    with pytest.raises(FloatingPointError, match=message):
        DivergenceHook().before_train(runner)


def test_variances_that_overflowed_in_a_file_of_half_precision_are_mended(tmp_path, caplog):
    runner = runner_of(tmp_path)
    runner.logger = logging.getLogger('mended')
    norm = runner.model[1]
    norm.running_var.copy_(torch.tensor([70000.0, 2.0]).half())  # as a file has it
    assert norm.running_var.isposinf().tolist() == [True, False]
    with caplog.at_level('WARNING', logger='mended'):
        assert run(DivergenceHook(), runner, [1.0] * 5) == 5
    assert norm.running_var.tolist() == [65504.0, 2.0]
    assert 'infinite running variances (1.running_var)' in caplog.text
    # The channel says again what it said, within the error of the variance.
    images = torch.tensor([[300.0, 1.0], [-300.0, 1.0]])
    exact = images[:, 0] / 70000.0**0.5
    torch.testing.assert_close(norm.eval()(images)[:, 0], exact, rtol=0.04, atol=0)


def test_before_a_validation_losses_and_weights_are_looked_at(tmp_path):
    hook, runner = DivergenceHook(50), runner_of(tmp_path)
    runner.model[0].bias.data.fill_(NAN)
    hook.before_val(runner)  # no training: another's affair
    runner.model[0].bias.data.fill_(0.0)
    hook.before_train(runner)
    runner.model[0].bias.data.fill_(NAN)
    with pytest.raises(FloatingPointError, match='weights or running statistics'):
        hook.before_val(runner)
    hook.after_train_iter(runner, 0, outputs=dict(loss=torch.tensor(NAN)))
    with pytest.raises(FloatingPointError, match='iteration 1: the loss is not finite'):
        hook.before_val(runner)


@pytest.mark.parametrize('options', [dict(interval=0), dict(patience=-1)])
def test_options_that_are_too_small(options):
    with pytest.raises(ValueError, match=f'{next(iter(options))} must be >='):
        DivergenceHook(**options)
