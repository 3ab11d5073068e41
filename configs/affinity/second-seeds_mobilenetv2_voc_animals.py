# 3. Seeds of the classifier of configs/cls/mobilenetv2_voc_animals.py, spread by the network of
# second-net_mobilenetv2_voc_animals.py.
_base_ = './affinity-boundary-seeds_mobilenetv2_voc_animals.py'
walk, crf = _base_.seed_generation.refine
walk.update(
    config='configs/affinity/second-net_mobilenetv2_voc_animals.py',
    checkpoint='work_dirs/second-net_mobilenetv2_voc_animals/iter_600.pth',
)
seed_generation = dict(
    background=dict(labels='work_dirs/second-labels_mobilenetv2_voc_animals/seeds'),
    refine=[walk, crf],
)
