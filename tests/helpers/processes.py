"""Processes of torch.distributed, as a launcher starts them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from helpers.killing import start


def join(folder: Path, rank: int, world_size: int) -> None:
    """Join a group of processes on this machine, without a launcher."""
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=world_size
    )


def run_ranks(folder: Path, work: Callable[[int, int], None], world_size: int) -> None:
    """Run a function of rank and number of processes in each of so many processes."""

    def target(rank: int) -> None:
        join(folder, rank, world_size)
        work(rank, world_size)
        # The destructor of a group can hang while others still use it. `start` ends the process
        # without it.
        torch.distributed.barrier()

    folder.mkdir(parents=True, exist_ok=True)
    processes = [
        start(partial(target, rank), folder / f'rank {rank}.log') for rank in range(world_size)
    ]
    for rank, process in enumerate(processes):
        process.join(60)
        log = (folder / f'rank {rank}.log').read_text()
        assert process.exitcode == 0, log[-3000:]
