# 1. Labels of a second affinity network, from the classifier of
# configs/cls/mobilenetv2_voc_animals.py: what is sure of the maps that the first network,
# affinity-boundary-net_mobilenetv2_voc_animals.py, has spread (docs/user_guides/better_seeds.md).
_base_ = './affinity-boundary-seeds_mobilenetv2_voc_animals.py'
seed_generation = dict(
    seeds=[(0.00, 1.0), (0.05, 1.0)],
    background=[dict(threshold=0.60), dict(threshold=0.25)],
)
