#include "graph/ops/matmul_update.h"

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

// The op's buffers, dealt out to the product and the update, with the gradient between them.
struct PartBuffers {
  Buffers product, update;

  PartBuffers(const Buffers& buffers, std::byte* gradient) {
    product.inputs = {buffers.inputs[1], buffers.inputs[2]};
    product.outputs = {gradient};
    update.inputs = {buffers.inputs[0], gradient};
    update.inputs.insert(update.inputs.end(),
                         buffers.inputs.begin() + graph::kFirstSlotOfMatmulUpdate,
                         buffers.inputs.end());
    update.outputs = buffers.outputs;
  }
};

// One reference kernel after the other.
class TwoKernels final : public Kernel {
 public:
  explicit TwoKernels(const KernelCase& kernel_case)
      : parts_(graph::parts_of_update(kernel_case.graph, kernel_case.op)),
        product_(matmul().create({parts_, parts_.ops[0], kernel_case.threads})),
        update_(optimizer_update().create({parts_, parts_.ops[1], kernel_case.threads})) {}

  size_t workspace_bytes() const override { return gradient_bytes() + product_->workspace_bytes(); }

  void bind(const Buffers& buffers) override {
    PartBuffers part(buffers, buffers.workspace);
    part.product.workspace = buffers.workspace + gradient_bytes();
    product_->bind(part.product);
    update_->bind(part.update);
  }

  void run(const RunContext& context) override {
    product_->run(context);
    update_->run(context);
  }

 private:
  // Whole cache lines, as a workspace's alignment asks for.
  size_t gradient_bytes() const {
    return (static_cast<size_t>(parts_.values.back().bytes()) + 63) / 64 * 64;
  }

  graph::Graph parts_;
  std::unique_ptr<Kernel> product_, update_;
};

class MatmulUpdate final : public ReferenceImplementation {
 public:
  std::string_view name() const override { return "reference.matmul_update"; }
  bool takes_epilogue() const override { return false; }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<TwoKernels>(kernel_case);
  }

  void run_in_double(const KernelCase& kernel_case, const Buffers& buffers,
                     const RunContext& context) const override {
    const graph::Graph parts = graph::parts_of_update(kernel_case.graph, kernel_case.op);
    std::vector<double> gradient(static_cast<size_t>(parts.values.back().shape.elements()));
    const PartBuffers part(buffers, reinterpret_cast<std::byte*>(gradient.data()));
    matmul().run_in_double({parts, parts.ops[0], kernel_case.threads}, part.product, context);
    optimizer_update().run_in_double({parts, parts.ops[1], kernel_case.threads}, part.update,
                                     context);
  }
};

}  // namespace

const ReferenceImplementation& matmul_update() {
  static const MatmulUpdate implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::reference
