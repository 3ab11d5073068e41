# Cross-entropy on all labels, every class of the batch with equal weight.
loss = dict(type='SeedCrossEntropyLoss', noisy='keep', balance='class')
