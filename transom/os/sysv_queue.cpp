// transom/os/sysv_queue.cpp - see sysv_queue.hpp.
#include "transom/os/sysv_queue.hpp"

#include <sys/ipc.h>
#include <sys/msg.h>

#include "transom/base/ensure.hpp"
#include "transom/os/pacing.hpp"
#include "transom/os/probe.hpp"
#include "transom/os/syscall.hpp"
#include "transom/os/sysv_key.hpp"

namespace transom::os {

namespace {

bool for_ever(const patience& how) noexcept {
  return how.until.is_never() && !how.nonblocking && !how.stop.stop_possible();
}

place place_of(const std::string& path, int id) { return place(path + "?id=" + std::to_string(id)); }
place place_of(int number) { return place("System V queue " + std::to_string(number)); }

}  // namespace

sysv_message::sysv_message(std::size_t capacity)
    : words_(std::make_unique<long[]>(1 + (capacity + sizeof(long) - 1) / sizeof(long))), capacity_(capacity) {}

result<sysv_queue> sysv_queue::get(int key, int flags, place where) {
  auto number = checked("msgget", [&] { return where; }, [&] { return ::msgget(key, flags); });
  if (number.failed_with(std::errc::no_space_on_device)) {
    return number.error().with_detail("no more queues: " + described_sysctl("kernel/msgmni"));
  }
  if (!number) return number.error();
  return sysv_queue(*number, std::move(where), (flags & IPC_CREAT) != 0);
}

result<sysv_queue> sysv_queue::create(const std::string& path, int id, options how) {
  auto key = sysv_key(path, id);
  if (!key) return key.error();
  const place where = place_of(path, id);
  for (;;) {
    // Exclusively first, to know whose it is; between the two calls the queue may be removed, hence the loop.
    auto made = get(*key, IPC_CREAT | IPC_EXCL | static_cast<int>(how.mode), where);
    if (how.exclusive || !made.failed_with(std::errc::file_exists)) return made;
    auto there = get(*key, 0, where);
    if (!there.failed_with(std::errc::no_such_file_or_directory)) return there;
  }
}

result<sysv_queue> sysv_queue::open(const std::string& path, int id) {
  auto key = sysv_key(path, id);
  if (!key) return key.error();
  return get(*key, 0, place_of(path, id));
}

result<sysv_queue> sysv_queue::make_private(unsigned mode) {
  auto made = get(IPC_PRIVATE, IPC_CREAT | static_cast<int>(mode), place("System V queue"));
  if (made) made->where_ = place_of(made->number_);
  return made;
}

result<sysv_queue> sysv_queue::from_number(int number) {
  sysv_queue queue(number, place_of(number), false);
  if (auto there = queue.stat(); !there) return there.error();
  return queue;
}

// EINVAL is the kernel's word for a queue that is gone as well as for a message that is too long; nothing else is left,
// because types are checked before. Told apart here, where it is too late to cost anything.
error sysv_queue::send_failed(int number, std::size_t size) const {
  constexpr const char* operation = "msgsnd";
  if (number == EINVAL) {
    auto largest = read_sysctl("kernel/msgmax");
    if (largest && size > static_cast<std::size_t>(*largest)) {
      return error(errc::message_too_large, operation, where_)
          .with_detail(std::to_string(size) + " bytes; " + described_sysctl("kernel/msgmax"));
    }
    return error::system(EIDRM, operation, where_);
  }
  if (number != EAGAIN) return error::system(number, operation, where_);
  // Full, or never large enough? The kernel lets a message wait for ever that the queue cannot hold.
  if (auto now = stat(); now && size > now->capacity_bytes) {
    return error(errc::message_too_large, operation, where_)
        .with_detail(std::to_string(size) + " bytes; the queue holds " + std::to_string(now->capacity_bytes) + " (" +
                     described_sysctl("kernel/msgmnb") + ")");
  }
  return error(errc::would_block, operation, where_);
}

result<void> sysv_queue::try_send(long type, sysv_message& message, std::size_t size) const {
  transom::detail::ensure(type > 0, "the type of a System V message is positive");
  transom::detail::ensure(size <= message.capacity_, "a message is not larger than its room");
  message.words_[0] = type;
  const int sent = retried([&] { return ::msgsnd(number_, message.words_.get(), size, IPC_NOWAIT); });
  if (sent == -1) {
    const int number = errno;
    return send_failed(number, size);
  }
  return {};
}

result<void> sysv_queue::send(long type, sysv_message& message, std::size_t size, const patience& how) const {
  if (!for_ever(how)) return paced(how, "msgsnd", where_, [&] { return try_send(type, message, size); });
  auto at_once = try_send(type, message, size);
  if (at_once || !(at_once.error() == errc::would_block)) return at_once;
  const int sent = retried([&] { return ::msgsnd(number_, message.words_.get(), size, 0); });
  if (sent == -1) {
    const int number = errno;
    return send_failed(number, size);
  }
  return {};
}

error sysv_queue::receive_failed(int number, std::size_t capacity) const {
  constexpr const char* operation = "msgrcv";
  if (number == ENOMSG) return error(errc::would_block, operation, where_);
  if (number == E2BIG) {
    return error(errc::message_too_large, operation, where_)
        .with_detail("room for " + std::to_string(capacity) + " bytes; it stays queued");
  }
  return error::system(number == EINVAL ? EIDRM : number, operation, where_);
}

result<sysv_queue::received> sysv_queue::try_receive(sysv_message& into, long type) const {
  const auto n = retried([&] { return ::msgrcv(number_, into.words_.get(), into.capacity_, type, IPC_NOWAIT); });
  if (n == -1) {
    const int number = errno;
    return receive_failed(number, into.capacity_);
  }
  return received{into.words_[0], static_cast<std::size_t>(n)};
}

result<sysv_queue::received> sysv_queue::receive(sysv_message& into, long type, const patience& how) const {
  if (!for_ever(how)) return paced(how, "msgrcv", where_, [&] { return try_receive(into, type); });
  const auto n = retried([&] { return ::msgrcv(number_, into.words_.get(), into.capacity_, type, 0); });
  if (n == -1) {
    const int number = errno;
    return receive_failed(number, into.capacity_);
  }
  return received{into.words_[0], static_cast<std::size_t>(n)};
}

result<sysv_queue::status> sysv_queue::stat() const {
  msqid_ds now{};
  auto seen = done("msgctl(IPC_STAT)", [&] { return where_; }, [&] { return ::msgctl(number_, IPC_STAT, &now); });
  if (!seen) return seen.error();
  return status{.messages = now.msg_qnum,
                .bytes = now.__msg_cbytes,
                .capacity_bytes = now.msg_qbytes,
                .last_sender = now.msg_lspid,
                .last_receiver = now.msg_lrpid,
                .last_send = now.msg_stime,
                .last_receive = now.msg_rtime,
                .last_change = now.msg_ctime,
                .mode = static_cast<unsigned>(now.msg_perm.mode) & 0777u,
                .owner = now.msg_perm.uid};
}

result<void> sysv_queue::set_capacity_bytes(std::size_t bytes) const {
  msqid_ds now{};
  auto seen = done("msgctl(IPC_STAT)", [&] { return where_; }, [&] { return ::msgctl(number_, IPC_STAT, &now); });
  if (!seen) return seen;
  now.msg_qbytes = bytes;
  auto set = done("msgctl(IPC_SET)", [&] { return where_; }, [&] { return ::msgctl(number_, IPC_SET, &now); });
  if (!set.failed_with(std::errc::operation_not_permitted)) return set;
  return set.error().with_detail("the most without CAP_SYS_RESOURCE: " + described_sysctl("kernel/msgmnb"));
}

result<void> sysv_queue::remove() const {
  return done("msgctl(IPC_RMID)", [&] { return where_; }, [&] { return ::msgctl(number_, IPC_RMID, nullptr); });
}

}  // namespace transom::os
