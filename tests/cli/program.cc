#include "cli/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "pronghorn/model.h"
#include "pronghorn/saving.h"

extern char** environ;

namespace pronghorn {
namespace {

constexpr int64_t kSamples = 40;

std::string temporary_name(const char* what) {
  return fmt::format("{}/pronghorn-{}-{}", testing::TempDir(), what, ::getpid());
}

std::string take_contents(const std::string& path) {
  std::string contents = contents_of(path);
  std::filesystem::remove(path);
  return contents;
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {PRONGHORN_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const std::string out = temporary_name("stdout");
  const std::string err = temporary_name("stderr");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), flags, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), flags, 0600);
  pid_t process = 0;
  const int error = ::posix_spawn(&process, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error(fmt::format("{} does not start", argv[0]));
  int status = 0;
  ::waitpid(process, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, take_contents(out), take_contents(err)};
}

Array Workplace::some_samples() {
  Array x{{kSamples, 4}, {}};
  for (int64_t i = 0; i < kSamples; ++i)
    for (int64_t j = 0; j < 4; ++j)
      x.values.push_back(i % 3 == j ? 1.0f : 0.1f * static_cast<float>(i % 5));
  return x;
}

Array Workplace::some_labels() {
  Array y{{kSamples}, {}};
  for (int64_t i = 0; i < kSamples; ++i) y.values.push_back(static_cast<float>(i % 3));
  return y;
}

Workplace::Workplace() {
  const Sequential small({4}, {layers::Dense(3, {.activation = "softmax", .name = "classes"})},
                         "small");
  save_text(model(), small.to_json());
  const Array x = some_samples();
  save_npy(samples(), x);
  save_npy(labels(), some_labels());
  std::string text;
  for (int64_t i = 0; i < kSamples; ++i) {
    const float* row = x.values.data() + 4 * i;
    text += fmt::format("{},{},{},{},{}\n", row[0], row[1], row[2], row[3], i % 3);
  }
  save_text(csv(), text);
}

void Workplace::write(const std::string& name, const std::string& text) const {
  save_text(directory_ / name, text);
}

}  // namespace pronghorn
