"""The file of test scores is written by the main process alone, however slow the others are."""

import json
import runpy
import sys
from types import SimpleNamespace

import pytest

from mmseg_wsss.engine.hooks import ScoresLoggerHook, scores_logger_hook
from mmseg_wsss.registry import HOOKS


class Log:
    """What the hook asks of a runner's log processor and logger."""

    lines: list[str] = []

    def get_log_after_epoch(self, runner, length, mode, with_non_scalar=False):
        return dict(mIoU=50.0, time=runner.time), f'{mode} of {length}'

    def info(self, line):
        self.lines.append(line)


@pytest.mark.parametrize('main', [True, False])
def test_who_writes(tmp_path, monkeypatch, main):
    monkeypatch.setattr(scores_logger_hook, 'is_main_process', lambda: main)
    hook = HOOKS.build(dict(type='ScoresLoggerHook', interval=3))
    assert isinstance(hook, ScoresLoggerHook) and hook.interval == 3
    log = Log()
    runner = SimpleNamespace(
        log_processor=log, logger=log, test_dataloader=[1, 2], log_dir=str(tmp_path), time=0.5
    )
    hook.json_log_path = 'scores.json'
    path = tmp_path / 'scores.json'
    hook.after_test_epoch(runner)
    if main:
        assert json.loads(path.read_text()) == dict(mIoU=50.0, time=0.5)
    assert path.exists() == main


@pytest.mark.parametrize(
    ('hooks', 'expected'),
    [
        ('', dict(type='ScoresLoggerHook')),
        ('default_hooks = dict(timer=None)', dict(type='ScoresLoggerHook')),
        (
            "default_hooks = dict(logger=dict(type='LoggerHook', interval=7))",
            dict(type='ScoresLoggerHook', interval=7),
        ),
        ("default_hooks = dict(logger=dict(type='Other'))", dict(type='Other')),
        ('default_hooks = dict(logger=None)', None),
    ],
)
def test_the_command_puts_it_in_place_of_mmengines(tmp_path, monkeypatch, root, hooks, expected):
    tool = runpy.run_path(str(root / 'tools' / 'test.py'))
    (tmp_path / 'config.py').write_text(f'test_dataloader = dict()\n{hooks}')
    monkeypatch.setattr(sys, 'argv', ['test.py', str(tmp_path / 'config.py'), 'weights.pth'])
    config = tool['build_config'](tool['parse_args']())
    assert config.default_hooks['logger'] == expected
