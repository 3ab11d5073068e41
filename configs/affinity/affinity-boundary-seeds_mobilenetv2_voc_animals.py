# 3. Seeds of the classifier of configs/cls/mobilenetv2_voc_animals.py: the mean of two walks over
# the network of affinity-boundary-net_mobilenetv2_voc_animals.py.
_base_ = './affinity-seeds_mobilenetv2_voc_animals.py'
walk, crf = _base_.seed_generation.refine
walk.update(
    config='configs/affinity/affinity-boundary-net_mobilenetv2_voc_animals.py',
    checkpoint='work_dirs/affinity-boundary-net_mobilenetv2_voc_animals/iter_600.pth',
)
seed_generation = dict(refine=[walk, crf])
