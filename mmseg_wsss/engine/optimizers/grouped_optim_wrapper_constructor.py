"""Makes an optimizer with one parameter group for each set of options."""

from __future__ import annotations

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn
from torch.optim import Optimizer

from ...registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class GroupedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, but parameters with the same options share a group.

    With ``paramwise_cfg`` mmengine makes a group of every single parameter, 170 of them for
    DeepLabV3+ on MobileNetV2. torch's optimizers run their kernels once for each group, so that on
    a GPU the optimizer launches more kernels than the network. Grouped, there are as many groups as
    there are learning rates and weight decays; every parameter gets the same update.

    The optimizer's state in a checkpoint is in the order of the groups: a training is resumed with
    the constructor that it began with.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Make the optimizer of a model.

        Args:
            model (nn.Module): Parameters that need no gradient are left out where the config has
                ``paramwise_cfg``.

        Returns:
            OptimWrapper: As the config says.
        """
        wrapper = super().__call__(model)
        merge_param_groups(wrapper.optimizer)
        return wrapper


def merge_param_groups(optimizer: Optimizer) -> None:
    """Merge the groups that differ in nothing but their parameters.

    Args:
        optimizer (Optimizer): Changed in place, before its first step; order is kept.

    >>> import torch
    >>> weights = [nn.Parameter(torch.zeros(2)) for _ in range(3)]
    >>> rates = (0.1, 0.5, 0.1)
    >>> groups = [dict(params=[w], lr=lr) for w, lr in zip(weights, rates)]
    >>> optimizer = torch.optim.SGD(groups)
    >>> merge_param_groups(optimizer)
    >>> [(group['lr'], len(group['params'])) for group in optimizer.param_groups]
    [(0.1, 2), (0.5, 1)]
    """
    merged: list[tuple[dict, dict]] = []
    for group in optimizer.param_groups:
        options = {key: value for key, value in group.items() if key != 'params'}
        for known, other in merged:
            if known == options:
                other['params'].extend(group['params'])
                break
        else:
            merged.append((options, group))
    optimizer.param_groups[:] = [group for _, group in merged]
