"""Export to annotation tools and import of what they correct, through the commands."""

from __future__ import annotations

import json
import shutil

import export_annotations as export_tool
import import_annotations as import_tool
import numpy as np
import pytest
from helpers.seed_roots import CLASSES, write_images, write_seed_root, write_split

from mmseg_wsss.apis import aggregate_folders, evaluate_seeds
from mmseg_wsss.apis.export_annotations import export_annotations
from mmseg_wsss.apis.import_annotations import import_annotations
from mmseg_wsss.checks.seed_roots import verify_seed_root
from mmseg_wsss.registry import DATASETS
from mmseg_wsss.seeds import decode_seed_label
from mmseg_wsss.store import (
    Fingerprint,
    ImageRecord,
    ImageRecords,
    MaskFolder,
    SeedManifest,
    SeedStore,
    encode_mask,
    read_mask,
    write_mask,
)

IDS = ['one', 'sub/two', 'three', 'four']
SHAPE = (24, 32)
SOURCES = {
    'coco': 'annotations.json',
    'label-studio': 'tasks.json',
    'cvat': 'annotations.zip',
    'png': '',
}


@pytest.fixture
def root(tmp_path):
    write_seed_root(tmp_path / 'seeds', IDS, SHAPE)
    return tmp_path / 'seeds'


def masks_of(root):
    return {one: read_mask(root / 'aggregated' / f'{one}.png') for one in IDS}


def files_of(root):
    return {path: path.read_bytes() for path in root.rglob('*.*')}


def draw(root, image_id):
    """The image's mask with a rectangle of another class and one of 255."""
    mask = masks_of(root)[image_id].copy()
    mask[4:9, 3:20], mask[10:12] = 2, 255
    return mask


def png_folder(folder, **masks):
    for name, mask in masks.items():
        write_mask(folder / f'{name}.png', mask)
    return folder


def manifest_of(root):
    return SeedManifest.load(root / 'manifest.json')


def submit(out):
    tasks = json.loads((out / 'tasks.json').read_bytes())
    for task in tasks:
        task['annotations'] = [dict(id=1, result=task['predictions'][0]['result'])]
    (out / 'tasks.json').write_text(json.dumps(tasks))


@pytest.mark.parametrize('name', SOURCES)
def test_the_loop_is_exact(root, tmp_path, name, capsys):
    """Seeds go out, come back into a root of other seeds, and are the same to the pixel."""
    expected = masks_of(root)
    out = tmp_path / 'out'
    arguments = [str(root), '--out', str(out), '--format', name, '--jobs', '1']
    assert export_tool.main(arguments) == 0
    assert export_tool.main(arguments) == 0  # the same files again
    assert '4 images, ordered by the agreement of the seeds' in capsys.readouterr().out
    if name == 'label-studio':
        submit(out)
    other = tmp_path / 'other'
    write_seed_root(other, IDS[::-1], SHAPE)
    arguments = [str(other), str(out / SOURCES[name]), '--format', name]
    assert import_tool.main([*arguments, '--accept-unchanged']) == 0
    assert '4 images of' in capsys.readouterr().out
    found = masks_of(other)
    assert all(np.array_equal(found[one], expected[one]) for one in IDS)
    assert manifest_of(other).corrected == IDS[::-1]
    before = files_of(other)
    assert import_tool.main(arguments) == 0
    assert '0 images corrected, 4 kept that were corrected alike' in capsys.readouterr().out
    assert files_of(other) == before


def test_the_worst_come_first_and_those_corrected_last(root, tmp_path):
    """Agreement of three on each pixel but on some rows of one image, none elsewhere."""
    store = SeedStore(root)
    palette = manifest_of(root).palette
    for rows, image_id in zip((2, 8, 0, 4), IDS, strict=True):
        label = np.ones(SHAPE, np.uint8)
        seeds = {name: label.copy() for name in 'abc'}
        seeds['c'][:rows] = 2
        agreement = np.full(SHAPE, 3, np.uint8)
        agreement[:rows] = 2
        store.write(image_id, seeds, label, agreement, palette)
    done = export_annotations(root, tmp_path / 'all', 'png')
    assert done.images == ['sub/two', 'four', 'one', 'three']
    assert (tmp_path / 'all' / 'images.txt').read_text().split() == done.images
    done = export_annotations(root, tmp_path / 'two', 'coco', number=2)
    content = json.loads((tmp_path / 'two' / 'annotations.json').read_bytes())
    assert [one['file_name'] for one in content['images']] == ['sub/two.jpg', 'four.jpg']
    # A tag that no seed shows comes before any disagreement.
    tags = tmp_path / 'tags.json'
    tags.write_text(json.dumps({one: ['cat', 'dog'] for one in IDS}))
    done = export_annotations(root, tmp_path / 'tags', 'png', tags=tags)
    assert done.images[0] == 'three' and 'contradictions with the tags' in done.ranking
    # So do the tags that the masks were made with, where all are recorded.
    for number, image_id in enumerate(IDS):
        done = export_annotations(root, tmp_path / f'recorded {number}', 'png')
        assert done.images == ['sub/two', 'four', 'one', 'three']
        ImageRecords(root).write(image_id, ImageRecord(('cat', 'dog'), Fingerprint(1, 'x')))
    done = export_annotations(root, tmp_path / 'recorded', 'png')
    assert done.images == ['three', 'sub/two', 'four', 'one']
    masks = png_folder(tmp_path / 'masks', **{'sub/two': draw(root, 'sub/two')})
    import_annotations(root, masks, 'png')
    done = export_annotations(root, tmp_path / 'corrected', 'png')
    assert (done.images, done.corrected) == (['three', 'four', 'one', 'sub/two'], 1)


def test_masks_of_a_network_by_its_confidence(tmp_path):
    folder = MaskFolder(tmp_path / 'out' / 'masks', dict(classes=list(CLASSES)))
    folder.open()
    mask = np.array([[0, 2]], np.uint8)
    for image_id, confidence in (('a', 0.9), ('b', 0.4), ('sub/c', 0.7)):
        record = ImageRecord(None, Fingerprint(1, 'x'), confidence)
        folder.write(image_id, mask, [[0, 0, 0]] * 3, record)
    done = export_annotations(tmp_path / 'out', tmp_path / 'tasks', 'label-studio')
    assert done.images == ['b', 'sub/c', 'a'] and 'confidence' in done.ranking
    tasks = json.loads((tmp_path / 'tasks' / 'tasks.json').read_bytes())
    assert [task['predictions'][0]['score'] for task in tasks] == [0.4, 0.7, 0.9]
    shutil.rmtree(folder.records.folder)
    done = export_annotations(folder.root, tmp_path / 'names', 'png', split=None, number=2)
    assert done.images == ['a', 'b'] and 'no confidence' in done.ranking
    with pytest.raises(ValueError, match='not by --tags'):
        export_annotations(folder.root, tmp_path / 'x', 'png', tags='tags.csv')


def test_names_of_the_photographs(root, tmp_path):
    write_images(tmp_path / 'photos', IDS[:3], SHAPE)
    (tmp_path / 'photos' / 'one.jpg').rename(tmp_path / 'photos' / 'one.JPEG')
    with pytest.raises(FileNotFoundError, match='1 of 4 photographs are not there.*four'):
        export_annotations(root, tmp_path / 'out', 'coco', images=tmp_path / 'photos')
    write_split(tmp_path / 'split.txt', IDS[:2])
    options = dict(images=tmp_path / 'photos', split=tmp_path / 'split.txt')
    export_annotations(root, tmp_path / 'out', 'coco', **options)
    content = json.loads((tmp_path / 'out' / 'annotations.json').read_bytes())
    assert {one['file_name'] for one in content['images']} == {'one.JPEG', 'sub/two.jpg'}
    export_annotations(root, tmp_path / 'png', 'coco', img_suffix='.png')
    content = json.loads((tmp_path / 'png' / 'annotations.json').read_bytes())
    assert {one['file_name'] for one in content['images']} == {f'{one}.png' for one in IDS}
    # Without either, as the config says that made the seeds.
    manifest = manifest_of(root)
    manifest.parameters = dict(config=dict(dataset=dict(img_suffix='.tif')))
    manifest.save(root / 'manifest.json')
    export_annotations(root, tmp_path / 'tif', 'coco', number=1)
    content = json.loads((tmp_path / 'tif' / 'annotations.json').read_bytes())
    assert content['images'][0]['file_name'].endswith('.tif')


def test_an_export_replaces_nothing_unasked(root, tmp_path, capsys):
    out = tmp_path / 'out'
    arguments = [str(root), '--out', str(out), '--format', 'png', '--jobs', '1']
    assert export_tool.main(arguments) == 0
    corrected = encode_mask(draw(root, 'one'))
    (out / 'one.png').write_bytes(corrected)
    assert export_tool.main(arguments) == 1
    assert 'which may be corrections (one.png)' in capsys.readouterr().err
    assert (out / 'one.png').read_bytes() == corrected
    assert export_tool.main([*arguments, '--overwrite']) == 0
    assert (out / 'one.png').read_bytes() != corrected
    (out / 'mine.txt').write_text('x')
    assert export_tool.main([*arguments, '--overwrite']) == 1
    assert 'holds other files (mine.txt)' in capsys.readouterr().err


@pytest.mark.parametrize(
    'arguments,message',
    [
        (['--number', '0'], '--number 0, expected at least 1'),
        (['--split', 'SPLIT'], 'x'),
    ],
)
def test_wrong_exports(root, tmp_path, arguments, message, capsys):
    write_split(tmp_path / 'SPLIT', ['x'])
    arguments = [str(tmp_path / one) if one == 'SPLIT' else one for one in arguments]
    out = tmp_path / 'out'
    arguments = [str(root), '--out', str(out), '--format', 'png', *arguments]
    assert export_tool.main(arguments) == 1
    assert message in capsys.readouterr().err and not out.exists()
    assert export_tool.main([str(tmp_path), *arguments[1:5]]) == 1
    assert 'neither a seed root' in capsys.readouterr().err


def test_masks_of_the_seeds_are_not_marked_unless_looked_at(root, tmp_path):
    masks = masks_of(root)
    folder = png_folder(tmp_path / 'm', one=draw(root, 'one'), three=masks['three'])
    before = files_of(root)
    done = import_annotations(root, folder, 'png')
    assert (done.corrected, done.unchanged, done.total) == (['one'], ['three'], 1)
    changed = {path for path, data in files_of(root).items() if before.get(path) != data}
    assert all(path.name in ('one.png', 'manifest.json') for path in changed)
    done = import_annotations(root, folder, 'png', accept_unchanged=True)
    assert (done.corrected, done.kept, done.total) == (['three'], ['one'], 2)
    assert np.array_equal(masks_of(root)['three'], masks['three'])
    assert set(np.unique(read_mask(root / 'agreement' / 'three.png'))) == {0, 3}


def test_a_submitted_task_was_looked_at(root, tmp_path):
    export_annotations(root, tmp_path / 'out', 'label-studio', number=2)
    with pytest.raises(ValueError, match='holds no annotated image'):
        import_annotations(root, tmp_path / 'out', 'label-studio')
    submit(tmp_path / 'out')
    assert len(import_annotations(root, tmp_path / 'out', 'label-studio').corrected) == 2


def test_images_of_a_split_alone(root, tmp_path):
    folder = png_folder(tmp_path / 'm', one=draw(root, 'one'), three=draw(root, 'three'))
    write_split(tmp_path / 'split.txt', ['three'])
    assert import_annotations(root, folder, 'png', split=tmp_path / 'split.txt').total == 1
    assert manifest_of(root).corrected == ['three']
    write_split(tmp_path / 'split.txt', ['three', 'four', 'x'])
    with pytest.raises(ValueError) as error:
        import_annotations(root, folder, 'png', split=tmp_path / 'split.txt')
    assert 'x is no image of the seed root' in str(error.value)
    assert 'has no annotation of four' in str(error.value)


def test_what_is_wrong_is_named_and_nothing_written(root, tmp_path, capsys):
    good = draw(root, 'one')
    masks = {
        'one': good,
        'deep/one': good,
        'sub/two': good[:-1],
        'three': np.zeros_like(good),
        'five': good,
    }
    folder = png_folder(tmp_path / 'm', **masks)
    (root / 'aggregated' / 'four.png').unlink()
    write_mask(folder / 'four.png', good)
    before = files_of(root)
    assert import_tool.main([str(root), str(folder), '--format', 'png']) == 1
    error = capsys.readouterr().err
    for part in (
        'one comes twice, also as',
        'sub/two is 23 x 32 (height x width), its masks in the seed root are 24 x 32',
        'three has no annotation, so that all of it would be background; --allow-empty',
        "five.png: 'five' is no image of the seed root",
        'aggregated/four.png',
        'Nothing was imported.',
    ):
        assert part in error
    assert files_of(root) == before
    for name in ('deep/one', 'sub/two', 'five', 'four'):
        (folder / f'{name}.png').unlink()
    assert import_tool.main([str(root), str(folder), '--format', 'png', '--allow-empty']) == 0
    assert not masks_of_three(root).any()


def masks_of_three(root):
    return read_mask(root / 'aggregated' / 'three.png')


def test_a_correction_is_corrected_again_and_given_up(root, tmp_path, capsys):
    first = draw(root, 'one')
    import_annotations(root, png_folder(tmp_path / '1', one=first), 'png')
    second = first.copy()
    second[0] = 1
    folder = png_folder(tmp_path / '2', one=second)
    before = files_of(root)
    assert import_tool.main([str(root), str(folder), '--format', 'png']) == 1
    assert 'one is corrected by hand already, with another mask' in capsys.readouterr().err
    assert files_of(root) == before
    assert import_tool.main([str(root), str(folder), '--format', 'png', '--replace']) == 0
    assert manifest_of(root).corrected == ['one']
    assert np.array_equal(masks_of(root)['one'], second)
    assert import_tool.main([str(root), '--discard', 'three']) == 1
    assert 'three is not corrected by hand; corrected: one' in capsys.readouterr().err
    assert import_tool.main([str(root), '--discard', 'one']) == 0
    assert manifest_of(root).corrected == []
    assert not list(root.rglob('one.*'))  # no hand-drawn mask passes for a vote


@pytest.mark.parametrize(
    'arguments', [['ROOT'], ['ROOT', 'x'], ['ROOT', 'x', '--format', 'png', '--discard', 'one']]
)
def test_arguments_of_the_import(arguments):
    with pytest.raises(SystemExit):
        import_tool.parse_args(arguments)


def test_corrected_masks_move_to_another_root(root, tmp_path):
    import_annotations(root, png_folder(tmp_path / 'm', one=draw(root, 'one')), 'png')
    expected = masks_of(root)['one']
    other = tmp_path / 'other'
    write_seed_root(other, IDS, SHAPE)
    import_annotations(other, root / 'corrected', 'png')
    assert np.array_equal(masks_of(other)['one'], expected)


def test_votes_keep_corrections(root, tmp_path):
    """aggregate_folders votes anew, even where a seed changed after the correction."""
    folders = [root / name for name in 'abc']
    voted = tmp_path / 'voted'
    aggregate_folders(folders, voted, CLASSES)
    drawn = draw(voted, 'one')
    import_annotations(voted, png_folder(tmp_path / 'm', one=drawn), 'png')
    done = aggregate_folders(folders, voted, CLASSES)
    assert done.kept == 4
    write_mask(root / 'a' / 'one.png', np.zeros(SHAPE, np.uint8))
    done = aggregate_folders(folders, voted, CLASSES)
    assert done.kept == 3 and manifest_of(voted).corrected == ['one']
    assert np.array_equal(masks_of(voted)['one'], drawn)
    assert done.votes[0] == sum((mask == 255).sum() for mask in masks_of(voted).values())
    assert verify_seed_root(voted)[0] == []
    for folder in folders:
        write_mask(folder / 'one.png', np.zeros((3, 3), np.uint8))
    with pytest.raises(ValueError, match=r'corrected mask is 24 x 32.*--discard one'):
        aggregate_folders(folders, voted, CLASSES)


def test_an_image_without_a_record_is_refused(root, tmp_path):
    records = ImageRecords(root)
    for image_id in IDS[1:]:
        records.write(image_id, ImageRecord((), Fingerprint(1, 'x')))
    folder = png_folder(tmp_path / 'm', one=draw(root, 'one'))
    with pytest.raises(ValueError, match='the masks of one have no record'):
        import_annotations(root, folder, 'png')


def test_training_takes_corrected_pixels_as_clean(root, tmp_path):
    write_images(tmp_path / 'images', IDS, SHAPE)
    write_split(tmp_path / 'train.txt', IDS)
    drawn = draw(root, 'one')
    import_annotations(root, png_folder(tmp_path / 'm', one=drawn), 'png')

    def load(index, threshold, **options):
        dataset = DATASETS.build(
            dict(
                type='FolderSeedDataset',
                data_root=str(tmp_path),
                seed_root=str(root),
                ann_file='train.txt',
                data_prefix=dict(img_path='images'),
                pipeline=[
                    dict(type='LoadImageFromFile'),
                    dict(type='LoadSeedAnnotations', agreement_threshold=threshold),
                ],
                **options,
            )
        )
        return dataset[index]['gt_seg_map']

    for threshold in (1, 2, 'unanimous'):
        label, noisy = decode_seed_label(load(0, threshold))
        assert not noisy.any() and np.array_equal(label, drawn)
    assert decode_seed_label(load(1, 'unanimous'))[1].any()
    # One seed alone: that seed, but for the corrected image.
    assert np.array_equal(load(0, None, seed='b'), drawn)
    assert np.array_equal(load(1, None, seed='b'), read_mask(root / 'b' / 'sub' / 'two.png'))


def test_tables_and_pages_say_how_many(root, tmp_path):
    evaluate_seeds(root, out=tmp_path / 'before')
    assert 'orrected' not in (tmp_path / 'before' / 'evaluation.md').read_text()
    import_annotations(root, png_folder(tmp_path / 'm', one=draw(root, 'one')), 'png')
    data = evaluate_seeds(root, out=tmp_path / 'after')
    assert data['head']['corrected'] == 1
    assert [one['id'] for one in data['images'] if one['corrected']] == ['one']
    assert data['images'][-1]['id'] == 'one'
    text = (tmp_path / 'after' / 'evaluation.md').read_text()
    assert 'Corrected by hand: 1 of the 4 images' in text
    assert text.count('1 of 4 images corrected by hand') == text.count('\n## ')
    page = (tmp_path / 'after' / 'evaluation.html').read_text()
    assert '1 of 4 images corrected by hand' in page and 'images corrected by hand' in page
    # Images that are not evaluated do not count.
    write_split(tmp_path / 'split.txt', IDS[1:])
    assert evaluate_seeds(root, split=tmp_path / 'split.txt')['head']['corrected'] == 0
