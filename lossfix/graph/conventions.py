"""Conventions: what people call their losses, metrics, predictions and labels."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from lossfix.graph.nodes import Role

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")
_MOST_NAMES = 100_000  # that are remembered

_LOSS_WORDS = frozenset(
    "loss losses lossfn objective criterion nll bce cce cost elbo crossentropy xent divergence "
    "hinge huber focal tversky contrastive triplet mse mae rmse logloss penalty".split()
)
_LOSS_PAIRS = (("cross", "entropy"), ("free", "energy"), ("log", "likelihood"))
_MAY_SPEAK = re.compile("|".join([*sorted(_LOSS_WORDS), *(b for _, b in _LOSS_PAIRS)]), re.I)

_METRIC_WORDS = frozenset(
    "metric metrics accuracy acc score scores precision recall auc evaluate evaluation eval psnr "
    "sensitivity specificity gmeasure tpr fpr concordance spearman spearmanr ssim coef coefficient "
    "wer cer levenshtein edit monitor plot test iou f1 map ndcg mrr".split()
)
_PREDICTION_WORDS = frozenset(
    "pred preds predict prediction predictions predicted logit logits output outputs out prob "
    "probs probability probabilities hat score scores yhat ypred pr estimate estimates "
    "reconstruction reconstructed recon x_hat generated fake mu mean logvar sigma z".split()
)
_LABEL_WORDS = frozenset(
    "true label labels target targets gt truth ytrue ground actual mask masks weight weights "
    "observed reference onehot real action actions reward rewards discount discounts index indices "
    "ids idx lengths data dataset experience trajectory observation observations done dones "
    "terminal terminals memory replay transition transitions annotation annotations".split()
)
_PREDICTION_NAMES = frozenset({"y_", "y_p", "yp", "p", "pt", "x", "a", "b", "inputs", "input"})
_LABEL_NAMES = frozenset({"y", "y_t", "yt", "t"})
_SMALL = re.compile(r"(?:^|[._])(?:eps|epsilon|smooth|smoothing|tiny|delta|fuzz)\w*$", re.I)
_LOSS_METHODS = frozenset({"call", "__call__", "forward", "loss", "compute_loss", "loss_fn"})


@lru_cache(maxsize=_MOST_NAMES)
def words(name: str) -> tuple[str, ...]:
    """`FocalLoss2d` -> ("focal", "loss2d"); `y_pred` -> ("y", "pred")."""
    found = (word.lower() for word in _WORD.split(name) if word)
    return tuple(
        word if word in _METRIC_WORDS else word.rstrip("0123456789") or word for word in found
    )


@lru_cache(maxsize=_MOST_NAMES)
def speaks_of_loss(name: str) -> bool:
    if _MAY_SPEAK.search(name) is None:
        return False
    found = words(name)
    if (_TEST_WORDS | _SEARCH_WORDS) & set(found):
        return False
    return bool(_LOSS_WORDS & set(found)) or any(pair in pairwise(found) for pair in _LOSS_PAIRS)


def speaks_of_test(name: str) -> bool:
    return bool(_TEST_WORDS & set(words(name)))


_TEST_WORDS = frozenset({"test", "tests"})
_SEARCH_WORDS = frozenset({"search", "beam"})  # "contrastive search" chooses words


def speaks_of_metric(name: str) -> bool:
    return bool(_METRIC_WORDS & set(words(name)))


def is_loss_method(name: str) -> bool:
    return name in _LOSS_METHODS or speaks_of_loss(name) or name.startswith("_compute")


def speaks_of_small(name: str) -> bool:
    """An epsilon or smoothing constant: small and positive by convention."""
    return _SMALL.search(name) is not None


def speaks_of_untrained(name: str) -> bool:
    """A name of what runs beside training: a schedule, an inference, a preparation of data."""
    found = words(name)
    return bool(_UNTRAINED_WORDS & set(found)) or found[:1] == ("sample",)


_UNTRAINED_WORDS = frozenset(
    "reward rewards schedule scheduler decay decayed annealing warmup inference infer preprocess "
    "preprocessing postprocess postprocessing augment augmentation".split()
)


def speaks_of_explanation(name: str) -> bool:
    """A name of what shows which inputs a model looks at."""
    return bool(_EXPLANATION_WORDS & set(words(name)))


_EXPLANATION_WORDS = frozenset(
    "cam gradcam saliency explain explainer explainers explanation explanations attribution "
    "attributions heatmap visualization".split()
)


def speaks_of_preparation(name: str) -> bool:
    """A name of a file or a folder that makes data ready."""
    return bool({"preprocessing", "preprocess", "augmentation"} & set(words(name)))


def speaks_of_density(name: str) -> bool:
    """A name of what is small by nature and added up: a divergence, an entropy, a log density."""
    found = words(name)
    return bool(_DENSITY_WORDS & set(found)) or any(p in pairwise(found) for p in _DENSITY_PAIRS)


_DENSITY_WORDS = frozenset(
    "kl kld kldiv entropy likelihood loglik logdet jacobian logdensity logdensities elbo vae "
    "divergence energy".split()
)
_DENSITY_PAIRS = (("log", "prob"), ("log", "pdf"), ("log", "density"), ("log", "det"))


def speaks_of_scale(name: str) -> bool:
    """A name of a scale, a spread or a rate, which may be any positive number."""
    return bool(_SCALE_WORDS & set(words(name)))


_SCALE_WORDS = frozenset(
    "sigma sigmas scale scales std stddev sd var variance variances precision concentration rate "
    "lam lambda".split()
)


def speaks_of_count(name: str) -> bool:
    return bool({"count", "counts"} & set(words(name)))


def role_of(name: str, has_default: bool) -> Role:
    """What a loss's parameter stands for, by its name."""
    found = words(name)
    if has_default:
        return Role.SETTING
    if speaks_of_truth(name):
        return Role.LABEL
    if name in _LABEL_NAMES or (_LABEL_WORDS & set(found) and not _PREDICTION_WORDS & set(found)):
        return Role.LABEL
    if name in _PREDICTION_NAMES or _PREDICTION_WORDS & set(found):
        return Role.PREDICTION
    if speaks_of_small(name) or set(found) & _SETTING_WORDS:
        return Role.SETTING
    return Role.PREDICTION


_SETTING_WORDS = frozenset(
    "alpha beta gamma lambda lam temperature tau margin axis num n k size batch epoch step "
    "rank name dtype reduction config params hparams hyperparameters hyperparams options seed "
    "threshold depth classes dim dims shape shapes height width factor training self cls clip "
    "flags counts count frequency frequencies microbatches stride strides "
    "anchor anchors ratio fraction".split()
)
_TRUTH_WORDS = frozenset("true label labels target targets gt truth ytrue".split())
_WHOLE_WORDS = frozenset("length lengths ids idx index indices".split())
_GIVEN_BY_A_MODEL = frozenset(
    "pred preds predict prediction predictions predicted hat yhat ypred estimate estimates "
    "generated fake reconstructed".split()
)


def speaks_of_truth(name: str) -> bool:
    """A name whose last word says that the value is what a prediction is compared with, or counts
    or picks something."""
    found = words(name)
    if found[-1:] and (found[-1] in _WHOLE_WORDS or found[-1].endswith("len")):
        return True
    return bool(_TRUTH_WORDS & set(found[-1:])) and not _GIVEN_BY_A_MODEL & set(found)


KERAS_PAIR = ("y_true", "y_pred")
"""The parameters that Keras calls a loss with."""


def speaks_of_prediction(name: str) -> bool:
    """A name that says by itself that its value is what a model gave."""
    return name in _PREDICTION_NAMES or bool(_PREDICTION_WORDS & set(words(name)))


def says_prediction(name: str) -> bool:
    """A name that can mean nothing else, whoever calls with whatever."""
    return bool(_SURELY_PREDICTED & set(words(name)))


_SURELY_PREDICTED = frozenset(
    "pred preds predict prediction predictions predicted logit logits output outputs yhat ypred "
    "hat".split()
)


def holds_prediction(name: str) -> bool:
    """An attribute that says so: `self.logits`, `self.z_mean`, and not `self.sigma_ratio`."""
    found = words(name)
    spread = found[-1:] in (("var",), ("variance",), ("std",))  # `z_log_var`
    says = found if spread else found[-1:]
    return name in _PREDICTION_NAMES or bool(_PREDICTION_WORDS & set(says))


def speaks_of_model(name: str) -> bool:
    """A name of something that is called to predict: a model, a network, a layer."""
    return bool(_MODEL_WORDS & set(words(name)))


_MODEL_WORDS = frozenset(
    "model net network layer layers encoder decoder generator discriminator actor critic "
    "classifier backbone head predict forward dense conv2d conv1d conv3d fc "
    "fully_connected mlp unet cnn rnn lstm gru embedding".split()
)


def is_layer(name: str) -> bool:
    """The name of a class, by its case: `Dense`, `DNN`, `Sequential`."""
    return name[:1].isupper()
