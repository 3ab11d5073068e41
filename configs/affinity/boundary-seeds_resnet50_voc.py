# 3. Seeds of the classifier of configs/cls/resnet50_voc.py, spread up to the boundaries of the
# network of boundary-net_resnet50_voc.py.
_base_ = './affinity-seeds_resnet50_voc.py'
walk, crf = _base_.seed_generation.refine
walk.update(
    config='configs/affinity/boundary-net_resnet50_voc.py',
    checkpoint='work_dirs/boundary-net_resnet50_voc/iter_3000.pth',
)
seed_generation = dict(refine=[walk, crf])
