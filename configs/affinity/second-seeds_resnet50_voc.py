# 3. Seeds of the classifier of configs/cls/resnet50_voc.py, spread by the network of
# second-net_resnet50_voc.py.
_base_ = './affinity-boundary-seeds_resnet50_voc.py'
walk, crf = _base_.seed_generation.refine
walk.update(
    config='configs/affinity/second-net_resnet50_voc.py',
    checkpoint='work_dirs/second-net_resnet50_voc/iter_3000.pth',
)
seed_generation = dict(
    background=dict(labels='work_dirs/second-labels_resnet50_voc/seeds'), refine=[walk, crf]
)
