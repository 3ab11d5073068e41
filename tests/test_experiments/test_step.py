"""Keys of steps, and the order in which steps can be made."""

import pytest

from mmseg_wsss.experiments.step import Step, in_order


def test_the_key_is_of_all_that_the_result_depends_on():
    base = Step('classifier', 'a', dict(config='x', images=dict(train='1')))
    seeds = Step('seeds', 'b', dict(refine='irn'), dict(classifier=base))
    same = Step('classifier', 'another title', dict(images=dict(train='1'), config='x'), {}, 99.0)
    assert same.key == base.key and same.name == base.name
    others = [
        Step('network', 'a', dict(config='x', images=dict(train='1'))),
        Step('classifier', 'a', dict(config='y', images=dict(train='1'))),
        Step('classifier', 'a', dict(config='x', images=dict(train='2'))),
        Step('seeds', 'b', dict(refine='psa'), dict(classifier=base)),
        Step('seeds', 'b', dict(refine='irn'), dict(other=base)),
        Step('seeds', 'b', dict(refine='irn')),
    ]
    assert len({step.key for step in [base, seeds, *others]}) == 2 + len(others)


def test_a_change_far_down_changes_every_key_above():
    def chain(value):
        steps = [Step('classifier', '', dict(value=value))]
        for kind in ('seeds', 'aggregate', 'network', 'test'):
            steps.append(Step(kind, '', {}, dict(one=steps[-1])))
        return [step.key for step in steps]

    assert not set(chain(1)) & set(chain(2))
    assert chain(1) == chain(1)


def test_the_name_tells_kind_and_key():
    step = Step('judge', '', {})
    assert step.name == f'judge-{step.key[:12]}'


def test_order_has_inputs_first_and_each_key_once():
    def classifier():
        return Step('classifier', '', dict(seed=0))  # another object of the same key each time

    seeds = Step('seeds', '', {}, dict(a=classifier()))
    network = Step('network', '', {}, dict(a=seeds))
    test = Step('test', '', {}, dict(a=network))
    judge = Step('judge', '', {}, dict(a=seeds, b=classifier()))
    order = in_order([test, judge])
    assert [step.kind for step in order] == ['classifier', 'seeds', 'network', 'test', 'judge']


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="step kind 'walk', expected one of classifier"):
        Step('walk', '', {})
