#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pronghorn/compile_config.h"
#include "pronghorn/data.h"
#include "pronghorn/explain.h"
#include "pronghorn/model.h"

namespace pronghorn {

struct TuneOptions {
  int64_t batch_size = 128;
  // Optimizer, loss, threads, and what kernels may be used. Its choices are not read.
  CompileConfig config = {};
  // How often each candidate is run.
  int rounds = 11;
  // Inputs and labels of the steps; null for random numbers, four fifths of the inputs zero.
  // Kernels that skip zeros depend on them.
  const Dataset* data = nullptr;
  // Also measures the textbook loops, which are hundreds of times slower.
  bool reference = false;
  // Called before each op's candidates are measured; may be none.
  std::function<void(size_t op, size_t ops)> progress = {};
};

// What one kernel takes for an op. Seconds, medians over the rounds.
struct CandidateTime {
  std::string kernel = {};
  // In its place in the step.
  double seconds = 0;
  // What its layout costs others: reorders before and behind it, and other ops that now run in
  // another layout; against the step with the kernels that selection chooses, so it may be
  // negative.
  double elsewhere = 0;

  double total() const { return seconds + elsewhere; }
};

// An op of a model's steps, or several that are the same but for their data.
struct TunedOp {
  std::string key = {};  // kernels/choices.h
  std::string kind = {};
  std::string layers = {};  // separated by commas
  std::string phase = {};
  std::string output = {};                     // the shape: "(128, 24, 24, 64)"
  std::vector<CandidateTime> candidates = {};  // fastest first
  std::string selected = {};                   // what runs without choices
  // What a file of choices names: the fastest, where it is faster by more than measurements differ.
  std::string chosen = {};
  std::vector<RefusedKernel> refused = {};
};

struct Tuning {
  std::string model = {};
  int64_t batch_size = 0;
  int threads = 0;
  std::string cpu = {};
  // Of the training step, then those of the inference step that the training step doesn't have.
  // Those for which there is but one kernel are left out.
  std::vector<TunedOp> ops = {};
  // A training step as selection has it, and with the choices.
  double selected_seconds = 0;
  double chosen_seconds = 0;
};

// Runs every candidate of every op of the model's training and inference step, in its place in the
// step, in turns with the step as selection has it. On one thread it is the CPU time of the thread
// that counts, else wall time. The model stays as it is. Throws what explain() throws, and Error
// where the model can't be trained.
Tuning tune(const Model& model, const std::string& name,
            const TuneOptions& options = TuneOptions());

// Writes the choices for CompileConfig::choices. Throws FileError.
void save_choices(const Tuning& tuning, const std::string& path);

// Why the times behind a file of choices may not hold here, for a user to read; empty where they
// were taken on such a CPU, and for no file. Throws FileError where it is none.
std::string choices_note(const std::string& path);

}  // namespace pronghorn
