"""Half precision: a processor that has no instructions for it is told of once."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator

import pytest
import torch
from mmengine.logging import MMLogger

from mmseg_wsss.utils import mixed_precision
from mmseg_wsss.utils.mixed_precision import autocast, cpu_computes

CPU = torch.device('cpu')


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """What is logged as a warning."""
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_instance('mixed-precision')
    logger.addHandler(handler)
    mixed_precision._warn_where_slow.cache_clear()
    yield messages
    logger.removeHandler(handler)
    mixed_precision._warn_where_slow.cache_clear()


@pytest.mark.parametrize('amp', [torch.bfloat16, torch.float16])
def test_a_processor_without_instructions_is_told_of_once(monkeypatch, warnings, amp):
    monkeypatch.setattr(mixed_precision, 'cpu_computes', lambda _: False)
    for _ in range(3):
        with autocast(amp, CPU):
            # It computes all the same.
            assert torch.ones(2, 2).matmul(torch.ones(2, 2)).dtype is amp
    assert len(warnings) == 1
    assert f'no instructions for {str(amp)[6:]}' in warnings[0]
    assert 'optim_wrapper.type=OptimWrapper' in warnings[0]


def test_one_with_them_is_not_nor_is_full_precision(monkeypatch, warnings):
    monkeypatch.setattr(mixed_precision, 'cpu_computes', lambda _: True)
    with autocast(torch.bfloat16, CPU):
        pass
    monkeypatch.setattr(mixed_precision, 'cpu_computes', lambda _: False)
    with autocast(None, CPU):
        assert torch.ones(2, 2).matmul(torch.ones(2, 2)).dtype is torch.float32
    assert not warnings


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason='torch without oneDNN')
@pytest.mark.skipif(platform.machine() not in ('x86_64', 'AMD64'), reason='names of x86')
def test_torch_says_what_the_processor_computes():
    """oneDNN has bfloat16 from AVX-512 on, which torch names by its own detection."""
    if torch.backends.cpu.get_cpu_capability() in ('DEFAULT', 'AVX2'):
        assert not cpu_computes(torch.bfloat16)
    elif torch.backends.cpu.get_cpu_capability().startswith('AVX512'):
        assert cpu_computes(torch.bfloat16)


def test_a_torch_that_does_not_tell_is_trusted(monkeypatch):
    monkeypatch.setattr(torch.ops, 'mkldnn', object(), raising=False)
    assert cpu_computes(torch.bfloat16)
