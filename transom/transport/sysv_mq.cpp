// transom/transport/sysv_mq.cpp - see sysv_mq.hpp.
#include "transom/transport/sysv_mq.hpp"

#include <algorithm>

#include "transom/os/probe.hpp"
#include "transom/os/sysv_queue.hpp"
#include "transom/transport/frame.hpp"
#include "transom/transport/kernel_queue.hpp"
#include "transom/transport/naming.hpp"

namespace transom::transport {
namespace {

class sysv_kernel_queue final : public kernel_queue {
 public:
  sysv_kernel_queue(os::sysv_queue queue, std::size_t message_size, std::size_t most_messages)
      : queue_(std::move(queue)), most_messages_(most_messages), out_(message_size), in_(message_size) {}

  std::span<std::byte> outgoing_memory() noexcept override { return out_.data(); }
  std::span<const std::byte> incoming_memory() noexcept override { return in_.data(); }
  result<void> try_put(std::size_t size, int, long type) override {
    if (most_messages_ != 0) {
      auto now = queue_.stat();
      if (!now) return now.error();
      if (now->messages >= most_messages_) return error(errc::would_block, "msgsnd", queue_.where());
    }
    return queue_.try_send(type == 0 ? 1 : type, out_, size);
  }
  result<taken> try_take(long type) override {
    auto got = queue_.try_receive(in_, type);
    if (!got) return got.error();
    return taken{got->size, 0, got->type};
  }
  result<room> count_room() override {
    auto now = queue_.stat();
    if (!now) return now.error();
    room by_bytes{(now->capacity_bytes - std::min(now->bytes, now->capacity_bytes)) / out_.capacity(),
                  now->capacity_bytes / out_.capacity()};
    if (most_messages_ == 0) return by_bytes;
    return room{std::min(by_bytes.now, most_messages_ - std::min(now->messages, most_messages_)),
                std::min(by_bytes.ever, most_messages_)};
  }
  bool has_messages() noexcept override {
    auto now = queue_.stat();
    return !now || now->messages != 0;
  }
  bool has_room() noexcept override {
    auto now = queue_.stat();
    if (!now) return true;
    return now->bytes < now->capacity_bytes && (most_messages_ == 0 || now->messages < most_messages_);
  }
  int fd() const noexcept override { return -1; }
  void wake() noexcept override {}  // the record's bell does
  void remove() noexcept override { queue_.remove().ignore(); }

 private:
  const os::sysv_queue queue_;
  const std::size_t most_messages_;
  os::sysv_message out_, in_;
};

class sysv_source final : public queue_source {
 public:
  sysv_source(url at, int id) : queue_source(std::move(at)), id_(id) {}

  result<std::unique_ptr<kernel_queue>> open(std::size_t most_messages) const override {
    return made(os::sysv_queue::open(where.address(), id_), most_messages);
  }
  result<std::unique_ptr<kernel_queue>> create(std::size_t, const options& how) const override {
    return made(os::sysv_queue::create(where.address(), id_, {.mode = how.mode, .exclusive = true}), how.capacity);
  }
  result<std::size_t> system_limit() const override {
    auto message = os::read_sysctl("kernel/msgmax");
    if (!message) return message.error();
    auto queue = os::read_sysctl("kernel/msgmnb");
    if (!queue) return queue.error();
    return static_cast<std::size_t>(std::min(*message, *queue));
  }
  std::string limit_in_words() const override {
    return os::described_sysctl("kernel/msgmax") + ", " + os::described_sysctl("kernel/msgmnb");
  }
  feature_set features() const noexcept override { return sysv_mq_features; }
  std::size_t capacity(const options& how) const noexcept override { return how.capacity; }
  bool has_priorities() const noexcept override { return false; }

 private:
  // The queue itself does not say how large a message may be: what fits both the system and this queue.
  result<std::unique_ptr<kernel_queue>> made(result<os::sysv_queue> queue, std::size_t most_messages) const {
    if (!queue) return queue.error();
    auto limit = os::read_sysctl("kernel/msgmax");
    if (!limit) return limit.error();
    auto now = queue->stat();
    if (!now) return now.error();
    const std::size_t size = std::min(static_cast<std::size_t>(*limit), now->capacity_bytes);
    return std::make_unique<sysv_kernel_queue>(std::move(*queue), size, most_messages);
  }
  const int id_;
};

result<std::shared_ptr<sysv_source>> source_of(const url& where) {
  auto real = with_real_path(where);
  if (!real) return real.error();
  const int id = key_id_of(*real);
  return std::make_shared<sysv_source>(std::move(*real), id);
}

}  // namespace

result<std::unique_ptr<receiving_end>> open_sysv_mq_receiver(const url& where, const options& how,
                                                             const terms& agreed) {
  auto source = source_of(where);
  if (!source) return source.error();
  return open_queue_receiver(std::move(*source), how, agreed);
}

result<std::unique_ptr<sending_end>> open_sysv_mq_sender(const url& where, const options& how, const terms& agreed) {
  auto source = source_of(where);
  if (!source) return source.error();
  return open_queue_sender(std::move(*source), how, agreed);
}

}  // namespace transom::transport
