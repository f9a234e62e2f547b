// What `pronghorn machine` prints.

#include <fmt/format.h>

#include <string>
#include <vector>

#include "pronghorn/report.h"
#include "report/table.h"
#include "report/text.h"

namespace pronghorn::report {
namespace {

std::string cache_size(int64_t bytes) {
  if (bytes <= 0) return "none";
  return bytes >= 1 << 20 ? fmt::format("{:.4g} MiB", static_cast<double>(bytes) / (1 << 20))
                          : fmt::format("{:.4g} KiB", static_cast<double>(bytes) / (1 << 10));
}

std::string peaks_table(const Machine& machine, int columns) {
  if (machine.peaks.empty()) return "";
  Table table({{{"instruction set"}, true, 0, 12, ""},
               {{"multiply-", "accumulates/s"}, false, 0, 0, ""},
               {{"flops/s"}, false, 0, 0, ""}});
  for (const Machine::Peak& peak : machine.peaks)
    table.add_row({peak.instruction_set, compact(peak.flops / 2), compact(peak.flops)});
  std::string text = fmt::format("\nOne thread at its best, float32\n{}", table.to_string(columns));
  if (machine.unblocked_multiply_accumulates > 0) {
    const double rate = machine.unblocked_multiply_accumulates;
    text += wrapped(
        fmt::format("Textbook loops for a product, not blocked: {} multiply-accumulates/s ({} "
                    "flops/s).",
                    compact(rate), compact(2 * rate)),
        columns);
  }
  return text;
}

std::string teams_table(const Machine& machine, int columns) {
  Table table({{{"threads"}, false, 0, 0, ""},
               {{"clock", "GHz"}, false, 0, 0, ""},
               {{"multiply-", "accumulates/s"}, false, 0, 0, ""},
               {{"flops/s"}, false, 0, 0, ""},
               {{"a parallel", "loop costs"}, false, 0, 0, ""},
               {{"where", "they sleep"}, false, 0, 0, ""}});
  for (const Machine::Team& team : machine.teams) {
    table.add_row({std::to_string(team.threads), fmt::format("{:.2f}", team.clock_hertz / 1e9),
                   compact(team.peak_flops / 2), compact(team.peak_flops),
                   duration(team.region_seconds), duration(team.wake_seconds)});
  }
  return fmt::format("\nAll threads of a team together, {}\n{}", machine.instruction_set,
                     table.to_string(columns));
}

std::string bandwidth_table(const Machine& machine, int columns) {
  std::vector<Column> headings = {{{"threads"}, false, 0, 0, ""}};
  for (int level = 0; level < kMemoryLevels; ++level)
    for (const char* kind : {"read", "write", "copy"})
      headings.push_back({{kind}, false, 0, 0, to_string(static_cast<MemoryLevel>(level))});
  Table table(std::move(headings));
  for (const Machine::Team& team : machine.teams) {
    std::vector<std::string> cells = {std::to_string(team.threads)};
    for (const Machine::Bandwidth& bandwidth : team.bandwidth)
      for (const double rate : {bandwidth.read, bandwidth.write, bandwidth.copy})
        cells.push_back(rate > 0 ? compact(rate) : "-");
    table.add_row(std::move(cells));
  }
  return fmt::format("\nBytes/s of each level of memory\n{}", table.to_string(columns));
}

std::string exchange_table(const Machine& machine, int columns) {
  Table table({{{"threads"}, false, 0, 0, ""},
               {{"read"}, false, 0, 0, "L2"},
               {{"write"}, false, 0, 0, "L2"},
               {{"read"}, false, 0, 0, "L3"},
               {{"write"}, false, 0, 0, "L3"}});
  bool any = false;
  for (const Machine::Team& team : machine.teams) {
    if (team.threads == 1) continue;
    std::vector<std::string> cells = {std::to_string(team.threads)};
    for (const Machine::Team::Exchange& exchange : team.exchange)
      for (const double rate : {exchange.read, exchange.write})
        cells.push_back(rate > 0 ? compact(rate) : "-");
    table.add_row(std::move(cells));
    any = true;
  }
  if (!any) return "";
  return fmt::format(
      "\nBytes/s of what another thread wrote, or has read, all threads together\n{}",
      table.to_string(columns));
}

}  // namespace

std::string terminal(const Machine& machine, int columns) {
  std::string text =
      wrapped(fmt::format("{}: {} CPU{} for this program, instruction set {}", machine.cpu,
                          machine.cpus, machine.cpus == 1 ? "" : "s", machine.instruction_set),
              columns);
  const auto& caches = machine.cache_bytes;
  const std::string usable =
      caches[2] > 0 ? fmt::format(" ({} for this program)", cache_size(machine.usable_l3_bytes))
                    : "";
  text += wrapped(fmt::format("caches of a core: L1 {}, L2 {}, L3 {}{}", cache_size(caches[0]),
                              cache_size(caches[1]), cache_size(caches[2]), usable),
                  columns, 2);
  text += peaks_table(machine, columns);
  if (!machine.teams.empty())
    text += teams_table(machine, columns) + bandwidth_table(machine, columns) +
            exchange_table(machine, columns);
  text +=
      wrapped(fmt::format("One multiply-accumulate is 2 flops; k, M, G, T are 10^3, 10^6, 10^9, "
                          "10^12. {} kernels and shapes were timed besides.",
                          machine.samples.size()),
              columns);
  return text;
}

}  // namespace pronghorn::report
