# Runtime of the classifiers: trained by epoch, logged by epoch, no segmentation visualizer.
_base_ = './default_runtime.py'
visualizer = dict(
    _delete_=True,
    type='mmengine.Visualizer',
    vis_backends=[dict(type='LocalVisBackend')],
    name='visualizer',
)
log_processor = dict(by_epoch=True)
# Training ends with the seeds; tools/make_seeds.py makes or resumes the same from a checkpoint.
custom_hooks = [dict(type='InitialWeightsHook'), dict(type='MultiSeedCAMHook')]
