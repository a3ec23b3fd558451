// transom/transport/shared_testing.hpp - what the tests of fifo, unix+dgram and udp need alike. For tests only.
#pragma once
#include "transom/transport/fifo.hpp"
#include "transom/transport/queue_testing.hpp"
#include "transom/transport/udp.hpp"
#include "transom/transport/unix_datagram.hpp"

namespace transom::transport::testing {

/// A directory for records and one for names; both must be empty in the end.
class place_for_names {
 public:
  place_for_names() = default;
  place_for_names(const place_for_names&) = delete;
  place_for_names& operator=(const place_for_names&) = delete;
  ~place_for_names() {
    EXPECT_TRUE(records_.files().empty());
    EXPECT_TRUE(std::filesystem::is_empty(names_.path())) << "a name was left behind";
  }
  std::string path() const { return names_ / "x"; }
  url make(std::string_view scheme, const std::string& keys = "") const {
    return url::parse(std::string(scheme) + "://" + path() + (keys.empty() ? "" : "?" + keys)).or_throw();
  }
  const shm::testing::scratch& records() const { return records_; }

 private:
  shm::testing::scratch records_;
  os::testing::temporary_directory names_;
};

inline result<std::unique_ptr<receiving_end>> named_receiver(const url& at, options how = {},
                                                             const terms& agreed = some_bytes) {
  how = with_url_keys(how, at).or_throw();
  if (at.scheme() == scheme::udp) return open_udp_receiver(at, how, agreed);
  return at.scheme() == scheme::fifo ? open_fifo_receiver(at, how, agreed)
                                     : open_unix_datagram_receiver(at, how, agreed);
}
inline result<std::unique_ptr<sending_end>> named_sender(const url& at, options how = {},
                                                         const terms& agreed = some_bytes) {
  how = with_url_keys(how, at).or_throw();
  if (at.scheme() == scheme::udp) return open_udp_sender(at, how, agreed);
  return at.scheme() == scheme::fifo ? open_fifo_sender(at, how, agreed) : open_unix_datagram_sender(at, how, agreed);
}

/// Whether `fd` is readable now.
inline bool is_readable(int fd) {
  std::array<os::poll_item, 1> one{{{fd, os::interest::readable, 0}}};
  return os::poll(one, deadline::passed()).or_throw() == 1;
}

}  // namespace transom::transport::testing
