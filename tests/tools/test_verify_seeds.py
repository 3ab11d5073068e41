"""The check of a whole seed root finds what is wrong and nothing else."""

import numpy as np
import pytest
import verify_seeds

from mmseg_wsss.seeds import aggregate_seeds, find_losing_votes
from mmseg_wsss.store import SeedManifest, SeedStore, read_mask, write_mask

PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
IMAGE_IDS = [str(number) for number in range(20)]


def make_root(root, tie='lowest', order=None, keep=True, losing_votes=True):
    names = ['a', 'b', 'c']
    store = SeedStore(root)
    store.open(
        SeedManifest(
            classes=['background', 'cat', 'dog'],
            palette=PALETTE,
            seeds=[dict(name=name, dropout=0.1, scale=1.0) for name in names],
            images=IMAGE_IDS,
            tie=tie,
            seed_order=order,
        )
    )
    rng = np.random.default_rng(0)
    for image_id in IMAGE_IDS:
        seeds = rng.integers(0, 3, (3, 8, 9), np.uint8)
        seeds[:, 0, 0] = 255
        rule = dict(tie=tie, seed_order=order and [names.index(name) for name in order])
        label, agreement = aggregate_seeds(seeds, 3, **rule)
        losers = find_losing_votes(seeds, 3, **rule) if losing_votes else None
        masks = dict(zip(names, seeds, strict=True)) if keep else {}
        store.write(image_id, masks, label, agreement, PALETTE, losing_votes=losers)
    return store


@pytest.mark.parametrize('jobs', ['1', '2'])
@pytest.mark.parametrize(
    'options',
    [{}, dict(tie='foreground'), dict(tie='seed_order', order=['c', 'a', 'b']), dict(keep=False)],
)
def test_a_sound_root(tmp_path, capsys, options, jobs):
    make_root(tmp_path, **options)
    assert verify_seeds.main([str(tmp_path), '--jobs', jobs]) == 0
    assert '0 problems' in capsys.readouterr().out


def test_a_root_of_an_earlier_version(tmp_path, capsys):
    make_root(tmp_path, losing_votes=False)
    assert verify_seeds.main([str(tmp_path), '--jobs', '1']) == 0
    assert 'no losing votes (made by an earlier version' in capsys.readouterr().out


def no_vote(path):
    write_mask(path, np.full((8, 9), 255, np.uint8))


def another_vote(path):
    """Let as many labels lose, but others."""
    found = read_mask(path)
    write_mask(path, np.where(found == 255, found, 2 - found).astype(np.uint8))


def one_more(path):
    write_mask(path, np.concatenate([np.zeros_like(read_mask(path)), read_mask(path)]))


@pytest.mark.parametrize('keep', [True, False])
@pytest.mark.parametrize(
    'damage, expected',
    [
        (lambda path: path.unlink(), 'there are no such losing votes'),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), 'truncated'),
        (lambda path: write_mask(path, np.zeros((9, 9), np.uint8)), '1 to 5 masks of 8 x 9'),
        (another_vote, 'losing_votes/7.png: does not fit the aggregate'),
        (one_more, 'losing_votes/7.png: does not fit the aggregate'),
        (no_vote, 'losing_votes/7.png: are not the labels that lost'),
        (lambda path: path.rename(path.with_name('stranger.png')), 'stranger.png'),
    ],
)
def test_wrong_losing_votes(tmp_path, capsys, keep, damage, expected):
    store = make_root(tmp_path, keep=keep)
    damage(store.mask_path('losing_votes', '7'))
    # Whether none lost where they did, the seeds alone can tell.
    assert verify_seeds.main([str(tmp_path), '--jobs', '1']) == (keep or damage is not no_vote)
    if keep or damage is not no_vote:
        assert expected in capsys.readouterr().err


@pytest.mark.parametrize('name', ['a', 'aggregated', 'agreement'])
@pytest.mark.parametrize(
    'damage, expected',
    [
        (lambda path: path.unlink(), 'there is no such mask'),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), 'truncated'),
        (lambda path: write_mask(path, np.zeros((9, 8), np.uint8)), ' x '),
        (lambda path: write_mask(path, np.full((8, 9), 7, np.uint8)), 'label 7'),
        (lambda path: write_mask(path, 1 - read_mask(path) % 2), ''),
        (lambda path: path.rename(path.with_name('stranger.png')), 'stranger.png'),
    ],
)
def test_one_wrong_mask(tmp_path, capsys, name, damage, expected):
    store = make_root(tmp_path)
    damage(store.mask_path(name, '7'))
    assert verify_seeds.main([str(tmp_path), '--jobs', '1']) == 1
    captured = capsys.readouterr()
    assert expected in captured.err and 'Traceback' not in captured.err
    assert '0 problems' not in captured.out.splitlines()[-1][:2]


def test_many_problems_are_counted(tmp_path, capsys):
    store = make_root(tmp_path)
    for image_id in IMAGE_IDS:
        write_mask(store.mask_path('a', f'stranger {image_id}'), np.zeros((1, 1), np.uint8))
        store.mask_path('aggregated', image_id).write_bytes(b'')
    assert verify_seeds.main([str(tmp_path), '--jobs', '1']) == 1
    captured = capsys.readouterr()
    assert '40 problems' in captured.out and 'and 20 more' in captured.err


def test_a_folder_without_manifest(tmp_path, capsys):
    assert verify_seeds.main([str(tmp_path)]) == 1
    assert 'there is no manifest' in capsys.readouterr().err
