"""Makes results.md and plots from results.csv: ``python projects/study/summary.py PROJECT``.

Every cell is mean ± sample standard deviation over the random seeds. A difference is paired by
random seed with the table's reference and comes with its 95 % interval (Student's t).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import yaml
from scipy import stats

matplotlib.use('Agg')
import matplotlib.pyplot as plt

TITLES = dict(
    miou='mIoU',
    pixel_accuracy='pixel accuracy',
    mean_accuracy='mean accuracy',
    miou_of_seeds='mIoU, mean of the seeds',
    noisy='noisy pixels',
    clean_accuracy='accuracy of clean pixels',
    right_clean='right, clean',
    right_noisy='right, noisy',
    wrong_noisy='wrong, noisy',
    wrong_clean='wrong, clean',
    map='mAP',
    epochs='epochs',
)


def paired_difference(variant: pd.Series, reference: pd.Series) -> tuple[float, float, int]:
    """Compare runs that share a random seed.

    Args:
        variant (pd.Series): Figures by random seed.
        reference (pd.Series): The same of the reference.

    Returns:
        tuple[float, float, int]: Mean difference, half the width of its 95 % interval (NaN with
        fewer than two pairs), number of pairs.
    """
    both = (variant - reference).dropna()
    if both.empty:
        return np.nan, np.nan, 0
    half = stats.t.ppf(0.975, len(both) - 1) * stats.sem(both) if len(both) > 1 else np.nan
    return both.mean(), half, len(both)


def summarize(rows: pd.DataFrame, figures: list[str], reference: str | None) -> pd.DataFrame:
    """Summarize the rows of one table of one study.

    Args:
        rows (pd.DataFrame): Rows of results.csv.
        figures (list[str]): Columns shown; the first one is compared with the reference.
        reference (str, optional): A variant.

    Returns:
        pd.DataFrame: One row a variant in order of appearance: ``n``, ``<figure>``,
        ``<figure>_std``, and with a reference ``difference``, ``interval``, ``pairs``.
    """
    table = []
    first = rows.pivot_table(index='random_seed', columns='variant', values=figures[0])
    for variant, group in rows.groupby('variant', sort=False):
        row: dict = dict(variant=variant, n=len(group))
        for figure in figures:
            row[figure], row[f'{figure}_std'] = group[figure].mean(), group[figure].std()
        if reference is not None:
            difference: tuple = np.nan, np.nan, 0
            if reference in first and variant in first:
                difference = paired_difference(first[variant], first[reference])
            row |= zip(('difference', 'interval', 'pairs'), difference, strict=True)
        table.append(row)
    return pd.DataFrame(table)


def spread(mean: float, deviation: float, number: int) -> str:
    """Write mean ± deviation (number)."""
    if np.isnan(mean):
        return ''
    return f'{mean:.2f}' + ('' if np.isnan(deviation) else f' ± {deviation:.2f}') + f' ({number})'


def markdown(
    summary: pd.DataFrame,
    figures: list[str],
    reference: str | None,
    paper: dict[str, float | str] | None = None,
) -> str:
    """Write a summary as a table in Markdown, beside what the paper reports for a variant."""
    shown = pd.DataFrame({'variant': summary['variant']})
    for figure in figures:
        cells = zip(summary[figure], summary[f'{figure}_std'], summary['n'], strict=True)
        shown[TITLES[figure]] = [spread(*cell) for cell in cells]
    if reference is not None:
        texts = []
        for _, row in summary.iterrows():
            low, high = row['difference'] - row['interval'], row['difference'] + row['interval']
            text = '' if np.isnan(row['difference']) else f'{row["difference"]:+.2f}'
            if not np.isnan(low):
                text += f' [{low:+.2f}, {high:+.2f}]' + ' **' * bool(low > 0 or high < 0)
            texts.append('reference' if row['variant'] == reference else text)
        shown[f'difference to {reference} [95 %]'] = texts
    if paper is not None:
        shown['the paper, VOC 2012'] = [paper.get(name, '') for name in summary['variant']]
    head = (
        '| ' + ' | '.join(shown.columns) + ' |\n|---' + '|---:' * (len(shown.columns) - 1) + '|\n'
    )
    body = '\n'.join('| ' + ' | '.join(map(str, row)) + ' |' for row in shown.to_numpy())
    return head + body.replace(' **', ' \\*') + '\n'


def plot(rows: pd.DataFrame, figure: str, title: str, path: Path) -> None:
    """Draw every run as a point and the mean of each variant as a bar."""
    names = list(dict.fromkeys(rows['variant']))
    _, axes = plt.subplots(figsize=(8, 0.6 + 0.28 * len(names)), layout='constrained')
    for place, name in enumerate(names):
        values = rows.loc[rows['variant'] == name, figure]
        axes.plot(values, [place] * len(values), 'o', color='tab:blue', alpha=0.5, markersize=4)
        axes.plot([values.mean()] * 2, [place - 0.3, place + 0.3], color='black')
    axes.set(yticks=range(len(names)), yticklabels=names, xlabel=TITLES[figure], title=title)
    axes.invert_yaxis()
    plt.savefig(path, dpi=100)
    plt.close()


def main(arguments: list[str] | None = None) -> None:
    """Write the tables and the plots."""
    parser = argparse.ArgumentParser(description='Summarize results.csv.')
    parser.add_argument('project', type=Path, help='folder of tables.yaml and findings.md')
    parser.add_argument('--results', type=Path, help='default: results.csv of the project')
    parser.add_argument('--out', type=Path, help='default: results.md of the project')
    parser.add_argument('--plots', type=Path, help='folder of the plots; none without it')
    args = parser.parse_args(arguments)
    source = args.results or args.project / 'results.csv'
    results = pd.read_csv(source, dtype=dict(variant=str))
    tables = yaml.safe_load((args.project / 'tables.yaml').read_text(encoding='utf-8'))
    unknown = sorted(set(results['table']) - set(tables))
    if unknown:
        raise SystemExit(f'{source}: tables.yaml has no table {", ".join(unknown)}')
    text = [(args.project / 'findings.md').read_text(encoding='utf-8')]
    for study, of_study in results.groupby('study', sort=False):
        text.append(f'## Tables of {study}\n')
        machines = '; '.join(sorted(set(of_study['machine'])))
        first, last = of_study['date'].min(), of_study['date'].max()
        days = first if first == last else f'{first} to {last}'
        text.append(f'{len(of_study)} runs, {days}. Machines: {machines}.\n')
        for name, table in tables.items():
            rows = of_study[of_study['table'] == name]
            if rows.empty:
                continue
            reference = table.get('reference')
            if isinstance(reference, dict):
                reference = reference.get(study)
            text.append(f'### {table["title"]} ({study})\n')
            text.append(f'On {table["images"]} photographs. {table.get("note", "")}'.strip() + '\n')
            summary = summarize(rows, table['figures'], reference)
            text.append(markdown(summary, table['figures'], reference, table.get('paper')))
            if args.plots:
                args.plots.mkdir(parents=True, exist_ok=True)
                path = args.plots / f'{study}-{name}.png'
                plot(rows, table['figures'][0], f'{table["title"]} ({study})', path)
    out = args.out or args.project / 'results.md'
    out.write_text('\n'.join(text), encoding='utf-8')


if __name__ == '__main__':
    main()
