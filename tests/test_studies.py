"""The committed results: made from their JSON files, and the source of the README's figures."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from mmseg_wsss.experiments.budget import BUDGETS
from mmseg_wsss.experiments.results import Results
from mmseg_wsss.experiments.study import Study
from mmseg_wsss.experiments.summary import write_summary

ROOT = Path(__file__).parents[1]
STUDIES = sorted((ROOT / 'resources' / 'studies').iterdir())


@pytest.mark.parametrize('folder', STUDIES, ids=lambda folder: folder.name)
def test_the_summary_is_that_of_the_json_files(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / 'plan.json', tmp_path)
    shutil.copytree(folder / 'runs', tmp_path / 'runs')
    write_summary(tmp_path)
    assert (tmp_path / 'summary.md').read_text() == (folder / 'summary.md').read_text()
    for path in (folder / 'plots').iterdir():
        assert (tmp_path / 'plots' / path.name).read_bytes() == path.read_bytes()
    # Every record is behind a table.
    records = {record['name'] for record in Results(folder).used()}
    assert records == {path.stem for path in (folder / 'runs').iterdir()}


@pytest.mark.parametrize('folder', STUDIES, ids=lambda folder: folder.name)
def test_the_tables_of_the_readme_are_those_of_the_summary(folder: Path) -> None:
    readme, summary = (ROOT / 'README.md').read_text(), (folder / 'summary.md').read_text()
    start, end = f'<!-- {folder.name} -->', f'<!-- end of {folder.name} -->'
    assert readme.count(start) == readme.count(end) == 1
    shown = readme.partition(start)[2].partition(end)[0]
    rows = [line for line in shown.splitlines() if re.match(r'\| [^|]*[0-9]', line)]
    assert len(rows) > 3
    assert set(rows) <= set(summary.splitlines())


@pytest.mark.parametrize('folder', STUDIES, ids=lambda folder: folder.name)
def test_the_study_of_this_code_goes_on_from_the_records(folder: Path) -> None:
    """A change of a config or of the study makes other steps; its records are then to be remade."""
    plan = json.loads((folder / 'plan.json').read_text())
    records = [json.loads(path.read_text()) for path in (folder / 'runs').iterdir()]
    digests: dict[str, str] = {}
    for record in records:
        digests.update(record['settings'].get('images', {}))
    study = Study(BUDGETS[plan['budget']], digests, plan['images'], ROOT / 'configs')
    known = {step.name for step in study.steps(study.groups)}
    assert {record['name'] for record in records} <= known
