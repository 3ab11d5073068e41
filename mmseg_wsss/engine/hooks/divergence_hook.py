"""Stops a training whose loss or weights are no longer finite."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner
from torch import nn

from ...registry import HOOKS
from ...utils.initial_weights import mend_running_variances

_ADVICE = (
    'Try a lower learning rate (--cfg-options optim_wrapper.optimizer.lr=...), a limit for the '
    'gradient (optim_wrapper.clip_grad.max_norm=1.0), a longer warm-up in param_scheduler or, with '
    'float16, full precision or bfloat16.'
)


@HOOKS.register_module()
class DivergenceHook(Hook):
    """Stops at a loss that is NaN or infinite, and keeps checkpoints of such weights from being.

    Whether a loss is finite is noted on the device and read there at an interval, so that training
    does not wait for it. Of several processes all stop together. Where a loss scaler skips the
    updates of such iterations (automatic mixed precision), a number of them in a row is tolerated;
    elsewhere the first one has spoilt the weights.

    Weights and running statistics are checked before training and each validation, by this hook,
    and before each checkpoint, by :class:`AtomicCheckpointHook`. ``tools/train.py`` adds both.

    Args:
        interval (int, optional): Iterations between two looks at the losses, at least 1; by default
            the interval of the ``LoggerHook``.
        patience (int): Iterations in a row with a loss that is not finite, at least 0, which are
            tolerated with a loss scaler.

    Raises:
        ValueError: If a value is too small.
    """

    # Before the learning rate of the next iteration is set, and before a checkpoint is written.
    priority = 'ABOVE_NORMAL'

    def __init__(self, interval: int | None = None, patience: int = 10) -> None:
        for name, value, least in (('interval', interval, 1), ('patience', patience, 0)):
            if value is not None and value < least:
                raise ValueError(f'{name} must be >= {least}, got {value}')
        self.interval = interval
        self.patience = patience
        self._training = False
        self._finite: list[torch.Tensor] = []
        self._seen: list[tuple[int, float]] = []  # iteration and learning rate
        self._bad: list[tuple[int, float]] = []  # of the run of bad ones so far

    def before_train(self, runner: Runner) -> None:
        """Look at the weights that training starts from, and take the interval of the log.

        Running variances that a file of half precision could not hold are mended.

        Raises:
            FloatingPointError: If other weights are not finite.
        """
        mended = mend_running_variances(runner.model)
        if mended:
            runner.logger.warning(
                f'The initial weights have infinite running variances ({", ".join(mended)}), as '
                'files of half precision have where they are above 65504; they are set to 65504.'
            )
        require_finite_weights(runner, initial=True)
        self._training = True
        if self.interval is None:
            hooks = (hook for hook in runner.hooks if isinstance(hook, LoggerHook))
            self.interval = max(1, getattr(next(hooks, None), 'interval', 10))

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Note whether the loss is finite; look at the notes at the interval.

        Raises:
            FloatingPointError: If training has diverged.
        """
        loss = torch.as_tensor((outputs or {}).get('loss', 0.0))
        self._finite.append(loss.detach().isfinite().all())
        self._seen.append((runner.iter + 1, _learning_rate(runner)))
        if self.every_n_train_iters(runner, self.interval):
            self._look(runner)

    def before_val(self, runner: Runner) -> None:
        """Look at losses and weights before they are validated.

        Raises:
            FloatingPointError: If training has diverged.
        """
        if self._training:
            self._look(runner)
            require_finite_weights(runner)

    def after_train(self, runner: Runner) -> None:
        """Look at the last losses.

        Raises:
            FloatingPointError: If training has diverged.
        """
        self._look(runner)

    def _look(self, runner: Runner) -> None:
        if not self._finite:
            return
        flags = torch.stack(self._finite).int()
        all_reduce(flags, op='min')
        scaled = getattr(runner.optim_wrapper, 'loss_scaler', None) is not None
        for finite, seen in zip(flags.tolist(), self._seen, strict=True):
            self._bad = [] if finite else [*self._bad, seen]
            if len(self._bad) > (self.patience if scaled else 0):
                iteration, rate = self._bad[0]
                number = len(self._bad)
                in_a_row = f', {number} times in a row' if number > 1 else ''
                raise FloatingPointError(
                    _message(
                        runner,
                        f'iteration {iteration}: the loss is not finite{in_a_row} '
                        f'(learning rate {rate:.3g})',
                    )
                )
        self._finite, self._seen = [], []


def require_finite_weights(runner: Runner, initial: bool = False) -> None:
    """Stop all processes if the weights of one are not finite.

    Args:
        runner (Runner): Every process calls this with its own.
        initial (bool): Whether nothing has been learnt yet.

    Raises:
        FloatingPointError: If a weight or a running statistic is NaN or infinite.
    """
    names = non_finite_weights(runner.model)
    bad = torch.tensor([bool(names)]).int()
    all_reduce(bad, op='max')
    if not bad.item():
        return
    if not initial:
        raise FloatingPointError(weights_message(runner, names))
    raise FloatingPointError(
        f'The weights that training starts from are not finite ({_list(names)}): the file that '
        'the config names (init_cfg, load_from) is damaged.'
    )


def non_finite_weights(model: nn.Module) -> list[str]:
    """List the parameters and buffers that hold NaN or infinite numbers.

    >>> model = nn.Linear(2, 1)
    >>> _ = nn.init.constant_(model.bias, float('inf'))
    >>> non_finite_weights(model)
    ['bias']
    """
    state = {k: v for k, v in model.state_dict().items() if v.is_floating_point() and v.numel()}
    finite = [tensor.isfinite().all() for tensor in state.values()]
    device = finite[0].device if finite else None
    flags = torch.stack([flag.to(device) for flag in finite]).tolist() if finite else []
    return [name for name, flag in zip(state, flags, strict=True) if not flag]


def weights_message(runner: Runner, names: list[str]) -> str:
    """Say which weights are not finite, and what to do about it."""
    return _message(
        runner,
        f'iteration {runner.iter + 1}: weights or running statistics are not finite '
        f'({_list(names)}; learning rate {_learning_rate(runner):.3g})',
    )


def _list(names: list[str]) -> str:
    where = f'{names[0]} and {len(names) - 1} more' if len(names) > 1 else ''.join(names)
    return where or 'those of another process'


def _message(runner: Runner, what: str) -> str:
    last = Path(runner.work_dir, 'last_checkpoint')
    kept = 'No checkpoint had been written.'
    if last.is_file():
        kept = f'The last good checkpoint is {last.read_text()}: --resume goes on from it.'
    return f'{what}. Training has diverged and is stopped. {kept} {_ADVICE}'


def _learning_rate(runner: Runner) -> float:
    """The largest learning rate of the parameter groups."""
    groups = getattr(runner.optim_wrapper, 'param_groups', None) or []
    return max((float(group['lr']) for group in groups), default=float('nan'))
