"""The mends do what they say and nothing where nothing is wrong."""

import sys

import torch
from mmengine.config import utils

from mmseg_wsss import compat


def test_torchvision_imports_and_a_second_mend_does_nothing():
    assert compat.mend_torchvision() is False
    assert 'torchvision' in sys.modules


def test_torchvision_is_left_alone_where_it_is_absent(monkeypatch):
    monkeypatch.setattr(compat, 'find_spec', lambda name: None)
    assert compat.mend_torchvision() is False


def test_the_declared_schemas_are_those_of_torchvision():
    schema = torch.ops.torchvision.nms.default._schema
    assert [argument.name for argument in schema.arguments] == ['dets', 'scores', 'iou_threshold']


def test_scopes_point_at_installed_distributions():
    for scope in ('mmseg', 'mmpretrain', 'mmseg_wsss'):
        assert compat._is_installed(utils.MODULE2PACKAGE[scope])


def test_a_wrong_scope_is_mended_once(monkeypatch):
    monkeypatch.setitem(utils.MODULE2PACKAGE, 'mmseg', 'no-such-distribution')
    assert 'mmseg' in compat.mend_config_scopes()
    assert compat.mend_config_scopes() == {}


def test_a_scope_without_any_installed_distribution_is_left_alone(monkeypatch):
    monkeypatch.setattr(compat, '_SCOPE_DISTRIBUTIONS', {'mmseg': ('no-such-distribution',)})
    before = dict(utils.MODULE2PACKAGE)
    assert compat.mend_config_scopes() == {}
    assert before == utils.MODULE2PACKAGE
