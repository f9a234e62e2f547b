#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

namespace pronghorn::bench {

// The yardstick: the oneDNN primitives that a training step of mnist-cnn consists of, with the
// formats that oneDNN likes best, its own threading, and nothing between them: no dropout, no loss,
// no optimizer, no reorders. What a plain program of oneDNN can't go below.
class PlainOneDnn {
 public:
  struct Primitive {
    std::string name;
    std::string implementation;
    dnnl::primitive primitive;
    std::unordered_map<int, dnnl::memory> arguments;
  };

  // `winograd`: the second convolution's three passes by Winograd F(4x4, 3x3), else direct.
  PlainOneDnn(int64_t batch, bool winograd);

  void run(const Primitive& primitive);
  const std::vector<Primitive>& primitives() const { return primitives_; }

 private:
  struct Images {
    int64_t channels, height, width;
  };
  dnnl::memory filled(const dnnl::memory::desc& desc);
  void add_convolution(const std::string& name, Images src, Images dst, dnnl::algorithm algorithm,
                       dnnl::memory::format_tag src_tag, bool backward_data);
  void add_max_pool(Images src, Images dst);
  void add_dense(int64_t in, int64_t out);

  int64_t batch_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<Primitive> primitives_;
};

}  // namespace pronghorn::bench
