# Affinity network, from the labels of affinity-labels_resnet50-frozen_voc20.py.
_base_ = ['../../animals7/configs/affinity-net_resnet50-frozen_voc_animals.py', './voc20.py']
train_dataloader = dict(
    dataset=dict(**_base_.voc20, seed_root='work_dirs/affinity-labels_resnet50-frozen_voc20/seeds')
)
