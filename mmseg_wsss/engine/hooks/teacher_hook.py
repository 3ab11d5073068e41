"""Gives a network the average of its own past as a teacher."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ...registry import HOOKS


@HOOKS.register_module()
class TeacherHook(EMAHook):
    """mmengine's ``EMAHook`` whose average is the teacher of a ``TeacherEncoderDecoder``.

    As there, checkpoints have the average as their weights and the network in training beside
    them, so that validation, tests and predictions are the teacher's and a training is resumed
    from both. Where gradients are accumulated the average moves on with the network, once an
    update and not once an iteration. Any network can be trained with this hook; one that takes no
    teacher is averaged alone.

    Args:
        momentum (float): Share of the network in each step of the average, in (0, 1), 1 minus what
            papers call the momentum: 0.001 is Mean Teacher's 0.999. Short schedules need more.
        begin_iter (int): Iterations before the average begins; until then the teacher is a copy of
            the network, >= 0.
        **kwargs: Of mmengine's ``EMAHook`` and its average.

    Raises:
        ValueError: If the momentum is out of range.
    """

    def __init__(self, momentum: float = 0.001, begin_iter: int = 0, **kwargs: Any) -> None:
        if not 0 < momentum < 1:
            raise ValueError(f'momentum must be in (0, 1), got {momentum}')
        super().__init__(momentum=momentum, begin_iter=begin_iter, **kwargs)

    def before_run(self, runner: Runner) -> None:
        """Copy the network and let it have the copy as its teacher."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        takes_teacher = hasattr(model, 'set_teacher')
        if takes_teacher:  # the copy needs no copy of an earlier one
            model.set_teacher(None)
        super().before_run(runner)
        if takes_teacher:
            model.set_teacher(self.ema_model.module)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Move the average on if the network has been updated."""
        should_update = getattr(runner.optim_wrapper, 'should_update', lambda: True)
        if should_update():
            super().after_train_iter(runner, batch_idx, data_batch, outputs)
