"""The notebook of the documentation: what git has of it, and that it runs at tiny size."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / 'docs' / 'notebooks' / 'from_tags_to_overlays.ipynb'
nbformat = pytest.importorskip('nbformat')
nbclient = pytest.importorskip('nbclient')
pytest.importorskip('ipykernel')


@pytest.fixture
def notebook():
    return nbformat.read(PATH, as_version=4)


def parameters_of(notebook) -> int:
    """The place of the cell with what a user sets."""
    (place,) = [
        index
        for index, cell in enumerate(notebook.cells)
        if 'parameters' in cell.metadata.get('tags', [])
    ]
    return place


def test_there_are_no_outputs_in_git(notebook):
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == 'code':
            assert cell.outputs == [] and cell.execution_count is None
    assert set(notebook.metadata) == {'kernelspec', 'language_info'}


def test_its_links_lead_to_a_page_and_a_heading(notebook):
    text = '\n'.join(cell.source for cell in notebook.cells if cell.cell_type == 'markdown')
    links = re.findall(r'\]\(([^)#\s]+)#?([^)\s]*)\)', text)
    assert len(links) >= 5
    for name, anchor in links:
        page = (PATH.parent / name).resolve().read_text(encoding='utf-8')
        headings = re.findall(r'^#+ (.+)$', page, re.M)
        assert not anchor or anchor in {
            re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings
        }


@pytest.mark.slow
def test_it_runs_from_tags_to_overlays(notebook, tmp_path, monkeypatch):
    paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, paths)))
    here = parameters_of(notebook)
    settings = {}
    exec(notebook.cells[here].source, settings)
    assert {'PHOTOS', 'TAGS', 'NEW_PHOTOS', 'OUT', 'QUICK'} < set(settings)
    assert not settings['QUICK'] and settings['PHOTOS'] is None
    notebook.cells[here].source += '\nQUICK = True'
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources=dict(metadata=dict(path=str(tmp_path)))
    )
    client.execute()
    shown = [
        output.data['image/png']
        for cell in notebook.cells
        if cell.cell_type == 'code'
        for output in cell.outputs
        if 'image/png' in output.get('data', {})
    ]
    assert len(shown) == 4  # photographs, two sheets of seeds, overlays
    assert [path.name for path in tmp_path.iterdir()] == [settings['OUT']]
    out = tmp_path / settings['OUT']
    photos = sorted((out / 'new_scenes' / 'images').iterdir())
    assert len(photos) == 9
    for photo in photos:
        with Image.open(photo) as image:
            size = image.size
        with Image.open(out / 'predictions' / 'masks' / f'{photo.stem}.png') as mask:
            assert mask.size == size and np.asarray(mask).max() < 6
        with Image.open(out / 'predictions' / 'overlays' / f'{photo.stem}.jpg') as overlay:
            assert overlay.size == size


@pytest.mark.slow
def test_it_runs_on_photographs_of_ones_own_up_to_the_training(notebook, tmp_path, monkeypatch):
    """The networks for these want a GPU and weights; the cells before them are run."""
    from scenes import SceneSet, write_scenes

    write_scenes(tmp_path / 'mine', SceneSet(5, 1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('MPLBACKEND', 'agg')
    settings = dict(PHOTOS='mine/images', TAGS='mine/tags.csv', NEW_PHOTOS=None, OUT='out')
    space = dict(QUICK=True, **settings)
    for cell in notebook.cells[parameters_of(notebook) + 1 :]:
        if cell.cell_type == 'code':
            if 'WSSSRunner.from_cfg' in cell.source:
                break
            exec(cell.source, space)
    assert space['classes'] == ('background', 'bird', 'fish', 'mushroom', 'snail', 'truck')
    assert 'resnet50_voc.py' in (tmp_path / 'out/configs/notebook_cls.py').read_text()
    assert space['new_photos'] == tmp_path / 'mine' / 'images'
