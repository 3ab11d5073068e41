"""Data sets and transforms: tags for the classifier, seeds for the segmentor."""
