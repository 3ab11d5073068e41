# Fine-tuning of small networks until the validation stops improving: the learning rate falls where
# two validations in a row are no better, and the training ends where six are not.
_base_ = './adamw_600.py'
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=50),
    dict(
        type='ReduceOnPlateauLR', monitor='mIoU', rule='greater', factor=0.3, patience=1, end=20000
    ),
]
train_cfg = dict(max_iters=20000, val_interval=250)
default_hooks = dict(checkpoint=dict(interval=250, save_best='mIoU'))
early_stopping_hook = dict(type='EarlyStoppingHook', monitor='mIoU', rule='greater', patience=6)
