# SegFormer's head on ResNet-50, for two CPU cores: head and last stage learn, at stride 32 and in
# bfloat16. The plan begins with the backbone of cls_resnet50-frozen_voc20.py.
_base_ = './segformer-head_r50_voc20.py'
model = dict(backbone=dict(frozen_stages=3, strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1)))
train_dataloader = dict(batch_size=8)
optim_wrapper = dict(type='BFloat16OptimWrapper')
