#pragma once

namespace pronghorn {

// The x below which a standard normal variable lies with probability p, 0 < p < 1; about 16 digits.
// Wichura: "Algorithm AS 241", Applied Statistics 37 (1988), routine PPND16.
double normal_quantile(double p);

}  // namespace pronghorn
