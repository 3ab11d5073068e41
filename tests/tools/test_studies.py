"""projects: statistics and data of the studies, and plans that expand to runnable commands."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import shlex
import statistics
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image
from scipy import stats
from sklearn.metrics import jaccard_score, recall_score

PROJECTS = Path(__file__).parents[2] / 'projects'
PROJECT = PROJECTS / 'animals7'


def load(name: str, folder: str = 'study'):
    path = PROJECTS / folder / f'{name}.py'
    spec = importlib.util.spec_from_file_location(f'{folder}_{name}', path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.path.append(str(PROJECTS / 'study'))  # where a script of it finds its modules, behind tools
run, summary = load('run'), load('summary')
PLAN = yaml.safe_load((PROJECT / 'plan.yaml').read_text())
TABLES = yaml.safe_load((PROJECT / 'tables.yaml').read_text())


@pytest.fixture(scope='module')
def results():
    return pd.read_csv(PROJECT / 'results.csv', dtype=dict(variant=str))


@pytest.fixture
def study(tmp_path):
    """Make studies that write into a folder of their own, with results that are empty at first."""
    with (PROJECT / 'results.csv').open(newline='') as source:
        (tmp_path / 'results.csv').write_text(source.readline())

    def make(budget='cpu-first', plan=PLAN):
        return run.Study(plan, budget, 'own', tmp_path / 'work', tmp_path / 'results.csv')

    return make


VOC20 = PROJECTS / 'voc20'
VOC20_PLAN = yaml.safe_load((VOC20 / 'plan.yaml').read_text())


def row_of(variant: str, part: str = 'networks') -> dict:
    return next(row for row in PLAN[part] if row['variant'] == variant)


def measured(tmp_path: Path) -> list[dict]:
    with (tmp_path / 'results.csv').open(newline='') as file:
        return list(csv.DictReader(file))


# The tables.


def test_a_difference_is_paired_by_random_seed():
    variant = pd.Series({0: 5.0, 1: 7.5, 2: 9.0, 3: 1.0})
    reference = pd.Series({0: 4.0, 1: 5.0, 2: 6.0})
    mean, half, number = summary.paired_difference(variant, reference)
    expected = stats.ttest_rel(variant[:3], reference).confidence_interval(0.95)
    assert number == 3
    assert (mean - half, mean + half) == pytest.approx((expected.low, expected.high))
    assert math.isnan(summary.paired_difference(variant[:1], reference)[1])
    assert summary.paired_difference(variant[3:], reference)[2] == 0


def test_tables_have_mean_and_deviation_of_the_rows(results):
    rows = results[(results['study'] == 'gpu-first') & (results['table'] == 'training')]
    table = summary.summarize(rows, ['miou'], 'aggregate, plain').set_index('variant')
    hybrid = list(rows.loc[rows['variant'] == 'hybrid, t = 6', 'miou'])
    plain = list(rows.loc[rows['variant'] == 'aggregate, plain', 'miou'])
    assert table.loc['hybrid, t = 6', 'miou'] == pytest.approx(statistics.fmean(hybrid))
    assert table.loc['hybrid, t = 6', 'miou_std'] == pytest.approx(statistics.stdev(hybrid))
    gain = statistics.fmean(hybrid) - statistics.fmean(plain)
    assert table.loc['hybrid, t = 6', 'difference'] == pytest.approx(gain)


def test_the_page_and_the_plots_are_made_from_the_rows_alone(results, tmp_path):
    chosen = results['table'].isin(['training', 'crf']) & (results['study'] == 'cpu-first')
    results[chosen].to_csv(tmp_path / 'some.csv', index=False)
    options = [PROJECT, '--results', tmp_path / 'some.csv', '--out', tmp_path / 'page.md']
    summary.main([str(one) for one in [*options, '--plots', tmp_path / 'plots']])
    page = (tmp_path / 'page.md').read_text()
    assert all(page.count(f'### {TABLES[name]["title"]}') == 1 for name in ('training', 'crf'))
    values = results[chosen & (results['variant'] == 'hybrid, t = 6')]['miou']
    assert f'| hybrid, t = 6 | {values.mean():.2f} ± {values.std():.2f} (3) |' in page
    plots = sorted((tmp_path / 'plots').iterdir())
    assert [path.stem for path in plots] == ['cpu-first-crf', 'cpu-first-training']
    assert all(min(Image.open(path).size) > 100 for path in plots)


def test_a_table_without_a_description_is_named(tmp_path):
    text = (PROJECT / 'results.csv').read_text().splitlines()
    more = text[1].replace(',seeds,', ',new,')
    (tmp_path / 'more.csv').write_text('\n'.join([*text, more]))
    with pytest.raises(SystemExit, match='no table new'):
        summary.main([str(PROJECT), '--results', str(tmp_path / 'more.csv')])


# The data.


def test_every_run_is_there_once_and_whole(results):
    assert not results.duplicated(['study', 'table', 'variant', 'random_seed']).any()
    about = ['config_hash', 'version', 'commit', 'machine', 'date', 'seconds', 'command']
    assert results[about].notna().all(axis=None)
    figures = results.loc[:, 'miou':'iou_sheep']
    assert figures.notna().any(axis=1).all()
    assert (figures.isna() | ((figures >= 0) & (figures <= 100))).all(axis=None)
    assert set(results['table']) <= set(TABLES)


def test_the_four_kinds_of_pixels_make_up_the_whole(results):
    rows = results[results['table'] == 'agreement']
    kinds = rows[['right_clean', 'right_noisy', 'wrong_noisy', 'wrong_clean']].sum(axis=1)
    assert len(rows) and kinds.values == pytest.approx(np.full(len(rows), 100), abs=1e-3)


def test_the_mean_of_the_classes_is_the_miou(results):
    rows = results[results['iou_cat'].notna()]
    classes = rows[[f'iou_{name}' for name in PLAN['classes']]].mean(axis=1)
    assert len(rows) > 200 and (classes - rows['miou']).abs().max() < 0.006  # of two decimals


def test_the_plan_has_a_row_for_every_result(results):
    planned = {
        (table, row['variant'])
        for row in [*PLAN['seed_rows'], *PLAN['networks']]
        for table in row['tables']
    }
    found = set(zip(results['table'], results['variant'], strict=True))
    assert {one for one in found if one[0] != 'classifier'} <= planned
    assert {table for table, _ in planned} <= set(TABLES)


# The plan.


@pytest.mark.parametrize(
    ('plan', 'budget'),
    [
        (PLAN, 'cpu-first'),
        (PLAN, 'gpu'),
        (PLAN, 'full-length'),
        (VOC20_PLAN, 'gpu'),
        (VOC20_PLAN, 'cpu'),
        (VOC20_PLAN, 'cpu-first'),
        (VOC20_PLAN, 'better-labels'),
        (VOC20_PLAN, 'resnet50'),
        (VOC20_PLAN, 'paper'),
        (VOC20_PLAN, 'second-network'),
    ],
)
def test_the_whole_plan_expands_to_runnable_steps(study, plan, budget, capsys):
    made = study(budget, plan)
    for row in [*plan['seed_rows'], *plan['networks']]:
        made.add(row, 1)
    assert made.run(dry=True) == []
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(set(lines)) == len(made.steps)
    rows = [row for step in made.steps.values() for row in step.rows]
    assert len(rows) == sum(len(row['tables']) for row in [*plan['seed_rows'], *plan['networks']])
    for step in made.steps.values():
        assert (run.ROOT / step.command[0]).is_file()
        # What a command reads of the work dir is made by its inputs, which come before.
        text = ' '.join([*step.command, step.config])
        for other in made.steps.values():
            if other is not step and str(other.folder) in text:
                assert other in step.inputs
                assert lines.index(_line(other)) < lines.index(_line(step))
    assert not made.work.exists()


def _line(step) -> str:
    return shlex.join(['python', *step.command])


def test_every_loss_of_the_plan_builds(study, tmp_path):
    made = study()
    networks = [made.network(row, 0) for row in PLAN['networks']]
    losses = {}
    for number, step in enumerate({step.digest: step for step in networks}.values()):
        path = tmp_path / f'{number}.py'
        path.write_text(step.config)
        loss = Config.fromfile(path, import_custom_modules=False).model.decode_head.loss_decode
        losses[repr(loss)] = loss
    for loss in losses.values():
        assert callable(MODELS.build(loss).forward)


def test_what_rows_share_is_made_once(study):
    made = study()
    for variant in ('hybrid, t = 6, 2 x iterations', 'hybrid, t = 6, 2 x iterations, TTA'):
        made.add(row_of(variant), 2)
    kinds = sorted(folder.name.split('-')[0] for folder in made.steps)
    assert kinds == ['classifier', 'labels', 'network', 'test', 'test']


def test_a_row_changes_what_it_names(study):
    made = study()
    plain, hybrid = made.network(row_of('aggregate, plain'), 0), made.network(row_of(
        'hybrid, t = 6, 3 x learning rate'), 0)  # fmt: skip
    longer = made.network(row_of('fully supervised, 2 x iterations'), 0)
    plain, hybrid, longer = (
        Config.fromstring(step.config, '.py') for step in (plain, hybrid, longer)
    )
    assert plain.train_cfg.max_iters == 300 and longer.train_cfg.max_iters == 600
    assert [(one.begin, one.end) for one in longer.param_scheduler] == [(0, 50), (50, 600)]
    assert hybrid.optim_wrapper.optimizer.lr == pytest.approx(6e-4)
    load = hybrid.train_dataloader.dataset.pipeline[1]
    assert load == dict(type='LoadSeedAnnotations', agreement_threshold=6)
    assert plain.train_dataloader.dataset.pipeline[1].agreement_threshold is None
    assert longer.train_dataloader.dataset.type == 'PascalVOCDataset'
    assert longer.train_dataloader.dataset.ann_file.endswith('lists/train.txt')
    assert plain.train_dataloader.dataset.pipeline[3].crop_size == (176, 176)


def test_labels_that_other_commands_made_are_taken_where_they_lie(study):
    made = study('paper', VOC20_PLAN)
    rows = {row['variant']: row for row in VOC20_PLAN['networks']}
    network = made.network(rows['0.10-1.20'], 0)
    learned = Config.fromstring(network.config, '.py').train_dataloader.dataset
    root = 'work_dirs/seeds-voc20/resnet50/wide-1600/affinity'
    assert (learned.seed_root, learned.seed) == (root, '0.10-1.20')
    assert network.inputs == []  # the classifier, too, is there
    scored = made.evaluated(dict(labels='six'), 0)
    assert scored.inputs == [] and scored.command[1] == root


def test_the_voters_of_several_classifiers_take_turns(study):
    made = study()
    labels = made.labels('several classifiers', 1)
    six = [made.labels('six', seed) for seed in (1, 2, 0)]
    assert labels.inputs == six * 2
    names = ['0.05-1.00', '0.05-1.20', '0.10-1.00', '0.10-1.20', '0.20-1.00', '0.30-1.20']
    folders = [str(one.folder / 'root' / name) for one, name in zip(six * 2, names, strict=True)]
    start = labels.command.index('--seeds') + 1
    assert labels.command[start : start + 6] == folders


@pytest.fixture
def data(tmp_path):
    """A data set of four photographs' ids, tags and masks."""
    folder = tmp_path / 'data'
    (folder / 'ImageSets/Segmentation').mkdir(parents=True)
    (folder / 'SegmentationClassAug').mkdir()
    (folder / 'ImageSets/Segmentation/train.txt').write_text('a\nb\n')
    (folder / 'ImageSets/Segmentation/val.txt').write_text('c\nd\n')
    (folder / 'tags.csv').write_text('image_id,tags\na,cat chair\nb,person\n')
    return folder


@pytest.fixture
def commands(monkeypatch):
    """Commands that only leave an evaluation, or fail where told to."""
    ran, failing = [], set()

    def fake(command, **kwargs):
        if command[0] == 'git':
            return subprocess.CompletedProcess(command, 0, 'abc1234\n')
        ran.append(command[1])
        if command[1] in failing:
            raise subprocess.CalledProcessError(1, command)
        if command[1] == 'tools/evaluate_seeds.py':
            out = Path(command[command.index('--out') + 1])
            score = dict(miou=0.5, pixel_accuracy=0.75)
            shares = dict(noisy=0.25, clean_accuracy=0.8)
            values = dict(masks={'aggregated': score, 's': dict(score, miou=0.4)})
            (out / 'evaluation.json').write_text(
                json.dumps(values | dict(thresholds={'6': shares}))
            )
        return subprocess.CompletedProcess(command, 0)

    error = subprocess.CalledProcessError
    monkeypatch.setattr(run, 'subprocess', SimpleNamespace(run=fake, CalledProcessError=error))
    return ran, failing


@pytest.mark.parametrize('jobs', [1, 3])
def test_a_rerun_makes_only_what_is_missing(study, data, commands, tmp_path, jobs):
    ran, failing = commands
    plan = {**PLAN, 'data': str(data)}

    def attempt(*variants):
        made = study(plan=plan)
        for variant in variants:
            made.add(row_of(variant, 'seed_rows'), 0)
        return made.run(jobs)

    failing.add('tools/evaluate_seeds.py')
    (failed,) = attempt('irn')
    assert failed.command[0] == 'tools/evaluate_seeds.py' and not measured(tmp_path)
    failing.clear()
    ran.clear()
    assert attempt('irn') == []
    assert ran == ['tools/evaluate_seeds.py']
    (row,) = measured(tmp_path)
    assert (row['study'], row['table'], row['variant']) == ('own', 'crf', 'irn')
    keys = ('miou', 'pixel_accuracy', 'miou_of_seeds', 'noisy', 'clean_accuracy')
    assert [float(row[key]) for key in keys] == [50.0, 75.0, 40.0, 25.0, 80.0]
    assert row['commit'] == 'abc1234' and row['machine'] and row['config_hash']
    ran.clear()
    # Another row of the same scores needs no command, a known row nothing at all.
    assert attempt('irn', 'at seed time') == []
    assert ran == [] and [row['variant'] for row in measured(tmp_path)] == ['irn', 'at seed time']
    failing.add('tools/make_seeds.py')
    assert len(attempt('psa')) == 1 and ran == ['tools/make_seeds.py']
    lists = tmp_path / 'work/cpu-first/lists'
    assert (lists / 'tags.csv').read_text() == 'image_id,tags\na,cat\nb,person\n'


def test_a_network_is_scored_by_its_masks(study, data, tmp_path):
    generator = np.random.default_rng(0)
    voc = np.array([0, 8, 10, 12, 13, 15, 17, 9, 255])  # the seven classes, a chair, void
    made = study(plan={**PLAN, 'data': str(data)})
    step = made.tested(row_of('aggregate, plain'), 0)
    (step.folder / 'masks').mkdir(parents=True)
    true, given = [], []
    for image_id in ('c', 'd'):
        # There is no sheep, neither in the ground truth nor in the masks.
        label, mask = generator.choice([*range(6), 7, 8], (20, 30)), generator.integers(6, size=600)
        mask = np.where(generator.random((20, 30)) < 0.5, label % 6, mask.reshape(20, 30))
        path = data / 'SegmentationClassAug' / f'{image_id}.png'
        Image.fromarray(voc[label].astype(np.uint8)).save(path)
        Image.fromarray(mask.astype(np.uint8)).save(step.folder / 'masks' / f'{image_id}.png')
        true.append(label[label < 7])
        given.append(mask[label < 7])
    true, given = np.concatenate(true), np.concatenate(given)
    found = made.figures(step, row_of('aggregate, plain'))
    assert found['miou'] == pytest.approx(100 * jaccard_score(true, given, average='macro'))
    assert found['mean_accuracy'] == pytest.approx(100 * recall_score(true, given, average='macro'))
    assert found['pixel_accuracy'] == pytest.approx(100 * np.mean(true == given))
    assert 'iou_sheep' not in found
    assert found['iou_cow'] == pytest.approx(100 * jaccard_score(true == 2, given == 2))


def test_figures_are_picked_as_a_row_says():
    score = dict(miou=0.5, pixel_accuracy=0.6)
    masks = {'a': score, 'b': dict(miou=0.3, pixel_accuracy=0.4), 'union (oracle)': score}
    shares = dict(right_clean=0.7, noisy=0.2, clean_accuracy=None)
    subsets = [dict(seeds=['a'], miou=0.5, pixel_accuracy=0.6)]
    subsets.append(dict(seeds=['b'], miou=0.3, pixel_accuracy=0.4))
    data = dict(masks=masks | dict(aggregated=score), thresholds={'2': shares}, subsets=subsets)
    pick = run.evaluation_figures
    assert pick(data, dict(mask='b')) == pytest.approx(dict(miou=30, pixel_accuracy=40))
    assert pick(data, dict(mask='mean')) == pytest.approx(dict(miou=40, pixel_accuracy=50))
    assert pick(data, dict(subset=1)) == pytest.approx(dict(miou=50, pixel_accuracy=60))
    assert pick(data, dict(threshold=2)) == pytest.approx(dict(right_clean=70, noisy=20))


@pytest.mark.parametrize(
    ('option', 'known'),
    [('--tables', 'training'), ('--budget', 'cpu-first'), ('--variants', 'URN')],
)
def test_what_the_plan_lacks_is_named(option, known, capsys):
    with pytest.raises(SystemExit):
        run.main([str(PROJECT), '--dry-run', option, 'nonsense'])
    error = capsys.readouterr().err
    assert option in error and 'nonsense' in error and known in error


def test_forty_photographs(tmp_path):
    """Eight masks, of classes in the order of their names, and nothing twice."""
    names = [f'{number:03}' for number in range(60)]
    data = tmp_path / 'voc_animals'
    (data / 'JPEGImages').mkdir(parents=True)
    rows = []
    for number, name in enumerate(names):
        Image.fromarray(np.full((4, 6, 3), number, np.uint8)).save(data / f'JPEGImages/{name}.jpg')
        # VOC's cat is 8, cow 10, dog 12, horse 13.
        mask = np.array([[0, 8, 10, 12, 13, 255]] * 4, np.uint8)
        (data / 'SegmentationClassAug').mkdir(exist_ok=True)
        Image.fromarray(mask).save(data / f'SegmentationClassAug/{name}.png')
        rows.append(f'{name},{"cow" if number < 5 else "cow cat horse"}')
    (data / 'tags.csv').write_text('\n'.join(['image_id,tags', *rows]))
    forty = load('forty_photographs', 'animals7')
    forty.main([str(tmp_path / 'out'), '--data', str(data)])
    out = tmp_path / 'out'
    photos, new = ({path.stem for path in (out / name).iterdir()} for name in ('photos', 'new'))
    masks = list((out / 'masks').iterdir())
    assert (len(photos), len(new), len(masks)) == (40, 10, 8) and not photos & new
    assert not (photos | new) & set(names[:5])  # none of the classes
    assert {path.stem for path in masks} <= photos
    assert np.asarray(Image.open(masks[0]))[0].tolist() == [0, 1, 0, 2, 3, 255]
    table = (tmp_path / 'out' / 'tags.csv').read_text().splitlines()
    assert len(table) == 41 and all(row.endswith(',cat horse') for row in table[1:])
    with pytest.raises(FileExistsError):
        forty.write_folder(data, tmp_path / 'out')
    forty.main([str(tmp_path / 'more'), '--data', str(data), '--more-masks', '3'])
    more = {
        name: {path.stem for path in (tmp_path / 'more' / name).iterdir()}
        for name in ('photos', 'new', 'masks')
    }
    assert len(more['photos']) == 43 and photos < more['photos'] and more['new'] == new
    assert more['masks'] == {path.stem for path in masks} | (more['photos'] - photos)


# What a row or a label may name besides.


def test_a_config_of_its_own_keeps_its_loss_and_hooks_and_begins_in_proportion(study):
    made = study('full-length')
    row = dict(row_of('affinity: teacher'), length=2)
    config = Config.fromstring(made.network(row, 0).config, '.py')
    assert config.model.type == 'TeacherEncoderDecoder'
    assert config.model.consistency.begin_iter == 480
    loss = config.model.decode_head.loss_decode
    assert (loss.type, loss.begin_iter) == ('FilteredLoss', 480)
    assert [hook.type for hook in config.custom_hooks] == [
        'InitialWeightsHook', 'SeedStatisticsHook', 'TeacherHook', 'ChannelsLastHook',
    ]  # fmt: skip
    early = made.network(dict(row_of('affinity: early learning'), length=2), 0)
    config = Config.fromstring(early.config, '.py')
    (hook,) = (hook for hook in config.custom_hooks if hook.type == 'EarlyLearningHook')
    assert hook.epoch_iters == 100
    init = config.model.backbone.init_cfg
    assert init.checkpoint == 'work_dirs/seeds-animals7/mobilenetv2/classifier/epoch_6.pth'
    assert config.custom_hooks[-1].type == 'TagsToLossHook'
    assert config.train_dataloader.dataset.tags == str(made.work / 'lists/tags.csv')


def test_masks_of_other_commands_vote(study):
    made = study('full-length')
    step = made.labels('affinity and plain', 2)
    assert step is made.labels('affinity and plain', 0) and not step.inputs
    names = step.command[step.command.index('--names') + 1 :][:3]
    assert names == ['plain-0.05-1.20', 'affinity-0.05-1.00', 'affinity-0.05-1.20']


def test_photographs_of_a_list_of_their_own(study, data, tmp_path):
    (tmp_path / 'chosen.txt').write_text('b\n')
    budgets = {
        'some': {**PLAN['budgets']['cpu-first'], 'photographs': str(tmp_path / 'chosen.txt')}
    }
    made = study('some', {**PLAN, 'data': str(data), 'budgets': budgets})
    made.write_lists()
    assert (made.work / 'lists/train.txt').read_text() == 'b\n'
    assert (made.work / 'lists/tags.csv').read_text() == 'image_id,tags\nb,person\n'


def test_one_classifier_of_all_photographs_serves_all_random_seeds(study, data):
    made = study('cpu-first', {**VOC20_PLAN, 'data': str(data)})
    row = dict(variant='some', labels='six by affinity', loss=dict(type='CrossEntropyLoss'))
    first, second = (made.network(row, random_seed) for random_seed in (0, 1))
    assert first is not second and first.inputs == second.inputs
    (classifier,) = (one for one in made.steps.values() if one.folder.name[:3] == 'cla')
    config = Config.fromstring(classifier.config, '.py')
    assert config.randomness.seed == 0
    assert config.train_dataloader.dataset.ann_file == str(made.work / 'lists/all.txt')
    made.budget = {**made.budget, 'photographs': 1, 'sample': 1}
    made.write_lists()
    split = data / 'ImageSets/Segmentation/train.txt'
    assert (made.work / 'lists/all.txt').read_text().split() == split.read_text().split()
    assert len((made.work / 'lists/train.txt').read_text().split()) == 1


@pytest.mark.parametrize('budget', ['cpu-first', 'full-length'])
def test_a_network_is_told_the_tags_that_its_classifier_predicts(study, budget):
    made = study(budget)
    row = dict(variant='some', labels='six', loss=dict(type='CrossEntropyLoss'))
    test = made.tested({**row, 'predicted_tags': True}, 0)
    network, tags = test.inputs
    assert network is made.network(row, 0)
    assert test.command[-6:-4] == ['--tags', str(tags.folder / 'tags.csv')]
    trained = PLAN['budgets'][budget].get('trained_classifier')
    checkpoint = trained or made.classifier(0).checkpoint
    assert tags.command == [
        'tools/predict_tags.py', 'data/voc_animals/JPEGImages', checkpoint,
        '--split', 'data/voc_animals/ImageSets/Segmentation/val.txt',
        '--out', str(tags.folder / 'tags.csv'), '--overwrite',
    ]  # fmt: skip
    _, other = made.tested({**row, 'predicted_tags': 'other.pth'}, 0).inputs
    assert other.inputs == []
    assert other.command[1:3] == ['data/voc_animals/JPEGImages', 'other.pth']


def test_seeds_of_a_classifier_that_other_commands_trained(study):
    made = study('full-length')
    trained = PLAN['budgets']['full-length']['trained_classifier']
    labels = made.labels('six', 0)
    assert labels.inputs == [] and labels.command[2] == trained
    made.network(dict(variant='some', labels='six', loss=dict(type='CrossEntropyLoss')), 0)
    assert sorted(one.folder.name.split('-')[0] for one in made.steps.values()) == [
        'labels',
        'network',
    ]


@pytest.mark.parametrize('labels', [{}, {'labels': 'six'}])
def test_a_training_until_a_plateau_holds_each_tenth_photograph_out(study, data, labels):
    ids = [f'{number:02}' for number in range(21)]
    (data / 'ImageSets/Segmentation/train.txt').write_text('\n'.join(ids))
    (data / 'tags.csv').write_text('\n'.join(['image_id,tags', *(f'{one},cat' for one in ids)]))
    budgets = {'some': {**PLAN['budgets']['full-length'], 'photographs': 21}}
    made = study('some', {**PLAN, 'data': str(data), 'budgets': budgets})
    row = dict(variant='some', until_plateau=True, loss=dict(type='CrossEntropyLoss'), **labels)
    test = made.tested(row, 0)
    (network,) = test.inputs
    assert test.command[1:3] == [str(network.config_path), str(network.folder)]
    config = Config.fromstring(network.config, '.py')
    assert (config.train_cfg.max_iters, config.train_cfg.val_interval) == (20000, 150)
    assert config.default_hooks.checkpoint.interval == 150
    assert [one.type for one in config.param_scheduler] == ['LinearLR', 'ReduceOnPlateauLR']
    assert config.custom_hooks[-1].type == 'EarlyStoppingHook'
    train, held_out = config.train_dataloader.dataset, config.val_dataloader.dataset
    kind = 'FolderSeedDataset' if labels else 'PascalVOCDataset'
    assert train.type == held_out.type == kind
    assert held_out.get('seed_root') == train.get('seed_root')
    assert held_out.pipeline == config.test_dataloader.dataset.pipeline
    made.write_lists()
    assert Path(held_out.ann_file).read_text().split() == ['00', '10', '20']
    assert Path(train.ann_file).read_text().split() == [one for one in ids if one[1] != '0']
    # 450 batches of 8 of the 18 photographs.
    network.config_path.parent.mkdir(parents=True)
    network.config_path.write_text(network.config)
    network.folder.mkdir()
    (network.folder / 'last_checkpoint').write_text('/elsewhere/iter_450.pth')
    assert made._epochs(network) == 200


def test_voters_of_one_name_are_numbered(study):
    labels = {
        'unlike': dict(vote=['work/plain/0.05-1.00', 'work/affinity/0.05-1.00']),
        'alike': dict(vote=['one/affinity/0.05-1.00', 'two/affinity/0.05-1.00']),
    }
    made = study(plan={**PLAN, 'labels': labels})
    command = made.labels('unlike', 0).command
    assert command[5:7] == ['plain-0.05-1.00', 'affinity-0.05-1.00']
    command = made.labels('alike', 0).command
    assert command[1:4] == ['--seeds', *labels['alike']['vote']]
    assert command[4:7] == ['--names', '1-affinity-0.05-1.00', '2-affinity-0.05-1.00']


def test_a_row_is_finished_before_another_is_begun(study, data, commands):
    ran, _ = commands
    made = study(plan={**PLAN, 'data': str(data)})
    for variant in ('none', 'psa'):
        made.add(row_of(variant, 'seed_rows'), 0)
    assert made.run() == []
    tools = ['tools/train.py', *['tools/make_seeds.py', 'tools/evaluate_seeds.py'] * 2]
    assert ran == tools


def test_figures_of_the_paper_stand_beside_ours():
    rows = pd.DataFrame(dict(variant=['a', 'b'], random_seed=[0, 0], miou=[1.0, 2.0]))
    table = summary.markdown(summary.summarize(rows, ['miou'], None), ['miou'], None, {'b': 72.8})
    lines = table.splitlines()
    assert lines[0] == '| variant | mIoU | the paper, VOC 2012 |'
    assert lines[2:] == ['| a | 1.00 (1) |  |', '| b | 2.00 (1) | 72.8 |']


# VOC-20.


def test_every_row_of_the_papers_tables_is_planned():
    tables = yaml.safe_load((VOC20 / 'tables.yaml').read_text())
    rows = [*VOC20_PLAN['seed_rows'], *VOC20_PLAN['networks']]
    for name, table in tables.items():
        planned = {row['variant'] for row in rows if name in row['tables']}
        assert set(table.get('paper', {})) <= planned and planned
        assert table.get('reference') in {None, *planned}


def test_a_page_is_made_of_no_result_and_of_some(tmp_path):
    head = (VOC20 / 'results.csv').read_text().partition('\n')[0]
    (tmp_path / 'none.csv').write_text(head + '\n')
    options = ['--results', str(tmp_path / 'none.csv'), '--out', str(tmp_path / 'page.md')]
    summary.main([str(VOC20), *options])
    assert (tmp_path / 'page.md').read_text() == (VOC20 / 'findings.md').read_text()
    columns = head.split(',')
    values = dict(study='s', table='thresholds', variant='hybrid, t = 6', random_seed=0, miou=50.0,
                  machine='m', date='2026-01-01')  # fmt: skip
    pd.DataFrame([values], columns=columns).to_csv(tmp_path / 'some.csv', index=False)
    options[1] = str(tmp_path / 'some.csv')
    summary.main([str(VOC20), *options])
    # Its reference has not been run.
    assert '| hybrid, t = 6 | 50.00 (1) |  |  |  | 72.46 |' in (tmp_path / 'page.md').read_text()


def test_learned_affinity_takes_three_steps(study):
    made = study('cpu', VOC20_PLAN)
    seeds = made.labels('six by affinity', 1)
    classifier, labels, network = seeds.inputs
    assert labels.inputs == [classifier] and network.inputs == [labels]
    config = Config.fromstring(network.config, '.py')
    assert config.train_dataloader.dataset.seed_root == str(labels.folder / 'root')
    assert network.command[0] == 'tools/train.py' and network.checkpoint.endswith('iter_600.pth')
    generation = Config.fromstring(seeds.config, '.py').seed_generation
    assert generation.background.labels == str(labels.folder / 'root')
    assert generation.refine[0].checkpoint == network.checkpoint
    assert generation.refine[0].config == str(network.config_path)
    assert labels.command[-5:-4] == seeds.command[-5:-4] == [classifier.checkpoint]


@pytest.mark.parametrize('path', sorted((VOC20 / 'configs').glob('*_*.py')), ids=lambda p: p.stem)
def test_configs_of_voc_20_have_its_classes(path):
    config = Config.fromfile(path, import_custom_modules=False)
    train, head = config.train_dataloader.dataset, config.model.get('decode_head', {})
    assert train.data_root == 'data/voc20' and list(train.metainfo.classes) == VOC20_PLAN['classes']
    if 'seed_generation' in config:
        assert not train.other_tags
        assert config.model.head.num_classes == config.model.data_preprocessor.num_classes == 20
    elif path.stem.startswith('affinity'):
        assert head.type == 'AffinityHead'
        other = config.model.get('auxiliary_head', {}).get('type')
        assert other == ('BoundaryHead' if 'boundary' in path.stem else None)
    elif path.stem.startswith('boundary'):
        assert head.type == 'BoundaryHead'
    else:
        assert head.num_classes == 21
        assert config.val_dataloader.dataset.data_root == 'data/voc20'
