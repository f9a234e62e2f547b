#pragma once

#include <cstddef>
#include <cstdint>
#include <dnnl.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "kernels/kernel.h"
#include "platform/batch_slices.h"

namespace pronghorn::kernels::onednn {

// While it lives, oneDNN sees one OpenMP thread on this thread. oneDNN fixes a primitive's number
// of threads when it is made: one made for two and run inside a parallel region gives wrong
// weight gradients (Winograd) or never ends (direct), seen with 2.6.3; sgemm asks when it runs. So
// this stands around every creation and every run, on whatever thread that is.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int saved_;
};

// The CPU. One for all: descriptions and primitives keep a pointer to the engine they were made
// for.
const dnnl::engine& cpu_engine();

// oneDNN's name of a layout for images. Where there is one channel, nhwc and nchw are the same
// bytes, and `one_channel_as_nchw` takes the second name, under which the first-layer kernels with
// blocked output are found (nhwc with blocked output runs oneDNN's reference code, 600 times
// slower).
dnnl::memory::format_tag format_tag(graph::Layout layout);

// An image tensor of `shape` (N, H, W, C) with `images` in place of N.
dnnl::memory::desc image_desc(const Shape& shape, int64_t images, dnnl::memory::format_tag tag,
                              dnnl::memory::data_type type = dnnl::memory::data_type::f32);

// Attributes of all primitives here: scratchpads are ours, in the arena.
dnnl::primitive_attr user_scratchpad();

// Why a primitive won't do, if it won't: oneDNN's plain loops are slower than ours.
bool is_reference_code(std::string_view implementation);

// One primitive made for a slice of the batch, and one for the last, shorter slice if there is
// one; run for all slices, each by one thread.
class SlicedPrimitive {
 public:
  // A tensor of the primitive's call. `bytes_per_slice` is the distance of one slice's data from
  // that of the one before (0: all slices share it).
  struct Argument {
    int index;  // DNNL_ARG_...
    std::byte* data;
    int64_t bytes_per_slice;
  };
  struct Variant {
    dnnl::primitive primitive;
    // By argument index, in the order of the Arguments of bind().
    std::vector<dnnl::memory::desc> descs;
    size_t scratchpad_bytes;
  };

  // `describe` makes the primitive for so many rows: for the full slices, and once more for the
  // last one if it is shorter.
  SlicedPrimitive(int64_t slices, int64_t rows, int64_t last_rows, int threads,
                  const std::function<Variant(int64_t rows)>& describe);
  SlicedPrimitive(const BatchSlices& slices, int threads,
                  const std::function<Variant(int64_t rows)>& describe)
      : SlicedPrimitive(slices.count(), slices.rows(0), slices.rows(slices.count() - 1), threads,
                        describe) {}

  size_t workspace_bytes() const { return scratchpad_stride_ * static_cast<size_t>(threads_); }
  void bind(const std::vector<Argument>& arguments, std::byte* workspace);

  int64_t slices() const { return slices_; }
  // Runs one slice; for use inside a parallel loop.
  void run(int64_t slice, int thread) const;

 private:
  static constexpr size_t kMostArguments = 8;

  int64_t slices_;
  std::vector<Variant> variants_;
  int threads_;
  size_t scratchpad_stride_;
  std::vector<dnnl::stream> streams_;                // one per thread
  std::vector<dnnl::memory> memories_;               // keeps what calls_ points to
  std::vector<std::vector<dnnl_exec_arg_t>> calls_;  // by slice; the scratchpad comes last
  std::vector<dnnl::memory> scratchpads_;            // by variant and thread
};

// Reorders one tensor between two descriptions, on the calling thread.
class Reorder {
 public:
  Reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to);
  // Nothing to do: both descriptions are the same bytes.
  bool trivial() const { return trivial_; }
  void bind(std::byte* from, std::byte* to);
  void run() const;

 private:
  dnnl::memory::desc from_, to_;
  bool trivial_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  dnnl::memory from_memory_, to_memory_;
  std::vector<dnnl_exec_arg_t> call_;
};

}  // namespace pronghorn::kernels::onednn
