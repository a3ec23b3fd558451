// transom/transport/posix_mq.cpp - see posix_mq.hpp.
#include "transom/transport/posix_mq.hpp"

#include "transom/os/posix_queue.hpp"
#include "transom/os/probe.hpp"
#include "transom/transport/frame.hpp"
#include "transom/transport/kernel_queue.hpp"

namespace transom::transport {
namespace {

class posix_kernel_queue final : public kernel_queue {
 public:
  posix_kernel_queue(os::posix_queue queue, std::string name)
      : queue_(std::move(queue)),
        name_(std::move(name)),
        out_(std::make_unique_for_overwrite<std::byte[]>(queue_.message_size())),
        in_(std::make_unique_for_overwrite<std::byte[]>(queue_.message_size())) {}

  std::span<std::byte> outgoing_memory() noexcept override { return {out_.get(), queue_.message_size()}; }
  std::span<const std::byte> incoming_memory() noexcept override { return {in_.get(), queue_.message_size()}; }
  result<void> try_put(std::size_t size, int priority, long) override {
    return queue_.try_send({out_.get(), size}, static_cast<unsigned>(priority));
  }
  result<taken> try_take(long) override {
    auto got = queue_.try_receive({in_.get(), queue_.message_size()});
    if (!got) return got.error();
    return taken{got->size, static_cast<int>(got->priority), 0};
  }
  result<room> count_room() override {
    auto now = queue_.attributes();
    if (!now) return now.error();
    return room{now->max_messages - now->messages, now->max_messages};
  }
  bool has_messages() noexcept override {
    auto now = queue_.attributes();
    return !now || now->messages != 0;
  }
  bool has_room() noexcept override {
    auto now = queue_.attributes();
    return !now || now->messages < now->max_messages;
  }
  int fd() const noexcept override { return queue_.fd(); }
  void wake() noexcept override {
    if (has_messages() || queue_.message_size() < frame_header_size) return;  // nobody sleeps then
    std::array<std::byte, frame_header_size> goodbye;
    encode_header({.kind = frame_kind::close}, goodbye.data());
    queue_.try_send(goodbye).ignore();
  }
  void remove() noexcept override { os::posix_queue::unlink(name_).ignore(); }

 private:
  os::posix_queue queue_;
  const std::string name_;
  std::unique_ptr<std::byte[]> out_, in_;
};

class posix_source final : public queue_source {
 public:
  explicit posix_source(url at) : queue_source(std::move(at)) {}

  result<std::unique_ptr<kernel_queue>> open(std::size_t) const override {
    return made(os::posix_queue::open(where.address()));
  }
  result<std::unique_ptr<kernel_queue>> create(std::size_t message_size, const options& how) const override {
    return made(os::posix_queue::create(
        where.address(),
        {.max_messages = capacity(how), .message_size = message_size, .mode = how.mode, .exclusive = true}));
  }
  result<std::size_t> system_limit() const override {
    auto now = os::posix_queue::limits();
    if (!now) return now.error();
    return static_cast<std::size_t>(now->message_size);
  }
  std::string limit_in_words() const override { return os::described_sysctl("fs/mqueue/msgsize_max"); }
  feature_set features() const noexcept override { return posix_mq_features; }
  std::size_t capacity(const options& how) const noexcept override { return how.capacity == 0 ? 10 : how.capacity; }
  bool has_priorities() const noexcept override { return true; }

 private:
  result<std::unique_ptr<kernel_queue>> made(result<os::posix_queue> queue) const {
    if (!queue) return queue.error();
    return std::make_unique<posix_kernel_queue>(std::move(*queue), where.address());
  }
};

}  // namespace

result<std::unique_ptr<receiving_end>> open_posix_mq_receiver(const url& where, const options& how,
                                                              const terms& agreed) {
  return open_queue_receiver(std::make_shared<posix_source>(where), how, agreed);
}

result<std::unique_ptr<sending_end>> open_posix_mq_sender(const url& where, const options& how, const terms& agreed) {
  return open_queue_sender(std::make_shared<posix_source>(where), how, agreed);
}

}  // namespace transom::transport
