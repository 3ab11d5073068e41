"""The summary of a study, from its JSON files alone: tables, goals, plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmseg_wsss.evaluation.table import Table
from mmseg_wsss.utils.atomic import write_atomic
from mmseg_wsss.visualization.report import (
    html_code,
    html_contents,
    html_heading,
    html_page,
    html_paragraph,
    html_table,
)

from .goals import goal_table
from .results import Results
from .statistics import Difference, Spread
from .summary_plot import summary_plot

TITLE = 'Animals-7: what each part of the method brings'
FAILED = 'Failed steps'
READING = (
    'Every cell: mean ± sample standard deviation over the random seeds (number of runs), in '
    'percent. Difference: to the reference row, paired by random seed, in its first column; '
    '"outside the spread" compares its mean with its standard deviation, "beyond 95 %" with the '
    "95 % interval of Student's t."
)
PROTOCOL = (
    'Seeds and votes are scored on true masks of training images, which no classifier, seed or '
    'network is made from but the ceiling; a setting of a config that was chosen by them is named '
    'in that config. Networks are scored on validation images, on which nothing is trained. Where '
    'a row or a default is chosen by a table, the table says so.'
)


def write_summary(folder: Path) -> list[Path]:
    """Write ``summary.md``, ``summary.html`` and ``plots/<group>.svg``.

    Args:
        folder (Path): Of the study.

    Returns:
        list[Path]: The two summaries.

    Raises:
        FileNotFoundError, ValueError: As :class:`Results`.
    """
    results = Results(folder)
    tables, plots = [goal_table(results)], {}
    for group in results.plan['groups']:
        if results.cells(group)[0]:
            table = group_table(results, group)
            tables.append(table)
            plots[table.title] = (group['name'], _plot(results, group))
    if results.failures:
        rows = [[one['title'], _first_line(one['error'])] for one in results.failures.values()]
        tables.append(Table(FAILED, ['step', 'error'], rows))
    (folder / 'plots').mkdir(exist_ok=True)
    for name, svg in plots.values():
        write_atomic(folder / 'plots' / f'{name}.svg', svg.encode())
    markdown, page = folder / 'summary.md', folder / 'summary.html'
    write_atomic(markdown, _markdown(results, tables, plots).encode())
    write_atomic(page, _html(results, tables, plots).encode())
    return [markdown, page]


def group_table(results: Results, group: dict) -> Table:
    """Make the table of a group; rows that nothing was measured of are left out.

    Args:
        results (Results): The study.
        group (dict): Of its plan.

    Returns:
        Table: Cells as text.
    """
    metrics = list(group['columns'].values())
    reference = None
    if group['reference'] is not None:
        reference = results.named(group['name'], group['reference'], metrics[0])
    rows, strong = [], []
    for variant in group['variants']:
        values = [results.values(variant, metric) for metric in metrics]
        if not any(values) and variant['name'] != group['reference']:
            continue
        row = [variant['name'], *(Spread.of(list(one.values())).text() for one in values)]
        if reference is not None:
            row += _compare(variant['name'] == group['reference'], values[0], reference)
        if variant['name'] == group['reference']:
            strong.append(len(rows))
        rows.append(row)
    header = ['variant', *group['columns']]
    if reference is not None:
        header += [f'difference to {group["reference"]}', 'outside the spread']
    done, wanted = results.cells(group)
    note = f'Measured on {group["on"]}; {done} of {wanted} runs. {group["note"]}'.strip()
    return Table(group['title'], header, rows, note, strong=strong)


def _compare(is_reference: bool, values: dict, reference: dict) -> list[str]:
    if is_reference:
        return ['reference', '']
    difference = Difference.of(values, reference)
    if not difference.spread.number:
        return ['–', '–']
    return [difference.spread.text(signed=True), difference.verdict()]


def head_lines(results: Results) -> list[str]:
    """Say what was measured, on what, by which machine, and what is missing."""
    plan, images = results.plan, results.plan['images']
    used = results.used()
    open_groups = [one['name'] for one in plan['groups'] if not results.cells(one)[0]]
    hours = sum(record['seconds'] for record in used) / 3600
    lines = [
        f'Budget {plan["budget"]}: {plan["purpose"]}.',
        f'{images["train"]:,} training images (seed variants on {images["judge"]:,} of them), '
        f'{images["val"]:,} validation images; random seeds '
        f'{", ".join(map(str, plan["random_seeds"]))}; networks trained for '
        f'{plan["iterations"]:,} iterations.',
        f'Configs: {plan["classifier"]}, {plan["network"]}, {plan["second"]}.',
        f'{len(used)} steps finished in {hours:.1f} h'
        + ''.join(f', {" to ".join(dict.fromkeys(days))}' for days in [results.dates()] if days)
        + '.',
        *(f'Machine: {machine}.' for machine in results.machines()),
    ]
    scores = [record['metrics'].get('multi-label/mAP') for record in used]
    scores = [score for score in scores if score is not None]
    if scores:
        lines.append(
            f'Classifiers, mAP on the tags of validation images: {Spread.of(scores).text()}.'
        )
    if open_groups:
        lines.append(f'Not measured yet: {", ".join(open_groups)}.')
    return [*lines, PROTOCOL, READING]


def _command(results: Results) -> str:
    return f'python tools/experiments/voc_animals.py --budget {results.plan["budget"]}'


def _plot(results: Results, group: dict) -> str:
    metric = next(iter(group['columns'].values()))
    rows = [
        (variant['name'], list(results.values(variant, metric).values()))
        for variant in group['variants']
        if results.values(variant, metric)
    ]
    return summary_plot(rows, f'{next(iter(group["columns"]))}, percent', group['reference'])


def _markdown(results: Results, tables: Sequence[Table], plots: dict) -> str:
    lines = [f'# {TITLE}', '', f'    {_command(results)}', '']
    lines += [f'- {line}' for line in head_lines(results)] + ['']
    for table in tables:
        lines += [table.markdown(), '']
        if table.title in plots:
            lines += [f'![{table.title}](plots/{plots[table.title][0]}.svg)', '']
    return '\n'.join(lines)


def _html(results: Results, tables: Sequence[Table], plots: dict) -> str:
    sections = [html_code(_command(results)), *map(html_paragraph, head_lines(results))]
    sections.append(html_contents([table.title for table in tables]))
    for table in tables:
        sections.append(html_heading(table.title))
        sections.append(html_table(table.header, table.rows, table.note, strong=table.strong))
        if table.title in plots:
            sections.append(f'<figure class="plot">{plots[table.title][1]}</figure>')
    return html_page(TITLE, sections)


def _first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ''
