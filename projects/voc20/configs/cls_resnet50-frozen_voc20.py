# Classifier of VOC-20 on ResNet-50, for two CPU cores: the last stage alone learns, at stride 32
# and in bfloat16. Its seeds are those of seeds_resnet50-frozen_voc20.py.
_base_ = ['../../animals7/configs/cls_resnet50-frozen_voc_animals.py', './voc20.py']
model = dict(data_preprocessor=dict(num_classes=20), head=dict(num_classes=20))
train_dataloader = dict(dataset=dict(**_base_.voc20, other_tags=()))
val_dataloader = dict(dataset=dict(**_base_.voc20, other_tags=()))
test_dataloader = val_dataloader
