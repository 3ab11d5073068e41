"""An own folder of images with tags: layout, checks and the configs written for it."""

from __future__ import annotations

import json
import os
import os.path as osp
import re
from pathlib import Path

import numpy as np
import pytest
from dataset_converters import folder as tool
from helpers.seed_roots import write_seed_root
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmseg_wsss.checks.images import check_image
from mmseg_wsss.converters import config_parts
from mmseg_wsss.converters.folder import convert_folder
from mmseg_wsss.converters.folder_configs import make_config, next_commands
from mmseg_wsss.converters.recipes import AffinityRecipe, Recipe
from mmseg_wsss.converters.tag_sources.table import read_class_names
from mmseg_wsss.registry import DATASETS, MODELS
from mmseg_wsss.store import write_saliency

SHAPE = (20, 28)
TAGS = 'image_id,tags\na,cat\nb.jpg,cat dog\nsub/c,dog\nv,\n'
CLASSES = ['background', 'cat', 'dog']


def write_image(path: Path, shape: tuple[int, int] = SHAPE, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (*shape, 3), np.uint8)
    Image.fromarray(pixels).save(path, **options)


def write_mask(path: Path, *labels: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(shape, np.uint8)
    for row, label in enumerate(labels):
        mask[row, 2:5] = label
    Image.fromarray(mask).save(path)
    return mask


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four tagged images, one of them with a mask, and one image without tags."""
    for name in ('a', 'b', 'sub/c', 'v', 'extra'):
        write_image(tmp_path / 'photos' / f'{name}.jpg')
    (tmp_path / 'photos' / 'notes.txt').write_text('no image')
    (tmp_path / 'tags.csv').write_text(TAGS)
    write_mask(tmp_path / 'masks' / 'v.png', 2, 255)
    return tmp_path


def convert(photos: Path, masks: bool = True, **options):
    return convert_folder(
        str(photos / 'photos'),
        str(photos / 'tags.csv'),
        str(photos / 'out'),
        masks=str(photos / 'masks') if masks else None,
        workers=1,
        **options,
    )


def test_complete_layout(photos):
    report = convert(photos)
    assert report.problems == [] and report.exit_status == 0
    out = photos / 'out'
    assert (out / 'train.txt').read_text().split() == ['a', 'b', 'sub/c']
    assert (out / 'val.txt').read_text().split() == ['v']
    assert (out / 'tags.csv').read_text().splitlines() == [
        'image_id,tags',
        'a,cat',
        'b,cat dog',
        'sub/c,dog',
        'v,',
    ]
    with Image.open(out / 'SegmentationClass' / 'v.png') as mask:
        assert mask.mode == 'P' and mask.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
        assert np.unique(mask).tolist() == [0, 2, 255]
    assert json.loads((out / 'dataset.json').read_text()) == dict(
        classes=CLASSES,
        palette=[[0, 0, 0], [128, 0, 0], [0, 128, 0]],
        img_path='../photos',
        img_suffix='.jpg',
        has_val=True,
        has_masks=True,
    )
    remarks = ' '.join(report.remarks)
    assert '1 images have no tags entry and are in no list (extra)' in remarks
    assert '1 masks show dog (label 2), and no image of them is tagged with it (v)' in remarks
    assert ('training images by tag', 'cat 2, dog 2') in report.rows


def test_second_run_keeps_masks(photos):
    convert(photos, copy_images=True)
    files = [*(photos / 'out').rglob('*.png')]
    assert len(files) == 5
    before = [path.stat().st_mtime_ns for path in files]
    convert(photos, copy_images=True)
    assert [path.stat().st_mtime_ns for path in files] == before


@pytest.mark.parametrize('shape', [SHAPE, (22, 26)], ids=['same size', 'other size'])
def test_a_replaced_photograph_is_copied_anew(photos, shape):
    convert(photos, copy_images=True)
    copies = photos / 'out' / 'images'
    before = {path: path.read_bytes() for path in copies.rglob('*.png')}
    path = photos / 'photos' / 'a.jpg'
    stat = path.stat()
    pixels = np.random.default_rng(7).integers(0, 255, (*shape, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert convert(photos, copy_images=True).exit_status == 0
    after = {path: path.read_bytes() for path in copies.rglob('*.png')}
    assert {path.stem for path in before if before[path] != after[path]} == {'a'}
    with Image.open(path) as image, Image.open(copies / 'a.png') as copy:
        # Two readers of JPEG need not agree to the last bit.
        difference = np.asarray(image, int) - np.asarray(copy, int)
    assert np.abs(difference).max() <= 3


def test_without_masks_there_is_no_validation(photos):
    convert(photos)
    report = convert(photos, masks=False)
    assert report.exit_status == 0
    assert not (photos / 'out' / 'val.txt').exists()  # the earlier run's
    assert (photos / 'out' / 'train.txt').read_text().split() == ['a', 'b', 'sub/c', 'v']


@pytest.mark.parametrize('suffix', ['', '.jpg'])
def test_a_val_list_keeps_folders(photos, suffix):
    for name in ('v', 'camA/v', 'camB/v'):
        write_image(photos / 'photos' / f'{name}.jpg')
    (photos / 'tags.csv').write_text(TAGS + 'camA/v,cat\ncamB/v,dog\n')
    (photos / 'val.txt').write_text(f'camB/v{suffix}\n')
    assert not convert(photos, masks=False, val_list=str(photos / 'val.txt')).problems
    assert (photos / 'out/val.txt').read_text().split() == ['camB/v']
    assert (photos / 'out/train.txt').read_text().split() == ['a', 'b', 'camA/v', 'sub/c', 'v']


def test_a_val_list_never_takes_the_image_of_another_folder(photos):
    (photos / 'val.txt').write_text('camC/v.jpg\nv.jpg\n')
    report = convert(photos, masks=False, val_list=str(photos / 'val.txt'))
    assert any('there is no image camC/v.' in problem for problem in report.problems)
    (photos / 'val.txt').write_text('v.jpg\n\nv\n')
    with pytest.raises(ValueError, match="val.txt:3: duplicate image id 'v'"):
        convert(photos, masks=False, val_list=str(photos / 'val.txt'))


def test_hidden_files_are_skipped_with_a_remark(photos):
    for name in ('.ipynb_checkpoints/a-checkpoint.jpg', '._a.jpg', '.DS_Store', 'Thumbs.db',
                 'sub/._c.jpg', 'desktop.ini'):  # fmt: skip
        path = photos / 'photos' / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'no image')
    (photos / 'masks' / '._v.png').write_bytes(b'no mask')
    report = convert(photos)
    assert not report.problems
    counts = [remark.split()[0] for remark in report.remarks if 'hidden' in remark]
    assert counts == ['4', '1']
    assert (photos / 'out/train.txt').read_text().split() == ['a', 'b', 'sub/c']


def test_val_list(photos):
    (photos / 'val.txt').write_text('b\n')
    report = convert(photos, masks=False, val_list=str(photos / 'val.txt'))
    assert report.exit_status == 0
    assert (photos / 'out' / 'train.txt').read_text().split() == ['a', 'sub/c', 'v']
    assert json.loads((photos / 'out' / 'dataset.json').read_text())['has_masks'] is False
    report = convert(photos, val_list=str(photos / 'val.txt'))
    assert report.problems == [f'{photos}/val.txt: image b has no mask.']
    assert any('1 masks of images that are not in' in remark for remark in report.remarks)
    (photos / 'val.txt').write_text('v\nnowhere\nextra\n')
    report = convert(photos, masks=False, val_list=str(photos / 'val.txt'))
    assert report.problems == [
        f'{photos}/val.txt: there is no image nowhere.',
        'image extra of val has neither tags nor a mask.',
    ]


def test_tags_of_a_mask_stand_in(photos):
    write_mask(photos / 'masks' / 'extra.png', 1, 2)
    report = convert(photos)
    assert report.exit_status == 0
    assert 'extra,cat dog' in (photos / 'out' / 'tags.csv').read_text()
    assert any('got the tags of their mask (extra)' in remark for remark in report.remarks)


def test_images_are_copied_upright_and_in_one_format(photos):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    write_image(photos / 'photos' / 'a.jpg', exif=exif)
    (photos / 'photos' / 'b.jpg').unlink()
    write_image(photos / 'photos' / 'b.png')
    report = convert(photos)
    assert re.search(r'different suffixes: \.jpg \(4, .*\.png \(1, ', report.problems[0])
    assert not (photos / 'out' / 'train.txt').exists()
    assert convert(photos, copy_images=True).exit_status == 0
    with Image.open(photos / 'out' / 'images' / 'a.png') as image:
        assert image.size == (SHAPE[0], SHAPE[1])  # width and height change places
    with Image.open(photos / 'photos' / 'b.png') as original:
        with Image.open(photos / 'out' / 'images' / 'b.png') as image:
            np.testing.assert_array_equal(np.asarray(image), np.asarray(original))
    assert not (photos / 'out' / 'images' / 'extra.png').exists()


def test_mask_must_fit_the_upright_image(photos):
    exif = Image.Exif()
    exif[0x0112] = 8
    write_image(photos / 'photos' / 'v.jpg', exif=exif)
    assert 'expected 28 x 20' in convert(photos).problems[0]
    write_mask(photos / 'masks' / 'v.png', 2, shape=(28, 20))
    assert convert(photos).problems == []


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def append_tags(line: str):
    return lambda root: (root / 'tags.csv').write_text(TAGS + line)


BREAKAGES = {
    'truncated image': (lambda root: truncate(root / 'photos' / 'a.jpg'), r'a\.jpg: broken image'),
    'no image at all': (
        lambda root: (root / 'photos' / 'a.jpg').write_text('hello'),
        r'a\.jpg: not a readable image \(5 bytes\)',
    ),
    'missing image': (append_tags('d,dog\n'), r'tags\.csv: there is no image d\.'),
    'two entries': (append_tags('a.jpg,dog\n'), r'tags\.csv: image a has two entries'),
    'two images of one name': (
        lambda root: write_image(root / 'photos' / 'a.jpeg'),
        r'a\.jpg and .*a\.jpeg: two images of one name',
    ),
    'mask of another size': (
        lambda root: write_mask(root / 'masks' / 'v.png', 1, shape=(5, 6)),
        r'v\.png: 5 x 6 .* expected 20 x 28',
    ),
    'label out of range': (
        lambda root: write_mask(root / 'masks' / 'v.png', 3),
        r'v\.png: label 3, expected 0 to 2',
    ),
    'mask without image': (
        lambda root: write_mask(root / 'masks' / 'w.png', 1),
        r'w\.png: a mask without image',
    ),
    'no masks': (lambda root: (root / 'masks' / 'v.png').unlink(), r'no masks .* in it'),
    'nothing to train on': (
        lambda root: [write_mask(root / 'masks' / f'{n}.png', 1) for n in ('a', 'b', 'sub/c')],
        r'no image is left for training; .* --val-list',
    ),
}


@pytest.mark.parametrize('name', BREAKAGES)
def test_broken_input_is_named_and_nothing_declares_the_data_ready(photos, name):
    breakage, message = BREAKAGES[name]
    breakage(photos)
    report = convert(photos)
    assert report.exit_status == 1
    assert any(re.search(message, problem) for problem in report.problems), report.problems
    for file in ('tags.csv', 'train.txt', 'val.txt', 'dataset.json'):
        assert not (photos / 'out' / file).exists()


def test_missing_folders(photos):
    with pytest.raises(FileNotFoundError, match='no such folder of images'):
        convert_folder(str(photos / 'none'), str(photos / 'tags.csv'), str(photos / 'out'))
    with pytest.raises(ValueError, match='no images'):
        convert_folder(str(photos / 'masks' / '..' / 'empty'), *prepare_empty(photos))
    (photos / 'masks' / 'v.png').unlink()
    (photos / 'masks').rmdir()
    with pytest.raises(FileNotFoundError, match='no such folder of masks'):
        convert(photos)


def prepare_empty(photos: Path) -> tuple[str, str]:
    (photos / 'empty').mkdir()
    return str(photos / 'tags.csv'), str(photos / 'out')


def test_class_without_a_training_image_is_remarked(photos):
    report = convert(photos, classes=['cat', 'dog', 'cow'])
    assert report.exit_status == 0
    assert 'no training image is tagged cow: nothing can be learnt of it.' in report.remarks


@pytest.mark.parametrize(
    ('name', 'text', 'expected'),
    [
        ('a.csv', 'image_id,tags\nx,dog cat\ny,\nz,dog\n', ['cat', 'dog']),
        ('a.csv', 'image_id,tags\nx,traffic light;dog\ny,cat | traffic light\nz,fire hydrant\n',
         ['cat', 'dog', 'fire hydrant', 'traffic light']),
        ('a.csv', 'image_id,zebra,ant\nx,0,1\n', ['zebra', 'ant']),
        ('a.json', '{"x": ["b", "a"], "y": []}', ['a', 'b']),
    ],
)  # fmt: skip
def test_class_names(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text)
    assert read_class_names(tmp_path / name) == expected


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('a.npy', '', r'taken from a \.npy file'),
        ('a.json', '[1]', 'a JSON list'),
        ('a.csv', 'image_id,tags\n', 'no class is named'),
        ('a.csv', '', 'no class is named'),
    ],
)
def test_class_names_that_are_not_there(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_class_names(tmp_path / name)


BASES = [
    ('cls/resnet50_voc.py', 'pnl/deeplabv3plus_r50_voc.py'),
    ('cls/mobilenetv2_voc_animals.py', 'pnl/deeplabv3plus_mobilenetv2_voc_animals.py'),
    ('cls/resnet38d_coco.py', 'pnl/segformer_b0_coco.py'),
    ('cls/mit_b2_voc.py', 'pnl/mask2former_r50_voc.py'),
    ('cls/resnet50_coco.py', 'pnl/pspnet_r101_voc.py'),
]
AFFINITY = 'affinity/affinity-net_mobilenetv2_voc_animals.py'


@pytest.mark.parametrize(('cls_base', 'pnl_base'), BASES)
def test_configs_fit_the_data_set(photos, monkeypatch, cls_base, pnl_base):
    convert(photos)
    out = photos / 'out'
    paths = make_config(str(out), str(photos / 'configs'), 'mine', cls_base, pnl_base)
    cls_config, pnl_config = (Config.fromfile(path) for path in paths)
    monkeypatch.chdir(photos)
    write_seed_root(photos / pnl_config.train_dataloader.dataset.seed_root, ['a', 'b', 'sub/c'])
    init_default_scope('mmseg')

    train = DATASETS.build(cls_config.train_dataloader.dataset)
    assert [info['gt_label'] for info in map(train.get_data_info, range(3))] == [[0], [0, 1], [1]]
    assert train.metainfo['classes'] == ('cat', 'dog')
    assert train[0]['inputs'].ndim == 3
    assert len(DATASETS.build(cls_config.val_dataloader.dataset)) == 1
    assert cls_config.test_dataloader == cls_config.val_dataloader
    assert cls_config.model.head.num_classes == 2
    assert pnl_config.train_dataloader.dataset.seed_root == 'work_dirs/mine_cls/seeds'

    val = DATASETS.build(pnl_config.val_dataloader.dataset)
    sample = val[0]['data_samples']
    assert sample.gt_sem_seg.data.unique().tolist() == [0, 2, 255]
    train = DATASETS.build(pnl_config.train_dataloader.dataset)
    assert len(train) == 3 and train.metainfo['classes'] == tuple(CLASSES)
    numbers = find_numbers(pnl_config.model)
    assert numbers and set(numbers) == {3}
    if 'mask2former' in pnl_base:
        assert pnl_config.model.decode_head.loss_cls.class_weight == [1.0] * 3 + [0.1]


def test_a_base_that_learns_from_saliency_maps(photos):
    convert(photos)
    out = photos / 'out'
    path, _ = make_config(str(out), str(photos / 'configs'), 'mine', 'cls/eps_resnet50_voc.py')
    config = Config.fromfile(path)
    assert 'saliency_path' not in config.val_dataloader.dataset.data_prefix
    init_default_scope('mmseg')
    with pytest.raises(FileNotFoundError, match=r'saliency: there is no such folder'):
        DATASETS.build(config.train_dataloader.dataset)
    for image_id in ('a', 'b', 'sub/c'):
        write_saliency(out / f'saliency/{image_id}.png', np.zeros(SHAPE, np.uint8))
    sample = DATASETS.build(config.train_dataloader.dataset)[2]['data_samples']
    assert sample.gt_saliency.shape == (448, 448)


def find_numbers(value) -> list[int]:
    """Every num_classes in a part of a config."""
    if isinstance(value, dict):
        own = [value['num_classes']] if 'num_classes' in value else []
        return own + [number for item in value.values() for number in find_numbers(item)]
    if isinstance(value, (list, tuple)):
        return [number for item in value for number in find_numbers(item)]
    return []


def test_model_of_the_written_config_has_the_right_outputs(photos):
    convert(photos)
    _, path = make_config(
        str(photos / 'out'), str(photos / 'configs'), 'mine', pnl_base='pnl/segformer_b0_voc.py'
    )
    init_default_scope('mmseg')
    model_config = Config.fromfile(path).model
    model_config.backbone.init_cfg = None
    assert MODELS.build(model_config).decode_head.conv_seg.out_channels == 3


def test_configs_without_validation(photos):
    convert(photos, masks=False)
    paths = make_config(str(photos / 'out'), str(photos / 'configs'), 'mine')
    for config in map(Config.fromfile, paths):
        for split in ('val', 'test'):
            for part in ('dataloader', 'evaluator', 'cfg'):
                assert config[f'{split}_{part}'] is None
        assert config.default_hooks.checkpoint.get('save_best') is None


def test_base_of_an_installed_package_is_named_by_its_scope(photos, monkeypatch, tmp_path):
    convert(photos)
    repository = Path(config_parts.PACKAGE).parent
    package = tmp_path / 'site' / 'mmseg_wsss'
    (package / '.mim').mkdir(parents=True)
    (package / '.mim' / 'configs').symlink_to(repository / 'configs')
    monkeypatch.setattr(config_parts, 'PACKAGE', str(package))
    cls_path, pnl_path = make_config(str(photos / 'out'), str(tmp_path / 'configs'), 'mine')
    assert "_base_ = 'mmseg_wsss::cls/resnet50_voc.py'" in Path(cls_path).read_text()
    assert "_base_ = 'mmseg_wsss::pnl/deeplabv3plus_r50_voc.py'" in Path(pnl_path).read_text()


def test_bases_in_lists_are_replaced_as_a_whole(photos):
    convert(photos)
    base = photos / 'base.py'
    base.write_text(
        "model = dict(type='X', decode_head=dict(num_classes=21), auxiliary_head=["
        "dict(type='A', num_classes=21, channels=4), dict(type='B', num_classes=7)])\n"
        "train_dataloader = dict(dataset=dict(type='VOCSeedDataset', pipeline=[]))\n"
        'val_dataloader = dict(dataset=dict(pipeline=[]))\n'
    )
    _, path = make_config(str(photos / 'out'), str(photos / 'configs'), 'mine', pnl_base=str(base))
    assert Config.fromfile(path).model.auxiliary_head == [
        dict(type='A', num_classes=3, channels=4),
        dict(type='B', num_classes=7),
    ]


def test_configs_of_learned_affinity(photos, monkeypatch):
    """In the order of their use each reads what the one before has written."""
    convert(photos)
    recipe = Recipe(*BASES[1], affinity=AffinityRecipe(AFFINITY, (0.7, 0.3)))
    monkeypatch.chdir(photos)
    paths = make_config('out', 'configs', 'mine', recipe=recipe)
    cls, pnl, labels, network, spread = map(Config.fromfile, paths)
    assert [hook.type for hook in cls.custom_hooks] == ['InitialWeightsHook']  # no seeds after it
    roots = [osp.join('work_dirs', Path(path).stem, 'seeds') for path in paths]
    assert labels.seed_generation.out == roots[2] and spread.seed_generation.out == roots[4]
    assert network.train_dataloader.dataset.seed_root == roots[2]
    assert pnl.train_dataloader.dataset.seed_root == roots[4]
    assert [one.threshold for one in labels.seed_generation.background] == [0.7, 0.3]
    assert spread.seed_generation.background == dict(threshold='auto', labels=roots[2])
    refiner = spread.seed_generation.refine[0]
    assert refiner.config == paths[3]
    assert refiner.checkpoint == 'work_dirs/mine_affinity-net/iter_600.pth'
    for config in (labels, spread):
        for key in ('scales', 'dataset'):
            assert config.seed_generation[key] == cls.seed_generation[key]
    write_seed_root(photos / roots[2], ['a', 'b', 'sub/c'])
    init_default_scope('mmseg')
    train = DATASETS.build(network.train_dataloader.dataset)
    assert len(train) == 3 and train.metainfo['classes'] == tuple(CLASSES)
    assert next_commands(*paths) == [
        f'python tools/train.py {paths[0]}',
        f'python tools/make_seeds.py {paths[2]} work_dirs/mine_cls/epoch_6.pth',
        f'python tools/train.py {paths[3]}',
        f'python tools/make_seeds.py {paths[4]} work_dirs/mine_cls/epoch_6.pth',
        f'python tools/train.py {paths[1]}',
    ]


def test_configs_of_two_rounds(photos, monkeypatch):
    """The second labels are made of what the first network spreads, the seeds by the second."""
    convert(photos)
    monkeypatch.chdir(photos)
    twice = AffinityRecipe(AFFINITY, (0.7, 0.3), rounds=2, second_thresholds=(0.6, 0.2))
    paths = make_config('out', 'configs', 'mine', recipe=Recipe(*BASES[1], affinity=twice))
    kinds = ['cls', 'pnl', 'affinity-labels', 'affinity-net', 'second-affinity-labels']
    kinds += ['second-affinity-net', 'affinity-seeds']
    assert [Path(path).stem for path in paths] == [f'mine_{kind}' for kind in kinds]
    _, pnl, _, first, labels, second, spread = map(Config.fromfile, paths)
    roots = [osp.join('work_dirs', Path(path).stem, 'seeds') for path in paths]
    assert labels.seed_generation.out == roots[4]
    assert [one.threshold for one in labels.seed_generation.background] == [0.6, 0.2]
    assert first.model == second.model
    assert second.train_dataloader.dataset.seed_root == roots[4]
    assert spread.seed_generation.background == dict(threshold='auto', labels=roots[4])
    assert pnl.train_dataloader.dataset.seed_root == roots[6]
    walks = [config.seed_generation.refine[0] for config in (labels, spread)]
    assert [walk.config for walk in walks] == [paths[3], paths[5]]
    assert [walk.checkpoint for walk in walks] == [
        f'work_dirs/mine_{kind}/iter_600.pth' for kind in (kinds[3], kinds[5])
    ]
    checkpoint = 'work_dirs/mine_cls/epoch_6.pth'
    assert next_commands(*paths)[1:-1] == [
        f'python tools/make_seeds.py {paths[2]} {checkpoint}',
        f'python tools/train.py {paths[3]}',
        f'python tools/make_seeds.py {paths[4]} {checkpoint}',
        f'python tools/train.py {paths[5]}',
        f'python tools/make_seeds.py {paths[6]} {checkpoint}',
    ]


def test_rounds_that_are_not_known(photos):
    convert(photos)
    thrice = AffinityRecipe(AFFINITY, rounds=3)
    with pytest.raises(ValueError, match='in 1 round or in 2, got 3'):
        make_config(
            str(photos / 'out'),
            str(photos / 'configs'),
            'mine',
            recipe=Recipe(*BASES[1], affinity=thrice),
        )


def test_config_errors(photos):
    out, configs = str(photos / 'out'), str(photos / 'configs')
    with pytest.raises(FileNotFoundError, match='prepare the data set first'):
        make_config(out, configs, 'mine')
    convert(photos)
    with pytest.raises(ValueError, match='expected letters'):
        make_config(out, configs, '../mine')
    with pytest.raises(FileNotFoundError, match='neither a file nor a config'):
        make_config(out, configs, 'mine', cls_base='cls/nothing.py')
    with pytest.raises(ValueError, match='expected a TagsDataset'):
        make_config(out, configs, 'mine', cls_base='pnl/segformer_b0_voc.py')
    assert not Path(configs).exists()
    make_config(out, configs, 'mine')
    with pytest.raises(FileExistsError, match='mine_cls.py: exists'):
        make_config(out, configs, 'mine')
    (photos / 'out' / 'dataset.json').write_text('{"classes": []}')
    with pytest.raises(ValueError, match='not a description'):
        make_config(out, configs, 'other')


def test_command_line(photos, capsys):
    arguments = ['prepare', photos / 'photos', photos / 'tags.csv', photos / 'out']
    assert tool.main([str(argument) for argument in arguments]) == 0
    assert capsys.readouterr().out.rstrip().endswith('complete')
    arguments = ['make_config', photos / 'out', photos / 'configs', '--name', 'mine']
    assert tool.main([str(argument) for argument in arguments]) == 0
    assert (photos / 'configs' / 'mine_pnl.py').exists()
    assert tool.main([str(argument) for argument in arguments]) == 2
    assert 'exists' in capsys.readouterr().err
    arguments = [*arguments[:-1], 'twice', '--affinity-rounds', 2]
    assert tool.main([str(argument) for argument in arguments]) == 2
    assert 'how often to learn affinity: give --affinity' in capsys.readouterr().err
    bases = ['--cls-base', BASES[1][0], '--pnl-base', BASES[1][1]]
    for more in ([], bases):
        name = arguments[4] = f'twice{len(more)}'
        words = [*arguments, '--affinity', *([AFFINITY] if more else []), *more]
        assert tool.main([str(word) for word in words]) == 0
        assert (photos / 'configs' / f'{name}_second-affinity-net.py').exists()
    truncate(photos / 'photos' / 'a.jpg')
    arguments = ['prepare', photos / 'photos', photos / 'tags.csv', photos / 'out2']
    assert tool.main([str(argument) for argument in arguments]) == 1


def write_one_class(root: Path, label: int, tagged: int = 8) -> list[str]:
    """Eight images with masks of one label, ``tagged`` of them tagged, and two more images."""
    rows = ['image_id,tags']
    for number in range(10):
        write_image(root / 'one' / 'photos' / f'{number}.jpg')
        rows.append(f'{number},{"animal" if number < tagged or number == 8 else ""}')
        if number < 8:
            write_mask(root / 'one' / 'masks' / f'{number}.png', label)
    (root / 'one' / 'tags.csv').write_text('\n'.join(rows))
    return rows


def test_masks_of_0_and_255_stop_the_preparation(tmp_path):
    write_one_class(tmp_path, 255)
    (problem,) = convert(tmp_path / 'one').problems
    assert problem.startswith('8 images are tagged animal, and no mask of them shows it (label 1;')
    assert not (tmp_path / 'one' / 'out' / 'tags.csv').exists()
    write_one_class(tmp_path, 1)
    assert not convert(tmp_path / 'one').problems


def test_tags_that_are_taken_from_masks_contradict_nothing(tmp_path):
    rows = write_one_class(tmp_path, 255)
    (tmp_path / 'one' / 'tags.csv').write_text('\n'.join([rows[0], *rows[-2:]]))
    (problem,) = convert(tmp_path / 'one').problems
    assert 'the 8 masks show background (label 0) and nothing else' in problem


def test_a_class_that_every_training_image_has_is_remarked(tmp_path):
    write_one_class(tmp_path, 1)
    (tmp_path / 'one' / 'val.txt').write_text('0\n1\n2\n9\n')
    write_mask(tmp_path / 'one' / 'masks' / '9.png')
    report = convert(tmp_path / 'one', val_list=str(tmp_path / 'one' / 'val.txt'))
    assert not report.problems
    text = 'every training image is tagged animal: this teaches a classifier nothing'
    assert sum(remark.startswith(text) for remark in report.remarks) == 1


def test_a_jpeg_of_a_few_pixels_is_read(tmp_path):
    write_image(tmp_path / 'tiny.jpg', (3, 5))
    assert check_image(str(tmp_path / 'tiny.jpg')) == (3, 5)
