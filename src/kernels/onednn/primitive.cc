#include "kernels/onednn/primitive.h"

#include <omp.h>

#include <array>
#include <cassert>
#include <utility>

namespace pronghorn::kernels::onednn {
namespace {

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

// The C call: the C++ wrapper would build a map of arguments each time.
void execute(const dnnl::primitive& primitive, const dnnl::stream& stream, int count,
             const dnnl_exec_arg_t* arguments) {
  [[maybe_unused]] const dnnl_status_t status =
      dnnl_primitive_execute(primitive.get(), stream.get(), count, arguments);
  assert(status == dnnl_success);
}

}  // namespace

OneThread::OneThread() : saved_(omp_get_max_threads()) { omp_set_num_threads(1); }
OneThread::~OneThread() { omp_set_num_threads(saved_); }

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::memory::format_tag format_tag(graph::Layout layout) {
  switch (layout) {
    case graph::Layout::kPlain:
      return dnnl::memory::format_tag::nhwc;
    case graph::Layout::kBlocked8:
      return dnnl::memory::format_tag::nChw8c;
    case graph::Layout::kBlocked16:
      return dnnl::memory::format_tag::nChw16c;
  }
  return dnnl::memory::format_tag::undef;
}

dnnl::memory::desc image_desc(const Shape& shape, int64_t images, dnnl::memory::format_tag tag,
                              dnnl::memory::data_type type) {
  return {{images, shape[3], shape[1], shape[2]}, type, tag};
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

bool is_reference_code(std::string_view implementation) {
  return implementation.find("ref") != std::string_view::npos;
}

SlicedPrimitive::SlicedPrimitive(int64_t slices, int64_t rows, int64_t last_rows, int threads,
                                 const std::function<Variant(int64_t rows)>& describe)
    : slices_(slices), threads_(threads), scratchpad_stride_(0) {
  variants_.push_back(describe(rows));
  if (last_rows != rows) variants_.push_back(describe(last_rows));
  for (const Variant& variant : variants_)
    scratchpad_stride_ = std::max(scratchpad_stride_, aligned(variant.scratchpad_bytes));
  for (int thread = 0; thread < threads; ++thread) streams_.emplace_back(cpu_engine());
}

void SlicedPrimitive::bind(const std::vector<Argument>& arguments, std::byte* workspace) {
  assert(arguments.size() < kMostArguments);
  const auto memory = [&](const dnnl::memory::desc& desc, std::byte* data) {
    memories_.emplace_back(desc, cpu_engine(), data);
    return memories_.back().get();
  };
  for (int64_t slice = 0; slice < slices_; ++slice) {
    const Variant& variant = slice + 1 == slices_ ? variants_.back() : variants_.front();
    std::vector<dnnl_exec_arg_t> call;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const Argument& argument = arguments[i];
      call.push_back({argument.index,
                      memory(variant.descs[i], argument.data + slice * argument.bytes_per_slice)});
    }
    calls_.push_back(std::move(call));
  }
  for (const Variant& variant : variants_) {
    const dnnl::memory::desc desc({static_cast<dnnl::memory::dim>(variant.scratchpad_bytes)},
                                  dnnl::memory::data_type::u8, dnnl::memory::format_tag::a);
    for (int thread = 0; thread < threads_; ++thread) {
      if (variant.scratchpad_bytes > 0)
        scratchpads_.emplace_back(desc, cpu_engine(),
                                  workspace + scratchpad_stride_ * static_cast<size_t>(thread));
      else
        scratchpads_.emplace_back();
    }
  }
}

void SlicedPrimitive::run(int64_t slice, int thread) const {
  const OneThread one_thread;
  const size_t which = slice + 1 == slices_ ? variants_.size() - 1 : 0;
  const std::vector<dnnl_exec_arg_t>& call = calls_[static_cast<size_t>(slice)];
  std::array<dnnl_exec_arg_t, kMostArguments> arguments;
  std::copy(call.begin(), call.end(), arguments.begin());
  size_t count = call.size();
  if (variants_[which].scratchpad_bytes > 0) {
    const size_t scratchpad = which * static_cast<size_t>(threads_) + static_cast<size_t>(thread);
    arguments[count++] = {DNNL_ARG_SCRATCHPAD, scratchpads_[scratchpad].get()};
  }
  execute(variants_[which].primitive, streams_[static_cast<size_t>(thread)],
          static_cast<int>(count), arguments.data());
}

Reorder::Reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to)
    : from_(from), to_(to), trivial_(from == to), stream_(cpu_engine()) {
  if (trivial_) return;
  const OneThread one_thread;
  primitive_ = dnnl::reorder(dnnl::reorder::primitive_desc(cpu_engine(), from, cpu_engine(), to));
}

void Reorder::bind(std::byte* from, std::byte* to) {
  if (trivial_) return;
  from_memory_ = dnnl::memory(from_, cpu_engine(), from);
  to_memory_ = dnnl::memory(to_, cpu_engine(), to);
  call_ = {{DNNL_ARG_FROM, from_memory_.get()}, {DNNL_ARG_TO, to_memory_.get()}};
}

void Reorder::run() const {
  if (trivial_) return;
  const OneThread one_thread;
  execute(primitive_, stream_, static_cast<int>(call_.size()), call_.data());
}

}  // namespace pronghorn::kernels::onednn
