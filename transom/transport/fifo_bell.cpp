// transom/transport/fifo_bell.cpp - see fifo_bell.hpp.
#include "transom/transport/fifo_bell.hpp"

#include <array>
#include <cstddef>

#include "transom/os/entry.hpp"
#include "transom/os/fifo.hpp"

namespace transom::transport {

result<int> fifo_alarm::fd(const std::string& path) {
  if (reader_) return reader_->fd();
  os::remove_file(path).ignore();
  auto made = os::fifo::create(path);
  if (!made) return made.error();
  path_ = path;
  auto reader = os::fifo::open_reader(path);
  if (!reader) return reader.error();
  auto writer = os::fifo::open_writer(path, patience::none());
  if (!writer) return writer.error();
  reader_.emplace(std::move(*reader));
  writer_.emplace(std::move(*writer));
  return reader_->fd();
}

void fifo_alarm::clear() noexcept {
  std::array<std::byte, 256> scratch;
  while (reader_) {
    auto some = reader_->try_read(scratch);
    if (!some || *some < scratch.size()) return;
  }
}

void fifo_alarm::remove() noexcept {
  if (path_.empty()) return;
  os::remove_file(path_).ignore();
  path_.clear();
}

// A pipe that is full rings already. One without readers is a predecessor's.
void fifo_bell::ring() noexcept {
  constexpr std::array<std::byte, 1> byte{};
  const std::lock_guard held(mutex_);
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!writer_) {
      auto opened = os::fifo::open_writer(path_, patience::none());
      if (!opened) return;
      writer_.emplace(std::move(*opened));
    }
    auto written = writer_->try_write(byte);
    if (written || written.error() == errc::would_block) return;
    writer_.reset();
  }
}

}  // namespace transom::transport
