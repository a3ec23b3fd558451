// transom/transport/queue_testing.hpp - what the tests of inproc, posix-mq and sysv-mq need alike. For tests only.
#pragma once
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <fstream>
#include <string>
#include <string_view>

#include "transom/os/poll.hpp"
#include "transom/os/posix_queue.hpp"
#include "transom/os/sysv_queue.hpp"
#include "transom/shm/testing.hpp"
#include "transom/transport/inproc.hpp"
#include "transom/transport/posix_mq.hpp"
#include "transom/transport/sysv_mq.hpp"

namespace transom::transport::testing {

using namespace std::chrono_literals;

inline const terms some_bytes{.schema_hash = 7, .schema_text = "bytes"};
/// Long enough for the slowest machine; a test that needs it has failed.
inline patience soon() { return patience::until_time(deadline::after(20s)); }

/// A directory for records, and names that nobody else has; what a failed test leaves is removed.
class place_for_queues {
 public:
  place_for_queues() = default;
  place_for_queues(const place_for_queues&) = delete;
  place_for_queues& operator=(const place_for_queues&) = delete;
  ~place_for_queues() {
    EXPECT_TRUE(records_.files().empty());
    if (auto left = os::posix_queue::open(posix_)) {
      ADD_FAILURE() << posix_ << " was left behind";
      os::posix_queue::unlink(posix_).ignore();
    }
    if (auto left = os::sysv_queue::open(key_, 1)) {
      ADD_FAILURE() << key_ << " was left behind";
      left->remove().ignore();
    }
  }

  url make(std::string_view scheme, const std::string& keys = "") const {
    if (scheme == "inproc") return url::parse("inproc://" + name_ + (keys.empty() ? "" : "?" + keys)).or_throw();
    if (scheme == "posix-mq") return url::parse("posix-mq://" + posix_ + (keys.empty() ? "" : "?" + keys)).or_throw();
    return url::parse("sysv-mq://" + key_ + "?id=1" + (keys.empty() ? "" : "&" + keys)).or_throw();
  }
  const std::string& posix() const { return posix_; }
  const std::string& key() const { return key_; }
  const shm::testing::scratch& records() const { return records_; }
  bool posix_exists() const { return os::posix_queue::open(posix_).has_value(); }
  bool sysv_exists() const { return os::sysv_queue::open(key_, 1).has_value(); }

 private:
  const std::string name_ = os::testing::unique_name();
  const std::string posix_ = "/" + name_;
  shm::testing::scratch records_;
  os::testing::temporary_directory keys_;
  const std::string key_ = [this] {
    const std::string path = keys_ / "key";
    std::ofstream(path) << "key";
    return path;
  }();
};

inline result<std::unique_ptr<receiving_end>> receiver(const url& at, const options& how = {},
                                                       const terms& agreed = some_bytes) {
  switch (at.scheme()) {
    case scheme::inproc: return open_inproc_receiver(at, how, agreed);
    case scheme::posix_mq: return open_posix_mq_receiver(at, how, agreed);
    default: return open_sysv_mq_receiver(at, how, agreed);
  }
}
inline result<std::unique_ptr<sending_end>> sender(const url& at, const options& how = {},
                                                   const terms& agreed = some_bytes) {
  switch (at.scheme()) {
    case scheme::inproc: return open_inproc_sender(at, how, agreed);
    case scheme::posix_mq: return open_posix_mq_sender(at, how, agreed);
    default: return open_sysv_mq_sender(at, how, agreed);
  }
}

inline result<void> try_send(sending_end& tx, std::string_view text) {
  return tx.send({.payload = as_bytes(text)}, patience::none());
}
inline void send(sending_end& tx, std::string_view text) { tx.send({.payload = as_bytes(text)}, soon()).or_throw(); }

/// The next message as text.
inline result<std::string> recv(receiving_end& rx, const patience& how = soon(), long type = 0) {
  auto got = rx.front(type, how);
  if (!got) return got.error();
  std::string text(as_text(got->payload));
  rx.release();
  return text;
}
inline result<std::string> try_recv(receiving_end& rx, long type = 0) { return recv(rx, patience::none(), type); }

/// A payload that tells its size and whether it is whole.
inline std::string filled(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + size);
  return text;
}

/// Whether `fd` becomes readable.
inline bool becomes_readable(int fd) {
  std::array<os::poll_item, 1> one{{{fd, os::interest::readable, 0}}};
  return os::poll(one, deadline::after(20s)).or_throw() == 1;
}

}  // namespace transom::transport::testing
