#pragma once

#include <string>
#include <vector>

#include "pronghorn/explain.h"
#include "pronghorn/machine.h"
#include "pronghorn/profile.h"
#include "pronghorn/tune.h"

// Ways to show an explanation. They render what stands in it and compute nothing. Multiply-
// accumulates and flops are both named wherever a number stands.
namespace pronghorn::report {

// Plain text of at most `columns` columns (at least 80): the answer first, then the tables, then
// what was assumed.
std::string terminal(const Explanation& explanation, int columns = 100);
std::string terminal(const Comparison& comparison, int columns = 100);
std::string terminal(const Machine& machine, int columns = 100);
std::string terminal(const std::vector<Variant>& variants, int columns = 100);
// Each op of a profile with its share, for `train --profile`.
std::string terminal(const StepProfile& profile, int columns = 100);

// What tune() found; with `refusals` also why kernels were not measured.
std::string terminal(const Tuning& tuning, int columns = 100, bool refusals = false);

// JSON of a versioned schema ("pronghorn.explanation/1", documented in docs/explanation-schema.md).
std::string json(const Explanation& explanation, const std::vector<Variant>& variants = {});
std::string json(const Comparison& comparison);
std::string json(const Tuning& tuning);

// One page that needs no network: charts, tables, light and dark. Of a comparison, both models.
std::string html(const std::vector<Explanation>& explanations,
                 const std::vector<Variant>& variants = {});
std::string html(const Comparison& comparison);

// Chrome's trace event format, which Perfetto reads too: a few steps, ops on threads.
std::string trace(const StepProfile& profile, const std::string& model);

}  // namespace pronghorn::report
