# As sgd_40k.py, twice as long.
_base_ = './sgd_40k.py'
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-4, begin=0, end=80000, by_epoch=False)]
train_cfg = dict(max_iters=80000, val_interval=8000)
default_hooks = dict(checkpoint=dict(interval=8000))
