"""What the study is after: the gains a user would feel."""

from __future__ import annotations

from mmseg_wsss.evaluation.table import Table

from .results import Results, Values
from .second_round import LONGER, SECOND_HYBRID, SECOND_PLAIN
from .second_round import NAME as SECOND_ROUND
from .seed_groups import CLASSIFIERS
from .statistics import Difference, Spread
from .variants import CEILING, HYBRID, PLAIN

METRIC, GROUP, SCHEDULE = 'mIoU', 'training', 'schedule'
OVER_PLAIN, OVER_SINGLE, OF_CEILING = 1.0, 2.0, 88.0
TITLE = 'Goals'
NOTE = (
    'Networks on validation images. The best single seed, and the best threshold, are those with '
    'the highest mean there: a choice on the validation images. Reached: the mean meets the goal, '
    'and a difference is outside its spread. Rows of other schedules show whether a gain is one of '
    'the speed of learning. Several classifiers: their seeds vote in turn. Masks of all networks '
    'are the labels of the second round.'
)


def goal_table(results: Results) -> Table:
    """Compare what was measured with the goals.

    Args:
        results (Results): The study.

    Returns:
        Table: Dashes where runs are missing.
    """

    def named(name: str) -> Values:
        return results.named(GROUP, name, METRIC)

    names = results.names(GROUP)
    single = best(results, [name for name in names if name.startswith('seed ')])
    threshold = best(results, [name for name in names if name.startswith('hybrid')])
    rows = [
        _gain(f'{HYBRID} over {PLAIN}', named(HYBRID), named(PLAIN), OVER_PLAIN),
        _gain(
            f'{HYBRID} over the best single seed' + f' ({single})' * bool(single),
            named(HYBRID),
            named(single),
            OVER_SINGLE,
        ),
    ]
    if threshold not in ('', HYBRID):
        label = f'{threshold} (best threshold) over {PLAIN}'
        rows.append(_gain(label, named(threshold), named(PLAIN), OVER_PLAIN))
    rows += [
        _share(f'{name}, share of the ceiling', named(name), named(CEILING))
        for name in (PLAIN, HYBRID)
    ]
    rows += _other_schedules(results) + _several_classifiers(results) + _second_round(results)
    return Table(TITLE, ['', 'mean ± deviation (runs)', 'goal', 'reached'], rows, NOTE)


def _other_schedules(results: Results) -> list[list[str]]:
    """Gain and share of the ceiling for each other schedule that both were measured with."""

    def named(name: str) -> Values:
        return results.named(SCHEDULE, name, METRIC)

    rows = []
    for name in results.names(SCHEDULE):
        if name.startswith(f'{HYBRID}, '):
            suffix = name[len(HYBRID) :]
            goals = {PLAIN + suffix: (named(PLAIN + suffix), OVER_PLAIN)}
            goals |= _singles(results, suffix)
            rows += _against(HYBRID, suffix, named(name), goals, named(CEILING + suffix))
    return rows


def _several_classifiers(results: Results) -> list[list[str]]:
    """Gain of votes of several classifiers."""
    name, suffix = f'{CLASSIFIERS}, {HYBRID}', LONGER.text
    plain = f'{CLASSIFIERS}, plain{suffix}'
    return _other_labels(results, SCHEDULE, name, name + suffix, plain)


def _second_round(results: Results) -> list[list[str]]:
    """Gain of the second round."""
    return _other_labels(results, SECOND_ROUND, SECOND_HYBRID, SECOND_HYBRID, SECOND_PLAIN)


def _other_labels(
    results: Results, group: str, name: str, hybrid: str, plain: str
) -> list[list[str]]:
    """Gain on other labels over themselves and those of one classifier; none unless measured."""

    def named(row: str) -> Values:
        return results.named(group, row, METRIC)

    suffix = LONGER.text
    goals = {row: (named(row), OVER_PLAIN) for row in (plain, PLAIN + suffix)}
    goals |= _singles(results, suffix)
    return _against(name, suffix, named(hybrid), goals, named(CEILING + suffix))


def _singles(results: Results, suffix: str) -> dict[str, tuple[Values, float]]:
    """The single seeds of a schedule, each with its goal."""
    return {
        name: (results.named(SCHEDULE, name, METRIC), OVER_SINGLE)
        for name in results.names(SCHEDULE)
        if name.startswith('seed ') and name.endswith(suffix)
    }


def _against(
    name: str,
    suffix: str,
    values: Values,
    goals: dict[str, tuple[Values, float]],
    ceiling: Values,
) -> list[list[str]]:
    """Gains over others and share of the ceiling, as far as the same random seeds have both."""
    rows = [
        _gain(f'{name} over {other}', values, reference, goal)
        for other, (reference, goal) in goals.items()
        if set(values) & set(reference)
    ]
    if set(values) & set(ceiling):
        rows.append(_share(f'{name}, share of the ceiling{suffix}', values, ceiling))
    return rows


def best(results: Results, names: list[str]) -> str:
    """Name the variant with the highest mean among those with the most runs; '' for none."""
    # Runs of other random seeds cannot be compared.
    runs = {name: results.named(GROUP, name, METRIC) for name in names}
    most = max(map(len, runs.values()), default=0)
    means = {
        name: Spread.of(list(values.values())).mean
        for name, values in runs.items()
        if most and len(values) == most
    }
    return max(means, key=means.get) if means else ''


def _gain(label: str, values: Values, reference: Values, goal: float) -> list[str]:
    difference = Difference.of(values, reference)
    reached = '–'
    if difference.spread.number:
        reached = 'no'
        if difference.spread.number < 3:
            reached = 'too few runs'
        elif difference.spread.mean >= goal and difference.is_outside_spread:
            reached = 'yes'
    return [label, difference.spread.text(signed=True), f'+{goal:.1f} mIoU', reached]


def _share(label: str, values: Values, ceiling: Values) -> list[str]:
    both = sorted(set(values) & set(ceiling))
    spread = Spread.of([100 * values[seed] / ceiling[seed] for seed in both if ceiling[seed]])
    reached = '–'
    if spread.number:
        reached = 'too few runs' if spread.number < 3 else 'no'
        if spread.number >= 3 and spread.mean >= OF_CEILING:
            reached = 'yes'
    return [label, spread.text(), f'{OF_CEILING:.0f} %', reached]
