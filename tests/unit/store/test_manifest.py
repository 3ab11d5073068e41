"""Manifests survive the disk, name what differs, and refuse what is no manifest."""

import copy
import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_wsss.seeds import PAPER_SEEDS
from mmseg_wsss.store import SeedManifest


def example(**changes) -> SeedManifest:
    values = dict(
        classes=('background', 'cat', 'dog'),
        palette=((0, 0, 0), (128, 0, 0), (0, 128, 0)),
        seeds=[seed.as_dict() for seed in PAPER_SEEDS],
        images=('a', 'b/c'),
        parameters=dict(num_draws=4, scales=(0.5, 1.0), crf=dict(preset='irn', iterations=10)),
        config_sha256='00ff',
        checkpoint_sha256='ff00',
    )
    return SeedManifest(**{**values, **changes})


def test_round_trip(tmp_path):
    manifest = example()
    manifest.save(tmp_path / 'manifest.json')
    loaded = SeedManifest.load(tmp_path / 'manifest.json')
    assert loaded == manifest
    assert manifest.differences(loaded) == loaded.differences(manifest) == []
    assert loaded.to_bytes() == manifest.to_bytes()
    assert loaded.seed_names[:2] == ['0.05-1.00', '0.05-1.20']


def test_it_is_plain_readable_json(tmp_path):
    example(classes=('background', 'Kätzchen', 'dog')).save(tmp_path / 'm.json')
    text = (tmp_path / 'm.json').read_text(encoding='utf-8')
    assert 'Kätzchen' in text
    names = {field.name for field in dataclasses.fields(SeedManifest)}
    assert set(json.loads(text)) == names - {'corrected'}


def test_order_of_parameters_does_not_matter():
    one, other = example(parameters=dict(a=1, b=2)), example(parameters=dict(b=2, a=1))
    assert one.to_bytes() == other.to_bytes() and not one.differences(other)


@pytest.mark.parametrize(
    'changes, expected',
    [
        (
            dict(classes=('background', 'dog', 'cat')),
            "classes: ['background', 'cat', 'dog'] here, ['background', 'dog', 'cat'] there",
        ),
        (dict(tie='foreground'), "tie: 'lowest' here, 'foreground' there"),
        (dict(config_sha256=None), "config_sha256: '00ff' here, None there"),
        (dict(checkpoint_sha256='1'), "checkpoint_sha256: 'ff00' here, '1' there"),
        (dict(ignore_index=0), 'ignore_index: 255 here, 0 there'),
        (dict(images=('a', 'b/d')), "images: ['a', 'b/c'] here, ['a', 'b/d'] there"),
        (
            dict(images=[str(i) for i in range(20)]),
            "images: 2 here, 20 there; first difference at 0: 'a' here, '0' there",
        ),
        (
            dict(images=['a', 'b/c', *(str(i) for i in range(20))]),
            "images: 2 here, 22 there; first difference at 2: none here, '0' there",
        ),
    ],
)
def test_each_difference_is_named(changes, expected):
    assert example().differences(example(**changes)) == [expected]


def test_differences_in_parameters_are_named_by_their_path():
    other = example(parameters=dict(num_draws=2, crf=dict(preset='irn', iterations=5), new=1))
    assert example().differences(other) == [
        'parameters.crf.iterations: 10 here, 5 there',
        'parameters.new: only there',
        'parameters.num_draws: 4 here, 2 there',
        'parameters.scales: only here',
    ]


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(classes=()), 'classes is'),
        (dict(classes=('a', 'a', 'b')), 'different class names'),
        (dict(classes=('a', '', 'b')), 'classes is'),
        (dict(classes='abc'), 'classes is'),
        (dict(classes=[str(i) for i in range(256)]), '1 to 255'),
        (dict(palette=((0, 0, 0),)), '3 RGB colours'),
        (dict(palette=((0, 0, 0), (0, 0, 0), (0, 0, 256))), '3 RGB colours'),
        (dict(palette=((0, 0, 0), (0, 0, 0), (0, 0, True))), '3 RGB colours'),
        (dict(seeds=[]), '1 to 255 seeds'),
        (dict(seeds=['a']), '1 to 255 seeds'),
        (dict(seeds=[dict(name='a')]), '1 to 255 seeds'),
        (dict(seeds=[dict(name='../a', dropout=0, scale=1)]), 'starts with a dot'),
        (dict(seeds=[dict(name='a/b', dropout=0, scale=1)]), "seed 'a/b'"),
        (dict(seeds=[dict(name='aggregated', dropout=0, scale=1)]), "seed 'aggregated'"),
        (dict(seeds=[dict(name='a', dropout=0, scale=1)] * 2), 'different names'),
        (dict(images=('a', 'a')), 'different image ids'),
        (dict(images=('../a',)), "image id '../a'"),
        (dict(images=(1,)), 'images is'),
        (dict(ignore_index=256), 'ignore_index is 256'),
        (dict(ignore_index=True), 'ignore_index is True'),
        (dict(tie='best'), "tie is 'best'"),
        (dict(seed_order=['0.05-1.00']), 'seed_order is'),
        (dict(tie='seed_order', seed_order=['0.05-1.00']), 'seed_order is'),
        (dict(parameters=[]), 'parameters is'),
        (dict(parameters=dict(a=float('nan'))), 'JSON'),
        (dict(parameters=dict(a={1, 2})), 'JSON'),
        (dict(config_sha256=3), 'config_sha256 is 3'),
        (dict(schema_version=2), 'schema_version is 2'),
    ],
)
def test_invalid_fields_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        example(**changes)


def test_seed_order_is_part_of_it():
    names = example().seed_names[::-1]
    manifest = example(tie='seed_order', seed_order=names)
    assert manifest.seed_order == names
    assert len(example(tie='seed_order').differences(manifest)) == 1


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', 'damaged'),
        (b'{"schema_version": 1', 'damaged'),
        (b'[]', 'no JSON object'),
        (b'\xff\xfe', 'damaged'),
        (b'[' * 100_000, 'damaged'),
        (b'{}', 'schema version None'),
        (b'{"schema_version": true}', 'schema version True'),
        (b'{"schema_version": 2}', 'schema version 2, expected 1'),
        (b'{"schema_version": 1, "colour": 1}', r"unknown fields \['colour'\], missing fields"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, message):
    path = tmp_path / 'manifest.json'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f'manifest.json: .*{message}'):
        SeedManifest.load(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='manifest.json: there is no manifest'):
        SeedManifest.load(tmp_path / 'manifest.json')


VALUES = json.loads(example().to_bytes())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 300) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(VALUES)), JSON)
def test_fuzzed_fields_give_a_manifest_or_a_value_error(name, value):
    values = {**copy.deepcopy(VALUES), name: value}
    try:
        manifest = SeedManifest.from_bytes(json.dumps(values).encode(), 'm.json')
    except ValueError as error:
        assert str(error).startswith('m.json: ')
    else:
        assert SeedManifest.from_bytes(manifest.to_bytes(), 'm.json') == manifest


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_fuzzed_bytes_give_a_manifest_or_a_value_error(data):
    content = bytearray(example().to_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=5))
    try:
        SeedManifest.from_bytes(bytes(content), 'm.json')
    except ValueError as error:
        assert str(error).startswith('m.json: ')
