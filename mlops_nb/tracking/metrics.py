"""Which names are a metric's, and which way a metric is better."""

from __future__ import annotations

import re
from functools import lru_cache

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_ERRORS = frozenset(
    "loss error err mae mse rmse mape smape medae msle rmsle mspe deviance perplexity wer cer brier "
    "logloss crossentropy hinge pinball residual regret distance divergence".split()
)
_SCORES = frozenset(
    "accuracy acc f1 fbeta precision recall auc auroc auprc roc ap map ndcg mrr r2 kappa mcc iou jaccard dice "
    "bleu rouge specificity sensitivity score silhouette lift gini".split()
)
_COSTS = frozenset("latency seconds duration ms time memory bytes size".split())

SKLEARN_METRICS = frozenset(
    """accuracy_score adjusted_mutual_info_score adjusted_rand_score average_precision_score balanced_accuracy_score
    brier_score_loss calinski_harabasz_score cohen_kappa_score completeness_score d2_absolute_error_score
    d2_brier_score d2_log_loss_score d2_pinball_score d2_tweedie_score davies_bouldin_score dcg_score
    explained_variance_score
    f1_score fbeta_score fowlkes_mallows_score hamming_loss hinge_loss homogeneity_score jaccard_score
    label_ranking_average_precision_score label_ranking_loss log_loss matthews_corrcoef max_error
    mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss
    mean_poisson_deviance mean_squared_error mean_squared_log_error mean_tweedie_deviance
    median_absolute_error mutual_info_score ndcg_score normalized_mutual_info_score precision_score r2_score
    rand_score recall_score roc_auc_score root_mean_squared_error root_mean_squared_log_error silhouette_score
    top_k_accuracy_score v_measure_score zero_one_loss""".split()
)
"""The functions of `sklearn.metrics` that return one number."""


@lru_cache(maxsize=4096)
def name_words(name: str) -> tuple[str, ...]:
    """The lower-case words of an identifier.

    >>> name_words("valRMSE_mean2"), name_words("f1_macro")
    (('val', 'rmse', 'mean', '2'), ('f1', 'macro'))
    """
    return tuple(word.lower() for part in re.split(r"[^A-Za-z0-9]+", name) for word in _split(part))


def _split(part: str) -> list[str]:
    whole = part.lower()
    return [part] if whole in _SCORES or whole in _ERRORS else _WORDS.findall(part)


def is_metric_name(name: str) -> bool:
    """Whether a variable of this name usually holds a metric.

    >>> [is_metric_name(name) for name in ("accuracy", "val_f1", "n_trees", "log_loss", "X_test")]
    [True, True, False, True, False]
    """
    return name in SKLEARN_METRICS or any(word in _SCORES or word in _ERRORS for word in name_words(name))


def is_by_the_way(name: str, *, inferred: bool) -> bool:
    """Whether a metric stands behind the others: it was found, not named, and is no measure of quality.

    >>> [is_by_the_way(name, inferred=True) for name in ("n_iter", "accuracy_score_X_test")]
    [True, False]
    """
    return inferred and not is_metric_name(name)


def lower_is_better(name: str) -> bool:
    """Whether a smaller value of this metric is the better one: losses, errors, distances, times, sizes.

    >>> [lower_is_better(name) for name in ("rmse", "accuracy", "brier_score_loss", "latency_ms", "neg_log_loss")]
    [True, False, True, True, False]
    """
    words = name_words(name)
    if words[:1] in (("neg",), ("negative",)):
        return False
    if name.startswith("d2_"):
        return False
    return any(word in _ERRORS or word in _COSTS for word in words)
