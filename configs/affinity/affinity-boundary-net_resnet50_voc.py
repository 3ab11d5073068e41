# 2. One network of both kinds: the features of affinity-net_resnet50_voc.py and the boundaries of
# boundary-net_resnet50_voc.py, from one pass of the backbone.
_base_ = './affinity-net_resnet50_voc.py'
model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    decode_head=dict(in_index=(1, 2, 3)),
    auxiliary_head=dict(type='BoundaryHead', in_channels=(256, 512, 1024, 2048)),
)
