// transom/os/testing.hpp - what tests of kernel objects need: unique names, children that cannot leak, and the
// circumstances in which calls fail. For tests only.
#pragma once
#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace transom::os::testing {

/// The sanitizers make mlock(2) a call that does nothing.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool mlock_works = false;
#else
inline constexpr bool mlock_works = true;
#endif

/// "transom-test-<pid>-<n>": nobody else on this machine has it.
inline std::string unique_name() {
  static std::atomic<int> count{0};
  // A pid comes again, and a test that was killed leaves its names behind: so the time belongs to the name.
  static const auto now =
      std::chrono::steady_clock::now().time_since_epoch() / std::chrono::microseconds(1) % 1'000'000;
  return "transom-test-" + std::to_string(::getpid()) + "-" + std::to_string(now) + "-" + std::to_string(++count);
}

/// A directory of its own that goes with everything in it.
class temporary_directory {
 public:
  temporary_directory() : path_(std::filesystem::temp_directory_path() / unique_name()) {
    std::filesystem::create_directory(path_);
    std::filesystem::permissions(path_, std::filesystem::perms::all);
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// A forked child that runs `body` and exits with what it returns; killed and reaped at the latest with this object.
class forked {
 public:
  template <typename Body>
  explicit forked(Body body) : pid_(::fork()) {
    if (pid_ == 0) {
      int status = 99;
      try {
        status = static_cast<int>(body());
      } catch (...) {}
      ::_exit(status);
    }
  }
  forked(const forked&) = delete;
  forked& operator=(const forked&) = delete;
  ~forked() {
    if (pid_ <= 0) return;
    kill();
    wait();
  }
  pid_t pid() const { return pid_; }
  void kill() const {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
  }
  /// The exit status, or 1000 and the signal.
  int wait() {
    if (pid_ <= 0) return -1;
    int status = 0;
    while (::waitpid(pid_, &status, 0) == -1 && errno == EINTR) {}
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

/// Runs `body` in a child and says whether it returned true there.
template <typename Body>
bool in_child(Body body) {
  return forked([&] { return body() ? 0 : 1; }).wait() == 0;
}

/// The same as the user nobody, without any capability: for permissions that root does not feel.
template <typename Body>
bool as_nobody(Body body) {
  return in_child([&] {
    if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0) return false;
    return static_cast<bool>(body());
  });
}

/// The same with a limit lowered.
template <typename Body>
bool with_limit(decltype(RLIMIT_NOFILE) which, unsigned long most, Body body) {
  return in_child([&] {
    rlimit low{most, most};
    if (::setrlimit(which, &low) != 0) return false;
    return static_cast<bool>(body());
  });
}

inline bool is_close_on_exec(int fd) { return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

/// How many descriptors this process has open.
inline long open_descriptors() {
  long count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

}  // namespace transom::os::testing
