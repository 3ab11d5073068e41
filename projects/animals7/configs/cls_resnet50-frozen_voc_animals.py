# Classifier of Animals-7 on ResNet-50, for two CPU cores: the last stage alone learns, at stride 32
# and in bfloat16. Its seeds are those of seeds_resnet50-frozen_voc_animals.py.
_base_ = './cls_resnet50_voc_animals.py'
model = dict(backbone=dict(frozen_stages=3, strides=(1, 2, 2, 2)))
crop_size = 224
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(scale=crop_size)
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=crop_size)
test_pipeline[2].update(crop_size=crop_size)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(type='BFloat16OptimWrapper', optimizer=dict(lr=1e-4))
param_scheduler = [dict(type='PolyLR', eta_min=0.0, power=0.9, end=4, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=4, val_interval=4)
custom_hooks = [dict(type='InitialWeightsHook'), dict(type='ChannelsLastHook')]
seed_generation = dict(scales=(0.5, 1.0), num_draws=1, amp='bfloat16')
