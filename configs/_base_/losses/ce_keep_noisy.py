# Cross-entropy on all labels, clean and noisy alike.
loss = dict(type='SeedCrossEntropyLoss', noisy='keep')
