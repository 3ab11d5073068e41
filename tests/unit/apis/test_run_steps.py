"""Steps of a run: logs, what is done before, what has changed, what fails."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from helpers.commands import CONTEXT

from mmseg_wsss.apis.run_steps import Step, StepError, StepRunner, last_line

SCRIPT = """
import sys
from pathlib import Path
source, out = map(Path, sys.argv[1:3])
print('reads', source)
out.mkdir(parents=True, exist_ok=True)
(out / 'result.txt').write_text(source.read_text().upper())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / 'script.py').write_text(SCRIPT)
    (tmp_path / 'input.txt').write_text('a')
    return tmp_path


def make_step(folder: Path, name: str = 'one', **options) -> Step:
    out = folder / 'run' / name
    command = [str(folder / 'script.py'), str(folder / 'input.txt'), str(out)]
    values = dict(inputs=[folder / 'input.txt'], makes=[out])
    return Step(name, f'Step {name}', command, **{**values, **options})


def launches(runner: StepRunner) -> list[str]:
    """Record which commands are run."""
    seen = []
    launch = runner.launch

    def record(command, log, show):
        seen.append(command[-1])
        return launch(command, log, show)

    runner.launch = record
    return seen


def test_a_done_step_is_not_done_again(folder, capsys):
    step = make_step(folder, summary=lambda: ['a figure'])
    for attempt in range(2):
        runner = StepRunner(folder / 'run', interactive=False)
        seen = launches(runner)
        runner.run(step)
        assert len(seen) == 1 - attempt
        text = capsys.readouterr().out
        assert 'a figure' in text
        assert ('done before' in text) == bool(attempt)
        assert (f'$ python {folder / "script.py"}' in text) != bool(attempt)
    assert (folder / 'run' / 'logs' / 'one.log').read_text() == f'reads {folder / "input.txt"}\n'
    assert runner.seconds('one') >= 0 and runner.seconds('two') is None


def test_a_result_that_is_gone_is_made_again(folder):
    step = make_step(folder)
    StepRunner(folder / 'run').run(step)
    (folder / 'run' / 'one' / 'result.txt').unlink()
    (folder / 'run' / 'one').rmdir()
    StepRunner(folder / 'run').run(step)
    assert (folder / 'run' / 'one' / 'result.txt').read_text() == 'A'


def test_an_unfinished_step_goes_on(folder):
    runner = StepRunner(folder / 'run')
    runner.launch = lambda command, log, show: 1
    with pytest.raises(StepError):
        runner.run(make_step(folder, keeps=True))
    (folder / 'run' / 'one').mkdir()
    (folder / 'run' / 'one' / 'half.txt').touch()
    StepRunner(folder / 'run').run(make_step(folder, keeps=True))
    assert (folder / 'run' / 'one' / 'half.txt').exists()  # a command with --resume needs it
    assert not (folder / 'run' / 'old').exists()


def test_changed_inputs(folder):
    step = make_step(folder, keeps=True)
    StepRunner(folder / 'run').run(step)
    (folder / 'input.txt').write_text('b')
    with pytest.raises(StepError, match=r'one was made before .*input\.txt changed\. --again'):
        StepRunner(folder / 'run').run(step)
    assert (folder / 'run' / 'one' / 'result.txt').read_text() == 'A'
    StepRunner(folder / 'run', again=True).run(step)
    assert (folder / 'run' / 'one' / 'result.txt').read_text() == 'B'
    assert (folder / 'run' / 'old' / '1' / 'one' / 'result.txt').read_text() == 'A'
    (folder / 'input.txt').write_text('c')
    StepRunner(folder / 'run', again=True).run(step)
    assert (folder / 'run' / 'old' / '2' / 'one' / 'result.txt').read_text() == 'B'


def test_cheap_results_are_replaced_unasked(folder):
    StepRunner(folder / 'run').run(make_step(folder))
    (folder / 'input.txt').write_text('b')
    StepRunner(folder / 'run').run(make_step(folder))
    assert (folder / 'run' / 'one' / 'result.txt').read_text() == 'B'


def test_what_follows_from_a_changed_step_has_changed(folder):
    one = make_step(folder)
    two = make_step(folder, 'two', inputs=[], after=['one'], keeps=True)
    runner = StepRunner(folder / 'run')
    runner.run(one)
    runner.run(two)
    (folder / 'input.txt').write_text('b')
    runner = StepRunner(folder / 'run')
    runner.run(one)
    with pytest.raises(StepError, match='two was made before step one changed'):
        runner.run(two)


def test_an_unconditional_step(folder):
    step = make_step(folder, always=True, makes=[])
    runner = StepRunner(folder / 'run')
    seen = launches(runner)
    runner.run(step)
    runner.run(step)
    assert len(seen) == 2


def test_the_message_of_a_failure(folder, capsys):
    (folder / 'script.py').write_text(
        'import sys\nprint("fine so far")\nsys.exit("error: a.jpg: is no image\\nsecond line")'
    )
    with pytest.raises(StepError) as raised:
        StepRunner(folder / 'run').run(make_step(folder))
    assert str(raised.value).splitlines() == [
        'a.jpg: is no image',
        '  second line',
        f'  log: {folder / "run" / "logs" / "one.log"}',
    ]
    (folder / 'script.py').write_text('raise RuntimeError("odd")')
    with pytest.raises(StepError, match='RuntimeError: odd'):
        StepRunner(folder / 'run').run(make_step(folder))
    (folder / 'script.py').write_text('import os\nos.kill(os.getpid(), 9)')
    with pytest.raises(StepError, match='signal 9'):
        StepRunner(folder / 'run').run(make_step(folder))


def test_a_damaged_record(folder):
    (folder / 'run').mkdir()
    (folder / 'run' / 'run.json').write_text('{"steps"')
    with pytest.raises(ValueError, match=r'run\.json: not the record of a run'):
        StepRunner(folder / 'run')


def test_newest_line(tmp_path):
    path = tmp_path / 'log'
    path.write_text('x' * 5000 + '\nfirst\n 1/9\r 2/9\r\n')
    assert last_line(path) == '2/9'
    path.write_text('\n')
    assert last_line(path) == ''


def run_until_interrupted(folder: Path) -> None:
    """What a terminal's foreground process does, in a process group of its own."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        StepRunner(folder / 'run').run(Step('one', 'One', [str(folder / 'command.py')]))
    except KeyboardInterrupt:
        (folder / 'interrupted').write_text((folder / 'run' / 'logs' / 'one.log').read_text())
    os._exit(0)


def test_interrupt_waits_for_the_command(tmp_path):
    """The command ends by itself, as on Ctrl-C, before the run does."""
    (tmp_path / 'command.py').write_text(
        'import time\n'
        'try:\n    print("begun", flush=True)\n    time.sleep(60)\n'
        'except KeyboardInterrupt:\n    time.sleep(0.3)\n    print("tidy", flush=True)\n'
    )
    process = CONTEXT.Process(target=run_until_interrupted, args=(tmp_path,))
    process.start()
    log = tmp_path / 'run' / 'logs' / 'one.log'
    until = time.monotonic() + 60
    while not (log.is_file() and 'begun' in log.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    process.join(60)
    assert (tmp_path / 'interrupted').read_text().splitlines() == ['begun', 'tidy']
    assert 'seconds' not in json.loads((tmp_path / 'run' / 'run.json').read_text())['steps']['one']
