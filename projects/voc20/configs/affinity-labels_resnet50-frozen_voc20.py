# Labels of the affinity network, from the classifier of cls_resnet50-frozen_voc20.py.
_base_ = './seeds_resnet50-frozen_voc20.py'
seed_generation = dict(
    seeds=[(0.00, 1.0), (0.05, 1.0)],
    background=[dict(threshold=0.40), dict(threshold=0.15)],
)
