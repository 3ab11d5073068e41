"""Two processes of torch.distributed, as a launcher starts them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def run_two_processes(work: Callable[..., None], folder: Path, *arguments: Any) -> None:
    """Call ``work(rank, folder, *arguments)`` in two processes and expect both to succeed."""
    context = torch.multiprocessing.get_context('fork')
    processes = [
        context.Process(target=_join_and_work, args=(work, rank, folder, arguments))
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]


def _join_and_work(
    work: Callable[..., None], rank: int, folder: Path, arguments: tuple[Any, ...]
) -> None:
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder / "rendezvous"}', rank=rank, world_size=2
    )
    work(rank, folder, *arguments)
    torch.distributed.destroy_process_group()
