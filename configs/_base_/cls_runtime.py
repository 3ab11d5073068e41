# Runtime of the classifiers: trained by epoch, logged by epoch, no segmentation visualizer.
_base_ = './default_runtime.py'
visualizer = dict(
    _delete_=True,
    type='mmengine.Visualizer',
    vis_backends=[dict(type='LocalVisBackend')],
    name='visualizer',
)
log_processor = dict(by_epoch=True)
