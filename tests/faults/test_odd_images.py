"""Images as they come: image, seeds and training agree on size and orientation, or all stops."""

import json

import check_data
import cv2
import mmcv
import numpy as np
import pytest
from helpers.classifier_run import build_config, write_data
from helpers.network_run import TRAINING_CONFIG as CONFIG
from helpers.seed_generators import build_generator
from helpers.seed_roots import CLASSES, write_images, write_seed_root, write_split
from helpers.tiff import write_tiff
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from packaging.version import Version
from PIL import Image, ImageOps

from mmseg_wsss.checks.images import DataItem, check_image, check_items, find_twins
from mmseg_wsss.converters.folder import convert_folder
from mmseg_wsss.datasets import FolderSeedDataset, TagsDataset
from mmseg_wsss.generation import SeedImage
from mmseg_wsss.generation import images as seed_image_dataset
from mmseg_wsss.store import read_mask, write_mask
from mmseg_wsss.utils.image import read_image, shrunk_size
from mmseg_wsss.utils.image_copy import read_shifted

SHAPE = (20, 30)
FOLDERS = ('0.00-1.00', '0.30-1.00', '0.30-1.20', 'aggregated', 'agreement', 'losing_votes')


def pixels(shape=SHAPE):
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)


def save(path, mode='RGB', shape=SHAPE, orientation=None, **options):
    image = Image.fromarray(pixels(shape)).convert(mode)
    if orientation is not None:
        options['exif'] = Image.Exif()
        options['exif'][0x0112] = orientation
    image.save(path, **options)


def save_deep(path, grey):
    deep = pixels().astype(np.uint16) * 257
    assert cv2.imwrite(str(path), deep[..., 0] if grey else deep)


def save_bands(path, extra):
    """RGB and a fourth band, as satellite images have it."""
    write_tiff(path, np.dstack([pixels(), pixels()[..., 0]]), extra=extra)


def save_cut_out(path, **options):
    """RGB under a mask of transparency."""
    visible = np.where(pixels()[..., :1] < 128, 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([pixels(), visible])).save(path, **options)


def save_two(path, **options):
    first, second = Image.fromarray(pixels()), Image.fromarray(pixels()[::-1])
    first.save(path, save_all=True, append_images=[second], **options)


def save_transparent(path):
    image = Image.fromarray(pixels()).convert('P')
    image.save(path, transparency=3)


KINDS = {
    'grey.jpg': lambda path: save(path, 'L'),
    'cmyk.jpg': lambda path: save(path, 'CMYK'),
    'progressive.jpg': lambda path: save(path, progressive=True),
    'grey with alpha.png': lambda path: save(path, 'LA'),
    'alpha.png': lambda path: save(path, 'RGBA'),
    'palette.png': lambda path: save(path, 'P'),
    'transparent palette.png': save_transparent,
    'one bit.png': lambda path: save(path, '1'),
    'one bit.tif': lambda path: save(path, '1'),
    'cut out.png': save_cut_out,
    'cut out.webp': lambda path: save_cut_out(path, lossless=True, exact=True),
    'four bands.tif': lambda path: save_bands(path, [0]),
    'four bands of unknown kind.tif': lambda path: save_bands(path, []),
    'grey with alpha.tif': lambda path: save(path, 'LA'),
    'cmyk.tif': lambda path: save(path, 'CMYK'),
    'palette.tif': lambda path: save(path, 'P'),
    'pages.tif': save_two,
    'animated.webp': lambda path: save_two(path, lossless=True),
    'animated.png': save_two,
    'png as.jpg': lambda path: save(path, format='PNG'),
    'jpeg as.png': lambda path: save(path, format='JPEG'),
    'gif as.jpg': lambda path: save(path, format='GIF'),
    'plain.bmp': save,
    'plain.webp': save,
    **{
        f'exif {number}.jpg': lambda path, number=number: save(path, orientation=number)
        for number in range(1, 9)
    },
    'exif.png': lambda path: save(path, orientation=6),
    'exif.tif': lambda path: save(path, orientation=8),
    'exif.webp': lambda path: save(path, orientation=5),
    'Katze 猫 ñ.jpg': save,
    ' two  blanks .png': save,
    "it's.a 50% #1?.png": save,
    '-rf.jpg': save,
    'column.png': lambda path: save(path, shape=(40, 1)),
    'row.png': lambda path: save(path, shape=(1, 40)),
    'pixel.png': lambda path: save(path, shape=(1, 1)),
    'strip.png': lambda path: save(path, shape=(3, 10_000)),
}


# These are refused there.
NOT_IN_OLD_OPENCV = (
    ('gif as.jpg', 'exif.webp') if Version(cv2.__version__) < Version('4.12') else ()
)


@pytest.mark.parametrize('name', KINDS)
def test_image_seeds_and_training_agree(tmp_path, name):
    if name in NOT_IN_OLD_OPENCV:
        pytest.skip(f'OpenCV {cv2.__version__} neither reads GIF nor turns WebP')
    path = tmp_path / name
    KINDS[name](path)
    image = read_image(str(path))
    with Image.open(path) as file:  # another decoder: CMYK and JPEG are rounded otherwise
        expected = np.asarray(ImageOps.exif_transpose(file).convert('RGB'))
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).max() <= ('cmyk' in name)
    assert np.array_equal(image[..., ::-1], LoadImageFromFile()(dict(img_path=str(path)))['img'])
    # As mmseg draws predictions on it.
    assert np.array_equal(image, mmcv.imfrombytes(path.read_bytes(), channel_order='rgb'))
    assert check_image(str(path)) == image.shape[:2]
    copied = read_shifted(str(path), 0)
    assert np.array_equal(copied, image)
    image_id, suffix = path.stem, path.suffix
    generator = build_generator(refine='irn', scales=(0.5, 1.0))
    summary = generator.run([SeedImage(image_id, str(path), (1, 3))], tmp_path / 'seeds')
    assert summary.made == 1
    for folder in FOLDERS[:-1]:
        assert read_mask(tmp_path / 'seeds' / folder / f'{image_id}.png').shape == image.shape[:2]
    if image_id == image_id.strip():  # a split list drops blanks around an id
        write_split(tmp_path / 'train.txt', [image_id])
        dataset = FolderSeedDataset(
            seed_root=str(tmp_path / 'seeds'),
            ann_file=str(tmp_path / 'train.txt'),
            data_prefix=dict(img_path=str(tmp_path)),
            img_suffix=suffix,
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='mmseg_wsss.LoadSeedAnnotations'),
                dict(type='mmseg.PackSegInputs'),
            ],
        )
        sample = dataset[0]
        assert sample['inputs'].shape[1:] == image.shape[:2]
        assert sample['data_samples'].gt_sem_seg.shape == image.shape[:2]


def test_orientation_is_applied_to_pixels_and_not_to_sizes_alone(tmp_path):
    """The seeds of a turned file are the seeds of the upright image, mirrored or turned alike."""
    upright = np.asarray(Image.fromarray(pixels((4, 4))).resize((30, 20)))
    masks = {}
    for name, stored, orientation in (
        ('upright', upright, 1),
        ('turned', np.rot90(upright), 6),  # shown after a quarter turn to the right
        ('mirrored', upright[:, ::-1], 2),
    ):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f'{name}.png'
        Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
        build_generator().run([SeedImage('x', str(path), (1, 2))], tmp_path / name)
        masks[name] = [read_mask(tmp_path / name / folder / 'x.png') for folder in FOLDERS]
    for name in ('turned', 'mirrored'):
        assert all(map(np.array_equal, masks['upright'], masks[name]))


def truncated(path):
    save(path)
    path.write_bytes(path.read_bytes()[:-200])


UNREADABLE = {
    'empty.jpg': lambda path: path.write_bytes(b''),
    'page.jpg': lambda path: path.write_text('<html>404 not found</html>'),
    'truncated.jpg': truncated,
    'truncated.png': truncated,
    'float.tif': lambda path: Image.fromarray(np.zeros(SHAPE, np.float32)).save(path),
    '16 bit grey.png': lambda path: save_deep(path, grey=True),
    '16 bit.png': lambda path: save_deep(path, grey=False),
    '16 bit.tif': lambda path: save_deep(path, grey=False),
    'infrared as alpha.tif': lambda path: save_bands(path, [2]),
    'five bands.tif': lambda path: write_tiff(
        path, np.dstack([pixels()] * 2)[..., :5], extra=[0] * 2
    ),
    'missing.jpg': lambda path: None,
    'folder.jpg': lambda path: path.mkdir(),
}


def test_unreadable_images_stop_the_run_before_it_begins_and_are_all_named(tmp_path):
    images = []
    for name, write in {**KINDS, **UNREADABLE}.items():
        if name in NOT_IN_OLD_OPENCV:
            continue
        write(tmp_path / name)
        images.append(SeedImage(name, str(tmp_path / name), (1,)))
    for workers in (0, 1):
        generator = build_generator(num_workers=workers)
        with pytest.raises(ValueError, match=f'(?s)^{len(UNREADABLE)} images cannot') as caught:
            generator.run(images, tmp_path / 'seeds')
        assert all(f'/{name}: ' in str(caught.value) for name in UNREADABLE)
        assert not list((tmp_path / 'seeds').rglob('*.png'))
    for name in UNREADABLE:
        with pytest.raises((ValueError, OSError), match=name):
            check_image(str(tmp_path / name))


def test_a_large_image_is_shrunk_and_its_masks_enlarged(tmp_path, monkeypatch):
    """Against an image of half the sides, each pixel of whose masks is repeated."""
    monkeypatch.setattr(seed_image_dataset, 'shrunk_size', lambda *size: shrunk_size(*size, 1200))
    large = cv2.resize(pixels((5, 6)), (80, 60), interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(large, (40, 30), interpolation=cv2.INTER_AREA)
    for name, image in (('large', large), ('small', small)):
        Image.fromarray(image).save(tmp_path / f'{name}.png')
        info = SeedImage('x', str(tmp_path / f'{name}.png'), (1, 2, 3))
        build_generator(refine='irn').run([info], tmp_path / name)
    for folder in FOLDERS:
        found = read_mask(tmp_path / 'large' / folder / 'x.png')
        expected = read_mask(tmp_path / 'small' / folder / 'x.png')
        assert np.array_equal(found, np.kron(expected, np.ones((2, 2), np.uint8)))


def test_a_very_long_image_is_done(tmp_path):
    Image.fromarray(pixels((450, 10_000))).save(tmp_path / 'a.png', compress_level=0)
    info = SeedImage('a', str(tmp_path / 'a.png'), (2,))
    options = dict(scales=(1.0,), flip=False, keep='aggregate')
    build_generator(seeds=[(0.0, 1.0), (0.3, 1.0)], **options).run([info], tmp_path / 'seeds')
    for folder in ('aggregated', 'agreement'):
        assert read_mask(tmp_path / 'seeds' / folder / 'a.png').shape == (450, 10_000)


@pytest.mark.parametrize('size', [(1, 10**7), (10**7, 1), (10**4, 10**4), (3, 5), (2049, 2049)])
def test_shrunk_sizes(size):
    height, width = shrunk_size(*size)
    assert 1 <= height * width <= max(1 << 22, 1)
    assert (height, width) == size or height * width > (1 << 22) * 0.99
    ratio = (height / width) / (size[0] / size[1])
    assert min(size) == 1 or ratio == pytest.approx(1, rel=0.01)


def test_same_name_with_two_suffixes(tmp_path):
    for name in ('a.jpg', 'a.png', 'b.jpg', 'c.JPG', 'b.txt'):
        save(tmp_path / name, format='PNG')
    paths = [str(tmp_path / name) for name in ('a.jpg', 'b.jpg', 'c.JPG')]
    assert find_twins(paths) == [f'{paths[0]} (a.png)']
    items = [DataItem(path[-5], path) for path in paths]
    report = check_items('photographs', items, workers=1)
    assert not report.problems
    assert 'share their name with another image' in report.text()
    # In a folder without a fixed suffix nobody can tell which one is meant.
    (tmp_path / 'tags.csv').write_text('image_id,tags\na,cat\nb,cat\nc,cat\n')
    report = convert_folder(
        str(tmp_path), str(tmp_path / 'tags.csv'), str(tmp_path / 'out'), workers=1
    )
    assert any('two images of one name' in problem for problem in report.problems)


REFUSED = {
    '16 bit.png': '16-bit RGB, values 0 to 65,535',
    'infrared as alpha.tif': 'its fourth band is marked as transparency',
    'five bands.tif': '5 bands',
}


@pytest.mark.parametrize('name', REFUSED)
def test_a_training_refuses_what_its_loader_would_misread(tmp_path, name):
    UNREADABLE[name](tmp_path / name)
    image_id, suffix = (tmp_path / name).stem, (tmp_path / name).suffix
    write_split(tmp_path / 'train.txt', [image_id])
    (tmp_path / 'tags.json').write_text(json.dumps({image_id: ['cat']}))
    write_seed_root(tmp_path / 'seeds', [image_id], SHAPE)
    common = dict(
        ann_file=str(tmp_path / 'train.txt'),
        data_prefix=dict(img_path=str(tmp_path)),
        img_suffix=suffix,
    )
    tagged = TagsDataset(
        tags_file=str(tmp_path / 'tags.json'),
        metainfo=dict(classes=CLASSES),
        pipeline=[dict(type='mmpretrain.LoadImageFromFile')],
        **common,
    )
    seeded = FolderSeedDataset(
        seed_root=str(tmp_path / 'seeds'), pipeline=[dict(type='LoadImageFromFile')], **common
    )
    for dataset in (tagged, seeded):
        with pytest.raises(ValueError, match=f'{name}: .*{REFUSED[name]}'):
            dataset[0]


def test_a_check_shows_kinds_and_what_is_not_read(tmp_path):
    names = [
        'cut out.png',
        'four bands.tif',
        'pages.tif',
        'animated.webp',
        'exif 6.jpg',
        '16 bit.tif',
    ]
    for name in names:
        {**KINDS, **UNREADABLE}[name](tmp_path / name)
    items = [DataItem(name, str(tmp_path / name)) for name in names]
    report = check_items('images', items, workers=1)
    rows = dict(report.rows)
    assert sorted(rows['kinds'].split(', ')) == [
        'JPEG RGB 1', 'PNG RGBA 1', 'TIFF RGB 16-bit 1', 'TIFF RGB 2', 'WEBP RGB 1',
    ]  # fmt: skip
    assert rows['turned upright by EXIF'] == '1'
    assert len(report.problems) == 1 and '16 bit.tif: 16-bit RGB, values 0 to' in report.problems[0]
    remarks = [remark for remark in report.remarks if 'images have' in remark]
    assert [remark.split(' (')[-1] for remark in remarks] == [
        'cut out.png, four bands.tif).',
        'pages.tif, animated.webp).',
    ]


def test_check_of_a_classifier_s_data(tmp_path, capsys):
    write_data(tmp_path)
    build_config(tmp_path).dump(tmp_path / 'config.py')
    arguments = [str(tmp_path / 'config.py'), '--jobs', '1']
    assert check_data.main(arguments) == 0
    out = capsys.readouterr().out
    assert 'images by tag           red 2, green 2' in out and 'no tag' in out
    assert check_data.main([*arguments, '--cfg-options', 'model.head.num_classes=3']) == 1
    assert 'model.head.num_classes is 3, the data set has 2' in capsys.readouterr().out
    (tmp_path / 'images' / 'b.png').write_bytes(b'')
    (tmp_path / 'images' / 'c.png').unlink()
    assert check_data.main(arguments) == 1
    out = capsys.readouterr().out
    assert 'b.png: not a readable' in out and 'c.png: no such image' in out and '2 problems' in out
    (tmp_path / 'tags.json').write_text(json.dumps({'a': ['rd']}))
    assert check_data.main(arguments) == 1
    assert "did you mean 'red'" in capsys.readouterr().out
    assert check_data.main([str(tmp_path / 'none.py')]) == 1


def test_check_of_a_segmentor_s_data(tmp_path, capsys):
    ids = ['one', 'two', 'three']
    write_images(tmp_path / 'images', ids)
    write_split(tmp_path / 'train.txt', ids)
    seeds = write_seed_root(tmp_path / 'seeds', ids)
    for image_id in ids:
        write_mask(tmp_path / 'truth' / f'{image_id}.png', seeds[image_id][0])
    (tmp_path / 'config.py').write_text(CONFIG.replace('DATA', str(tmp_path)))
    arguments = [str(tmp_path / 'config.py'), '--jobs', '1']
    assert check_data.main(arguments) == 0
    assert capsys.readouterr().out.count('complete') == 2  # validation and test are one data set
    write_mask(tmp_path / 'seeds' / 'agreement' / 'one.png', np.zeros((32, 24), np.uint8))
    write_mask(tmp_path / 'truth' / 'two.png', np.full((24, 32), 3, np.uint8))
    write_images(tmp_path / 'images', ['three'], (32, 24))
    assert check_data.main(arguments) == 1
    out = capsys.readouterr().out
    for problem in (
        'agreement/one.png: 32 x 24',
        'truth/two.png: label 3',
        'truth/three.png: 24 x',
    ):
        assert problem in out
    assert check_data.main([*arguments, '--cfg-options', 'model.decode_head.num_classes=4']) == 1
    assert 'model.decode_head.num_classes is 4, the data set has 3' in capsys.readouterr().out
    config = Config.fromfile(tmp_path / 'config.py')
    config.pop('train_dataloader'), config.pop('val_dataloader'), config.pop('test_dataloader')
    config.dump(tmp_path / 'none.py')
    assert check_data.main([str(tmp_path / 'none.py')]) == 1
    assert 'names no data set' in capsys.readouterr().err
