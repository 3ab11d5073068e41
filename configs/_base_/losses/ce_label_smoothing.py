# Cross-entropy on all labels, a tenth of each label spread over all classes.
loss = dict(type='SeedCrossEntropyLoss', noisy='keep', label_smoothing=0.1)
