"""Layers of sequences and text."""

from keras import layers as L
import keras

from harness import Case, case, chain, classes


def words(count, *layers, steps=5):
    return Case(chain((steps,), L.Embedding(count, 4), *layers), x=classes(count))


@case
def embedding():
    return words(7, L.Flatten(), L.Dense(2))


@case
def embedding_of_grids():
    return Case(chain((2, 3), L.Embedding(9, 3), L.Flatten(), L.Dense(2)), x=classes(9),
                optimizer=keras.optimizers.Adam(0.01))


@case
def layer_normalization():
    return Case(chain((6,), L.Dense(8), L.LayerNormalization(), L.Dense(2)))


@case
def layer_normalization_of_steps():
    return Case(chain((4, 5), L.LayerNormalization(epsilon=1e-5), L.Dense(6, "tanh"),
                      L.LayerNormalization(axis=-1, scale=False), L.Flatten(), L.Dense(2)))


@case
def layer_normalization_of_two_axes():
    return Case(chain((3, 4), L.LayerNormalization(axis=[1, 2]), L.LayerNormalization(center=False),
                      L.Flatten(), L.Dense(2)))


@case
def group_normalization():
    # What shifts a channel before its own normalization would have a gradient of zero.
    return Case(chain((4, 3, 6), L.GroupNormalization(groups=3, center=False),
                      L.Conv2D(4, 2, use_bias=False),
                      L.GroupNormalization(groups=-1, scale=False), L.Flatten(), L.Dense(2)))


@case
def group_normalization_of_one_group():
    return Case(chain((5, 4), L.GroupNormalization(groups=1, epsilon=1e-2), L.Flatten(), L.Dense(2)))


@case
def simple_rnn():
    return Case(chain((5, 3), L.SimpleRNN(4), L.Dense(2)))


@case
def simple_rnn_relu_sequences():
    return Case(chain((5, 3), L.SimpleRNN(4, activation="relu", return_sequences=True),
                      L.SimpleRNN(3, use_bias=False, go_backwards=True), L.Dense(2)))


@case
def lstm():
    return Case(chain((5, 3), L.LSTM(4), L.Dense(2)))


@case
def lstm_of_words():
    return words(9, L.LSTM(4, return_sequences=True), L.LSTM(3, go_backwards=True), L.Dense(2))


@case
def lstm_sequences_backwards():
    return Case(chain((4, 3), L.LSTM(4, return_sequences=True, go_backwards=True, use_bias=False),
                      L.Dense(2)))


@case
def lstm_other_activations():
    return Case(chain((4, 3), L.LSTM(4, activation="relu", recurrent_activation="hard_sigmoid",
                                     unit_forget_bias=False), L.Dense(2)))


@case
def gru():
    return Case(chain((5, 3), L.GRU(4), L.Dense(2)))


@case
def gru_sequences():
    return Case(chain((5, 3), L.GRU(4, return_sequences=True), L.GRU(3, go_backwards=True),
                      L.Dense(2)))


@case
def gru_without_bias():
    return Case(chain((4, 3), L.GRU(4, use_bias=False, return_sequences=True), L.Dense(2)))


@case
def gru_resets_before():
    return Case(chain((5, 3), L.GRU(4, reset_after=False, return_sequences=True),
                      L.GRU(3, reset_after=False, use_bias=False), L.Dense(2)))


@case
def bidirectional_lstm():
    return Case(chain((5, 3), L.Bidirectional(L.LSTM(3, return_sequences=True)),
                      L.Bidirectional(L.LSTM(2)), L.Dense(2)))


@case
def bidirectional_sum():
    return Case(chain((5, 3), L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum"),
                      L.Bidirectional(L.SimpleRNN(3), merge_mode="ave"), L.Dense(2)))


@case
def bidirectional_product():
    return Case(chain((5, 3), L.Bidirectional(L.GRU(3), merge_mode="mul"), L.Dense(2)))


@case
def time_distributed():
    return Case(chain((4, 3), L.TimeDistributed(L.Dense(5, "tanh")), L.LSTM(3), L.Dense(2)))


def attention_model(shape, build):
    inputs = keras.Input(shape)
    return keras.Model(inputs, L.Dense(2)(L.Flatten()(build(inputs))))


@case
def multi_head_attention():
    return Case(attention_model((4, 3), lambda x: L.MultiHeadAttention(2, 3)(x, x)))


@case
def multi_head_attention_causal():
    return Case(attention_model((5, 4), lambda x: L.MultiHeadAttention(2, 3, use_bias=False)(
        x, x, use_causal_mask=True)))


@case
def multi_head_attention_of_two_sequences():
    return Case(attention_model((4, 3), lambda x: L.MultiHeadAttention(2, 2, output_shape=3)(
        query=L.Dense(5)(x), value=L.Dense(4)(x), key=x)))


@case
def attention():
    return Case(attention_model((4, 3), lambda x: L.Attention()([L.Dense(3)(x), L.Dense(2)(x), x])))


@case
def attention_causal():
    return Case(attention_model((4, 3), lambda x: L.Attention()([L.Dense(3)(x), x],
                                                                use_causal_mask=True)))


@case
def transformer_block():
    words = keras.Input((6,))
    x = L.Embedding(8, 4)(words)
    x = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, L.MultiHeadAttention(2, 2)(x, x)]))
    x = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, L.Dense(4)(L.Dense(8, "relu")(x))]))
    # Not Adam: softmax does not see the key's bias, whose gradient is rounding that Adam would scale
    # up.
    return Case(keras.Model(words, L.Dense(2)(L.Flatten()(x))), x=classes(8))


@case
def noise_at_inference():
    # In training they draw from another generator than Keras does.
    return Case(chain((5,), L.GaussianNoise(0.3), L.Dense(6, "tanh"), L.AlphaDropout(0.2),
                      L.GaussianDropout(0.4), L.Dense(2)), train=False)
