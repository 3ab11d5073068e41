# 2. Second affinity network, from the labels of second-labels_mobilenetv2_voc_animals.py.
_base_ = './affinity-boundary-net_mobilenetv2_voc_animals.py'
train_dataloader = dict(
    dataset=dict(seed_root='work_dirs/second-labels_mobilenetv2_voc_animals/seeds')
)
