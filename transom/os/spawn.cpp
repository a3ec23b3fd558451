// transom/os/spawn.cpp - clone, arrange descriptors, exec; and the way back for what fails in between.
//
// The child is made with CLONE_VFORK and without CLONE_VM: it has memory of its own, so nothing it does can disturb
// the parent (or a sanitizer's runtime), and the parent sleeps until it has called exec or ended, so an empty report
// pipe then means success, also while other threads spawn and hold copies of its writing end. Tried and lost:
// vfork() is faster for huge parents, but sanitizers replace it with fork(), and then nobody knows when to look.
#include "transom/os/spawn.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/close_range.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "transom/base/ensure.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/syscall.hpp"

// The child calls the kernel directly and is not instrumented: a sanitizer's runtime has locks, and a thread that
// does not exist in the child may hold them.
#define TRANSOM_UNINSTRUMENTED [[gnu::noinline, gnu::no_sanitize_thread, gnu::no_sanitize_address]]

namespace transom::os {
namespace {

enum class step : int { none, sigaction, dup, dup3, dev_null, close_range, chdir, sigmask, execve };

const char* name_of(step what) noexcept {
  switch (what) {
    case step::none: return "clone";
    case step::sigaction: return "sigaction";
    case step::dup: return "fcntl(F_DUPFD_CLOEXEC)";
    case step::dup3: return "dup3";
    case step::dev_null: return "open(/dev/null)";
    case step::close_range: return "close_range";
    case step::chdir: return "chdir";
    case step::sigmask: return "sigprocmask";
    case step::execve: return "execve";
  }
  return "spawn";
}

// What the child writes into the report pipe when a step fails.
struct failure {
  step what = step::none;
  int number = 0;      // errno
  int descriptor = 0;  // the parent's number, for dup and dup3
};

// Everything the child needs, made before it is: plain pointers into the parent's copy of the memory.
struct plan {
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* directory;  // null: stay
  const spawn_request::mapping* mappings;
  int* parked;  // one number per mapping, filled in by the child
  std::size_t mapping_count;
  int parking;  // the first number that no mapping wants
  long last_descriptor;
  int report;
};

using kernel_mask = std::uint64_t;
static_assert(_NSIG == 65, "a signal mask of the kernel has 64 bits");

// The kernel's struct sigaction for SIG_DFL: all zero, whatever the order of its fields.
struct kernel_default_action {
  std::uint64_t zero[4] = {};
};

TRANSOM_UNINSTRUMENTED [[noreturn]] void fail(const plan& p, step what, long number, int descriptor = -1) noexcept {
  const failure report{.what = what, .number = static_cast<int>(number), .descriptor = descriptor};
  (void)::syscall(SYS_write, p.report, &report, sizeof report);
  for (;;) ::syscall(SYS_exit_group, 127);
}

// Frees every number from 3 up that no mapping wants, at exec. `close_range` spares the report pipe that way.
TRANSOM_UNINSTRUMENTED void close_from_to(const plan& p, long first, long last) noexcept {
  if (first > last) return;
  if (::syscall(SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC) == 0) return;
  if (errno != ENOSYS && errno != EINVAL && errno != EPERM) fail(p, step::close_range, errno);
  // Before Linux 5.11, and under filters that do not know the call.
  if (last > p.last_descriptor) last = p.last_descriptor;
  for (long number = first; number <= last; ++number) ::syscall(SYS_fcntl, number, F_SETFD, FD_CLOEXEC);
}

TRANSOM_UNINSTRUMENTED bool is_mapped(const plan& p, int child) noexcept {
  for (std::size_t i = 0; i < p.mapping_count; ++i) {
    if (p.mappings[i].child == child) return true;
  }
  return false;
}

TRANSOM_UNINSTRUMENTED void arrange_descriptors(plan& p) noexcept {
  // First everything goes above the numbers that are wanted, so that no dup3 overwrites what a later one needs.
  const long report = ::syscall(SYS_fcntl, p.report, F_DUPFD_CLOEXEC, p.parking);
  if (report == -1) fail(p, step::dup, errno, p.report);
  p.report = static_cast<int>(report);
  for (std::size_t i = 0; i < p.mapping_count; ++i) {
    const long parked = ::syscall(SYS_fcntl, p.mappings[i].parent, F_DUPFD_CLOEXEC, p.parking);
    if (parked == -1) fail(p, step::dup, errno, p.mappings[i].parent);
    p.parked[i] = static_cast<int>(parked);
  }
  for (std::size_t i = 0; i < p.mapping_count; ++i) {
    if (::syscall(SYS_dup3, p.parked[i], p.mappings[i].child, 0) == -1) {
      fail(p, step::dup3, errno, p.mappings[i].parent);
    }
  }
  for (int standard = 0; standard <= 2; ++standard) {
    const long flags = ::syscall(SYS_fcntl, standard, F_GETFD);
    if (is_mapped(p, standard) || (flags != -1 && (flags & FD_CLOEXEC) == 0)) continue;
    const long null = ::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
    if (null == -1) fail(p, step::dev_null, errno);
    if (null == standard) continue;
    if (::syscall(SYS_dup3, null, standard, 0) == -1) fail(p, step::dev_null, errno);
    ::syscall(SYS_close, null);
  }
  // The mappings are sorted by the child's number: free the gaps between them.
  long next = 3;
  for (std::size_t i = 0; i < p.mapping_count; ++i) {
    if (p.mappings[i].child < 3) continue;
    close_from_to(p, next, p.mappings[i].child - 1L);
    next = p.mappings[i].child + 1L;
  }
  close_from_to(p, next, UINT_MAX);
}

TRANSOM_UNINSTRUMENTED [[noreturn]] void run_child(plan& p) noexcept {
  const kernel_default_action by_default;
  for (int signo = 1; signo < _NSIG; ++signo) {
    if (signo == SIGKILL || signo == SIGSTOP) continue;
    if (::syscall(SYS_rt_sigaction, signo, &by_default, nullptr, sizeof(kernel_mask)) == -1) {
      fail(p, step::sigaction, errno);
    }
  }
  arrange_descriptors(p);
  if (p.directory != nullptr && ::syscall(SYS_chdir, p.directory) == -1) fail(p, step::chdir, errno);
  const kernel_mask none = 0;
  if (::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none) == -1) fail(p, step::sigmask, errno);
  ::syscall(SYS_execve, p.program, p.arguments, p.environment);
  fail(p, step::execve, errno);
}

// Returns the child's pid, in the parent alone, or -1 with errno.
TRANSOM_UNINSTRUMENTED long launch(plan& p, int* pidfd) noexcept {
  // Every signal of the kernel, also those glibc keeps for itself: no handler may run in the child.
  const kernel_mask all = ~kernel_mask{0};
  kernel_mask before = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  const long pid = ::syscall(SYS_clone, CLONE_VFORK | CLONE_PIDFD | SIGCHLD, nullptr, pidfd, nullptr, nullptr);
  if (pid == 0) run_child(p);
  const int number = errno;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof before);
  errno = number;
  return pid;
}

bool runnable(const std::string& path) noexcept {
  struct stat about{};
  return ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 && ::stat(path.c_str(), &about) == 0 &&
         S_ISREG(about.st_mode);
}

result<std::string> in_path(const std::string& name) {
  const char* variable = std::getenv("PATH");
  std::string_view left = variable != nullptr ? variable : "/bin:/usr/bin";
  int number = ENOENT;
  for (;;) {
    const std::size_t colon = left.find(':');
    const std::string_view folder = left.substr(0, colon);
    const std::string path = (folder.empty() ? "." : std::string(folder)) + "/" + name;
    if (runnable(path)) return path;
    if (::access(path.c_str(), F_OK) == 0) number = EACCES;
    if (colon == std::string_view::npos) break;
    left.remove_prefix(colon + 1);
  }
  return error::system(number, "execve", place(name))
      .with_detail(number == ENOENT ? "not found in PATH" : "what PATH leads to cannot be executed");
}

result<std::string> find_program(const spawn_request& what) {
  std::string path = what.program;
  if (path.find('/') == std::string::npos) {
    auto found = in_path(path);
    if (!found) return found.error();
    path = std::move(*found);
  }
  if (path.front() == '/' || what.directory.empty()) return path;
  std::array<char, PATH_MAX> here;
  if (::getcwd(here.data(), here.size()) == nullptr) {
    const int number = errno;
    return error::system(number, "getcwd", place(path));
  }
  return std::string(here.data()) + "/" + path;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

error described(const failure& report, const spawn_request& what, const std::string& program) {
  const place where(report.what == step::chdir ? what.directory : program);
  error reason = error::system(report.number, name_of(report.what), where);
  if (report.what == step::dup || report.what == step::dup3) {
    std::string detail = "descriptor " + std::to_string(report.descriptor);
    if (report.number == EMFILE || report.number == EINVAL) detail += ": raise RLIMIT_NOFILE (ulimit -n)";
    return reason.with_detail(detail);
  }
  if (report.number == E2BIG) return reason.with_detail("arguments and environment: a quarter of RLIMIT_STACK at most");
  if (report.number == ENOEXEC) return reason.with_detail("neither a program of this machine nor a script with #!");
  return reason;
}

}  // namespace

result<process> spawn_process(const spawn_request& what) {
  detail::ensure(!what.program.empty(), "spawn_process() needs a program");
  auto program = find_program(what);
  if (!program) return program.error();
  const place where(*program);

  std::vector<std::string> arguments = what.arguments.empty() ? std::vector{what.program} : what.arguments;
  std::vector<std::string> environment = what.environment.value_or(std::vector<std::string>{});
  const std::vector<char*> argv = pointers(arguments), envp = pointers(environment);
  std::vector<spawn_request::mapping> mappings = what.descriptors;
  std::ranges::sort(mappings, {}, &spawn_request::mapping::child);
  detail::ensure(mappings.empty() || mappings.front().child >= 0, "a child's descriptor number is negative");
  detail::ensure(std::ranges::adjacent_find(mappings, {}, &spawn_request::mapping::child) == mappings.end(),
                 "two descriptors have the same number in the child");
  std::vector<int> parked(mappings.size());

  auto report = pipe::make();
  if (!report) return report.error();
  rlimit table{};
  ::getrlimit(RLIMIT_NOFILE, &table);
  plan p{.program = program->c_str(),
         .arguments = argv.data(),
         .environment = what.environment ? envp.data() : ::environ,
         .directory = what.directory.empty() ? nullptr : what.directory.c_str(),
         .mappings = mappings.data(),
         .parked = parked.data(),
         .mapping_count = mappings.size(),
         .parking = mappings.empty() ? 3 : std::max(3, mappings.back().child + 1),
         .last_descriptor = static_cast<long>(std::min<rlim_t>(table.rlim_cur, INT_MAX)) - 1,
         .report = report->writer.fd()};
  int pidfd = -1;
  const long pid = launch(p, &pidfd);
  if (pid == -1) {
    const int number = errno;
    const error reason = error::system(number, "clone", where);
    return number == EAGAIN ? reason.with_detail("no more processes: RLIMIT_NPROC (ulimit -u) or a cgroup's pids.max")
                            : reason;
  }
  process child{transom::fd(pidfd), static_cast<int>(pid)};

  failure told;
  const auto size = report->reader.try_read(std::as_writable_bytes(std::span(&told, 1)));
  if (!size || *size != sizeof told) return child;
  (void)child.wait();
  return described(told, what, *program);
}

}  // namespace transom::os
