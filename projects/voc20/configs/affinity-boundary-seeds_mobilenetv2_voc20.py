# Seeds of cls_mobilenetv2_voc20.py, the mean of two walks over the network of
# affinity-boundary-net_mobilenetv2_voc20.py.
_base_ = './affinity-seeds_mobilenetv2_voc20.py'
walk, crf = _base_.seed_generation.refine
walk.update(
    config='projects/voc20/configs/affinity-boundary-net_mobilenetv2_voc20.py',
    checkpoint='work_dirs/affinity-boundary-net_mobilenetv2_voc20/iter_600.pth',
)
seed_generation = dict(refine=[walk, crf])
