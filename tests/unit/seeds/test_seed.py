"""Names and ranges of seeds."""

import pytest

from mmseg_wsss.seeds import CANDIDATE_SEEDS, PAPER_SEEDS, Seed


def test_the_paper_keeps_six_of_eight():
    assert [seed.name for seed in PAPER_SEEDS] == [
        '0.05-1.00', '0.05-1.20', '0.10-1.00', '0.10-1.20', '0.20-1.00', '0.30-1.20',
    ]  # fmt: skip
    assert len(CANDIDATE_SEEDS) == len({seed.name for seed in CANDIDATE_SEEDS}) == 8
    assert set(PAPER_SEEDS) < set(CANDIDATE_SEEDS)


def test_as_dict():
    assert Seed(0.3, 1).as_dict() == {'name': '0.30-1.00', 'dropout': 0.3, 'scale': 1}


@pytest.mark.parametrize(
    'dropout, scale',
    [
        (-0.1, 1), (1, 1), (float('nan'), 1), (0.1, 0), (0.1, -1), (0.1, float('inf')),
        (0.1, float('nan')), (0.055, 1), (0.1, 1.001),
    ],
)  # fmt: skip
def test_values_out_of_range(dropout, scale):
    with pytest.raises(ValueError, match='seed: (dropout|scale)='):
        Seed(dropout, scale)
