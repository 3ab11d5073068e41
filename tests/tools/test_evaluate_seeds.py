"""The command that evaluates seeds: its numbers, what it refuses, what it writes."""

import json
from html.parser import HTMLParser
from pathlib import Path

import evaluate_seeds as tool
import jsonschema
import numpy as np
import pytest
from helpers.seed_roots import CLASSES, SEED_NAMES, write_images, write_seed_root, write_split

import mmseg_wsss.evaluation
from mmseg_wsss.reporting import evaluation_tables
from mmseg_wsss.store import read_mask, write_mask

SCHEMA = Path(mmseg_wsss.evaluation.__file__).with_name('evaluation.schema.json')
IDS = [f'image {number}' for number in range(7)]
SHAPE = (24, 32)


@pytest.fixture
def folder(tmp_path):
    """A seed root, ground truth that seed a comes near, tags and photographs."""
    seeds = write_seed_root(tmp_path / 'seeds', IDS)
    rng = np.random.default_rng(0)
    lines = ['image_id,tags']
    for image_id in IDS:
        wrong = rng.random(SHAPE) < 0.3
        truth = np.where(wrong, rng.integers(0, 3, SHAPE, np.uint8), seeds[image_id][0])
        truth[:2], truth[5] = 1, 255
        write_mask(tmp_path / 'truth' / f'{image_id}.png', truth)
        lines.append(f'{image_id},cat')
    (tmp_path / 'tags.csv').write_text('\n'.join(lines))
    write_images(tmp_path / 'images', IDS)
    return tmp_path


def run(folder, *options, gt=True, jobs=1):
    truth = ['--gt', str(folder / 'truth')] if gt else []
    return tool.main([str(folder / 'seeds'), *truth, '--jobs', str(jobs), *map(str, options)])


def evaluate(folder, *options, gt=True):
    """Run the command and read its scores, which must be as the schema says."""
    assert run(folder, '--out', folder / 'out', *options, gt=gt) == 0
    data = json.loads((folder / 'out' / 'evaluation.json').read_text())
    jsonschema.validate(data, json.loads(SCHEMA.read_text()))
    return data


def plain_matrix(folder, name, ids=IDS, num_classes=3):
    """Count one pixel at a time."""
    matrix = np.zeros((num_classes, num_classes + 1), int)
    for image_id in ids:
        truth = read_mask(folder / 'truth' / f'{image_id}.png')
        mask = read_mask(folder / 'seeds' / name / f'{image_id}.png')
        for true, given in zip(truth.flat, mask.flat, strict=True):
            if true != 255:
                matrix[true, min(given, num_classes)] += 1
    return matrix


def test_scores_are_those_of_a_plain_count(folder):
    masks = evaluate(folder)['masks']
    assert list(masks) == [*SEED_NAMES, 'aggregated', 'union (oracle)', 'intersection']
    for name in [*SEED_NAMES, 'aggregated']:
        matrix = plain_matrix(folder, name)
        hits, true, given = np.diag(matrix), matrix.sum(1), matrix[:, :3].sum(0)
        union = true + given - hits
        expected = dict(
            miou=np.mean(hits / union),
            classes_scored=3,
            pixel_accuracy=hits.sum() / matrix.sum(),
            precision=np.mean(hits / given),
            recall=np.mean(hits / true),
            false_positive=np.mean((given - hits) / union),
            false_negative=np.mean((true - hits) / union),
            coverage=given.sum() / matrix.sum(),
        )
        assert {key: masks[name][key] for key in expected} == pytest.approx(expected)
        for label, one in enumerate(CLASSES):
            assert masks[name]['classes'][one]['iou'] == pytest.approx(hits[label] / union[label])


def test_thresholds_obey_the_invariants(folder):
    rows = list(evaluate(folder)['thresholds'].values())
    right = [row['right_clean'] + row['right_noisy'] for row in rows]
    noisy = [row['noisy'] for row in rows]
    np.testing.assert_allclose(right, right[0])
    assert (np.diff(noisy) >= 0).all() and noisy[0] == 0


def test_best_subset_is_the_seed_that_the_ground_truth_was_made_from(folder):
    data = evaluate(folder, '--subsets')
    best, masks = data['subsets'][0], data['masks']
    assert best['seeds'] == ['a'] and best['miou'] == masks['a']['miou']
    (every,) = (one for one in data['subsets'] if len(one['seeds']) == 3)
    assert every['miou'] == masks['aggregated']['miou'] and len(data['subsets']) == 7


def test_output_does_not_depend_on_the_number_of_processes(folder, capsys):
    outputs = []
    for jobs in (1, 3):
        options = ('--tags', folder / 'tags.csv', '--subsets', '--images', folder / 'images')
        assert run(folder, '--out', folder / 'out', *options, jobs=jobs) == 0
        files = sorted((folder / 'out').iterdir())
        assert [file.suffix for file in files] == ['.html', '.json', '.md']
        outputs.append((capsys.readouterr().out, *(file.read_bytes() for file in files)))
    assert outputs[0] == outputs[1]


def test_head_says_what_was_scored(folder, capsys):
    write_split(folder / 'some.txt', IDS[:3])
    assert run(folder, '--split', folder / 'some.txt') == 0
    out = capsys.readouterr().out
    assert f'Images: 3 (split {folder / "some.txt"})' in out
    assert '255: in the ground truth a pixel does not count' in out
    pixels = plain_matrix(folder, 'a', IDS[:3]).sum()
    assert f'{pixels:,} pixels' in out
    assert 'Never in the ground truth' not in out


def test_classes_that_the_ground_truth_never_shows_are_named(folder, capsys):
    for path in (folder / 'truth').glob('*.png'):
        truth = read_mask(path)
        write_mask(path, np.where(truth == 0, 0, 255).astype(np.uint8))
    assert run(folder) == 0
    out = capsys.readouterr().out
    assert 'Never in the ground truth: ' in out and ' of 3 classes)' in out


def test_without_ground_truth(folder, capsys):
    data = evaluate(folder, '--tags', folder / 'tags.csv', gt=False)
    assert 'thresholds' not in data and 'complement' not in data['pairs']
    assert data['tags'] == dict(images_lacking_a_tag=0, images_with_an_untagged_class=len(IDS))
    assert {tuple(image['untagged_classes']) for image in data['images']} == {('dog',)}
    assert 'Ground truth: none' in capsys.readouterr().out
    assert 'tags' not in evaluate(folder, gt=False)


def test_root_that_keeps_no_seeds(folder, capsys):
    for name in SEED_NAMES:
        for path in (folder / 'seeds' / name).iterdir():
            path.unlink()
        (folder / 'seeds' / name).rmdir()
    assert list(evaluate(folder)['masks']) == ['aggregated']
    assert 'not kept in the root' in capsys.readouterr().out
    assert run(folder, '--subsets') == 1
    assert 'the root keeps no seeds' in capsys.readouterr().err


@pytest.mark.parametrize('kind', ['truth', 'seeds/b', 'seeds/aggregated', 'seeds/agreement'])
@pytest.mark.parametrize(
    'damage, message',
    [
        (lambda path: path.unlink(), 'there is no such mask'),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), 'truncated'),
        (lambda path: write_mask(path, np.zeros((32, 24), np.uint8)), 'expected 24 x 32'),
        (lambda path: write_mask(path, np.full(SHAPE, 7, np.uint8)), 'label 7'),
    ],
)
def test_wrong_masks_are_named(folder, capsys, kind, damage, message):
    path = folder / kind / f'{IDS[4]}.png'
    damage(path)
    assert run(folder, '--out', folder / 'out') == 1
    error = capsys.readouterr().err
    if kind == 'seeds/aggregated' and 'expected' in message:
        message = 'expected 32 x 24'  # the aggregate is read first, the others are named
    else:
        assert str(path) in error
    assert message in error and 'Traceback' not in error
    assert not (folder / 'out').exists()


def test_missing_masks_can_be_left_out(folder, capsys):
    missing = folder / 'truth' / f'{IDS[4]}.png'
    missing.unlink()
    assert run(folder, '--allow-missing') == 0
    out = capsys.readouterr().out
    assert 'Images: 6' in out and 'left out for a missing mask: 1' in out and str(missing) in out
    (folder / 'truth' / f'{IDS[2]}.png').write_bytes(b'')
    assert run(folder, '--allow-missing') == 1
    assert f'{IDS[2]}.png: the file is empty' in capsys.readouterr().err


def test_no_image_is_left(folder, capsys):
    for path in (folder / 'truth').iterdir():
        path.unlink()
    assert run(folder, '--allow-missing') == 1
    assert 'none has all of its masks' in capsys.readouterr().err


def test_true_masks_with_other_classes_are_matched_by_name(folder):
    expected = evaluate(folder)['masks']
    for image_id in IDS:
        path = folder / 'truth' / f'{image_id}.png'
        numbers = np.full(256, 2, np.uint8)  # horses, which the seeds do not know, instead of void
        numbers[:3] = 0, 3, 1
        write_mask(path, numbers[read_mask(path)])
    classes = ('--gt-classes', 'background,dog,horse,cat')
    assert evaluate(folder, *classes)['masks'] == expected


@pytest.mark.parametrize(
    'options, message',
    [
        (('--trimap-width', 0), 'trimap width 0'),
        (('--jobs', 0), 'jobs=0'),
        (('--pictures', -1), '--pictures -1'),
        (('--gt-classes', 'sky,sea'), 'share none with'),
        (('--gt', 'nowhere'), 'nowhere: there is no such folder'),
        (('--split', 'nowhere.txt'), 'nowhere.txt: there is no such split list'),
        (('--tags', 'nowhere.csv'), 'nowhere.csv: there is no such tags file'),
        (('--images', 'nowhere', '--out', 'report'), 'nowhere'),
    ],
)
def test_wrong_options(folder, capsys, monkeypatch, options, message):
    monkeypatch.chdir(folder)
    assert run(folder, *options) == 1
    error = capsys.readouterr().err
    assert message in error and 'Traceback' not in error


def test_what_needs_a_ground_truth_says_so(folder, capsys):
    assert run(folder, '--subsets', gt=False) == 1
    assert 'there is no ground truth' in capsys.readouterr().err
    assert run(folder, '--gt-classes', 'voc12', gt=False) == 1
    assert '--gt' in capsys.readouterr().err


def test_images_that_the_root_or_the_tags_lack(folder, capsys):
    write_split(folder / 'more.txt', [*IDS, 'stranger'])
    assert run(folder, '--split', folder / 'more.txt') == 1
    assert 'first stranger' in capsys.readouterr().err
    (folder / 'tags.csv').write_text('image_id,tags\nimage 0,cat\n')
    assert run(folder, '--tags', folder / 'tags.csv') == 1
    assert '6 images have no tags, first image 1' in capsys.readouterr().err


class Page(HTMLParser):
    """Collects what a page shows."""

    def __init__(self):
        super().__init__()
        self.sources, self.headings, self.inside = [], [], False

    def handle_starttag(self, tag, attrs):
        self.inside = tag == 'h2'
        self.sources += [value for name, value in attrs if name in ('src', 'href')]

    def handle_data(self, data):
        if self.inside:
            self.headings.append(data)

    def handle_endtag(self, tag):
        self.inside = False


@pytest.mark.parametrize('images', [True, False])
def test_report_holds_all_it_shows(folder, images):
    options = ('--images', folder / 'images') if images else ()
    assert run(folder, '--out', folder / 'out', '--pictures', 2, *options) == 0
    text = (folder / 'out' / 'evaluation.html').read_text()
    page = Page()
    page.feed(text)
    # Of each image: photograph, ground truth, aggregate, agreement, right and wrong, three seeds;
    # and three plots.
    pictures = [source for source in page.sources if source.startswith('data:image/')]
    assert len(pictures) == 2 * (8 if images else 7) + 3
    links = [source for source in page.sources if source.startswith('#')]
    assert len(links) == len(page.headings) and page.headings[:2] == ['Plots', 'Pictures']
    assert len(links) + len(pictures) == len(page.sources)
    written = json.loads((folder / 'out' / 'evaluation.json').read_text())
    titles = [table.title for table in evaluation_tables(written)]
    assert page.headings[2:] == titles
    markdown = (folder / 'out' / 'evaluation.md').read_text()
    assert all(f'## {title}\n' in markdown for title in titles)


def test_no_pictures(folder):
    assert run(folder, '--out', folder / 'out', '--pictures', 0) == 0
    assert 'class="row"' not in (folder / 'out' / 'evaluation.html').read_text()


def test_photographs_must_have_the_size_of_the_masks(folder, capsys):
    write_images(folder / 'images', IDS, (20, 20))
    assert run(folder, '--out', folder / 'out', '--images', folder / 'images') == 1
    assert 'its masks are (24, 32)' in capsys.readouterr().err


def test_classes_are_those_of_the_root(folder):
    data = evaluate(folder)
    assert data['head']['classes'] == list(data['masks']['aggregated']['classes']) == list(CLASSES)
