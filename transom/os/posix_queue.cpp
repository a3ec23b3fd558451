// transom/os/posix_queue.cpp - see posix_queue.hpp.
#include "transom/os/posix_queue.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/resource.h>

#include <climits>

#include "transom/base/ensure.hpp"
#include "transom/os/poll.hpp"
#include "transom/os/probe.hpp"
#include "transom/os/reserve.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

static_assert(sizeof(mqd_t) == sizeof(int));  // on Linux a queue descriptor is a file descriptor

namespace {

constexpr unsigned priorities = 32768;  // MQ_PRIO_MAX

int flags_of(access how) noexcept { return (how == access::read_write ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC; }

unsigned long granted_bytes() noexcept {
  rlimit bytes{};
  return ::getrlimit(RLIMIT_MSGQUEUE, &bytes) == 0 ? bytes.rlim_cur : 0;
}

// Which of the limits it was. The kernel's own words are misleading: too many bytes is "Too many open files".
error explained(const error& failed, const posix_queue::options& how) {
  if (failed == std::errc::invalid_argument) {
    return failed.with_detail(std::to_string(how.max_messages) + " messages of " + std::to_string(how.message_size) +
                              " bytes; " + described_sysctl("fs/mqueue/msg_max") + ", " +
                              described_sysctl("fs/mqueue/msgsize_max") +
                              "; and a name is \"/\" followed by anything but \"/\"");
  }
  if (failed == std::errc::no_space_on_device) {
    return failed.with_detail("no more queues: " + described_sysctl("fs/mqueue/queues_max"));
  }
  if (failed == std::errc::too_many_files_open) {
    return failed.with_detail(
        "either all descriptors are in use (ulimit -n), or this user's queues would hold more "
        "bytes than RLIMIT_MSGQUEUE (ulimit -q), which is " +
        std::to_string(granted_bytes()));
  }
  return failed;
}

}  // namespace

result<posix_queue> posix_queue::finish(int number, const std::string& name) {
  posix_queue queue{transom::fd(number), place(name)};
  auto known = queue.attributes();
  if (!known) return known.error();
  queue.message_size_ = known->message_size;
  queue.max_messages_ = known->max_messages;
  return queue;
}

result<posix_queue> posix_queue::create(const std::string& name, options how) {
  const auto where = [&] { return place(name); };
  mq_attr geometry{};
  geometry.mq_maxmsg = static_cast<long>(how.max_messages);
  geometry.mq_msgsize = static_cast<long>(how.message_size);
  for (;;) {
    // Exclusively first, to know whose it is; between the two calls the queue may be removed, hence the loop.
    auto made = checked("mq_open", where, [&] {
      return ::mq_open(name.c_str(), flags_of(how.how) | O_CREAT | O_EXCL, static_cast<mode_t>(how.mode), &geometry);
    });
    if (made) {
      auto queue = finish(*made, name);
      if (!queue) return queue;
      queue->created_ = true;
      if (auto exact = set_mode(queue->fd(), how.mode, "fchmod", place(name)); !exact) return exact.error();
      return queue;
    }
    if (how.exclusive || !made.failed_with(std::errc::file_exists)) return explained(made.error(), how);
    auto there = open(name, how.how);
    if (!there.failed_with(std::errc::no_such_file_or_directory)) return there;
  }
}

result<posix_queue> posix_queue::open(const std::string& name, access how) {
  auto opened = checked("mq_open", [&] { return place(name); }, [&] { return ::mq_open(name.c_str(), flags_of(how)); });
  if (!opened) {
    if (!opened.failed_with(std::errc::invalid_argument)) return opened.error();
    return opened.error().with_detail("a name is \"/\" followed by anything but \"/\"");
  }
  return finish(*opened, name);
}

result<void> posix_queue::unlink(const std::string& name) {
  return done("mq_unlink", [&] { return place(name); }, [&] { return ::mq_unlink(name.c_str()); });
}

result<posix_queue::allowance> posix_queue::limits() {
  auto messages = read_sysctl("fs/mqueue/msg_max");
  if (!messages) return messages.error();
  auto size = read_sysctl("fs/mqueue/msgsize_max");
  if (!size) return size.error();
  auto queues = read_sysctl("fs/mqueue/queues_max");
  if (!queues) return queues.error();
  return allowance{*messages, *size, *queues, granted_bytes()};
}

result<void> posix_queue::try_send(std::span<const std::byte> message, unsigned priority) const {
  transom::detail::ensure(priority < priorities, "a priority is below 32768");
  const auto* data = message.empty() ? "" : reinterpret_cast<const char*>(message.data());
  auto sent = attempted(
      "mq_send", [&] { return where_; }, [&] { return ::mq_send(fd_.get(), data, message.size(), priority); });
  if (sent) return {};
  if (!sent.failed_with(std::errc::message_size)) return sent.error();
  return error(errc::message_too_large, "mq_send", where_)
      .with_detail(std::to_string(message.size()) + " bytes; the queue takes " + std::to_string(message_size_));
}

result<void> posix_queue::send(std::span<const std::byte> message, unsigned priority, const patience& how) const {
  for (;;) {
    if (how.stop.stop_requested()) return error(errc::canceled, "mq_send", where_);
    auto sent = try_send(message, priority);
    if (sent || !(sent.error() == errc::would_block)) return sent;
    if (auto ready = wait_ready(fd_.get(), interest::writable, how, "mq_send", where_); !ready) return ready;
  }
}

result<posix_queue::received> posix_queue::try_receive(std::span<std::byte> into) const {
  unsigned priority = 0;
  auto* data = reinterpret_cast<char*>(into.data());
  auto n = attempted(
      "mq_receive", [&] { return where_; }, [&] { return ::mq_receive(fd_.get(), data, into.size(), &priority); });
  if (n) return received{static_cast<std::size_t>(*n), priority};
  if (!n.failed_with(std::errc::message_size)) return n.error();
  return error(errc::message_too_large, "mq_receive", where_)
      .with_detail("room for " + std::to_string(into.size()) + " bytes; this queue's messages need " +
                   std::to_string(message_size_));
}

result<posix_queue::received> posix_queue::receive(std::span<std::byte> into, const patience& how) const {
  for (;;) {
    if (how.stop.stop_requested()) return error(errc::canceled, "mq_receive", where_);
    auto taken = try_receive(into);
    if (taken || !(taken.error() == errc::would_block)) return taken;
    if (auto ready = wait_ready(fd_.get(), interest::readable, how, "mq_receive", where_); !ready) return ready.error();
  }
}

result<posix_queue::state> posix_queue::attributes() const {
  mq_attr now{};
  auto seen = done("mq_getattr", [&] { return where_; }, [&] { return ::mq_getattr(fd_.get(), &now); });
  if (!seen) return seen.error();
  return state{static_cast<std::size_t>(now.mq_maxmsg), static_cast<std::size_t>(now.mq_msgsize),
               static_cast<std::size_t>(now.mq_curmsgs)};
}

result<void> posix_queue::notify_by_signal(int signo, int value) const {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = signo;
  event.sigev_value.sival_int = value;
  auto asked = done("mq_notify", [&] { return where_; }, [&] { return ::mq_notify(fd_.get(), &event); });
  if (!asked.failed_with(std::errc::device_or_resource_busy)) return asked;
  return asked.error().with_detail("a process has asked already, and only one may at a time");
}

result<void> posix_queue::cancel_notification() const {
  return done("mq_notify", [&] { return where_; }, [&] { return ::mq_notify(fd_.get(), nullptr); });
}

}  // namespace transom::os
