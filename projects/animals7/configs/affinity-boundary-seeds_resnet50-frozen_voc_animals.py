# Seeds of cls_resnet50-frozen_voc_animals.py, the mean of two walks over the network of
# affinity-boundary-net_resnet50-frozen_voc_animals.py.
_base_ = './affinity-seeds_resnet50-frozen_voc_animals.py'
walk, crf = _base_.seed_generation.refine
walk.update(
    config='projects/animals7/configs/affinity-boundary-net_resnet50-frozen_voc_animals.py',
    checkpoint='work_dirs/affinity-boundary-net_resnet50-frozen_voc_animals/iter_600.pth',
)
seed_generation = dict(refine=[walk, crf])
