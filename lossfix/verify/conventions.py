"""What people call things: roles and kinds of a loss's parameters, and values of its settings."""

from __future__ import annotations

import re
from typing import Any, Final

MISSING: Final = object()

PREDICTION = "prediction"
LABEL = "label"
WEIGHT = "weight"
SETTING = "setting"

_CLASSES = r"(num|n)_?(classes|class|labels)|classes|depth|n_cls"
_SETTINGS: tuple[tuple[str, Any], ...] = (
    (r"gamma", 2.0),
    (r"alpha", 0.25),
    (r"beta|lambda_?\w*|lam|lmbda|weight_?decay|scale|factor|coef\w*|ratio", 0.5),
    (r"eps|epsilon|tiny", 1e-7),
    (_CLASSES, 3),
    (r"from_logits|training|is_training|hard|normalize\w*|debug|verbose|log\w*_?probs?", False),
    (r"smooth\w*", 1.0),
    (r"label_smoothing", 0.1),
    (r"name", "loss"),
    (r"reduction", "sum_over_batch_size"),
    (r"axis|dim|class_axis", -1),
    (r"margin\w*|delta|sigma|c|cost|weight_\w+|\w+_weight|pos_weight|m|cap", 1.0),
    (r"power|exponent", 0.75),
    (r"temp\w*|tau|t", 0.5),
    (r"k|sharpness|steepness|slope|s", 10.0),
    (r"thresh\w*|cutoff|quantile|q|p|weights?|width", 0.5),
    (r"low|lower", 0.25),
    (r"high|upper", 0.75),
    (r"missing|(mask|pad|missing|ignore|void)_?(value|index|label)", -1.0),
    (r"batch_?size", 8),
    (r"dtype", "float32"),
)

_LABEL = re.compile(
    r"y|y_?true\w*|labels?|targets?|gt\w*|truth|ground_truth|y_|t_true|true\w*|\w+_true|\w+_labels?"
    r"|\w+_targets?|actual|expected|onehot|one_hot|real_y|teacher\w*"
)
_PREDICTION = re.compile(
    r"y_?pred\w*|pred\w*|outputs?|probs?|probabilit\w*|logits?|scores?|y_?hat|\w+_pred\w*"
    r"|\w+_logits?|\w+_probs?|\w+_outputs?|x|z|p|estimate\w*|recon\w*|net_out\w*"
)
_LOGIT = re.compile(r"(\w+_)?(logits?|scores?|energ\w+|z)")
_PROBABILITY = re.compile(r"(\w+_)?(probs?|probabilit\w+|softmax\w*|p)")
_WEIGHT = re.compile(r"(\w+_)?(weights?|masks?|w)")


def conventional_setting(name: str) -> Any:
    """The usual value of a setting called `name`, or MISSING where there is none."""
    for pattern, value in _SETTINGS:
        if re.fullmatch(pattern, name.lower()):
            return value
    return MISSING


def is_class_count(name: str) -> bool:
    """Whether a setting's name says that it is how many classes there are."""
    return re.fullmatch(_CLASSES, name.lower()) is not None


def conventional_role(name: str) -> str | None:
    """ "prediction", "label" or "weight" where the name gives it away."""
    lowered = name.lower().strip("_") if name.lower() != "y_" else "y_"
    for pattern, role in ((_WEIGHT, WEIGHT), (_LABEL, LABEL), (_PREDICTION, PREDICTION)):
        if pattern.fullmatch(lowered):
            return role
    return None


def conventional_kind(name: str) -> str | None:
    """ "logit" or "probability" where a prediction's name gives it away."""
    lowered = name.lower().strip("_")
    if _LOGIT.fullmatch(lowered):
        return "real"
    return "probability" if _PROBABILITY.fullmatch(lowered) else None
