#pragma once

namespace CLI {
class App;
}

namespace pronghorn::cli {

// Each adds a command to the program; the command runs when it was parsed. What it throws main
// reports.
void add_summary(CLI::App& program);
void add_train(CLI::App& program);
void add_evaluate(CLI::App& program);
void add_predict(CLI::App& program);
void add_explain(CLI::App& program);
void add_compare(CLI::App& program);
void add_convert(CLI::App& program);
void add_machine(CLI::App& program);
void add_tune(CLI::App& program);
void add_zoo(CLI::App& program);
void add_data(CLI::App& program);
void add_keras(CLI::App& program);

}  // namespace pronghorn::cli
