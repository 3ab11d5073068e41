# Classifier and seeds of VOC-20, for one GPU.
_base_ = ['../../animals7/configs/cls_resnet50_voc_animals.py', './voc20.py']
model = dict(data_preprocessor=dict(num_classes=20), head=dict(num_classes=20))
train_dataloader = dict(dataset=dict(**_base_.voc20, other_tags=()))
val_dataloader = dict(dataset=dict(**_base_.voc20, other_tags=()))
test_dataloader = val_dataloader
