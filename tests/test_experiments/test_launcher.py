"""Commands in processes of their own: output, exit status, and their end."""

import os
import threading
import time

import pytest

from mmseg_wsss.experiments.fork_launcher import ForkLauncher
from mmseg_wsss.experiments.launcher import Launcher

SCRIPT = """
import os, sys
print('words', sys.argv[1:], 'in', os.getcwd(), flush=True)
if sys.argv[1] == 'raise':
    raise ValueError('no good')
if sys.argv[1] == 'sleep':
    import time
    time.sleep(60)
sys.exit(int(sys.argv[1]) if sys.argv[1].isdigit() else sys.argv[1])
"""


@pytest.fixture(params=[Launcher, ForkLauncher])
def launch(request, tmp_path):
    (tmp_path / 'script.py').write_text(SCRIPT)
    return request.param(tmp_path)


@pytest.mark.parametrize('word, status', [('0', 0), ('3', 3), ('raise', 1), ('a message', 1)])
def test_status_and_output(launch, tmp_path, word, status):
    log = tmp_path / 'log.txt'
    log.write_text('before\n')
    assert launch(['script.py', word], log) == status
    text = log.read_text()
    assert text.startswith(f"before\nwords ['{word}'] in {os.path.realpath(tmp_path)}\n")
    assert ('no good' in text) == (word == 'raise') and ('a message\n' in text[30:]) == (
        word == 'a message'
    )


def test_modules_run_too(launch, tmp_path):
    (tmp_path / 'some_module.py').write_text(SCRIPT)
    assert launch(['-m', 'some_module', '4'], tmp_path / 'log.txt') == 4


def test_stop_ends_what_runs(launch, tmp_path):
    log, found = tmp_path / 'log.txt', []
    thread = threading.Thread(target=lambda: found.append(launch(['script.py', 'sleep'], log)))
    thread.start()
    for _ in range(200):
        if log.exists() and 'words' in log.read_text():
            break
        time.sleep(0.05)
    launch.stop()
    thread.join(20)
    assert found and found[0] < 0
    assert launch(['script.py', '0'], log) == 130


def test_commands_at_the_same_time_share_the_processors(tmp_path, monkeypatch):
    monkeypatch.setattr('mmseg_wsss.experiments.launcher.available_cpus', lambda: 6)
    (tmp_path / 'script.py').write_text("import os; print(os.environ['OMP_NUM_THREADS'])")
    threads = {}
    for given in (None, '5'):
        monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
        if given:
            monkeypatch.setenv('OMP_NUM_THREADS', given)
        for jobs in (1, 4, 9):
            log = tmp_path / f'{given} {jobs}.txt'
            assert Launcher(tmp_path, jobs)(['script.py'], log) == 0
            threads[given, jobs] = log.read_text().strip()
    assert [threads[None, jobs] for jobs in (1, 4, 9)] == ['6', '1', '1']
    assert all(threads['5', jobs] == '5' for jobs in (1, 4, 9))
