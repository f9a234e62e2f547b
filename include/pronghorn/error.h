#pragma once

#include <stdexcept>
#include <string>

namespace pronghorn {

// Everything that Pronghorn throws. An error is thrown at the edges (files, arguments, shapes,
// compile time), never inside a running step, and its message is one line that says what was
// wrong, where (file, layer, line, byte), and what would be right.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A file or directory that is missing, unreadable, truncated, corrupt, or can't be written.
class FileError : public Error {
 public:
  using Error::Error;
};

// An argument outside its range, or a name that isn't known (the message lists the known ones).
class ArgumentError : public Error {
 public:
  using Error::Error;
};

// Tensors, layers or data whose shapes don't fit each other.
class ShapeError : public Error {
 public:
  using Error::Error;
};

// Something valid in Keras that Pronghorn doesn't support.
class UnsupportedError : public Error {
 public:
  using Error::Error;
};

}  // namespace pronghorn
