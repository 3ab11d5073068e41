# Seeds of the classifier of cls_eps_resnet50-frozen_voc20.py, at stride 16.
_base_ = './cls_eps_resnet50-frozen_voc20.py'
model = dict(backbone=dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)))
