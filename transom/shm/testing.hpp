// transom/shm/testing.hpp - what tests of shared memory need: a directory of their own, and children that say when
// they stand where they are to be killed. For tests only.
#pragma once
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "transom/os/pipe.hpp"
#include "transom/os/testing.hpp"

namespace transom::shm::testing {

/// A directory on tmpfs that TRANSOM_DIR names as long as this lives; it goes with everything in it.
class scratch {
 public:
  scratch() : path_("/dev/shm/" + os::testing::unique_name()) { ::setenv("TRANSOM_DIR", path_.c_str(), 1); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    ::unsetenv("TRANSOM_DIR");
  }
  const std::string& path() const { return path_; }
  /// What is in it, except the file of the locks.
  std::set<std::string> files() const {
    std::set<std::string> names;
    if (!std::filesystem::exists(path_)) return names;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      if (entry.path().filename() != "lock") names.insert(entry.path().filename());
    return names;
  }

 private:
  std::string path_;
};

/// A message without words from one process to another: one says it, the other waits for it.
class signpost {
 public:
  signpost() : pipe_(os::pipe::make().or_throw()) {}
  void reached() {
    const std::byte one{1};
    pipe_.writer.write_all({&one, 1}).or_throw();
  }
  void wait() {
    std::byte one{};
    (void)pipe_.reader.read({&one, 1}).or_throw();
  }

 private:
  os::pipe pipe_;
};

/// A child that prepares, says so, and then does nothing until it is killed, keeping what `prepare` returned.
class standing_child {
 public:
  template <typename Prepare>
  explicit standing_child(Prepare prepare)
      : child_([&] {
          [[maybe_unused]] auto kept = prepare();
          post_.reached();
          for (;;) ::pause();
          return 0;
        }) {
    post_.wait();
  }
  int pid() const { return pid_; }
  void kill_and_reap() {
    child_.kill();
    child_.wait();
  }
  void stop() const { ::kill(pid_, SIGSTOP); }

 private:
  signpost post_;
  os::testing::forked child_;
  int pid_ = child_.pid();
};

}  // namespace transom::shm::testing
