"""tools/make_pseudo_masks.py: pseudo masks of a tiny network against a plain computation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import aggregate_seeds as aggregate_tool
import cv2
import make_pseudo_masks as tool
import numpy as np
import pytest
import torch
from helpers.network_run import PSEUDO_MASK_CONFIG
from helpers.seed_roots import CLASSES, write_images, write_seed_root, write_split
from mmengine.config import Config
from PIL import Image

import mmseg_wsss
from mmseg_wsss.datasets.tags import write_tags
from mmseg_wsss.generation.pseudo_mask_images import (
    PseudoMaskImages,
    training_classes,
    training_images,
    without_annotations,
)
from mmseg_wsss.generation.pseudo_masks import PseudoMaskMaker
from mmseg_wsss.store import MANIFEST_NAME, ImageRecords, SeedManifest
from mmseg_wsss.store.mask_folder import SETTINGS_NAME

SHAPE = (24, 32)
TAGS = {'one': (1,), 'sub/two': (2,), 'three': (), 'four': (1, 2)}
IDS = list(TAGS)
PALETTE = [[0, 0, 0], [9, 0, 0], [0, 9, 0]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Images, split, tags, config and the checkpoint of a random network."""
    (tmp_path / 'images' / 'sub').mkdir(parents=True)
    write_images(tmp_path / 'images', IDS, SHAPE)
    write_split(tmp_path / 'train.txt', IDS)
    write_tags(tmp_path / 'tags.csv', TAGS, CLASSES)
    (tmp_path / 'config.py').write_text(PSEUDO_MASK_CONFIG.replace('DATA', str(tmp_path)))
    model = build_network(tmp_path)
    # Weights that sum to 0 over the features of each class, so that no class wins everywhere.
    weights = torch.randn_like(model.decode_head.conv_seg.weight)
    model.decode_head.conv_seg.weight.data = 20 * (weights - weights.mean(dim=1, keepdim=True))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'net.pth')
    return tmp_path


def build_network(data: Path) -> torch.nn.Module:
    config = Config.fromfile(data / 'config.py')
    tool.init_default_scope('mmseg')
    return mmseg_wsss.registry.MODELS.build(config.model).eval()


def run(data: Path, *options: object, out: str = 'masks', tagged: bool = True) -> int:
    which = ['--tags', data / 'tags.csv'] if tagged else ['--all-classes']
    arguments = [data / 'config.py', data / 'net.pth', '--out', data / out, *which, *options]
    fixed = ['--device', 'cpu', '--num-workers', '0']
    return tool.main([str(argument) for argument in [*arguments, *fixed]])


@torch.no_grad()
def plain_probabilities(data: Path, image_id: str, flips: tuple[bool, ...]) -> np.ndarray:
    """Softmax of the network without mmseg's pipeline, preprocessor and post-processing."""
    network = build_network(data)
    network.load_state_dict(torch.load(data / 'net.pth')['state_dict'])
    image = cv2.imread(str(data / 'images' / f'{image_id}.jpg'))[..., ::-1]
    views = []
    for flip in flips:
        pixels = image[:, ::-1] if flip else image
        inputs = (torch.from_numpy(pixels.astype(np.float32)) - 127.5) / 64.0
        logits = network(inputs.permute(2, 0, 1)[None], mode='tensor')
        logits = torch.nn.functional.interpolate(
            logits, SHAPE, mode='bilinear', align_corners=False
        )
        view = logits.softmax(dim=1)[0].numpy()
        views.append(view[..., ::-1] if flip else view)
    return np.mean(views, axis=0)


def expected_mask(probabilities: np.ndarray, labels: tuple[int, ...]) -> np.ndarray:
    masked = probabilities.copy()
    masked[[label for label in range(3) if label not in (0, *labels)]] = -1
    return masked.argmax(axis=0)


def read(data: Path, image_id: str, out: str = 'masks') -> np.ndarray:
    with Image.open(data / out / f'{image_id}.png') as image:
        assert image.mode == 'P' and image.getpalette()[:9] == sum(PALETTE, [])
        return np.asarray(image)


@pytest.mark.parametrize('tta', [False, True], ids=['single', 'tta'])
def test_masks_equal_the_plain_computation(data, tta):
    assert run(data, *(['--tta'] if tta else [])) == 0
    assert run(data, *(['--tta'] if tta else []), out='all', tagged=False) == 0
    flips = (False, True) if tta else (False,)
    labels_seen = set()
    for image_id, labels in TAGS.items():
        probabilities = plain_probabilities(data, image_id, flips)
        unrestricted = expected_mask(probabilities, (1, 2))
        labels_seen |= set(unrestricted.ravel())
        # Float summation in another order may turn pixels that are as good as tied.
        np.testing.assert_allclose((read(data, image_id, 'all') == unrestricted).mean(), 1, 0, 0.01)
        mask = read(data, image_id)
        expected = expected_mask(probabilities, labels)
        np.testing.assert_allclose((mask == expected).mean(), 1, 0, 0.01)
        assert set(mask.ravel()) <= {0, *labels}
        confidence = probabilities.max(axis=0).mean()
        record = ImageRecords(data / 'all').read(image_id)
        assert record.confidence == pytest.approx(confidence, abs=0.01)
        # Of the classes that can be in the mask, the probabilities sum to 1.
        possible = probabilities[[0, *labels]]
        confidence = (possible / possible.sum(axis=0)).max(axis=0).mean()
        record = ImageRecords(data / 'masks').read(image_id)
        assert record.confidence == pytest.approx(confidence, abs=0.01)
    assert len(labels_seen) > 1  # else the comparison would say little


def test_resumes_where_it_was(data, capsys):
    run(data)
    masks = {image_id: data / 'masks' / f'{image_id}.png' for image_id in IDS}
    content = {image_id: path.read_bytes() for image_id, path in masks.items()}
    masks['one'].unlink()
    masks['four'].write_bytes(content['four'][:30])
    # A mask with a class that is not in the tags, and one of another size, are not finished.
    Image.fromarray(np.full(SHAPE, 1, np.uint8)).save(masks['sub/two'])
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(masks['three'])
    capsys.readouterr()
    assert run(data) == 0
    assert '4 masks made, 0 kept' in capsys.readouterr().out
    assert {image_id: path.read_bytes() for image_id, path in masks.items()} == content
    times = {path: path.stat().st_mtime_ns for path in masks.values()}
    assert run(data) == 0
    assert '0 masks made, 4 kept' in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in masks.values()} == times
    assert not list((data / 'masks').rglob('.*'))


def times(data: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (data / 'masks').rglob('*.png')}


def test_what_changed_is_made_anew_and_nothing_else(data, capsys):
    run(data)
    before = times(data)
    write_tags(data / 'tags.csv', {**TAGS, 'four': (1,), 'three': (2,)}, CLASSES)
    stat = (data / 'images' / 'one.jpg').stat()
    image = np.random.default_rng(5).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    cv2.imwrite(str(data / 'images' / 'one.jpg'), image)
    os.utime(data / 'images' / 'one.jpg', ns=(stat.st_atime_ns, stat.st_mtime_ns))
    capsys.readouterr()
    assert run(data) == 0
    assert '3 masks made, 1 kept' in capsys.readouterr().out
    after = times(data)
    assert {name for name in before if before[name] == after[name]} == {'two'}
    run(data, out='expected')
    assert files(data / 'masks') == files(data / 'expected')
    assert run(data) == 0
    assert '0 masks made, 4 kept' in capsys.readouterr().out


def test_masks_of_an_earlier_version_are_made_anew(data, capsys):
    run(data)
    expected = files(data / 'masks')
    shutil.rmtree(data / 'masks' / 'records')
    path = data / 'masks' / SETTINGS_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), 'tags_sha256': '0'}))
    capsys.readouterr()
    assert run(data) == 0
    assert '4 masks made, 0 kept' in capsys.readouterr().out
    assert files(data / 'masks') == expected


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def test_refuses_to_mix_settings(data, capsys):
    run(data)
    assert run(data, '--tta') == 1
    assert 'made otherwise (other pipeline_sha256, tta)' in capsys.readouterr().err
    network = build_network(data)
    torch.save(dict(state_dict=network.state_dict()), data / 'net.pth')
    assert run(data) == 1
    assert 'other checkpoint_sha256' in capsys.readouterr().err
    (data / 'masks' / 'stale.png').write_bytes(b'')
    assert run(data, '--overwrite') == 0
    assert not (data / 'masks' / 'stale.png').exists()
    assert json.loads((data / 'masks' / SETTINGS_NAME).read_text())['tags_filtered'] is True
    (data / 'masks' / SETTINGS_NAME).unlink()
    assert run(data, '--overwrite') == 1  # whose masks these are is not known
    assert 'holds PNG files but no pseudo_masks.json' in capsys.readouterr().err


def test_two_processes_make_the_same_files(data, root):
    assert run(data) == 0
    command = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2']
    command += [f'--master_port={29500 + os.getpid() % 1000}', root / 'tools/make_pseudo_masks.py']
    command += [data / 'config.py', data / 'net.pth', '--out', data / 'shared']
    command += ['--tags', data / 'tags.csv', '--launcher', 'pytorch', '--num-workers', '0']
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env=dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES=''),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for rank in (0, 1):
        assert f'rank {rank}: 2 masks made, 0 kept' in done.stdout
    found = files(data / 'shared')
    assert found == files(data / 'masks')
    assert len(found) == 2 * len(IDS) + 1  # masks, records, settings


def test_one_call_for_use_from_python(data):
    tool.init_default_scope('mmseg')
    config = Config.fromfile(data / 'config.py')
    images = PseudoMaskImages(training_images(config), config.test_pipeline)
    maker = PseudoMaskMaker(build_network(data), CLASSES, PALETTE, data / 'masks', tags=TAGS)
    assert maker.run(images) == dict(made=4, kept=0)
    assert maker.run(images) == dict(made=0, kept=4)


def test_split_of_one_image(data):
    write_split(data / 'other.txt', ['four'])
    assert run(data, '--split', data / 'other.txt') == 0
    assert sorted(path.name for path in (data / 'masks').rglob('*.png')) == ['four.png']


def test_masks_are_a_seed_for_the_aggregation(data):
    assert run(data) == 0
    assert run(data, out='all', tagged=False) == 0
    seeds = write_seed_root(data / 'seeds', IDS, SHAPE)
    options = ['--seeds', data / 'masks', data / 'all', data / 'seeds' / 'a']
    options += ['--out', data / 'round2', '--classes', ','.join(CLASSES), '--jobs', '1']
    assert aggregate_tool.main([str(option) for option in options]) == 0
    stack = np.stack([read(data, 'four'), read(data, 'four', 'all'), seeds['four'][0]])
    votes = (stack[:, None] == np.arange(3)[:, None, None]).sum(axis=0)
    with Image.open(data / 'round2' / 'aggregated' / 'four.png') as image:
        np.testing.assert_array_equal(np.asarray(image), votes.argmax(axis=0))


def test_what_the_masks_were_made_from_follows_them(data):
    """From the seeds that the network learned to its masks and to a vote on them."""
    write_seed_root(data / 'seeds', IDS, SHAPE)
    path = data / 'seeds' / MANIFEST_NAME
    manifest = json.loads(path.read_text())
    manifest['parameters']['supervision'] = 'I+S'
    path.write_text(json.dumps(manifest))
    assert run(data) == 0
    settings = data / 'masks' / SETTINGS_NAME
    made = settings.read_text()
    assert json.loads(made)['supervision'] == 'I+S'
    # The same masks where the seeds are gone, or did not say what they were.
    path.rename(data / 'elsewhere.json')
    assert run(data) == 0 and settings.read_text() == made
    settings.write_text(json.dumps({**json.loads(made), 'supervision': None}))
    (data / 'elsewhere.json').rename(path)
    times = {one: one.stat().st_mtime_ns for one in (data / 'masks').rglob('*.png')}
    assert run(data) == 0 and settings.read_text() == made
    assert times == {one: one.stat().st_mtime_ns for one in times}
    options = ['--seeds', data / 'masks', data / 'seeds' / 'a', '--names', 'net', 'a']
    options += ['--out', data / 'round2', '--classes', ','.join(CLASSES), '--jobs', '1']
    assert aggregate_tool.main([str(option) for option in options]) == 0
    voted = SeedManifest.load(data / 'round2' / MANIFEST_NAME)
    assert voted.supervision == 'I+S (image tags and saliency maps)'


@pytest.mark.parametrize('preset', ['irn', 'deeplab'])
def test_crf_sees_the_tagged_labels_only(data, preset):
    pytest.importorskip('mmseg_wsss.seeds.crf.dense_crf')
    pydensecrf = pytest.importorskip('pydensecrf.densecrf')
    assert run(data, '--crf', preset) == 0
    assert set(read(data, 'one').ravel()) <= {0, 1}
    probabilities = plain_probabilities(data, 'one', (False,))[:2].astype(np.float32)
    probabilities /= probabilities.sum(axis=0)
    if preset == 'irn':
        labels = probabilities.argmax(axis=0)
        probabilities = np.where(np.arange(2)[:, None, None] == labels, 0.7, 0.3)
        bilateral, gaussian = (50, 5, 10), (3, 3)
    else:
        bilateral, gaussian = (67, 3, 4), (1, 3)
    reference = pydensecrf.DenseCRF2D(SHAPE[1], SHAPE[0], 2)
    unary = -np.log(probabilities.reshape(2, -1)).astype(np.float32)
    reference.setUnaryEnergy(np.ascontiguousarray(unary))
    reference.addPairwiseGaussian(sxy=gaussian[0], compat=gaussian[1])
    image = cv2.imread(str(data / 'images' / 'one.jpg'))[..., ::-1]
    reference.addPairwiseBilateral(
        sxy=bilateral[0],
        srgb=bilateral[1],
        rgbim=np.ascontiguousarray(image),
        compat=bilateral[2],
    )
    expected = np.array(reference.inference(10)).argmax(axis=0).reshape(SHAPE)
    assert (read(data, 'one') == expected).mean() > 0.97


def test_errors_name_the_cause(data, capsys):
    write_tags(data / 'tags.csv', {'one': (1,)}, CLASSES)
    assert run(data) == 1
    assert '3 of 4 images have no tags entry, first sub/two, three, four' in capsys.readouterr().err
    (data / 'images' / 'one.jpg').unlink()
    assert run(data) == 1
    assert '1 of 4 images are missing' in capsys.readouterr().err
    with pytest.raises(SystemExit):  # tags or --all-classes: neither goes without saying
        tool.main(['config.py', 'net.pth', '--out', 'masks'])


def test_unknown_preset():
    with pytest.raises(ValueError, match="crf='best'"):
        PseudoMaskMaker(torch.nn.Identity(), CLASSES, PALETTE, 'unused', crf='best')


def test_config_helpers(data):
    config = Config.fromfile(data / 'config.py')
    assert list(training_images(config)) == IDS
    assert training_classes(config) == (list(CLASSES), PALETTE)
    del config.train_dataloader.dataset.dataset['metainfo']
    write_seed_root(data / 'seeds', ['one'], SHAPE)
    assert training_classes(config)[0] == list(CLASSES)  # of the seed root's manifest
    config.train_dataloader.dataset.dataset.pop('ann_file')
    with pytest.raises(ValueError, match='no ann_file'):
        training_images(config)
    with pytest.raises(ValueError, match='one data set'):
        training_images(Config(dict(model={})))
    views = [dict(type='TestTimeAug', transforms=[[dict(type='mmseg.LoadAnnotations')], []])]
    assert without_annotations(views) == [dict(type='TestTimeAug', transforms=[])]
