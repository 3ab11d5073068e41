"""Reads every image before hours are spent on the others; all processes stop together."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine import dist
from mmengine.logging import print_log

from mmseg_wsss.datasets.preflight import DataItem, check_items
from mmseg_wsss.utils.parallel import available_cpus

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
