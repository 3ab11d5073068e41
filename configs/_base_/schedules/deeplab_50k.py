# DeepLab V1 and V2 on COCO: longer, with a lower rate and twice the batch.
_base_ = './deeplab_20k.py'
optim_wrapper = dict(optimizer=dict(lr=2.5e-4))
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=50000, by_epoch=False)]
train_cfg = dict(max_iters=50000, val_interval=5000)
auto_scale_lr = dict(base_batch_size=20)
default_hooks = dict(checkpoint=dict(interval=5000))
