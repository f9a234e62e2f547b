#pragma once

#include <cstddef>
#include <vector>

namespace pronghorn::cost {

// A function of several variables known at scattered points: simple kriging with the covariance
// exp(-distance / range). Through every sample, between two of them nearly straight, without
// overshoot; far from all it tends to their mean. A point outside of the box that the samples span
// is taken at the box's edge, and what comes out lies between the least and the greatest sample:
// what was never measured is not made up.
// (Matheron 1963; as the mean of a Gaussian process: Rasmussen and Williams 2006, section 2.2.)
class Interpolation {
 public:
  struct Sample {
    std::vector<double> at;
    double value;
  };
  // All samples have as many variables; there is at least one sample.
  explicit Interpolation(std::vector<Sample> samples);

  double operator()(std::vector<double> at) const;
  // The same without sample `index`, to see how well the others foretell it.
  double without(size_t index) const;

  const std::vector<Sample>& samples() const { return samples_; }

 private:
  std::vector<Sample> samples_;
  std::vector<double> low_, high_;
  double mean_ = 0, least_ = 0, greatest_ = 0;
  std::vector<double> weights_;
};

}  // namespace pronghorn::cost
