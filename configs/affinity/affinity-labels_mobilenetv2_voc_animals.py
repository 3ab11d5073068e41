# 1. Labels of the affinity network, from the classifier of configs/cls/mobilenetv2_voc_animals.py.
# Two seeds of the same maps: one takes only strong activations for foreground, the other only weak
# ones for background. Where they agree, a pixel is surely one or the other (IRN's way); all other
# pixels are 255 for the network.
# Both thresholds were set after masks of training photographs showed that 0.40 and 0.15 give wrong
# labels with this classifier (projects/animals7/README.md).
_base_ = '../cls/mobilenetv2_voc_animals.py'
seed_generation = dict(
    seeds=[(0.00, 1.0), (0.05, 1.0)],
    background=[dict(threshold=0.60), dict(threshold=0.25)],
)
