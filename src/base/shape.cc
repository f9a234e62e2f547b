#include "pronghorn/shape.h"

namespace pronghorn {

int64_t Shape::elements() const {
  int64_t product = 1;
  for (int64_t extent : extents_) product *= extent;
  return product;
}

Shape Shape::with_batch(int64_t batch) const {
  std::vector<int64_t> extents{batch};
  extents.insert(extents.end(), extents_.begin(), extents_.end());
  return Shape(std::move(extents));
}

Shape Shape::without_batch() const {
  return Shape(std::vector<int64_t>(extents_.begin() + 1, extents_.end()));
}

namespace {
std::string join(std::span<const int64_t> extents, std::string text) {
  bool single = text == "(" && extents.size() == 1;
  for (size_t i = 0; i < extents.size(); ++i) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(extents[i]);
  }
  return text + (single ? ",)" : ")");
}
}  // namespace

std::string Shape::to_string() const { return join(extents_, "("); }

std::string Shape::to_string_any_batch() const {
  return extents_.empty() ? "(None,)" : join(extents_, "(None");
}

}  // namespace pronghorn
