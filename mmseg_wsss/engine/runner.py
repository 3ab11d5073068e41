"""mmengine's runner with what a training of this project needs: see :class:`WSSSRunner`."""

from __future__ import annotations

import copy
import logging
import warnings
from types import SimpleNamespace
from typing import Any

from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.logging import MMLogger, print_log
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import Dataset

from ..checks.tags import tag_remarks
from .hooks.divergence_hook import non_finite_weights, weights_message

# How far a scheduler has come, in contrast to what it was made with.
_PROGRESS = {'_global_step', 'last_step', '_last_value', 'base_values', 'verbose', 'optimizer'}
# Long or of no use on a console. All but the second group are in the log file nevertheless.
_FILE_ONLY = (
    '\n' + '-' * 60 + '\nSystem environment:',
    'Config:\n',
    'Hooks will be executed in the following order:',
    'Distributed training is not used, all SyncBatchNorm',
    'Exp name: ',
    'The prefix is not set in metric class',
    '"FileClient" will be deprecated in future.',
    '"HardDiskBackend" is the alias of "LocalBackend"',
    '`save_param_scheduler` is True but `self.param_schedulers` is None',
    '`resume_param_scheduler` is True but `self.param_schedulers` is None',
)
_DEBUG_ONLY = ('paramwise_options -- ',)


class ScheduleError(ValueError):
    """The schedule of a training that was asked for would not train as it says."""


class ClassesError(ValueError):
    """The model cannot learn the classes of the data set."""


class WSSSRunner(Runner):
    """mmengine's ``Runner``, with four differences.

    * On the console there is one line for each log interval; environment, config and hooks are in
      the log file alone, and the options of single parameters nowhere. ``log_level='DEBUG'`` shows
      it all.
    * Layers that a backbone freezes in ``train()`` are frozen before the model is wrapped for
      several processes, which would otherwise wait for their gradients.
    * A training is resumed with the schedule and the optimizer's settings of the config. mmengine
      takes those of the checkpoint, and so trains at learning rate 0 beyond the old end.
    * A schedule that would train at learning rate 0, or not at all, is refused, and so is a model
      of fewer classes than its data set, or a classifier of more. A class that every training
      image has is remarked upon.
    """

    _trains = False

    def build_logger(self, log_level: int | str = 'INFO', **options: Any) -> MMLogger:
        """Build mmengine's logger and silence its console."""
        logger = super().build_logger(log_level, **options)
        if logging.getLevelName(log_level) in (logging.DEBUG, 'DEBUG'):
            return logger
        for handler in logger.handlers:
            is_file = isinstance(handler, logging.FileHandler)
            drop = _DEBUG_ONLY if is_file else _DEBUG_ONLY + _FILE_ONLY
            handler.addFilter(lambda record, drop=drop: not str(record.msg).startswith(drop))
        return logger

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model for several processes, with its frozen layers left out.

        On CPUs, which torch's SyncBatchNorm does not know, it becomes a BatchNorm.
        """
        if not self.distributed:
            return super().wrap_model(model_wrapper_cfg, model)
        synchronised = any(isinstance(one, nn.SyncBatchNorm) for one in model.modules())
        if synchronised and get_device() == 'cpu':
            print_log(
                'SyncBatchNorm needs GPUs: on CPUs each process normalises by its own images.',
                'current',
                logging.WARNING,
            )
            model = revert_sync_batchnorm(model)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        model.train()
        wrapped = super().wrap_model(model_wrapper_cfg, model)
        # Frozen again when training begins. Until then as with one process, so that the optimizer
        # has the same parameters, and a checkpoint does not depend on the number of processes.
        for parameter in trained:
            parameter.requires_grad_(True)
        return wrapped

    def train(self) -> nn.Module:
        """Train.

        Raises:
            FloatingPointError: If training has diverged.
            ScheduleError: If there is nothing to train as the schedule says.
            ClassesError: If the model has other classes than the data set.
        """
        self._trains = True
        try:
            return super().train()
        except FloatingPointError:
            raise
        except Exception as error:
            # A network of NaN can fail in many ways before its loss is looked at.
            names = non_finite_weights(self.model)
            if names:
                raise FloatingPointError(weights_message(self, names)) from error
            raise
        finally:
            self._trains = False

    def load_checkpoint(self, filename: str, *args: Any, **options: Any) -> dict:
        """Load a checkpoint and remember its schedule."""
        checkpoint = super().load_checkpoint(filename, *args, **options)
        self._loaded = {key: checkpoint.get(key) for key in ('param_schedulers', 'optimizer')}
        return checkpoint

    def load_or_resume(self) -> None:
        """Load or resume, and check the model's classes and that there is something to train.

        Raises:
            ScheduleError: If there is not.
            ClassesError: If the model has other classes than the data set.
        """
        if not self._trains:
            loops = [
                loop for loop in (self._val_loop, self._test_loop) if isinstance(loop, BaseLoop)
            ]
            for loop in loops:  # before mmengine loads weights of another shape with a warning
                self._check_classes(loop.dataloader.dataset)
            super().load_or_resume()
            return
        super().load_or_resume()
        self._check_schedule()
        self._check_classes(self.train_dataloader.dataset)
        self._remark_tags(self.train_dataloader.dataset)

    def resume(self, filename: str, *args: Any, **options: Any) -> None:
        """Resume from a checkpoint with the config's schedule and optimizer settings.

        Where these differ from the checkpoint's, the learning rate goes on as if training had had
        them from the start. With another number of iterations in an epoch (another batch size or
        number of processes) training goes on at the start of the same epoch.

        Args:
            filename (str): The checkpoint.
            *args: As in mmengine.
            **options: As in mmengine.

        Raises:
            ScheduleError: If the schedule cannot be built for another length.
        """
        single = isinstance(self.optim_wrapper, OptimWrapper)
        if not single or not isinstance(self.param_schedulers, (list, type(None))):
            super().resume(filename, *args, **options)
            return
        groups = [_without_params(group) for group in self.optim_wrapper.param_groups]
        schedulers = [copy.deepcopy(_state(one)) for one in self.param_schedulers or ()]
        try:
            super().resume(filename, *args, **options)
        except ValueError as error:
            if 'parameter group' not in str(error):
                raise
            raise ScheduleError(
                f'{filename}: its optimizer has other groups of parameters than that of the '
                f'config ({error}). Resume with the optim_wrapper.paramwise_cfg and the frozen '
                'layers it was trained with, or begin anew from its weights, with '
                'load_from=CHECKPOINT and another --work-dir.'
            ) from error
        changes = self._changes(groups, schedulers)
        loop = self.train_loop
        if isinstance(loop, EpochBasedTrainLoop):
            place = loop.epoch * len(loop.dataloader)
            if loop.iter != place:
                changes.append(f'iteration {loop.iter} -> {place} at epoch {loop.epoch}')
                loop._iter = place
        if changes:
            self._replay(groups, schedulers)
            rate = max(group['lr'] for group in self.optim_wrapper.param_groups)
            self.logger.warning(
                f'Resumed with other settings than the checkpoint has ({"; ".join(changes)}): the '
                f'learning rate goes on at {rate:.3g}, as if they had been set from the start.'
            )

    def _changes(self, groups: list[dict], schedulers: list[dict]) -> list[str]:
        """List in which settings the config differs from the checkpoint."""
        old = self._loaded['param_schedulers'] or []
        changes = []
        if len(old) != len(schedulers):
            changes.append(f'param_scheduler: {len(old)} -> {len(schedulers)} schedulers')
        for index, (before, now) in enumerate(zip(old, schedulers, strict=False)):
            for key in sorted((set(before) | set(now)) - _PROGRESS):
                if before.get(key) != now.get(key):
                    changes.append(
                        f'param_scheduler.{index}.{key}: {before.get(key)} -> {now.get(key)}'
                    )
        scheduled = {state['param_name'] for state in schedulers}
        found: dict[str, str] = {}
        # The last of the groups may be mmengine's own, for the log.
        for before, now in zip(self._loaded['optimizer']['param_groups'], groups, strict=False):
            for key in set(before) & set(now) - {'params', *scheduled}:
                if before[key] != now[key]:
                    name = key.removeprefix('initial_')
                    found.setdefault(name, f'{name}: {before[key]} -> {now[key]}')
        return changes + [found[name] for name in sorted(found)]

    def _replay(self, groups: list[dict], schedulers: list[dict]) -> None:
        """Set optimizer and schedulers as if they had come here with the config's settings."""
        for group, settings in zip(self.optim_wrapper.param_groups, groups, strict=True):
            group.update(settings)
        for index, (one, state) in enumerate(
            zip(self.param_schedulers or (), schedulers, strict=True)
        ):
            if getattr(one, 'need_val_args', False):
                raise ScheduleError(
                    f'param_scheduler.{index} ({type(one).__name__}) depends on the scores of '
                    'training so far, so that this training cannot be resumed with other settings. '
                    'Resume it with those it had, or begin anew in another --work-dir.'
                )
            one.load_state_dict(state)
        per_epoch = None
        if isinstance(self.train_loop, EpochBasedTrainLoop):
            per_epoch = len(self.train_loop.dataloader)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # that no optimizer steps in between
            for done in range(1, self.iter + 1):
                _step(self.param_schedulers or (), False)
                if per_epoch and done % per_epoch == 0:
                    _step(self.param_schedulers or (), True)

    def _check_schedule(self) -> None:
        """Refuse to train nothing, or at learning rate 0.

        Raises:
            ScheduleError: If that was asked for.
        """
        loop = self.train_loop
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        unit = 'epoch' if by_epoch else 'iteration'
        key = 'max_epochs' if by_epoch else 'max_iters'
        place, end = (loop.epoch, loop.max_epochs) if by_epoch else (loop.iter, loop.max_iters)
        if place > end:
            raise ScheduleError(
                f'{self._load_from}: the checkpoint is at {unit} {place}, train_cfg.{key} is '
                f'{end}: nothing is left to train. Set train_cfg.{key} to more, or begin anew in '
                'another --work-dir.'
            )
        schedulers = self.param_schedulers if isinstance(self.param_schedulers, list) else []
        lengths = [one.end * (len(loop.dataloader) if one.by_epoch else 1) for one in schedulers]
        last = max(lengths, default=loop.max_iters)
        # The last iteration of a schedule is at its end value, and so may be the next.
        if last + 1 >= loop.max_iters or any(
            getattr(one, 'need_val_args', False) for one in schedulers
        ):
            return
        groups = [_without_params(group) for group in self.optim_wrapper.param_groups]
        copies = [copy.copy(one) for one in schedulers]
        step = lambda: None  # noqa: E731
        step._with_counter = True
        for one in copies:
            one.optimizer = SimpleNamespace(param_groups=groups, step=step, _global_step=1)
        for done in range(loop.iter + 1, last + 2):
            _step(copies, False)
            if by_epoch and done % len(loop.dataloader) == 0:
                _step(copies, True)
        if any(group['lr'] != 0 for group in groups):
            return
        index = lengths.index(last)
        config = self.cfg.get('param_scheduler')
        name = 'param_scheduler' if isinstance(config, dict) else f'param_scheduler.{index}'
        per = len(loop.dataloader) if by_epoch else 1
        raise ScheduleError(
            f'{name} ends after {last // per} {unit}s with learning rate 0, train_cfg.{key} is '
            f'{end}: the rest would train nothing. Set {name}.end to {end} as well '
            f'(--cfg-options train_cfg.{key}={end} {name}.end={end}), or its eta_min above 0.'
        )

    def _check_classes(self, dataset: Dataset) -> None:
        """Compare the classes of model and data set.

        Raises:
            ClassesError: If the model has fewer, or a classifier more.
        """
        classes = (getattr(dataset, 'metainfo', None) or {}).get('classes') or ()
        tagged = hasattr(unwrap_dataset(dataset), 'all_classes')
        model = self.cfg.get('model') or {}
        for name in ('head', 'decode_head', 'auxiliary_head'):
            heads = model.get(name) or []
            for head in heads if isinstance(heads, (list, tuple)) else [heads]:
                number = head.get('num_classes') if isinstance(head, dict) else None
                if number is None or not classes:
                    continue
                if number < len(classes) or (tagged and number > len(classes)):
                    background = ' without the background' if tagged else ''
                    raise ClassesError(
                        f'model.{name}.num_classes is {number}, the data set has {len(classes)} '
                        f'classes{background} ({", ".join(map(str, classes[:5]))}'
                        f'{", ..." * (len(classes) > 5)}). Set model.{name}.num_classes='
                        f'{len(classes)}.'
                    )

    def _remark_tags(self, dataset: Dataset) -> None:
        """Log what the tags of a data set cannot teach a classifier."""
        plain = unwrap_dataset(dataset)
        if hasattr(plain, 'all_classes') and is_main_process():
            tags = [
                tuple(label + 1 for label in plain.get_cat_ids(index))
                for index in range(len(plain))
            ]
            for remark in tag_remarks(tags, plain.all_classes):
                self.logger.warning(remark)


def unwrap_dataset(dataset: Dataset) -> Dataset:
    """Give the data set inside of wrappers such as ``RepeatDataset``."""
    while hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    return dataset


def _without_params(group: dict) -> dict:
    return {key: value for key, value in group.items() if key != 'params'}


def _state(scheduler: Any) -> dict:
    return {key: value for key, value in scheduler.state_dict().items() if key != 'optimizer'}


def _step(schedulers: Any, by_epoch: bool) -> None:
    for one in schedulers:
        if one.by_epoch == by_epoch:
            one.step()
