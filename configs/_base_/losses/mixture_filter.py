# Hybrid learning behind DuPL's mixture filter (CVPR 2024): clean foreground pixels whose loss
# belongs to the high one of two Gaussians count as noisy. Cross-entropy on clean pixels, as the
# prediction constraint keeps losses close together. begin_iter should be some 40 % of the
# schedule, as in DuPL: 8,000 of 20,000 iterations.
loss = dict(type='FilteredLoss', loss=dict(type='PNHybridLoss', positive='ce'), begin_iter=8000)
