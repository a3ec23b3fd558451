// transom/transport/fifo_bell.hpp - a FIFO beside a channel's file that stands for one of its ends in somebody's event
// loop: made only when somebody asks for a descriptor, written only while he waits at it. Private to the library.
#pragma once
#include <mutex>
#include <optional>
#include <string>

#include "transom/os/pipe.hpp"
#include "transom/shm/descriptor_bell.hpp"

namespace transom::transport {

/// The waiting end. Its FIFO goes with it.
class fifo_alarm {
 public:
  fifo_alarm() = default;
  fifo_alarm(const fifo_alarm&) = delete;
  fifo_alarm& operator=(const fifo_alarm&) = delete;
  ~fifo_alarm() { remove(); }

  /// The descriptor; made at first request, in place of whatever a dead predecessor left.
  result<int> fd(const std::string& path);
  /// Takes out what ringers have put in.
  void clear() noexcept;
  void remove() noexcept;

 private:
  std::string path_;
  std::optional<os::pipe_reader> reader_;
  std::optional<os::pipe_writer> writer_;  // so that there is always one, and no hang-up
};

/// A ringer's way to it. Thread safety: any thread.
class fifo_bell final : public shm::descriptor_bell {
 public:
  explicit fifo_bell(std::string path) : path_(std::move(path)) {}
  void ring() noexcept override;

 private:
  const std::string path_;
  std::mutex mutex_;
  std::optional<os::pipe_writer> writer_;
};

}  // namespace transom::transport
