import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_wsss.models.losses.row_interpolation import interpolation_matrix, interpolation_nodes


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 20), st.integers(1, 50), st.booleans(), st.integers(1, 50))
def test_equals_interpolate_in_any_strips(source, target, align_corners, rows):
    samples = torch.randn(1, 3, source, dtype=torch.float64)
    expected = F.interpolate(samples, target, mode='linear', align_corners=align_corners)[0]
    lower, weight = interpolation_nodes(
        source, target, align_corners, torch.float64, torch.device('cpu')
    )
    parts = []
    for start in range(0, target, rows):
        part = slice(start, start + rows)
        matrix, used = interpolation_matrix(lower[part], weight[part], source)
        parts.append(samples[0][:, used] @ matrix.t())
    torch.testing.assert_close(torch.cat(parts, 1), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize(('source', 'target'), [(128, 512), (41, 321), (57, 449), (160, 640)])
def test_weights_in_float32(source, target, align_corners):
    samples = torch.randn(1, 1, source)
    expected = F.interpolate(samples, target, mode='linear', align_corners=align_corners)[0, 0]
    nodes = interpolation_nodes(source, target, align_corners, torch.float32, torch.device('cpu'))
    matrix, used = interpolation_matrix(*nodes, source)
    torch.testing.assert_close(matrix @ samples[0, 0, used], expected, rtol=1e-5, atol=2e-5)
