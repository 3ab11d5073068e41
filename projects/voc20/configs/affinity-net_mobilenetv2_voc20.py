# Affinity network, from the labels of affinity-labels_mobilenetv2_voc20.py.
_base_ = ['../../../configs/affinity/affinity-net_mobilenetv2_voc_animals.py', './voc20.py']
train_dataloader = dict(
    dataset=dict(**_base_.voc20, seed_root='work_dirs/affinity-labels_mobilenetv2_voc20/seeds')
)
