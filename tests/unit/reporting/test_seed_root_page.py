"""The page beside the seeds: written with them, without them being touched, never in their way."""

import json
import re
from html import unescape

import pytest
from helpers.classifier_run import build_config, files_of, write_data

from mmseg_wsss.apis import generate_seeds
from mmseg_wsss.registry import MODELS
from mmseg_wsss.reporting import seed_page as seed_root_page


@pytest.fixture
def project(tmp_path):
    """A config and a classifier with random weights."""
    write_data(tmp_path)
    config = build_config(tmp_path)
    return config, MODELS.build(config.model)


def make(project, root, **options):
    return generate_seeds(*project, out=root, num_workers=0, num_writers=0, **options)


def test_page_shows_votes_tags_and_pictures_and_changes_nothing(project, tmp_path):
    make(project, tmp_path / 'with')
    make(project, tmp_path / 'without', report=False)
    assert not (tmp_path / 'without' / 'report.html').exists()
    for name in ('with', 'without'):
        assert (tmp_path / name / '.lock').exists()
    assert files_of(tmp_path / 'with') == files_of(tmp_path / 'without')
    manifests = [(tmp_path / name / 'manifest.json').read_bytes() for name in ('with', 'without')]
    assert manifests[0] == manifests[1]
    page = (tmp_path / 'with' / 'report.html').read_text()
    assert 'Ground truth: none' in page and 'right, clean' not in page
    for title in ('Agreement, in percent of the pixels', 'Masks against the tags, in images'):
        assert f'{title}</h2>' in page
    # Of each of the four images: photograph, aggregate, agreement, two seeds.
    assert page.count('<div class="row"') == 4 and page.count('<img') == 4 * 5 + 1  # and a plot
    shown = re.findall('data-classes="([^"]*)"', page)
    assert {name for text in shown for name in json.loads(unescape(text))} <= {'red', 'green'}


def test_a_run_that_makes_nothing_new_leaves_the_same_page(project, tmp_path):
    make(project, tmp_path / 'seeds')
    page = (tmp_path / 'seeds' / 'report.html').read_bytes()
    assert make(project, tmp_path / 'seeds').made == 0
    assert (tmp_path / 'seeds' / 'report.html').read_bytes() == page


def test_no_page_of_other_seeds_is_left(project, tmp_path):
    root = tmp_path / 'seeds'
    make(project, root)
    assert make(project, root, report=False).made == 0
    assert (root / 'report.html').exists()
    (root / 'aggregated' / 'a.png').unlink()
    assert make(project, root, report=False).made == 1
    assert not (root / 'report.html').exists()


def test_aggregate_alone_has_a_page(project, tmp_path):
    make(project, tmp_path / 'seeds', keep='aggregate')
    page = (tmp_path / 'seeds' / 'report.html').read_text()
    assert page.count('<img') == 4 * 3 + 1 and 'not kept in the root' in page


def test_number_of_pictures_is_bounded(project, tmp_path, monkeypatch):
    monkeypatch.setattr(seed_root_page, 'NUM_PICTURES', 3)
    make(project, tmp_path / 'seeds')
    page = (tmp_path / 'seeds' / 'report.html').read_text()
    assert page.count('<div class="row"') == 3
    assert page.count('; to look at first<') == 2 and page.count('; sample<') == 1


def test_seeds_survive_a_page_that_fails(project, tmp_path, monkeypatch):
    logged = []

    def fail(*_, **__):
        raise OSError('No space left on device')

    monkeypatch.setattr(seed_root_page, 'write_atomic', fail)
    monkeypatch.setattr(seed_root_page, 'print_log', lambda text, *_, **__: logged.append(text))
    (tmp_path / 'seeds').mkdir()
    (tmp_path / 'seeds' / 'report.html').write_text('of other seeds')
    summary = make(project, tmp_path / 'seeds')
    assert summary.made == 4 and len(files_of(tmp_path / 'seeds')) == 20
    assert not (tmp_path / 'seeds' / 'report.html').exists()
    assert 'report.html could not be written (OSError: No space left' in logged[0]
