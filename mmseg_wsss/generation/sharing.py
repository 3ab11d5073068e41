"""Work shared among the processes of a launcher: checks of images, and what is left to make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmengine import dist
from mmengine.logging import print_log

from ..checks.images import DataItem, check_items
from ..utils.parallel import available_cpus

SHOWN = 20  # problems named in one message


def check_images(
    items: Sequence[DataItem], classes: Sequence[str] | None = None, parallel: bool = True
) -> None:
    """Read this process's share of the images to the end.

    Args:
        items (Sequence[DataItem]): The images of this process.
        classes (Sequence[str], optional): All class names, background first; with them a summary
            is logged.
        parallel (bool): Whether to read in several processes, this process's share of the cores.

    Raises:
        ValueError: In every process, if an image of any of them cannot be used.
    """
    workers = max(1, available_cpus() // dist.get_world_size()) if parallel else 1
    found = []
    if items:
        report = check_items('images of this process', items, classes, workers)
        found = report.problems
        if classes is not None and not found:
            print_log(report.text(), 'current')
    problems = sum(dist.all_gather_object(found), [])
    if problems:
        shown = problems[:SHOWN] + ['...'] * (len(problems) > SHOWN)
        raise ValueError(
            f'{len(problems)} images cannot be used; no mask was made in this run:\n  '
            + '\n  '.join(shown)
            + '\nMend them or take them out of the split.'
        )


@dataclass(frozen=True)
class SharedWork:
    """What a process looked at and what it shall do.

    Attributes:
        looked_at (list[int]): Indices that this process looked at; those of all processes together
            are all.
        todo (list[list[int]]): Batches of this process in which something is left.
        left (set[int]): All indices that are left, of all processes.
    """

    looked_at: list[int]
    todo: list[list[int]]
    left: set[int]

    @property
    def done(self) -> int:
        """How many of ``looked_at`` are done."""
        return sum(index not in self.left for index in self.looked_at)


def share_work(batches: Sequence[list[int]], is_done: Callable[[int], bool]) -> SharedWork:
    """Find what is left and share it evenly, by torch.distributed.

    Args:
        batches (Sequence[list[int]]): Indices of what is done together; the same in all processes.
        is_done (Callable[[int], bool]): Tells whether an index is done; each process asks for its
            share of them, and changes none before all have asked.

    Returns:
        SharedWork: This process's.

    >>> work = share_work([[0, 1], [2], [3, 4]], lambda index: index in (1, 2))
    >>> work.todo, sorted(work.left), work.done
    ([[0, 1], [3, 4]], [0, 3, 4], 2)
    """
    rank, world_size = dist.get_rank(), dist.get_world_size()
    mine = [index for batch in batches[rank::world_size] for index in batch]
    found = {index for index in mine if not is_done(index)}
    # Shared anew: an earlier run may have left it all to one process.
    left = set().union(*dist.all_gather_object(found))
    todo = [batch for batch in batches if not left.isdisjoint(batch)][rank::world_size]
    return SharedWork(mine, todo, left)
