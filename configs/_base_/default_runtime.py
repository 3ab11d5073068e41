# What every config of this project shares.
custom_imports = dict(imports=['mmseg_wsss.register_all'], allow_failed_imports=False)
default_scope = 'mmseg'  # mmpretrain's and this project's parts carry their scope or are found bare
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
resume = False
tta_model = dict(type='MergedTTAModel')  # mmseg's SegTTAModel that keeps the mean prediction
# Names the file to put where when initial weights are missing; keep it when adding hooks.
custom_hooks = [dict(type='InitialWeightsHook')]
