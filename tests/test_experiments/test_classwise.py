"""Class-wise thresholds against plain loops over pixels."""

import numpy as np
import pytest

from mmseg_wsss.experiments.classwise import apply_thresholds, class_thresholds, main, write_root
from mmseg_wsss.seeds import SeedManifest, SeedStore, aggregate_seeds, read_mask

CLASSES, SEEDS = ['background', 'a', 'b', 'c'], 6


@pytest.fixture
def seed_root(tmp_path):
    """Two images whose class 1 rarely has all votes; class 3 does not occur."""
    rng = np.random.default_rng(0)
    store = SeedStore(tmp_path / 'root')
    manifest = SeedManifest(
        CLASSES, [[9 * k, 0, 0] for k in range(4)],
        [dict(name=f's{index}', dropout=None, scale=None) for index in range(SEEDS)],
        ['one', 'two'],
    )  # fmt: skip
    store.open(manifest)
    for image_id in manifest.images:
        base = rng.choice(np.array([0, 0, 1, 2, 255], np.uint8), (12, 10))
        seeds = np.stack([base] * SEEDS)
        other = (rng.random(seeds.shape) < 0.3) & (base == 1)
        other |= (rng.random(seeds.shape) < 0.03) & (base == 2)
        seeds[other] = 0
        label, agreement = aggregate_seeds(seeds, 4)
        store.write(image_id, {}, label, agreement, manifest.palette)
    return store.root


def pixels(root):
    store = SeedStore(root)
    for image_id in ('one', 'two'):
        label = read_mask(store.mask_path('aggregated', image_id))
        agreement = store.read_agreement(image_id, SEEDS)
        yield from zip(label.ravel().tolist(), agreement.ravel().tolist(), strict=True)


@pytest.mark.parametrize('share', [0.3, 0.5, 0.9, 1.0])
def test_a_root_against_plain_loops(seed_root, tmp_path, share):
    thresholds = write_root(seed_root, tmp_path / 'new', share)
    before, after = list(pixels(seed_root)), list(pixels(tmp_path / 'new'))
    for label in range(len(CLASSES)):
        votes = [agreement for one, agreement in before if one == label]
        enough = [
            t for t in range(1, SEEDS + 1)
            if sum(vote >= t for vote in votes) >= share * len(votes)
        ]  # fmt: skip
        assert thresholds[label] == max(enough)
    assert thresholds[1] < SEEDS or share < 0.5
    for (old, votes), (new, written) in zip(before, after, strict=True):
        assert new == old
        if old == 255:
            assert written == votes == 0
        elif votes >= thresholds[old]:
            assert written == SEEDS
        else:
            assert written == min(votes, SEEDS - 1)
    # Again: nothing is made anew. With another share the root is refused.
    path = tmp_path / 'new' / 'agreement' / 'one.png'
    stamp = path.stat().st_mtime_ns
    assert write_root(seed_root, tmp_path / 'new', share) == thresholds
    assert path.stat().st_mtime_ns == stamp


def test_the_command(seed_root, tmp_path, capsys):
    assert main([str(seed_root), '--out', str(tmp_path / 'x'), '--share', '0.5']) == 0
    assert capsys.readouterr().out.startswith('thresholds by class: 6, ')
    assert main([str(seed_root), '--out', str(tmp_path / 'y'), '--share', '0']) == 1
    assert 'share 0.0, expected more than 0' in capsys.readouterr().err
    assert main([str(tmp_path / 'none'), '--out', str(tmp_path / 'y')]) == 1
    assert 'there is no manifest' in capsys.readouterr().err


def test_pixels_without_a_vote_stay_without():
    label, agreement = np.array([[255, 1]], np.uint8), np.array([[0, 2]], np.uint8)
    assert apply_thresholds(label, agreement, [1, 2], 3).tolist() == [[0, 3]]
    assert class_thresholds(np.zeros((2, 4), np.int64), 0.5) == [3, 3]
