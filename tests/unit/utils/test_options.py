"""Options that several commands share."""

from __future__ import annotations

import argparse
import os

import pytest

from mmseg_wsss.utils import options


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    options.add_trust_option(parser)
    options.add_device_option(parser)
    options.add_config_option(parser, 'model.depth=18')
    options.add_launcher_option(parser)
    return parser


def test_defaults_trust_nothing_and_launch_nothing(parser):
    args = parser.parse_args([])
    assert not args.trust_checkpoint and args.device is None and args.cfg_options is None
    assert (args.launcher, args.local_rank) == ('none', 0)
    assert 'model.depth=18' in parser.format_help()


def test_values_are_read(parser):
    words = '--trust-checkpoint --device cuda:1 --cfg-options a.b=2 c=[1,2] --launcher pytorch'
    args = parser.parse_args(words.split())
    assert args.trust_checkpoint and args.device == 'cuda:1' and args.launcher == 'pytorch'
    assert args.cfg_options == {'a.b': 2, 'c': [1, 2]}


@pytest.mark.parametrize('word', ['--local_rank', '--local-rank'])
@pytest.mark.parametrize('known', [None, '3'])
def test_the_rank_of_the_environment_goes_first(parser, monkeypatch, word, known):
    monkeypatch.setenv('LOCAL_RANK', known or '')
    if known is None:
        monkeypatch.delenv('LOCAL_RANK')
    options.use_local_rank(parser.parse_args([f'{word}=1']))
    assert os.environ['LOCAL_RANK'] == (known or '1')
