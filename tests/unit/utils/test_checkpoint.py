"""Reading of checkpoints."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmseg_wsss.utils.checkpoint import read_state_dict


def test_a_thread_that_is_done_does_not_stop_another_that_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = HistoryBuffer()
    history.update(0.5)
    content = dict(state_dict=dict(weight=torch.ones(2)), message_hub=dict(loss=history))
    torch.save(content, tmp_path / 'slow.pth')
    torch.save(content, tmp_path / 'fast.pth')
    begun, done, load = Event(), Event(), torch.load

    def slow_load(path: Path, **options: object) -> object:
        if path.name == 'slow.pth':
            begun.set()
            # In time only if the other one reads meanwhile.
            done.wait(0.5)
        return load(path, **options)

    monkeypatch.setattr(torch, 'load', slow_load)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(read_state_dict, tmp_path / 'slow.pth')
        assert begun.wait(10)
        fast = read_state_dict(tmp_path / 'fast.pth')
        done.set()
        assert torch.equal(slow.result()['weight'], fast['weight'])
