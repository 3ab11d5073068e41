"""Scores of seeds and predictions."""

from .agreement_scores import AgreementScore, score_agreement
from .seed_scores import SeedScore, confusion_matrix, score_masks

__all__ = ['AgreementScore', 'SeedScore', 'confusion_matrix', 'score_agreement', 'score_masks']
