"""docs/scripts/config_table.py: rows against what the configs are known to say."""

import config_table as tool
import pytest

# torchvision documents 44,549,160 parameters for ResNet-101 and 25,557,032 for ResNet-50, 2,049,000
# of each its classifier. The batch norms have two parameters a channel: 64 in the stem, then per
# block twice its width and four times it, four times it once more in each stage's shortcut.
NORMS_OF_RESNET101 = 2 * (
    64
    + sum(
        blocks * 6 * width + 4 * width for blocks, width in ((3, 64), (4, 128), (23, 256), (3, 512))
    )
)
# The batch norms of DeepLab-V2 are not trained; its head is four 3 x 3 classifiers of 21 classes.
DEEPLAB = 44_549_160 - 2_049_000 - NORMS_OF_RESNET101 + 4 * (2048 * 9 * 21 + 21)
RESNET50 = 25_557_032 - 2_049_000 + 2048 * 20


def rows(text):
    return [[cell.strip() for cell in line.split('|')[1:-1]] for line in text.splitlines()]


def test_two_configs(root, capsys):
    names = ['pnl/deeplabv2_r101_voc.py', 'cls/resnet50_coco.py']
    tool.main([str(root / 'configs' / name) for name in names])
    header, line, first, second = rows(capsys.readouterr().out)
    assert header == list(tool.COLUMNS) and set(line) == {'---'}
    assert first == [
        '`pnl/deeplabv2_r101_voc.py`', 'DeepLab-V2', 'ResNet-101', 'VOC 2012',
        'aggregate, 6 votes', '448 x 448', '20k iterations, SGD 0.001', '10', 'PNHybridLoss',
        f'{DEEPLAB / 1e6:.1f} M',
    ]  # fmt: skip
    more = RESNET50 + 2048 * 60  # 80 classes
    assert second == [
        '`cls/resnet50_coco.py`', 'classifier', 'ResNet-50', 'COCO 2014', 'tags', '448 x 448',
        '5 epochs, SGD 0.01', '16', 'CrossEntropyLoss (use_sigmoid=True)', f'{more / 1e6:.1f} M',
    ]  # fmt: skip


def test_a_classifier_of_tags_and_saliency_maps(root):
    cells = rows(tool.table([root / 'configs/cls/eps_mobilenetv2_voc_animals.py']))[-1]
    assert cells[1:6] == [
        'EPS classifier', 'MobileNet-V2', 'Animals-7', 'tags, saliency (I+S)', '192 x 192'
    ]  # fmt: skip
    assert cells[8] == 'CrossEntropyLoss (use_sigmoid=True) + saliency loss'


@pytest.mark.parametrize(
    ('name', 'labels', 'loss'),
    [
        (
            'segformer_b2_voc_single-seed',
            'seed 0.05-1.20',
            'CrossEntropyLoss (avg_non_ignore=True)',
        ),
        (
            'deeplabv2_r101_voc_urn',
            'aggregate, votes',
            'SeedWeightedCrossEntropyLoss (num_seeds=6)',
        ),
        ('deeplabv2_r101_voc_aggregate', 'aggregate', 'CrossEntropyLoss (avg_non_ignore=True)'),
        (
            'deeplabv3plus_mobilenetv2_voc_animals_full',
            'ground truth',
            'CrossEntropyLoss (avg_non_ignore=True)',
        ),
    ],
)
def test_labels_and_losses(name, labels, loss, root, tmp_path):
    out = tmp_path / 'table.md'
    tool.main([str(root / 'configs' / 'plain' / f'{name}.py'), '--out', str(out)])
    cells = rows(out.read_text())[-1]
    assert (cells[4], cells[8]) == (labels, loss)


def test_a_config_from_elsewhere(root, tmp_path):
    base = root / 'configs' / 'pnl' / 'segformer_b0_voc.py'
    path = tmp_path / 'mine.py'
    path.write_text(
        f'_base_ = {str(base)!r}\nmodel = dict(backbone=dict(num_layers=[1, 1, 1, 1]))\n'
        "train_dataloader = dict(dataset=dict(data_root='data/mine'))\n"
    )
    cells = rows(tool.table([path]))[-1]
    assert cells[:4] == [f'`{path}`', 'SegFormer', 'MiT-?', 'mine']


def test_no_name_is_left_raw(root):
    """Every network, backbone and data set of the configs has its name in the tool."""
    for folder in tool.FOLDERS:
        for path in (root / 'configs' / folder).glob('*.py'):
            config = tool.Config.fromfile(path)
            assert tool.network(config) in tool.NETWORKS.values(), path
            assert '?' not in tool.backbone(config) and '-' in tool.backbone(config), path
            assert tool.data_set(config) in tool.DATA_SETS.values(), path
            assert ' x ' in tool.crop(config), path


def test_the_model_zoo_is_current(root):
    """Every cell but the parameters and the loss, which a network has to be built for."""
    lines = rows((root / 'docs' / 'model_zoo.md').read_text())
    listed = {cells[0].strip('`'): cells for cells in lines if cells and cells[0].startswith('`')}
    paths = [path for name in tool.FOLDERS for path in (root / 'configs' / name).glob('*.py')]
    assert set(listed) == {str(path.relative_to(root / 'configs')) for path in paths}
    parts = (tool.network, tool.backbone, tool.data_set, tool.labels, tool.crop, tool.schedule)
    for path in paths:
        config = tool.Config.fromfile(path)
        cells = listed[str(path.relative_to(root / 'configs'))]
        assert cells[1:7] == [part(config) for part in parts], path
        assert cells[7] == str(config.train_dataloader.batch_size), path


def test_the_page_keeps_what_stands_before_its_tables(monkeypatch):
    monkeypatch.setattr(tool, 'table', lambda paths: f'| {len(list(paths))} configs |\n')
    written = tool.page('# Zoo\n\nWords.\n\n## old\n\n| gone |\n')
    assert written.startswith('# Zoo\n\nWords.\n\n## Hybrid learning: `configs/pnl`\n\n| ')
    assert 'gone' not in written and written.count('\n## ') == 4
    assert tool.page(written) == written


def test_a_loss_within_a_loss_and_a_training_that_stops_by_itself(root):
    names = [
        'noise/deeplabv3plus_mobilenetv2_voc_animals_mixture-filter',
        'pnl/deeplabv3plus_mobilenetv2_voc_animals_until-plateau',
    ]
    filtered, stopping = rows(tool.table([root / f'configs/{name}.py' for name in names]))[2:]
    assert filtered[8] == 'FilteredLoss (loss=PNHybridLoss (positive=ce), begin_iter=240)'
    assert stopping[6] == 'at most 20k iterations, AdamW 0.0002'
