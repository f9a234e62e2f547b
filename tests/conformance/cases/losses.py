"""Losses, metrics, weights, and models with several inputs and outputs."""

import keras
from harness import (
    Case, binary, case, chain, class_rows, one_hot, positive, probabilities, uniform)
from keras import layers as L
from keras import losses, metrics


def regression(loss, **arguments):
    return Case(chain((4,), L.Dense(5, activation="tanh"), L.Dense(3)), loss=loss, **arguments)


def classifier(loss, activation="softmax", **arguments):
    arguments.setdefault("y", one_hot)
    return Case(chain((4,), L.Dense(5, activation="tanh"), L.Dense(3, activation=activation)),
                loss=loss, **arguments)


def loss_case(name, case_of, loss, **arguments):
    def function():
        return case_of(loss() if callable(loss) else loss, **arguments)

    function.__name__ = f"loss_{name}"
    case(function)


for name in ["mae", "mape", "huber", "log_cosh"]:
    loss_case(name, regression, name)
# Slow, since its gradient is by the inverse of the output's length.
loss_case("cosine_similarity", regression, "cosine_similarity",
          optimizer=keras.optimizers.SGD(0.02))
# Keras's JSON leaves out Huber's delta.
loss_case("huber_sum", regression, lambda: losses.Huber(reduction="sum"),
          optimizer=keras.optimizers.SGD(0.01))
loss_case("msle", regression, "msle", y=positive)
loss_case("poisson", lambda loss, **a: Case(
    chain((4,), L.Dense(3, activation="softplus")), loss=loss, **a), "poisson", y=positive)
loss_case("hinge_of_zeros_and_ones", regression, "hinge", y=binary)
loss_case("squared_hinge", regression, "squared_hinge", y=binary)
loss_case("categorical_hinge", regression, "categorical_hinge", y=one_hot)
loss_case("kl_divergence", classifier, "kld", y=probabilities)
loss_case("label_smoothing", classifier,
          lambda: losses.CategoricalCrossentropy(label_smoothing=0.1))
loss_case("logits_label_smoothing", classifier,
          lambda: losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
          activation=None)
loss_case("categorical_focal", classifier, "categorical_focal_crossentropy")
loss_case("categorical_focal_logits", classifier,
          lambda: losses.CategoricalFocalCrossentropy(alpha=0.5, gamma=1.5, from_logits=True),
          activation=None)
loss_case("binary_smoothing", classifier, lambda: losses.BinaryCrossentropy(label_smoothing=0.1),
          activation="sigmoid")
loss_case("binary_focal", classifier, "binary_focal_crossentropy", activation="sigmoid")
loss_case("binary_focal_balanced", classifier,
          lambda: losses.BinaryFocalCrossentropy(apply_class_balancing=True, gamma=3.0,
                                                 from_logits=True), activation=None)
loss_case("generalized_crossentropy", classifier,
          lambda: losses.CategoricalGeneralizedCrossEntropy(0.7), y=class_rows(3))
loss_case("ignore_class", classifier,
          lambda: losses.SparseCategoricalCrossentropy(ignore_class=2), y=class_rows(3))
loss_case("mean_with_sample_weight", regression,
          lambda: losses.MeanSquaredError(reduction="mean_with_sample_weight"),
          sample_weight=positive)
loss_case("sum", regression, lambda: losses.MeanSquaredError(reduction="sum"),
          optimizer=keras.optimizers.SGD(0.01))


def masks(loss, **arguments):
    return Case(chain((4, 4, 1), L.Conv2D(2, 3, padding="same", activation="sigmoid")), loss=loss,
                y=binary, **arguments)


loss_case("dice", masks, "dice")
loss_case("dice_rows", masks, lambda: losses.Dice(axis=[1, 2, 3]), sample_weight=positive)
loss_case("tversky", masks, lambda: losses.Tversky(alpha=0.3, beta=0.7))


@case
def metrics_of_regression():
    return regression("mse", metrics=[
        "mse", "mae", "mape", "msle", metrics.RootMeanSquaredError(), metrics.LogCoshError(),
        metrics.CosineSimilarity(), metrics.R2Score(),
        metrics.R2Score(class_aggregation="variance_weighted_average", name="r2_weighted"),
        metrics.PearsonCorrelation(), metrics.ConcordanceCorrelation()], tolerance=3,
        reason="Keras adds up squares in single precision, R2 takes their difference")


@case
def metrics_of_classes():
    return classifier("categorical_crossentropy", metrics=[
        "accuracy", "categorical_accuracy", metrics.TopKCategoricalAccuracy(k=2),
        metrics.CategoricalCrossentropy(label_smoothing=0.1), metrics.KLDivergence(),
        metrics.CategoricalHinge(), metrics.Precision(), metrics.Recall(class_id=1),
        metrics.Precision(top_k=2, name="precision_top_2"), metrics.Precision(thresholds=0.3),
        metrics.F1Score(average="macro"), metrics.FBetaScore(average="weighted", beta=2.0),
        metrics.F1Score(average="micro", threshold=0.4, name="f1_micro"), metrics.AUC(),
        metrics.AUC(multi_label=True, name="auc_labels"),
        metrics.OneHotIoU(num_classes=3, target_class_ids=[0, 2]),
        metrics.OneHotMeanIoU(num_classes=3)])


@case
def metrics_of_class_numbers():
    return classifier("sparse_categorical_crossentropy", y=class_rows(3), metrics=[
        "accuracy", metrics.SparseTopKCategoricalAccuracy(k=2),
        metrics.SparseCategoricalCrossentropy(), metrics.MeanIoU(num_classes=3,
                                                                 sparse_y_pred=False)])


@case
def metrics_of_two_classes():
    return Case(chain((4,), L.Dense(1, activation="sigmoid")), loss="binary_crossentropy",
                y=binary, metrics=[
        "accuracy", metrics.BinaryAccuracy(threshold=0.4), metrics.TruePositives(),
        metrics.TrueNegatives(), metrics.FalsePositives(), metrics.FalseNegatives(),
        metrics.AUC(num_thresholds=20), metrics.AUC(curve="PR", name="pr"),
        metrics.AUC(curve="PRGAIN", name="prgain"),
        metrics.AUC(thresholds=[0.3, 0.6, 0.7], summation_method="majoring", name="majoring"),
        metrics.AUC(curve="PR", summation_method="minoring", name="minoring"),
        metrics.SensitivityAtSpecificity(0.5), metrics.SpecificityAtSensitivity(0.5),
        metrics.PrecisionAtRecall(0.5), metrics.RecallAtPrecision(0.5), metrics.BinaryIoU(),
        metrics.Hinge(), metrics.SquaredHinge(), metrics.Poisson(), metrics.BinaryCrossentropy()])


@case
def sample_weights():
    return regression("mse", sample_weight=positive, metrics=["mae"],
                      compile={"weighted_metrics": ["mae", metrics.RootMeanSquaredError(),
                                                    metrics.R2Score()]}, tolerance=3,
                      reason="R2 in single precision")


@case
def weighted_metrics_of_classes():
    return classifier("categorical_crossentropy", sample_weight=positive,
                      compile={"weighted_metrics": ["accuracy", metrics.AUC(), metrics.Precision(),
                                                    metrics.F1Score(average="macro")]})


@case
def class_weights():
    return classifier("sparse_categorical_crossentropy", y=class_rows(3), metrics=["accuracy"],
                      class_weight={0: 1.0, 2: 5.0})


@case
def sample_weights_of_steps():
    return Case(chain((5, 4), L.Dense(3, activation="softmax")), y=class_rows(3),
                loss="sparse_categorical_crossentropy",
                sample_weight=lambda generator, shape: positive(generator, (*shape, 5)))


def two_by_two():
    a, b = keras.Input((3,), name="first"), keras.Input((2,), name="second")
    both = L.Dense(5, activation="tanh", name="both")(L.Concatenate(name="joined")([a, b]))
    return keras.Model([a, b], [L.Dense(3, activation="softmax", name="kind")(both),
                                L.Dense(1, name="size")(both)])


@case
def two_inputs_two_outputs():
    return Case(two_by_two(), loss=["categorical_crossentropy", "mse"],
                metrics=[["accuracy"], ["mae", "mse"]], y=[one_hot, uniform],
                compile={"loss_weights": [1.0, 0.3]})


@case
def outputs_by_name():
    return Case(two_by_two(), loss={"kind": losses.CategoricalCrossentropy(), "size": "huber"},
                metrics={"size": ["mae"]}, y=[one_hot, uniform],
                compile={"loss_weights": {"kind": 0.5, "size": 2.0},
                         "weighted_metrics": {"kind": ["accuracy"]}},
                sample_weight=[positive, positive])


@case
def one_loss_for_two_outputs():
    return Case(two_by_two(), loss="mae")
