# 3. Seeds of the classifier of configs/cls/resnet50_voc.py: the mean of two walks over the network
# of affinity-boundary-net_resnet50_voc.py, by features and up to boundaries.
_base_ = './affinity-seeds_resnet50_voc.py'
walk, crf = _base_.seed_generation.refine
walk.update(
    config='configs/affinity/affinity-boundary-net_resnet50_voc.py',
    checkpoint='work_dirs/affinity-boundary-net_resnet50_voc/iter_3000.pth',
)
seed_generation = dict(refine=[walk, crf])
