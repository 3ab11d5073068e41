"""GenerateEdge that sees the edges of objects only."""

from __future__ import annotations

from mmseg.datasets.transforms import GenerateEdge

from mmseg_wsss.registry import TRANSFORMS
from mmseg_wsss.seeds import decode_seed_label


@TRANSFORMS.register_module()
class SeedGenerateEdge(GenerateEdge):
    """Make the edge map of a label map whose noisy pixels are marked.

    mmseg's GenerateEdge would also draw an edge between clean and noisy pixels of one class.
    Arguments as in :class:`mmseg.datasets.transforms.GenerateEdge`.
    """

    def transform(self, results: dict) -> dict:
        """Add ``gt_edge_map``, uint8 (H, W), made from the labels alone."""
        code = results['gt_seg_map']
        results['gt_seg_map'] = decode_seed_label(code)[0]
        results = super().transform(results)
        results['gt_seg_map'] = code
        return results
