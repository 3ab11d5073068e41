# Labels of the affinity network, from the classifier of cls_mobilenetv2_voc20.py. Both thresholds
# are those that Animals-7 needed with this backbone.
_base_ = './cls_mobilenetv2_voc20.py'
seed_generation = dict(
    seeds=[(0.00, 1.0), (0.05, 1.0)],
    background=[dict(threshold=0.60), dict(threshold=0.25)],
)
