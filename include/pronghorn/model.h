#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pronghorn/compile_config.h"
#include "pronghorn/data.h"
#include "pronghorn/fit.h"
#include "pronghorn/layers.h"

namespace pronghorn {

// A layer as summary() shows it.
struct SummaryRow {
  std::string name;
  // Keras's class: "Conv2D".
  std::string type;
  // Of its last call, without the batch.
  Shape output_shape;
  int64_t params = 0;
  // Forward, per image, over all calls of the layer.
  int64_t multiply_accumulates = 0;
  // The layers whose outputs it is called on, as "conv2d[0][0]" (layer, call, tensor).
  std::vector<std::string> connected_to;
};

// A Keras model: layers, how they connect, and their weights. Not safe for use by two threads at
// once; two models are independent.
class Model {
 public:
  // A functional model. Throws ArgumentError where an output does not depend on the inputs.
  Model(const KerasTensor& input, const KerasTensor& output, std::string name = "");
  Model(const std::vector<KerasTensor>& inputs, const std::vector<KerasTensor>& outputs,
        std::string name = "");
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const std::string& name() const;
  // Without the batch.
  Shape input_shape() const;
  Shape output_shape() const;
  // Of the layers where they begin and end, in the model's order.
  std::vector<std::string> input_names() const;
  std::vector<std::string> output_names() const;

  // Keras's summary, and each layer's forward multiply-accumulates per image as one more column.
  // Lines are at most `line_length` characters long; 0: as long as Keras's (88, or 108 for a model
  // with branches) and 23 for the additional column.
  std::string summary(int line_length = 0) const;
  // The same, a row per layer; Keras lists the input of a functional model, not of a Sequential.
  std::vector<SummaryRow> summary_rows() const;
  int64_t count_params() const;
  // Forward multiply-accumulates of one image.
  int64_t multiply_accumulates() const;
  // The op list of a training step of this batch size, with each value's shape and place in the
  // arena. Compiles with the default configuration unless compile() was called.
  std::string graph_summary(int64_t batch_size) const;

  // Keras 3's JSON.
  std::string to_json() const;
  // What the file that the model was read from says of its compilation (Keras's compile_config);
  // none for other models. compile() takes it or any other.
  const std::optional<CompileConfig>& file_config() const;

  // Draws new initial weights from `seed`; compile() with a seed does so for weights that were
  // neither trained nor loaded.
  void initialize(uint64_t seed);
  // Whether the weights have values: of a file, set, or drawn by compile() or initialize().
  bool has_weights() const;
  std::vector<NamedArray> get_weights() const;
  // Throws ShapeError unless names and shapes are those of get_weights().
  void set_weights(const std::vector<NamedArray>& weights);
  // Weights alone, as the file's name ends: .weights.h5 as Keras 3's, which holds the optimizer's
  // state too, or .safetensors, names as in get_weights(). A failed write leaves no file behind.
  void save_weights(const std::string& path) const;
  // Of such files, of .keras files and of the .h5 files of Keras 1 and 2, told apart by their
  // bytes. Where the file holds the state of an optimizer of the same kind, training goes on from
  // there. Leaves the model as it was where it throws.
  void load_weights(const std::string& path);
  // Keras 3's .keras: the model, its weights, and how it was compiled with the optimizer's state,
  // so that training can go on, here or in Keras.
  void save(const std::string& path) const;
  // Steps that the optimizer has made: Keras's optimizer.iterations.
  int64_t optimizer_steps() const;

  void compile(const CompileConfig& config);
  // x: samples of the model's input shape, axes of extent 1 left out or added, or of any shape with
  // as many elements where the model takes rows: (n, 28, 28, 1) for (784,). y: class numbers for
  // sparse_categorical_crossentropy; for categorical_crossentropy one-hot rows, or class numbers,
  // which are turned into such. Of a model with several inputs or outputs, an array for each, in
  // order or by name; an output without a loss needs no labels. Throws Error where model, data and
  // configuration don't fit.
  //
  // Logged are the loss and the metrics; of a model with several losses also each loss, as
  // "NAME_loss" by the output's name and without its weight, and metrics as "NAME_METRIC".
  History fit(const Arrays& x, const Arrays& y, const FitOptions& options = {});
  // "loss" first, then the others in the order of their names.
  Logs evaluate(const Arrays& x, const Arrays& y, const EvaluateOptions& options = {});
  // Of a model with one output.
  Array predict(const Arrays& x, const EvaluateOptions& options = {});
  // An array for each output, in the model's order and by its name.
  std::vector<NamedArray> predict_outputs(const Arrays& x, const EvaluateOptions& options = {});

  // For the library's own folders.
  model::Model& implementation() const { return *model_; }

 protected:
  explicit Model(std::unique_ptr<model::Model> model);
  friend Model model_from_json(std::string_view json);
  friend Model load_model(const std::string& name_or_path);
  friend Layer as_layer(Model model);

  struct Training;
  // That of a compiled model, else what its file said.
  std::optional<model::TrainingState> training_state() const;
  // That of compile(); throws ArgumentError, in the name of `function`, where it wasn't called.
  Training& compiled_training(const char* function);
  std::unique_ptr<model::Model> model_;
  // Shared, so that the header need not know what it deletes; never more than one owner.
  std::shared_ptr<Training> training_;
};

// A stack of layers. With an input shape, or an Input first, it is built at once.
class Sequential : public Model {
 public:
  // layers are added in order: Sequential({28, 28, 1}, {Conv2D(...), ...}).
  explicit Sequential(const Shape& input_shape, const std::vector<Layer>& layers = {},
                      std::string name = "");
  void add(const Layer& layer);
};

// A model as a layer of others, which has its weights: encoder(x) in Keras. Throws UnsupportedError
// for a model with several outputs.
Layer as_layer(Model model);

// Reads Keras 3's model.to_json(). Throws FileError for what is no such JSON (with its line) and
// UnsupportedError for a layer that Pronghorn has not, with its name and the list of those it has.
Model model_from_json(std::string_view json);

// A model of the zoo ("mnist-mlp", ...) or a file, told apart by its bytes: Keras 3's .keras, an
// .h5 of Keras 1 or 2, or JSON (model.to_json()) of any Keras. A .keras file's weights are loaded;
// compile(*file_config()) goes on training where it ended, with the optimizer's state: as its last
// epoch was k, fit() with initial_epoch k gives the bits of a training that never stopped. Nothing
// in a file is executed: a Lambda layer is refused. Throws ArgumentError where it is neither,
// listing the zoo.
Model load_model(const std::string& name_or_path);

struct ZooEntry {
  std::string name;
  std::string description;
};
std::vector<ZooEntry> zoo();

}  // namespace pronghorn
