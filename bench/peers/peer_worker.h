#pragma once

#include <memory>
#include <string>

#include "pronghorn/data.h"
#include "pronghorn/model.h"

namespace pronghorn::bench {

// Pronghorn's side of the comparison with other frameworks (README.md): answers the commands that
// each side's worker answers, and uses the public API as any other program would. A command is a
// line of words, its answer another.
//
//   prepare MODEL MODE BATCH DIRECTORY   "ready PARAMETERS". MODE: training or inference. DIRECTORY
//                                        holds x.npy and y.npy (class numbers), whole batches
//   outputs                              "outputs P...": predictions for the first two samples
//   learn EPOCHS                         "loss L...": the mean loss of each epoch
//   run STEPS                            "seconds S": that many more steps, round the data
//   work                                 "work USEFUL EXECUTED PEAK": flops of a step, and those a
//                                        second that the threads could do
class PeerWorker {
 public:
  explicit PeerWorker(int threads) : threads_(threads) {}

  // Throws pronghorn::Error for a command that isn't known or can't be done.
  std::string answer(const std::string& command);

 private:
  std::string prepare(const std::string& name, const std::string& mode, int64_t batch,
                      const std::string& directory);
  std::string outputs();
  std::string learn(int epochs);
  std::string run(int64_t steps);
  std::string work() const;
  void steps(const Dataset& data, int epochs);

  int threads_;
  std::unique_ptr<Model> model_;
  std::string name_;
  bool training_ = false;
  int64_t batch_size_ = 0;
  Dataset all_;
  // The same, each batch by itself.
  std::vector<Dataset> batches_;
};

}  // namespace pronghorn::bench
