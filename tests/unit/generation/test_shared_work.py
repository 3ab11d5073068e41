"""What is left is shared by all processes."""

from __future__ import annotations

import json

from helpers.processes import run_ranks

from mmseg_wsss.generation.sharing import share_work

BATCHES = [[0, 4], [1], [2, 3], [5], [6], [7], [8]]


def test_work_left_to_one_process_is_shared_anew(tmp_path):
    # All that is left was process 0's: batches 0, 2, 4, 6.
    done = {1, 5, 7, 3}

    def share(rank: int, world_size: int) -> None:
        asked = []
        work = share_work(BATCHES, lambda index: asked.append(index) or index in done)
        assert asked == work.looked_at and work.done == len(done.intersection(asked))
        found = dict(todo=work.todo, left=sorted(work.left), looked_at=work.looked_at)
        (tmp_path / f'{rank}.json').write_text(json.dumps(found))

    run_ranks(tmp_path, share, 2)
    first, second = (json.loads((tmp_path / f'{rank}.json').read_text()) for rank in range(2))
    assert first['todo'] == [[0, 4], [6]] and second['todo'] == [[2, 3], [8]]
    assert first['left'] == second['left'] == [0, 2, 4, 6, 8]
    assert sorted(first['looked_at'] + second['looked_at']) == list(range(9))


def test_nothing_left_and_nothing_at_all():
    work = share_work(BATCHES, lambda index: True)
    assert work.todo == [] and work.left == set() and work.done == 9
    assert share_work([], lambda index: False).todo == []
