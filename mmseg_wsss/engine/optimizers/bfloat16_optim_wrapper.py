"""Trains in bfloat16 on any device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from ...registry import OPTIM_WRAPPERS
from ...utils.mixed_precision import autocast


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """An optimizer whose training steps run under bfloat16 autocast, on the CPU as well.

    mmengine's ``AmpOptimWrapper`` runs on accelerators only. Processors with bfloat16 instructions
    (``avx512_bf16`` or ``amx_bf16`` in ``/proc/cpuinfo``) multiply matrices about twice as fast in
    it, others are slower; without AVX-512 it takes about a hundred times as long, and a warning
    says so. It has float32's range, so gradients are not scaled; weights, gradients and the
    optimizer's state stay in float32. Arguments are those of ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast the forward pass of a training step.

        Args:
            model (nn.Module): Its first parameter says on which device.
        """
        device = next(model.parameters()).device
        with super().optim_context(model), autocast(torch.bfloat16, device):
            yield
