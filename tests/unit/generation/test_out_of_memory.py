"""Refining maps where memory does not suffice: the CPU, then half the sides, then the error."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmseg_wsss.generation.out_of_memory import refine_within_memory


class OnGpu(Tensor):
    """Maps that say they are on a GPU, where there is none."""

    is_cuda = property(lambda self: True)

    def cpu(self) -> Tensor:
        return self.as_subclass(Tensor)


def refine_where(tried: list, fits: tuple[str, int]):
    """Refine on one device up to a height; note what was tried."""

    def refine(maps: Tensor) -> Tensor:
        device = 'cuda' if maps.is_cuda else 'cpu'
        tried.append((device, tuple(maps.shape)))
        if device == 'cuda' and fits[0] != 'cuda':
            raise torch.cuda.OutOfMemoryError('CUDA out of memory')
        if maps.shape[-2] > fits[1]:
            raise MemoryError
        return maps.as_subclass(Tensor) + 1

    return refine


@pytest.mark.parametrize(
    ('fits', 'expected'),
    [
        (('cuda', 96), [('cuda', (2, 96, 80))]),
        (('cpu', 96), [('cuda', (2, 96, 80)), ('cpu', (2, 96, 80))]),
        (('cpu', 50), [('cuda', (2, 96, 80)), ('cpu', (2, 96, 80)), ('cpu', (2, 48, 40))]),
    ],
)
def test_each_step_is_tried_in_turn(fits, expected):
    maps = torch.rand(2, 96, 80)
    tried = []
    result = refine_within_memory(
        refine_where(tried, fits), maps.as_subclass(OnGpu), 'photograph 7'
    )
    assert tried == expected
    height, width = expected[-1][1][-2:]
    means = maps.reshape(2, height, 96 // height, width, 80 // width).mean((2, 4))
    torch.testing.assert_close(result, means + 1)


def test_another_error_on_the_gpu_is_raised_as_it_is():
    def refine(maps: Tensor) -> Tensor:
        raise RuntimeError('an illegal memory access was encountered')

    with pytest.raises(RuntimeError, match='illegal memory access'):
        refine_within_memory(refine, torch.rand(2, 96, 80).as_subclass(OnGpu), 'photograph 7')


def test_tiny_maps_end_with_the_error():
    tried = []
    with pytest.raises(MemoryError):
        refine_within_memory(refine_where(tried, ('cpu', 8)), torch.rand(2, 96, 80), 'photograph 7')
    assert [shape[-2:] for _, shape in tried] == [(96, 80), (48, 40), (24, 20)]
