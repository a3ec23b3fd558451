// transom/os/process.cpp - pidfds, and the few things about a process that /proc alone knows.
#include "transom/os/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>

#include "transom/os/poll.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {
namespace {

constexpr auto pidfs_magic = 0x50494446;  // Linux 6.9; Debian 12's headers lack it

place pid_place(int pid) { return place("pid " + std::to_string(pid)); }

// The first bytes of a file of /proc, at most what fits; empty if it cannot be read.
std::string_view read_start(const transom::fd& file, std::span<char> into) noexcept {
  const auto count = retried([&] { return ::read(file.get(), into.data(), into.size()); });
  return {into.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
}
std::string_view read_start(const char* path, std::span<char> into) noexcept {
  const transom::fd file(retried([&] { return ::open(path, O_RDONLY | O_CLOEXEC); }));
  return file ? read_start(file, into) : std::string_view();
}

// Field 22. The name, field 2, may contain anything, so counting starts behind its last parenthesis.
std::uint64_t start_time_in(std::string_view stat) noexcept {
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return 0;
  std::string_view rest = stat.substr(name_end + 1);
  for (int field = 2; field < 22; ++field) {
    const std::size_t space = rest.find(' ');
    if (space == std::string_view::npos) return 0;
    rest.remove_prefix(space + 1);
  }
  std::uint64_t ticks = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), ticks);
  return ticks;
}

std::array<std::byte, 16> parse_uuid(std::string_view text) noexcept {
  std::array<std::byte, 16> uuid{};
  std::size_t digits = 0;
  for (const char c : text) {
    unsigned digit = 0;
    if (std::from_chars(&c, &c + 1, digit, 16).ec != std::errc{}) continue;
    if (digits == 32) break;
    uuid[digits / 2] = (uuid[digits / 2] << 4) | static_cast<std::byte>(digit);
    ++digits;
  }
  return uuid;
}

}  // namespace

result<process> process::open(int pid) {
  auto opened = checked(
      "pidfd_open", [&] { return pid_place(pid); },
      [&] { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); });
  if (opened) return process(transom::fd(*opened), pid);
  const error& reason = opened.error();
  if (reason == std::errc::no_such_process) return error(errc::no_peer, "pidfd_open", pid_place(pid)).with_peer(pid);
  if (reason == std::errc::function_not_supported) {
    return error(errc::unsupported, "pidfd_open", pid_place(pid)).with_detail("needs Linux 5.3");
  }
  if (reason == std::errc::too_many_files_open) return reason.with_detail("raise RLIMIT_NOFILE (ulimit -n)");
  return reason;
}

result<process> process::self() { return open(::getpid()); }

result<void> process::send_signal(int signo) const {
  // A zombie would take the signal and nobody would ever see it.
  if (auto ended = has_ended(); !ended || *ended) {
    if (!ended) return ended.error();
    return error(errc::no_peer, "pidfd_send_signal", pid_place(pid_)).with_peer(pid_);
  }
  auto sent = done(
      "pidfd_send_signal", [&] { return pid_place(pid_); },
      [&] { return ::syscall(SYS_pidfd_send_signal, fd_.get(), signo, nullptr, 0); });
  if (sent || sent.error() != std::errc::no_such_process) return sent;
  return error(errc::no_peer, "pidfd_send_signal", pid_place(pid_)).with_peer(pid_);
}

result<bool> process::has_ended() const {
  poll_item item{fd_.get(), interest::readable, 0};
  auto ready = poll({&item, 1}, deadline::passed());
  if (!ready) return ready.error().at(pid_place(pid_));
  return *ready > 0;
}

result<void> process::wait_ended(const patience& how) const {
  return wait_ready(fd_.get(), interest::readable, how, "wait", pid_place(pid_));
}

result<exit_state> process::wait(const patience& how) {
  if (ended_) return *ended_;
  if (how.stop.stop_requested()) return error(errc::canceled, "wait", pid_place(pid_));
  for (;;) {
    auto state = try_wait();
    if (state || state.error() != errc::would_block) return state;
    if (auto ended = wait_ended(how); !ended) return ended.error();
  }
}

result<exit_state> process::try_wait() {
  if (ended_) return *ended_;
  siginfo_t about{};
  auto asked = done(
      "waitid", [&] { return pid_place(pid_); },
      [&] {
        return ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(fd_.get()), &about, WEXITED | WNOHANG);
      });
  if (!asked) {
    if (asked.error() != std::errc::no_child_process) return asked.error();
    return asked.error().with_detail("not a child of this process, or reaped already, or SIGCHLD is ignored");
  }
  if (about.si_pid == 0) return error(errc::would_block, "wait", pid_place(pid_));
  ended_ = about.si_code == CLD_EXITED ? exit_state{.code = about.si_status, .signal = 0}
                                       : exit_state{.code = 0, .signal = about.si_status};
  return *ended_;
}

process_identity identity_of_self() noexcept {
  process_identity self;
  self.pid = ::getpid();
  self.uid = ::geteuid();
  std::array<char, 1024> text;
  self.start_time = start_time_in(read_start("/proc/self/stat", text));
  struct stat about{};
  if (::stat("/proc/self/ns/pid", &about) == 0) self.pid_namespace = about.st_ino;
  if (const auto handle = process::self()) self.pidfs_inode = pidfs_inode_of(*handle);
  self.boot_id = parse_uuid(read_start("/proc/sys/kernel/random/boot_id", text));
  const std::string_view name = read_start("/proc/self/comm", text);
  const std::size_t length = std::min({name.find('\n'), name.size(), self.comm.size() - 1});
  std::copy_n(name.begin(), length, self.comm.begin());
  return self;
}

result<std::uint64_t> start_time_of(int pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  auto opened =
      checked("open", [&] { return place(path); }, [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
  if (!opened && opened.error() != std::errc::no_such_file_or_directory) return opened.error();
  const transom::fd file(opened ? *opened : -1);
  std::array<char, 1024> text;
  const std::uint64_t ticks = start_time_in(file ? read_start(file, text) : std::string_view());
  if (ticks == 0) return error(errc::no_peer, "open", place(path)).with_peer(pid);
  return ticks;
}

std::uint64_t pidfs_inode_of(const process& whose) noexcept {
  struct statfs filesystem{};
  struct stat about{};
  // Before pidfs every pidfd showed the one inode of anon_inodefs.
  if (::fstatfs(whose.fd(), &filesystem) != 0 || filesystem.f_type != pidfs_magic) return 0;
  return ::fstat(whose.fd(), &about) == 0 ? about.st_ino : 0;
}

}  // namespace transom::os
