"""The plan: which variants there are, what they share, what their configs say."""

import json
from dataclasses import replace

import pytest

from mmseg_wsss.experiments.budget import BUDGETS, CPU_FIRST, PAPER_SIX, TINY
from mmseg_wsss.experiments.config_changes import rescale_schedule, set_crop
from mmseg_wsss.experiments.config_text import load_config
from mmseg_wsss.experiments.group import Group, Variant
from mmseg_wsss.experiments.seed_groups import MIXED
from mmseg_wsss.experiments.step import Step
from mmseg_wsss.experiments.study import Study
from mmseg_wsss.experiments.variants import READINGS

DIGESTS = dict(train='t', judge='j', val='v')
NUMBERS = dict(train=600, judge=100, val=222)


@pytest.fixture(scope='module')
def configs(pytestconfig):
    return pytestconfig.rootpath / 'configs'


@pytest.fixture(scope='module')
def study(configs):
    return Study(CPU_FIRST, DIGESTS, NUMBERS, configs)


def find(study, group, variant, place=0):
    (chosen,) = study.chosen([group])
    return next(one for one in chosen.variants if one.name == variant).steps[place]


def read(step):
    """The config of a step's text."""
    found = {}
    exec(step.settings['config'], found)
    return found


@pytest.mark.parametrize('name', BUDGETS)
def test_every_cell_has_each_random_seed_once(name, configs):
    budget = BUDGETS[name]
    assert len(budget.random_seeds) >= 3
    study = Study(budget, DIGESTS, NUMBERS, configs)
    for group in study.groups:
        for variant in group.variants:
            assert len(variant.steps) == len(budget.random_seeds)
            assert len({step.key for step in variant.steps}) == len(budget.random_seeds)
    assert set(budget.groups) <= {group.name for group in study.groups}


def test_tables_share_their_steps(study):
    for one, other in (
        (('training', 'aggregate, plain'), ('loss', 'aggregate, plain')),
        (('training', 'hybrid, t = 6'), ('loss', 'hybrid, t = 6')),
        (
            ('schedule', 'hybrid, t = 6, 2 x iterations'),
            ('evaluation', 'hybrid, t = 6, 2 x iterations'),
        ),
        (('seeds', 'aggregate of eight'), ('vote', 'eight')),
        (('baselines', 'URN'), ('ideas', 'weights by agreement')),
    ):
        assert find(study, *one).key == find(study, *other).key
    # One classifier for each random seed, and one more for each further rate of dropout.
    steps = study.steps(study.groups)
    classifiers = [step for step in steps if step.kind == 'classifier']
    assert len(classifiers) == 3 * (1 + 3)
    assert len({step.key for step in steps}) == len(steps)
    # The rows of one table are different networks.
    (loss,) = study.chosen(['loss'])
    assert len({one.steps[0].key for one in loss.variants}) == len(READINGS) + 2


def test_inputs_come_first_and_whole_random_seeds_one_after_the_other(study):
    steps = study.steps(study.chosen(['training']))
    made = set()
    for step in steps:
        assert all(one.key in made for one in step.inputs.values())
        made.add(step.key)
    seeds = [step.title.rsplit('random seed ', 1)[1] for step in steps if step.kind == 'network']
    assert seeds == sorted(seeds)


def test_keys_follow_settings_and_images_not_names(configs):
    def key(budget=CPU_FIRST, digests=DIGESTS, group='training', variant='hybrid, t = 6'):
        return find(Study(budget, digests, NUMBERS, configs), group, variant).key

    base = key()
    assert key(replace(CPU_FIRST, name='x', purpose='y', jobs=5, groups=())) == base
    for change in (dict(iterations=7), dict(crop=64), dict(epochs=1)):
        assert key(replace(CPU_FIRST, **change)) != base
    for split in ('train', 'val'):
        assert key(digests=dict(DIGESTS, **{split: 'other'})) != base
    assert key(digests=dict(DIGESTS, judge='other')) == base
    assert key(variant='hybrid, t = 5') != base


def test_the_config_of_a_hybrid_network(study):
    test = find(study, 'training', 'hybrid, t = 4', 1)
    network = test.inputs['network']
    config = read(network)
    dataset = config['train_dataloader']['dataset']
    assert dataset['seed_root'] == '<input:labels>/seeds' and dataset['seed'] == 'aggregated'
    assert dataset['data_root'] == '<data>' and dataset['ann_file'] == '<split:train>'
    assert dataset['pipeline'][1]['agreement_threshold'] == 4
    assert config['model']['decode_head']['loss_decode'] == dict(type='PNHybridLoss')
    assert config['randomness'] == dict(seed=1)
    assert config['train_cfg']['max_iters'] == CPU_FIRST.iterations
    assert config['val_cfg'] is config['val_dataloader'] is config['val_evaluator'] is None
    assert config['test_dataloader']['dataset']['ann_file'] == '<split:val>'
    aggregate = network.inputs['labels']
    assert [name for _, _, name in aggregate.settings['voters']] == list(PAPER_SIX)


def test_the_ceiling_trains_on_true_masks_and_on_nothing_else(study):
    network = find(study, 'training', 'true masks (ceiling)').inputs['network']
    assert set(network.inputs) == {'classifier'}  # for its backbone, from tags
    dataset = read(network)['train_dataloader']['dataset']
    assert dataset['type'] == 'PascalVOCDataset' and dataset['ann_file'] == '<split:train>'
    assert dataset['pipeline'][1] == dict(type='LoadAnnotations')
    assert any(step['type'] == 'SeedRandomCrop' for step in dataset['pipeline'])


def test_no_step_but_the_ceilings_and_the_judge_reads_true_masks_of_training_images(study):
    for step in study.steps(study.groups):
        if step.kind in ('seeds', 'classifier') or 'labels' in step.inputs:
            assert 'SegmentationClassAug' not in str(read(step)['train_dataloader'])


def test_readings_change_the_loss_alone(study):
    base = read(find(study, 'loss', 'hybrid, t = 6').inputs['network'])
    for name, options in READINGS.items():
        config = read(find(study, 'loss', name).inputs['network'])
        assert config['model']['decode_head'].pop('loss_decode') == dict(
            type='PNHybridLoss', **options
        )
        expected = {**base['model']['decode_head']}
        expected.pop('loss_decode')
        assert config['model']['decode_head'] == expected
        assert config['train_dataloader'] == base['train_dataloader']


def test_schedules_change_length_and_rate_alone(study):
    for row in ('aggregate, plain', 'hybrid, t = 6', 'true masks (ceiling)'):
        network = find(study, 'schedule', row).inputs['network']
        assert network.key == find(study, 'training', row).inputs['network'].key
        base = read(network)
        fast = find(study, 'schedule', f'{row}, 3 x learning rate').inputs['network']
        config = read(fast)
        rate = base['optim_wrapper']['optimizer']['lr']
        assert config['optim_wrapper']['optimizer'].pop('lr') == pytest.approx(3 * rate)
        assert config['model'] == base['model'] and config['train_cfg'] == base['train_cfg']
        assert config['train_dataloader'] == base['train_dataloader']
        long = find(study, 'schedule', f'{row}, 2 x iterations').inputs['network']
        config = read(long)
        assert config['train_cfg']['max_iters'] == 2 * base['train_cfg']['max_iters']
        assert long.settings['checkpoint'] == f'iter_{2 * CPU_FIRST.iterations}.pth'
        assert config['optim_wrapper'] == base['optim_wrapper']
        assert long.seconds > 1.5 * network.seconds - 15


def test_the_second_architecture_is_also_trained_longer(study):
    for row in ('aggregate, plain', 'hybrid, t = 6', 'true masks (ceiling)'):
        short = find(study, 'architecture', row).inputs['network']
        long = find(study, 'architecture', f'{row}, 2 x iterations').inputs['network']
        config, base = read(long), read(short)
        assert config['train_cfg']['max_iters'] == 2 * base['train_cfg']['max_iters']
        assert config['model'] == base['model']
        assert base['model']['decode_head']['type'] == 'SegformerHead'
        assert {role: step.key for role, step in long.inputs.items()} == {
            role: step.key for role, step in short.inputs.items()
        }


def test_longer_schedules_of_other_labels_and_of_another_loss(study):
    pairs = {
        'seed 0.10-1.20': 'training',
        'several classifiers, plain': 'ideas',
        'several classifiers, hybrid, t = 6': 'ideas',
        'hybrid, t = 6, positive: ce+constraint': 'loss',
    }
    for row, group in pairs.items():
        long = find(study, 'schedule', f'{row}, 2 x iterations').inputs['network']
        short = find(study, group, row.removeprefix('hybrid, t = 6, ')).inputs['network']
        assert long.inputs['labels'].key == short.inputs['labels'].key
        config, base = read(long), read(short)
        assert config['train_cfg']['max_iters'] == 2 * base['train_cfg']['max_iters']
        assert config['model'] == base['model']
        assert config['train_dataloader'] == base['train_dataloader']


@pytest.mark.parametrize('budget', [CPU_FIRST, BUDGETS['gpu']], ids=['cpu-first', 'gpu'])
def test_networks_start_from_the_classifier_or_from_imagenet(budget, configs):
    study = Study(budget, DIGESTS, NUMBERS, configs)
    other = 'from ImageNet' if budget.from_classifier else 'from the classifier'
    for row in ('aggregate, plain', 'hybrid, t = 6', 'true masks (ceiling)'):
        networks = [
            find(study, 'ideas', f'{row}, {other}', 1).inputs['network'],
            find(study, 'training', row, 1).inputs['network'],
        ]
        if not budget.from_classifier:
            networks.reverse()
        base, changed = map(read, networks)
        assert changed['model']['backbone'].pop('init_cfg') == dict(
            type='Pretrained', checkpoint='<input:classifier>/weights.pth', prefix='backbone.'
        )
        assert 'imagenet' in base['model']['backbone'].pop('init_cfg')['checkpoint']
        assert changed == base
        # The classifier that made the seeds, so nothing is trained on more than tags.
        classifier = find(study, 'seeds', '0.05-1.00', 1).inputs['root'].inputs['classifier']
        assert networks[1].inputs['classifier'].key == classifier.key
        assert set(networks[1].inputs) - {'classifier'} == set(networks[0].inputs)


def test_the_constraint_alone_takes_all_pixels_as_clean(study):
    for row, other in (
        ('aggregate, constraint', 'aggregate, plain'),
        ('true masks, constraint', 'true masks (ceiling)'),
    ):
        config = read(find(study, 'training', row).inputs['network'])
        base = read(find(study, 'training', other).inputs['network'])
        assert config['model']['decode_head'].pop('loss_decode') == dict(type='PNHybridLoss')
        assert base['model']['decode_head'].pop('loss_decode')['type'] == 'CrossEntropyLoss'
        assert config['model'] == base['model']
        assert config['train_dataloader'] == base['train_dataloader']


def labels_of(study, row):
    return find(study, 'second-round', row, 1).inputs['network'].inputs['labels']


def test_the_second_round_learns_from_the_networks_of_the_first(study):
    first = {
        name: find(study, 'second-round', f'{row}, 2 x iterations', 1).inputs['network'].key
        for name, row in (('plain', 'aggregate, plain'), ('hybrid', 'hybrid, t = 6'))
    }
    for name, key in first.items():
        root = labels_of(study, f'masks of {name}, plain')
        (masks,) = root.inputs.values()
        assert masks.kind == 'masks' and masks.inputs['network'].key == key
        assert masks.settings['tta'] is True and masks.settings['crf'] == 'deeplab'
        judged = find(study, 'masks', f'masks of {name}', 1)
        assert judged.inputs['root'].key == root.key
    # Both networks of all random seeds, those of the own one first: they win a tie.
    six = labels_of(study, 'masks of all networks, hybrid, unanimous')
    assert six.settings['tie'] == 'seed_order'
    networks = [six.inputs[role].inputs['network'].key for role, _, _ in six.settings['voters']]
    assert [name for _, _, name in six.settings['voters']] == [f'network-{n}' for n in range(1, 7)]
    assert len(set(networks)) == 6 and networks[:2] == [first['hybrid'], first['plain']]
    weighted = find(study, 'second-round', 'masks of all networks, weights by agreement', 1)
    assert weighted.inputs['network'].inputs['labels'].key == six.key
    loss = read(weighted.inputs['network'])['model']['decode_head']['loss_decode']
    assert loss == dict(type='SeedWeightedCrossEntropyLoss', num_seeds=6)
    loss = read(find(study, 'second-round', 'masks of all networks, clean only').inputs['network'])
    assert loss['model']['decode_head']['loss_decode']['noisy'] == 'ignore'
    seven = labels_of(study, 'six seeds and masks of hybrid, hybrid, unanimous')
    assert [name for _, _, name in seven.settings['voters']] == [*PAPER_SIX, 'network']
    assert {step.kind for step in seven.inputs.values()} == {'seeds', 'masks'}


def test_the_second_round_is_as_long_as_the_first(study):
    (group,) = study.chosen(['second-round'])
    for variant in group.variants:
        config = read(variant.steps[0].inputs['network'])
        assert config['train_cfg']['max_iters'] == 2 * CPU_FIRST.iterations


def test_several_classifiers_vote_in_turn(study):
    mixed = find(study, 'diversity', 'several classifiers', 1).inputs['root']
    roots = [mixed.inputs[role] for role, _, _ in mixed.settings['voters']]
    classifiers = [root.inputs['classifier'].key for root in roots]
    assert len(set(classifiers)) == 3 and classifiers[:3] == classifiers[3:]


def test_several_backgrounds_vote_in_turn(study):
    own = CPU_FIRST.classifier_options['seed_generation.background']
    root = find(study, 'diversity', 'several backgrounds').inputs['root']
    found = []
    for role, folder, name in root.settings['voters']:
        section = read(root.inputs[role])['seed_generation']
        made = [f'{dropout:.2f}-{scale:.2f}' for dropout, scale in section['seeds']]
        assert name in made and folder == f'seeds/{name}'
        found.append(section['background']['threshold'])
    assert found == [own['threshold'], *MIXED] * 2


@pytest.mark.parametrize(
    ('background', 'name'),
    [(dict(kind='power', alpha=6.0), '(1 - max)^6'), (dict(threshold=0.35), 'constant 0.35')],
)
def test_the_reference_of_seed_tables_is_what_the_config_says(configs, background, name):
    options = {
        'seed_generation.background': background,
        'seed_generation.refine': None,
        'seed_generation.num_draws': 2,
        'seed_generation.scales': (0.7,),
    }
    budget = replace(CPU_FIRST, classifier_options=options)
    groups = {group.name: group for group in Study(budget, DIGESTS, NUMBERS, configs).groups}
    expected = dict(background=name, crf='none', draws='2', scales='0.7')
    assert {table: groups[table].reference for table in expected} == expected
    for table, reference in expected.items():
        (variant,) = (one for one in groups[table].variants if one.name == reference)
        section = read(variant.steps[0].inputs['root'])['seed_generation']
        given = {f'seed_generation.{key}': section[key] for key in
                 ('background', 'refine', 'num_draws', 'scales')}  # fmt: skip
        assert given == options


def test_dropout_in_training_has_one_classifier_for_each_rate(study):
    seeds = find(study, 'dropout', 'in training only').inputs['root']
    assert sorted(seeds.inputs) == ['0.05', '0.10', '0.20', '0.30']
    for rate, step in seeds.inputs.items():
        assert read(step)['model']['head']['dropout'] == float(rate)


def test_choice_of_groups(study):
    assert [group.name for group in study.chosen()] == list(CPU_FIRST.groups)
    with pytest.raises(ValueError, match="group 'nothing', expected some of seeds, vote"):
        study.chosen(['nothing'])


def test_choice_of_rows(study):
    groups = study.chosen(['training', 'loss'])
    rows = ['hybrid, t = [56]', 'direct: off']
    tests = [step for step in study.steps(groups, rows) if step.kind == 'test']
    assert len(tests) == 3 * 3  # t = 6 is in both tables
    for group, row in (('training', 'hybrid, t = 5'), ('loss', 'direct: off')):
        assert find(study, group, row, 2).key in {step.key for step in tests}
    study.check_rows(groups, rows)
    estimated = study.estimate(groups, rows)
    assert sum(row[2] for row in estimated) == len(study.steps(groups, rows))
    with pytest.raises(ValueError, match=r"row 'nothing\*', expected one that matches some of"):
        study.check_rows(groups, [*rows, 'nothing*'])


def test_estimates_count_shared_steps_once(study):
    groups = study.chosen(['training', 'loss'])
    rows = study.estimate(groups)
    steps = study.steps(groups)
    assert sum(row[2] for row in rows) == len(steps)
    assert sum(row[3] for row in rows) == pytest.approx(sum(step.seconds for step in steps))
    assert rows[0][1] == 3 * len(groups[0].variants)


def test_a_first_table_takes_less_than_two_hours(configs):
    study = Study(CPU_FIRST, DIGESTS, CPU_FIRST.images, configs)
    assert sum(step.seconds for step in study.steps(study.chosen())) < 7200


def test_the_plan_on_disk(study, tmp_path):
    study.write_plan(tmp_path)
    plan = json.loads((tmp_path / 'plan.json').read_text())
    for group, written in zip(study.groups, plan['groups'], strict=True):
        for variant, row in zip(group.variants, written['variants'], strict=True):
            assert row['records'] == [step.name for step in variant.steps]


def test_groups_are_checked():
    one = Variant('a', [Step('test', '', {})])
    with pytest.raises(ValueError, match="two variants are called 'a'"):
        Group('g', 'G', 'x', dict(m='m'), [one, one])
    with pytest.raises(ValueError, match="there is no variant 'b'"):
        Group('g', 'G', 'x', dict(m='m'), [one], 'b')


def test_schedules_keep_their_proportions(configs):
    config = load_config(str(configs / 'pnl/deeplabv3plus_mobilenetv2_voc_animals.py'))
    rescale_schedule(config, 300)
    edges = [(one['begin'], one['end']) for one in config['param_scheduler']]
    assert edges == [(0, 25), (25, 300)]
    assert config['train_cfg']['max_iters'] == config['train_cfg']['val_interval'] == 300
    assert config['default_hooks']['checkpoint']['interval'] == 100
    rescale_schedule(config, 4)
    edges = [(one['begin'], one['end']) for one in config['param_scheduler']]
    assert edges == [(0, 1), (1, 4)]


def test_crops_change_everywhere_or_not_at_all(configs):
    config = load_config(str(configs / 'pnl/deeplabv3plus_mobilenetv2_voc_animals.py'))
    set_crop(config, 64)
    assert config['train_dataloader']['dataset']['pipeline'][2]['scale'] == (256, 64)
    assert config['train_dataloader']['dataset']['pipeline'][3]['crop_size'] == (64, 64)
    assert config['test_pipeline'][1]['scale'] == (256, 64)
    assert config['test_dataloader']['dataset']['pipeline'][1]['scale'] == (256, 64)
    assert config['model']['data_preprocessor']['size'] == (64, 64)
    with pytest.raises(ValueError, match='no single RandomResize, crop and Resize'):
        set_crop(load_config(str(configs / TINY.network)), 64)
