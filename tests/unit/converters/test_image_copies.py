"""Copies of images of more than 8 bits: one rule for a set, told and kept."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from dataset_converters import folder as tool
from helpers.tiff import write_tiff
from PIL import Image

from mmseg_wsss.converters.folder import convert_folder

HIGHEST = dict(a=4095, b=1000, c=300)


def write_deep(path, highest, seed=0):
    """A 16-bit RGB TIFF with values from 0 to a highest one; gives them."""
    values = np.random.default_rng(seed).integers(0, highest + 1, (12, 16, 3)).astype(np.uint16)
    values[0, 0], values[0, 1] = highest, 0
    write_tiff(path, values)
    return values


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'photos').mkdir()
    for name, highest in HIGHEST.items():
        write_deep(tmp_path / 'photos' / f'{name}.tif', highest)
    write_tags(tmp_path, HIGHEST)
    return tmp_path


def write_tags(folder, names):
    (folder / 'tags.csv').write_text('image_id,tags\n' + ''.join(f'{n},cat\n' for n in names))


def convert(folder, **options):
    options = dict(copy_images=True, workers=1) | options
    paths = [str(folder / name) for name in ('photos', 'tags.csv', 'out')]
    return convert_folder(*paths, **options)


def copied(folder, name):
    with Image.open(folder / 'out' / 'images' / f'{name}.png') as image:
        assert image.mode == 'RGB'
        return np.asarray(image), image.info


def test_all_images_are_shifted_by_the_bits_of_the_brightest(folder):
    report = convert(folder)
    assert not report.problems
    rows = dict(report.rows)
    assert rows['kinds'] == 'TIFF RGB 16-bit 3'
    assert rows['images of more than 8 bits'].startswith('3, values 0 to 4,095, shifted right by 4')
    assert rows['images of more than 8 bits'].endswith('to 0 to 255')
    for name, highest in HIGHEST.items():
        pixels, info = copied(folder, name)
        values = write_deep(folder / 'again.tif', highest)
        assert pixels.tolist() == (values // 16).tolist()
        assert info['Bits shifted right'] == '4'
    assert json.loads((folder / 'out' / 'dataset.json').read_text())['shift_bits'] == 4


def test_without_copies_the_values_are_named_and_nothing_is_written(folder):
    report = convert(folder, copy_images=False)
    assert len(report.problems) == 3
    assert 'a.tif: 16-bit RGB, values 0 to 4,095; expected 8 bits' in report.problems[0]
    assert '--copy-images' in report.problems[0]
    assert ('kinds', 'TIFF RGB 16-bit 3') in report.rows
    assert not (folder / 'out').exists()


def test_a_brighter_image_that_comes_later_changes_all_copies_and_that_is_told(folder):
    convert(folder)
    assert not [remark for remark in convert(folder).remarks if 'earlier copies' in remark]
    write_deep(folder / 'photos' / 'd.tif', 60000)
    write_tags(folder, [*HIGHEST, 'd'])
    report = convert(folder)
    (remark,) = [remark for remark in report.remarks if 'earlier copies' in remark]
    assert 'shifted by 4 bits and are written anew with 8' in remark
    values = write_deep(folder / 'again.tif', HIGHEST['a'])
    assert copied(folder, 'a')[0].tolist() == (values // 256).tolist()
    assert json.loads((folder / 'out' / 'dataset.json').read_text())['shift_bits'] == 8


def test_finished_copies_stay_and_replaced_photographs_are_copied_anew(folder):
    convert(folder)
    paths = {name: folder / 'out' / 'images' / f'{name}.png' for name in HIGHEST}
    for path in paths.values():
        os.utime(path, (0, 0))
    values = write_deep(folder / 'photos' / 'b.tif', 1000, seed=1)  # of the same size and depth
    convert(folder)
    assert {name for name, path in paths.items() if path.stat().st_mtime > 0} == {'b'}
    assert copied(folder, 'b')[0].tolist() == (values // 16).tolist()


def test_a_given_number_of_bits(folder):
    report = convert(folder, shift_bits=2)
    assert any(
        '1 images have values above 1,023, which become 255 (a)' in r for r in report.remarks
    )
    values = write_deep(folder / 'again.tif', HIGHEST['a'])
    expected = [[[min(v // 4, 255) for v in p] for p in row] for row in values.tolist()]
    assert copied(folder, 'a')[0].tolist() == expected
    assert copied(folder, 'c')[1]['Bits shifted right'] == '2'
    with pytest.raises(ValueError, match='shift_bits=25, expected 0 to 24'):
        convert(folder, shift_bits=25)
    with pytest.raises(ValueError, match='copies of the images only'):
        convert(folder, shift_bits=2, copy_images=False)


def test_outliers_that_make_copies_dark_are_remarked(folder):
    values = np.random.default_rng(0).integers(0, 4001, (50, 60, 3)).astype(np.uint16)
    values[0, 0] = 65535  # 3 of 9,000 values: missing data
    write_tiff(folder / 'photos' / 'a.tif', values)
    report = convert(folder)
    (remark,) = [remark for remark in report.remarks if 'outliers' in remark]
    assert 'copies use 0 to 15 of 0 to 255' in remark and 'give --shift-bits 4' in remark
    assert not [r for r in convert(folder, shift_bits=4).remarks if 'outliers' in r]
    assert copied(folder, 'a')[0].max() == 255
    # A few values more do not matter where they do not cost a bit.
    write_deep(folder / 'photos' / 'a.tif', 4095)
    assert not [r for r in convert(folder).remarks if 'outliers' in r]


def test_8_bit_images_among_them_are_copied_as_they_are_with_a_remark(folder):
    pixels = np.random.default_rng(3).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / 'photos' / 'd.png')
    write_tags(folder, [*HIGHEST, 'd'])
    report = convert(folder)
    assert any('3 of 4 images have more than 8 bits' in remark for remark in report.remarks)
    found, info = copied(folder, 'd')
    assert found.tolist() == pixels.tolist() and 'Bits shifted right' not in info


def test_a_file_at_fault_leaves_the_rule_open(folder):
    (folder / 'photos' / 'c.tif').write_bytes(b'')
    report = convert(folder)
    assert len(report.problems) == 1 and 'c.tif: not a readable image' in report.problems[0]
    assert not (folder / 'out' / 'images').exists()


def test_a_fourth_band_is_left_out_with_a_remark(folder):
    pixels = np.random.default_rng(3).integers(0, 256, (12, 16, 4), dtype=np.uint8)
    for name in HIGHEST:
        write_tiff(folder / 'photos' / f'{name}.tif', pixels, extra=[2])
    problem = convert(folder, copy_images=False).problems[0]
    assert 'a.tif: its fourth band is marked as transparency' in problem
    report = convert(folder)
    assert not report.problems
    (remark,) = [remark for remark in report.remarks if 'near infrared' in remark]
    assert remark.startswith('3 images have a band beyond their colours')
    assert copied(folder, 'a')[0].tolist() == pixels[..., :3].tolist()
    assert 'shift_bits' not in json.loads((folder / 'out' / 'dataset.json').read_text())


def test_the_command(folder, capsys):
    arguments = ['prepare', *(str(folder / name) for name in ('photos', 'tags.csv', 'out'))]
    assert tool.main([*arguments, '--workers', '1']) == 1
    assert 'values 0 to 4,095' in capsys.readouterr().out
    assert tool.main([*arguments, '--copy-images', '--shift-bits', '3', '--workers', '1']) == 0
    assert 'shifted right by 3 bits to 0 to 255' in capsys.readouterr().out
    assert tool.main([*arguments, '--shift-bits', '3']) == 2
    assert 'error: shift_bits' in capsys.readouterr().err


def test_several_processes_agree(folder):
    names = [f'{number:02}' for number in range(24)]
    for number, name in enumerate(names):
        write_deep(folder / 'photos' / f'{name}.tif', 300 + number, seed=number)
    write_tags(folder, names)
    assert not convert(folder, workers=2).problems
    for number, name in enumerate(names):
        values = write_deep(folder / 'again.tif', 300 + number, seed=number)
        assert copied(folder, name)[0].tolist() == (values // 2).tolist()
