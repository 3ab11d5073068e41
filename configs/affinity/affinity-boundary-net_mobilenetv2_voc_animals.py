# 2. One network of both kinds instead of that of affinity-net_mobilenetv2_voc_animals.py, with the
# same labels: its features, and class boundaries (IRN), from one pass of the backbone.
_base_ = './affinity-net_mobilenetv2_voc_animals.py'
model = dict(
    backbone=dict(out_indices=(1, 2, 4, 6)),
    decode_head=dict(in_index=(1, 2, 3)),
    auxiliary_head=dict(type='BoundaryHead', in_channels=(24, 32, 96, 320)),
)
