# 2. Second affinity network, from the labels of second-labels_resnet50_voc.py.
_base_ = './affinity-boundary-net_resnet50_voc.py'
train_dataloader = dict(dataset=dict(seed_root='work_dirs/second-labels_resnet50_voc/seeds'))
