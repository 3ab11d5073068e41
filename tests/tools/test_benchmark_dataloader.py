"""tools/benchmarks/dataloader.py measures pipelines that give the same labels."""

import sys

import numpy as np
import pytest
from helpers.seed_roots import write_images

from mmseg_wsss.seeds import decode_seed_label


@pytest.fixture
def tool(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / 'tools' / 'benchmarks'))
    import dataloader

    yield dataloader
    sys.modules.pop('dataloader')


@pytest.fixture
def options(tmp_path):
    write_images(tmp_path / 'images', ['a', 'b', 'c'], (48, 64))
    return ['--images', str(tmp_path / 'images'), '--count', '3', '--size', '64', '--repeats', '1']


def test_it_prints_ratios_and_a_profile(tool, options, capsys):
    tool.main([*options, '--workers', '0', '1', '--batch-size', '1'])
    out = capsys.readouterr().out
    assert '3 images' in out and '0 workers' in out and '1 workers' in out
    for line in out.splitlines():
        if line.startswith('mmseg   '):
            assert line.split()[2:] == ['1.000', '1.000']
    assert out.count('with agreement') == 3
    assert 'LoadSeedAnnotations' in out and 'PackSegInputs' in out


def test_the_pipelines_differ_in_nothing_but_the_flags(tool, options, tmp_path):
    samples = tool.make_samples(tool.parse_args(options), tmp_path)
    steps = tool.Config.fromfile(tool.CONFIGS / 'voc12_seeds.py').train_pipeline
    data = {
        name: tool.Samples(samples, [tool.change(s, changes.get(s['type'])) for s in steps])
        for name, changes in tool.PIPELINES.items()
    }
    names = {name: [type(step).__name__ for step in item.steps] for name, item in data.items()}
    assert names['mmseg'][1:4] == ['LoadAnnotations', 'RandomResize', 'RandomCrop']
    assert names['with agreement'][1:4] == ['LoadSeedAnnotations', 'RandomResize', 'SeedRandomCrop']
    noisy_share = 0
    for index in range(len(samples)):
        plain = data['mmseg'][index]
        for name, item in data.items():
            sample = item[index]
            assert (sample['inputs'] == plain['inputs']).all(), name
            label, noisy = decode_seed_label(sample['data_samples'].gt_sem_seg.data)
            assert (label == plain['data_samples'].gt_sem_seg.data).all(), name
            assert name == 'with agreement' or not noisy.any()
        noisy_share += float(noisy.float().mean())
    assert np.isfinite(noisy_share) and noisy_share > 0
