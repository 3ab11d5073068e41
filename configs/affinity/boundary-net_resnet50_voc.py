# 2. Boundary network (IRN) instead of the affinity network of affinity-net_resnet50_voc.py; the
# labels are the same.
_base_ = './affinity-net_resnet50_voc.py'
model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    decode_head=dict(_delete_=True, type='BoundaryHead', in_channels=(256, 512, 1024, 2048)),
)
