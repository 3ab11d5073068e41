"""Masks of corrected tags and replaced photographs are made anew, and they alone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import aggregate_seeds
import check_data
import numpy as np
import pytest
import verify_seeds
from helpers.killing import tree
from helpers.processes import run_ranks
from helpers.seed_generators import CLASSES, build_generator, build_images
from mmengine.config import Config
from PIL import Image

from mmseg_wsss.datasets import StaleSeedsError
from mmseg_wsss.generation import read_images
from mmseg_wsss.registry import DATASETS
from mmseg_wsss.store import Fingerprint, ImageRecord, MaskFolder, SeedManifest

SEEDS = 'seeds'


def times_of(root: Path) -> dict[str, int]:
    return {str(p.relative_to(root)): p.stat().st_mtime_ns for p in root.rglob('*.png')}


def replace_photograph(path: str, shape: tuple[int, int]) -> None:
    """Write another photograph that is no newer than the old one."""
    before = os.stat(path)
    pixels = np.random.default_rng(9).integers(0, 256, (*shape, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def other_tags(images, folder):
    images[1] = replace(images[1], tags=(1, 3))


def no_tags_any_more(images, folder):
    images[1] = replace(images[1], tags=())


def photograph_of_the_same_size(images, folder):
    replace_photograph(images[1].path, (24, 32))


def photograph_of_another_size(images, folder):
    replace_photograph(images[1].path, (15, 21))


@pytest.mark.parametrize('batch_size', [1, 2])
@pytest.mark.parametrize(
    'change',
    [other_tags, no_tags_any_more, photograph_of_the_same_size, photograph_of_another_size],
)
def test_what_changed_is_made_anew_and_nothing_else(tmp_path, change, batch_size):
    images = build_images(tmp_path)
    build_generator(batch_size=batch_size).run(images, tmp_path / SEEDS)
    before = times_of(tmp_path / SEEDS)
    change(images, tmp_path)
    summary = build_generator(batch_size=batch_size).run(images, tmp_path / SEEDS)
    assert (summary.made, summary.skipped, summary.dropped) == (1, 4, 0)
    after = times_of(tmp_path / SEEDS)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {name for name in before if name.endswith('/image 1.png')}
    build_generator(batch_size=batch_size).run(images, tmp_path / 'expected')
    assert tree(tmp_path / SEEDS) == tree(tmp_path / 'expected')
    assert build_generator(batch_size=batch_size).run(images, tmp_path / SEEDS).made == 0


def test_what_is_made_anew_and_why_is_logged(tmp_path, monkeypatch):
    images = build_images(tmp_path)
    build_generator().run(images, tmp_path / SEEDS)
    lines = []
    monkeypatch.setattr(
        'mmseg_wsss.generation.seed_generator.print_log', lambda text, *_: lines.append(text)
    )
    images[1] = replace(images[1], tags=(1,))
    replace_photograph(images[2].path, (24, 32))
    build_generator().run(images[1:], tmp_path / SEEDS)
    assert lines[0].startswith('The masks of 2 images are made anew; those of image 1 were made ')
    assert 'tags "blue, green", the image has "red" now; those of image 2 were made' in lines[0]
    assert 'another photograph' in lines[0]
    assert lines[1].startswith('1 images are no longer in the data set') and 'image 0' in lines[1]


def test_the_record_says_what_the_masks_were_made_of(tmp_path):
    images = build_images(tmp_path)
    build_generator().run(images, tmp_path / SEEDS)
    content = Path(images[1].path).read_bytes()
    record = json.loads((tmp_path / SEEDS / 'records' / 'image 1.txt').read_text())
    digest = hashlib.sha256(content).hexdigest()
    assert record == dict(bytes=len(content), sha256=digest, tags=['green', 'blue'])


def test_a_photograph_of_as_many_bytes_at_the_same_time(tmp_path):
    images = build_images(tmp_path)
    path = tmp_path / 'image 1.bmp'
    Image.open(images[1].path).save(path)
    images[1] = replace(images[1], path=str(path))
    build_generator().run(images, tmp_path / SEEDS)
    before = path.stat()
    replace_photograph(str(path), (24, 32))
    after = path.stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    assert build_generator().run(images, tmp_path / SEEDS).made == 1


def test_another_name_or_place_of_the_same_photograph_is_no_change(tmp_path):
    images = build_images(tmp_path)
    build_generator().run(images, tmp_path / SEEDS)
    (tmp_path / 'moved').mkdir()
    moved = [
        replace(image, path=shutil.copy(image.path, tmp_path / 'moved' / f'{index}.png'))
        for index, image in enumerate(images)
    ]
    config = dict(model=dict(depth=50), dataset=dict(data_root='elsewhere'))
    assert build_generator().run(moved, tmp_path / SEEDS).made == 0
    assert build_generator().run(images[::-1], tmp_path / SEEDS).made == 0
    build_generator().run(images, tmp_path / 'config', config=config)
    config['dataset'] = dict(data_root='here')
    assert build_generator().run(images, tmp_path / 'config', config=config).made == 0
    manifest = SeedManifest.load(tmp_path / 'config' / 'manifest.json')
    assert manifest.parameters['config'] == config


@pytest.mark.parametrize('keep', ['all', 'aggregate'])
def test_added_and_removed_images(tmp_path, keep):
    images = build_images(tmp_path)
    root = tmp_path / SEEDS
    build_generator(keep=keep).run(images[:4], root)
    before = times_of(root)
    chosen = [*images[:2], images[3], images[4]]
    summary = build_generator(keep=keep).run(chosen, root)
    assert (summary.made, summary.skipped, summary.dropped) == (1, 3, 1)
    assert '1 dropped' in summary.report(['background', 'red', 'green', 'blue'])
    kept = {name: time for name, time in times_of(root).items() if 'image 4' not in name}
    assert kept == {name: time for name, time in before.items() if 'image 2' not in name}
    build_generator(keep=keep).run(chosen, tmp_path / 'expected')
    assert tree(root) == tree(tmp_path / 'expected')


def test_a_much_shorter_list_is_refused_before_a_mask_is_lost(tmp_path):
    images = build_images(tmp_path)
    root = tmp_path / SEEDS
    build_generator().run(images, root)
    expected = tree(root)
    with pytest.raises(
        ValueError, match='masks of 3 of its 5 images would be dropped .first image'
    ):
        build_generator().run(images[:2], root)
    assert tree(root) == expected
    kept = times_of(root)
    summary = build_generator().run(images[:2], root, overwrite=True)
    assert (summary.made, summary.skipped, summary.dropped) == (0, 2, 3)
    assert times_of(root).items() <= kept.items()


def test_a_removal_that_was_cut_off_is_finished(tmp_path, monkeypatch):
    images = build_images(tmp_path)
    root = tmp_path / SEEDS
    build_generator().run(images, root)
    with monkeypatch.context() as patch:
        patch.setattr(SeedManifest, 'save', lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            build_generator().run(images[1:], root)
    assert build_generator().run(images[1:], root).made == 0
    build_generator().run(images[1:], tmp_path / 'expected')
    assert tree(root) == tree(tmp_path / 'expected')


@pytest.mark.parametrize('written', range(6))
def test_cut_off_while_the_masks_of_an_image_are_replaced(tmp_path, monkeypatch, written):
    """After so many of the five masks and the record; whatever is then asked for is made."""
    images = build_images(tmp_path, 2)
    root = tmp_path / SEEDS
    build_generator().run(images, root)
    corrected = [replace(images[0], tags=(2,)), images[1]]
    with monkeypatch.context() as patch:
        cut_off_after(patch, written)
        with pytest.raises(KeyboardInterrupt):
            build_generator().run(corrected, root)
    shutil.copytree(root, tmp_path / 'other')
    for chosen, name in ((corrected, SEEDS), (images, 'other')):
        assert build_generator().run(chosen, tmp_path / name).made == 1
        build_generator().run(chosen, tmp_path / f'expected {name}')
        assert tree(tmp_path / name) == tree(tmp_path / f'expected {name}')


def cut_off_after(patch: pytest.MonkeyPatch, files: int) -> None:
    """Let the process end when one file more than these is to be written."""
    import mmseg_wsss.store.image_records
    import mmseg_wsss.store.masks

    left = [files]
    write = mmseg_wsss.store.masks.write_atomic

    def write_some(path, content):
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        write(path, content)

    for module in (mmseg_wsss.store.masks, mmseg_wsss.store.image_records):
        patch.setattr(module, 'write_atomic', write_some)


def test_a_photograph_replaced_while_seeds_are_made_is_noticed(tmp_path, monkeypatch):
    images = build_images(tmp_path, 2)
    generator = build_generator()
    extractor = type(generator.source).__call__

    def replaced_meanwhile(self, samples):
        replace_photograph(images[0].path, (24, 32))
        return extractor(self, samples)

    with monkeypatch.context() as patch:
        patch.setattr(type(generator.source), '__call__', replaced_meanwhile)
        generator.run(images, tmp_path / SEEDS)
    assert build_generator().run(images, tmp_path / SEEDS).made == 1


@pytest.mark.parametrize('damage', ['missing', 'empty', 'other'])
def test_images_without_a_whole_record_are_made_anew(tmp_path, damage):
    images = build_images(tmp_path)
    root = tmp_path / SEEDS
    build_generator().run(images, root)
    expected = tree(root)
    path = root / 'records' / 'image 2.txt'
    if damage == 'missing':
        path.unlink()
    else:
        path.write_text('' if damage == 'empty' else '{"bytes": "3", "sha256": "", "tags": []}')
    summary = build_generator().run(images, root)
    assert (summary.made, summary.skipped) == (1, 4)
    assert tree(root) == expected


@pytest.mark.slow
def test_two_processes_make_what_one_makes(tmp_path):
    images = build_images(tmp_path)
    build_generator().run(images, tmp_path / SEEDS)
    other_tags(images, tmp_path)
    replace_photograph(images[2].path, (24, 32))
    chosen = images[1:]

    def work(rank: int, world_size: int) -> None:
        summary = build_generator().run(chosen, tmp_path / SEEDS)
        assert (summary.made, summary.skipped, summary.dropped) == (2, 2, 1)

    run_ranks(tmp_path / 'ranks', work, 2)
    build_generator().run(chosen, tmp_path / 'expected')
    assert tree(tmp_path / SEEDS) == tree(tmp_path / 'expected')


@pytest.fixture
def project(tmp_path) -> Path:
    """Images a to e, their tags and seeds, and the config of a segmentor."""
    (tmp_path / 'images').mkdir()
    images = build_images(tmp_path / 'images')
    names = dict(zip((image.image_id for image in images), 'abcde', strict=True))
    for old, new in names.items():
        (tmp_path / 'images' / f'{old}.png').rename(tmp_path / 'images' / f'{new}.png')
    tags = {names[one.image_id]: [CLASSES[tag] for tag in one.tags] for one in images}
    (tmp_path / 'tags.json').write_text(json.dumps(tags))
    (tmp_path / 'train.txt').write_text('\n'.join(tags))
    make(tmp_path)
    dataset = dict(
        type='FolderSeedDataset',
        data_root=str(tmp_path),
        seed_root=str(tmp_path / SEEDS),
        ann_file='train.txt',
        data_prefix=dict(img_path='images'),
        img_suffix='.png',
        pipeline=[],
    )
    config = Config(dict(default_scope='mmseg', train_dataloader=dict(dataset=dataset)))
    config.dump(tmp_path / 'segmentor.py')
    return tmp_path


def tags_dataset(project: Path) -> dict:
    return dict(
        type='TagsDataset',
        data_root=str(project),
        tags_file='tags.json',
        ann_file='train.txt',
        data_prefix=dict(img_path='images'),
        img_suffix='.png',
        metainfo=dict(classes=CLASSES),
    )


def make(project: Path) -> None:
    dataset = tags_dataset(project)
    images, _, _ = read_images(dataset)
    config = dict(dataset=dataset)
    build_generator(scales=(1.0,)).run(images, project / SEEDS, config=config)


def correct_tags(project: Path, **tags: list[str]) -> None:
    path = project / 'tags.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **tags}))


def verify(project: Path, capsys) -> list[str]:
    status = verify_seeds.main([str(project / SEEDS), '--jobs', '1'])
    captured = capsys.readouterr()
    problems = [line for line in captured.err.splitlines() if line.startswith('error: ')]
    assert status == bool(problems)
    return problems


def check(project: Path, capsys, *options: str) -> list[str]:
    arguments = [str(project / 'segmentor.py'), '--jobs', '1', *options]
    status = check_data.main(arguments)
    out = capsys.readouterr().out
    problems = [line for line in out.splitlines() if line.startswith('problem: ')]
    assert status == bool(problems)
    return problems


def load(project: Path, **options):
    dataset = Config.fromfile(project / 'segmentor.py').train_dataloader.dataset.to_dict()
    return DATASETS.build({**dataset, **options})


def test_a_corrected_tag_is_seen_by_every_command(project, capsys):
    assert not verify(project, capsys) and not check(project, capsys)
    assert len(load(project)) == 5
    correct_tags(project, a=['green'], d=['red'])
    said = [
        'the masks of a were made with the tags "red", the image has "green" now',
        'the masks of d were made with the tags "", the image has "red" now',
    ]
    for problems in (verify(project, capsys), check(project, capsys)):
        assert len(problems) == 2
        assert all(line in problem for line, problem in zip(said, problems, strict=True))
    with pytest.raises(StaleSeedsError, match=f'(?s)seeds of 2 images.*{said[0]}.*{said[1]}'):
        load(project)
    assert len(load(project, check_records=False)) == 5
    option = 'train_dataloader.dataset.check_records=False'
    assert not check(project, capsys, '--cfg-options', option)
    make(project)
    assert not verify(project, capsys) and not check(project, capsys)
    assert len(load(project)) == 5


def test_a_replaced_photograph_is_seen_by_every_command(project, capsys):
    before = (project / 'images' / 'b.png').stat().st_size
    replace_photograph(str(project / 'images' / 'b.png'), (31, 41))
    assert (project / 'images' / 'b.png').stat().st_size != before
    said = f'the masks of b were made of another photograph than {project}/images/b.png is now'
    problems = verify(project, capsys)
    assert len(problems) == 1 and said in problems[0]
    assert sum(said in problem for problem in check(project, capsys)) == 1
    with pytest.raises(StaleSeedsError, match='masks of b were made of another photograph'):
        load(project)
    make(project)
    assert not verify(project, capsys) and not check(project, capsys)


def test_bytes_changed_within_a_photograph_are_seen_where_it_is_read(project, capsys):
    path = project / 'images' / 'b.png'
    with Image.open(path) as image:
        image.save(path.with_suffix('.bmp'))
    content = bytearray(path.with_suffix('.bmp').read_bytes())
    path.write_bytes(content)
    make(project)
    content[-1] ^= 1
    path.write_bytes(content)
    for problems in (verify(project, capsys), check(project, capsys)):
        assert len(problems) == 1 and 'masks of b were made of another photograph' in problems[0]


def test_the_check_of_the_classifier_s_data_remarks_what_will_be_made_anew(project, capsys):
    config = Config(
        dict(
            default_scope='mmseg',
            train_dataloader=dict(dataset=tags_dataset(project)),
            seed_generation=dict(out=str(project / SEEDS)),
        )
    )
    config.dump(project / 'classifier.py')
    arguments = [str(project / 'classifier.py'), '--jobs', '1']
    assert check_data.main(arguments) == 0
    assert 'seeds were made' not in capsys.readouterr().out
    correct_tags(project, a=['green'])
    replace_photograph(str(project / 'images' / 'b.png'), (31, 41))
    shutil.copy(project / 'images' / 'a.png', project / 'images' / 'f.png')
    correct_tags(project, f=['red'])
    (project / 'train.txt').write_text('a\nb\nc\nd\ne\nf\n')
    assert check_data.main(arguments) == 0
    remarks = [line for line in capsys.readouterr().out.splitlines() if 'seeds were made' in line]
    assert len(remarks) == 1 and 'remark: 2 images have changed' in remarks[0]
    assert 'tags "red", the image has "green" now' in remarks[0] and 'b.png is now' in remarks[0]


def test_added_and_removed_images_are_seen_by_verification(project, capsys):
    shutil.copy(project / 'images' / 'a.png', project / 'images' / 'f.png')
    correct_tags(project, f=['red'])
    (project / 'train.txt').write_text('a\nb\nd\ne\nf\n')
    problems = verify(project, capsys)
    assert [problem.partition('seeds: ')[2] for problem in problems] == [
        'the masks of c are of an image that the data set no longer has',
        'there are no masks of f, an image of the data set',
    ]
    make(project)
    assert not verify(project, capsys)
    (project / SEEDS / 'records' / 'x.txt').write_text('')
    assert 'records/x.txt: the manifest has no such image' in verify(project, capsys)[0]


def test_an_unfinished_image_is_not_trained_on(project, capsys):
    (project / SEEDS / 'records' / 'c.txt').unlink()
    for problems in (verify(project, capsys), check(project, capsys)):
        assert len(problems) == 1 and 'the masks of c have no record' in problems[0]
    with pytest.raises(StaleSeedsError, match='masks of c have no record'):
        load(project)


def vote(project: Path, *folders: Path) -> None:
    arguments = ['--seeds', *map(str, folders), '--out', str(project / 'vote'), '--jobs', '1']
    assert aggregate_seeds.main([*arguments, '--classes', ','.join(CLASSES)]) == 0


def test_a_vote_on_seeds_of_other_tags_or_on_older_seeds_is_refused(project, capsys):
    folders = [project / SEEDS / name for name in ('0.00-1.00', '0.30-1.20')]
    vote(project, *folders)
    voted = dict(seed_root=str(project / 'vote'))
    assert len(load(project, **voted)) == 5
    correct_tags(project, a=['green'])
    with pytest.raises(StaleSeedsError, match=f'seeds of 1 images.*\n  {project}/seeds: .* of a '):
        load(project, **voted)
    make(project)
    with pytest.raises(StaleSeedsError, match=f'/vote: the masks of a are older than {folders[0]}'):
        load(project, **voted)
    assert len(load(project, **voted, check_records=False)) == 5
    assert verify_seeds.main([str(project / 'vote'), '--jobs', '1']) == 1
    assert 'the masks of a are older than' in capsys.readouterr().err
    vote(project, *folders)
    assert len(load(project, **voted)) == 5
    assert verify_seeds.main([str(project / 'vote'), '--jobs', '1']) == 0
    shutil.rmtree(project / SEEDS)
    assert len(load(project, **voted)) == 5


def test_a_vote_on_pseudo_masks_of_another_photograph_is_refused(project):
    masks = MaskFolder(project / 'masks', {})
    masks.open()
    for image_id in 'abcde':
        path = project / 'images' / f'{image_id}.png'
        record = ImageRecord(None, Fingerprint.of_file(path))
        masks.write(image_id, np.zeros((5, 6), np.uint8), [[0, 0, 0]], record)
    vote(project, masks.root)
    voted = dict(seed_root=str(project / 'vote'))
    correct_tags(project, a=['green'])  # of which these masks know nothing
    assert len(load(project, **voted)) == 5
    replace_photograph(str(project / 'images' / 'b.png'), (31, 41))
    with pytest.raises(StaleSeedsError, match='/masks: the masks of b were made of another'):
        load(project, **voted)


def test_roots_without_records_are_taken_as_they_are(project, capsys):
    shutil.rmtree(project / SEEDS / 'records')
    correct_tags(project, a=['green'])
    assert not verify(project, capsys) and not check(project, capsys)
    assert len(load(project)) == 5


def test_a_root_far_from_its_tags_is_taken_as_it_is(project, capsys):
    correct_tags(project, a=['green'])
    (project / 'tags.json').rename(project / 'elsewhere.json')
    assert verify_seeds.main([str(project / SEEDS), '--jobs', '1']) == 0
    assert 'not here, so not compared' in capsys.readouterr().out
    assert len(load(project)) == 5


def test_tags_that_cannot_be_read_stop_the_training(project, capsys):
    correct_tags(project, a=['gren'])
    with pytest.raises(StaleSeedsError, match="did you mean 'green'"):
        load(project)
    assert "did you mean 'green'" in check(project, capsys)[0]
    assert "did you mean 'green'" in verify(project, capsys)[0]
