"""Order, resuming and failures, with steps that only leave a record."""

import threading

import pytest

from mmseg_wsss.experiments.executor import Executor
from mmseg_wsss.experiments.records import Records
from mmseg_wsss.experiments.step import Step, in_order


def chain(*names):
    """Steps, each the input of the next."""
    steps = []
    for name in names:
        inputs = dict(one=steps[-1]) if steps else {}
        steps.append(Step('test', name, dict(name=name), inputs, 10.0))
    return steps


@pytest.fixture
def study(tmp_path):
    """Records, and a function that makes a step and remembers it."""
    records, made = Records(tmp_path), []

    def make(step):
        assert all(records.has(one) for one in step.inputs.values())
        made.append(step.title)
        records.write(step, metrics=dict(mIoU=1.0), command='x', seconds=2.0)
        return 2.0

    return records, made, make


def test_everything_is_made_once(study):
    records, made, make = study
    steps = in_order(chain('a', 'b', 'c')[-1:] + chain('a', 'b', 'd')[-1:])
    lines = []
    assert Executor(make, records, lines.append).run(steps) == {}
    assert made == ['a', 'b', 'c', 'd']
    assert lines[0] == '4 steps, 0 finished before'
    assert lines[2].endswith('took 2 s; about 0.0 h left')
    assert Executor(make, records, lines.append).run(steps) == {}
    assert made == ['a', 'b', 'c', 'd'] and lines[-1] == '4 steps, 4 finished before'
    first = records.all()[steps[0].name]
    assert first['metrics'] == dict(mIoU=1.0) and first['key'] == steps[0].key
    assert first['machine']['torch'] and first['finished'].endswith('UTC')


def test_an_interrupted_study_goes_on(study):
    records, made, make = study
    steps = chain('a', 'b', 'c', 'd')

    def interrupted(step):
        if step.title == 'c':
            raise KeyboardInterrupt
        return make(step)

    with pytest.raises(KeyboardInterrupt):
        Executor(interrupted, records, print).run(steps)
    assert made == ['a', 'b'] and not records.all_failures()
    assert Executor(make, records, print).run(steps) == {}
    assert made == ['a', 'b', 'c', 'd']


def test_lost_files_are_made_again_where_a_step_reads_them(study):
    records, made, make = study
    first = chain('a', 'b', 'c', 'd')
    Executor(make, records, print).run(first)
    lost = {'a', 'b', 'c', 'd'}

    def again(step):
        # In an order in which the files that a step reads are there.
        assert not lost & {one.title for one in step.inputs.values()}
        lost.discard(step.title)
        return make(step)

    def run(steps):
        made.clear()
        lines = []
        executor = Executor(again, records, lines.append, 2, lambda step: step.title not in lost)
        assert executor.run(steps) == {}
        return made, lines[0]

    # Nothing is to be made, so nothing is read.
    assert run(first) == ([], '4 steps, 4 finished before')
    new = Step('test', 'new', dict(name='new'), dict(one=first[2]), 10.0)
    assert run(in_order([new, first[-1]])) == (['a', 'b', 'c', 'new'], '5 steps, 1 finished before')
    lost.add('b')
    assert run(in_order([new, first[-1]])) == ([], '5 steps, 5 finished before')


@pytest.mark.parametrize('jobs', [1, 3])
def test_a_failure_stops_what_depends_on_it(study, jobs):
    records, made, make = study
    left, right = chain('a', 'b', 'c', 'd'), chain('x', 'y')

    def failing(step):
        if step.title == 'b':
            raise RuntimeError('exit status 1\nout of memory')
        return make(step)

    failures = Executor(failing, records, print, jobs).run(in_order([left[-1], right[-1]]))
    assert sorted(made) == ['a', 'x', 'y']
    assert failures == {
        left[1].name: 'b: exit status 1\nout of memory',
        left[2].name: f'c: not made, it needs {left[1].name}',
        left[3].name: f'd: not made, it needs {left[2].name}',
    }
    (note,) = records.all_failures().values()
    assert note['title'] == 'b' and note['error'] == 'exit status 1\nout of memory'
    # The next run tries again, and the note goes.
    assert Executor(make, records, print, jobs).run(in_order([left[-1], right[-1]])) == {}
    assert sorted(made) == ['a', 'b', 'c', 'd', 'x', 'y'] and not records.all_failures()


def test_steps_run_at_the_same_time(study):
    records, made, make = study
    together = threading.Barrier(3, timeout=20)

    def waiting(step):
        together.wait()  # passes only if three are under way
        return make(step)

    steps = [Step('test', str(number), dict(number=number)) for number in range(3)]
    assert Executor(waiting, records, print, 3).run(steps) == {}
    assert sorted(made) == ['0', '1', '2']


def test_a_damaged_record_is_named(study, tmp_path):
    records, _, make = study
    (step,) = chain('a')
    make(step)
    path = tmp_path / 'runs' / f'{step.name}.json'
    path.write_text('{"a": ')
    with pytest.raises(ValueError, match=f'{step.name}.json: the record is damaged'):
        records.all()
