#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace pronghorn::graph {

// The named constants of an op, in the order in which they were set. Each op kind's file says
// which it takes and offers a typed view of them; here they are data, so that any op can be
// printed and compared.
class Attributes {
 public:
  using Value = std::variant<int64_t, double, std::string, std::vector<int64_t>>;

  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, Value>> entries) : entries_(entries) {}

  void set(std::string_view name, Value value);
  bool has(std::string_view name) const { return find(name) != nullptr; }

  // These throw std::logic_error where the attribute is missing or of another type: whoever built
  // the op made a mistake that no input can cause.
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  const std::vector<int64_t>& integers(std::string_view name) const;

  // "strides=[1, 1], padding=[0, 0, 0, 0]"
  std::string to_string() const;

  friend bool operator==(const Attributes&, const Attributes&) = default;

 private:
  const Value* find(std::string_view name) const;
  template <class T>
  const T& get(std::string_view name) const;

  std::vector<std::pair<std::string, Value>> entries_;
};

}  // namespace pronghorn::graph
