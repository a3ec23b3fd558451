// tests/conformance/matrix.cpp - see matrix.hpp.
#include "tests/conformance/matrix.hpp"

#include <fstream>
#include <ostream>

namespace transom::conformance {
namespace {

// The columns of the documented matrix.
constexpr feature_set in_order = boundaries | reliable | ordered | backpressure;
constexpr feature_set sees = sees_close | sees_death;
constexpr feature_set bare_stream = reliable | ordered | backpressure | sees_close;  // no boundaries
constexpr feature_set foreign_stream = in_order | sees_close;

constexpr endings silent{"never", "never", "never", "never"};
/// Foreign framing: the end of the stream is all there is.
constexpr endings end_of_stream{"closed", "closed", "closed", "closed"};

constexpr row rows[] = {
    {.name = "inproc",
     .url = "inproc://%n",
     .features = in_order | sees_close | fd_passing | zero_copy | many_senders | many_receivers,
     .one_process = true},
    {.name = "inproc_pair",
     .meets = meeting::anonymous,
     .url = "inproc:",
     .features = in_order | sees_close | fd_passing | zero_copy | many_senders | many_receivers,
     .one_process = true},
    {.name = "pipe",
     .meets = meeting::anonymous,
     .url = "pipe:",
     .features = in_order | sees,
     .sees = {.receiver_dies = "closed"}},  // (1)
    {.name = "fifo", .url = "fifo://%p", .features = in_order | sees | many_senders},
    {.name = "unix", .url = "unix://%p", .features = in_order | sees | fd_passing | many_senders},
    {.name = "unix_pair",
     .meets = meeting::anonymous,
     .url = "unix:",
     .features = in_order | sees | fd_passing | many_senders},
    {.name = "unix_stream", .url = "unix+stream://%p", .features = in_order | sees | fd_passing | many_senders},
    {.name = "unix_stream_pair",
     .meets = meeting::anonymous,
     .url = "unix+stream:",
     .features = in_order | sees | fd_passing | many_senders},
    {.name = "unix_dgram", .url = "unix+dgram://%p", .features = in_order | sees | fd_passing | many_senders},
    {.name = "posix_mq",
     .url = "posix-mq:///%n",
     .features = in_order | sees | priorities | many_senders | many_receivers,
     .max_message = 0,
     .limited_by = "/proc/sys/fs/mqueue/msgsize_max",
     .keys_for_16_MiB = "receivers=1&max_message=16M",
     .keeps = true},
    {.name = "sysv_mq",
     .url = "sysv-mq://%k?id=1",
     .features = in_order | sees | types | many_senders | many_receivers,
     .max_message = 0,
     .limited_by = "/proc/sys/kernel/msgmax",
     .keys_for_16_MiB = "receivers=1&max_message=16M",
     .keeps = true},
    {.name = "shm", .url = "shm://%n", .features = in_order | sees | zero_copy | many_senders, .keeps = true},
    {.name = "posix_shm",
     .url = "posix-shm:///%n",
     .features = in_order | sees | zero_copy | many_senders,
     .keeps = true},
    {.name = "sysv_shm",
     .url = "sysv-shm://%k?id=1",
     .features = in_order | sees | zero_copy | many_senders,
     .keeps = true},
    {.name = "memfd", .meets = meeting::anonymous, .url = "memfd:", .features = in_order | sees},
    {.name = "tcp",
     .url = "tcp://127.0.0.1:0",
     .features = in_order | sees | many_senders | crosses_hosts,
     .refuses_users = false},
    {.name = "udp",
     .url = "udp://127.0.0.1:0",
     .features = boundaries | many_senders | crosses_hosts,
     .sees = silent,
     .max_message = 65'000,
     .keys_for_16_MiB = nullptr,
     .refuses_users = false},

    {.name = "fd_pipe",
     .meets = meeting::descriptor,
     .url = "",
     .features = in_order | sees,
     .sees = {.receiver_dies = "closed"},
     .pair = "pipe"},
    {.name = "fd_stream",
     .meets = meeting::descriptor,
     .url = "",
     .features = in_order | sees | fd_passing,  // one connection has one sender
     .pair = "stream"},

    {.name = "fifo_length",
     .url = "fifo://%p?framing=length",
     .features = foreign_stream | many_senders,
     .sees = end_of_stream,
     .foreign = true},
    {.name = "fifo_line",
     .url = "fifo://%p?framing=line",
     .features = foreign_stream | many_senders,
     .sees = end_of_stream,
     .foreign = true},
    {.name = "fifo_raw",
     .url = "fifo://%p?framing=raw",
     .features = bare_stream | many_senders,
     .sees = end_of_stream,
     .stream = true,
     .foreign = true},
    {.name = "unix_stream_length",
     .url = "unix+stream://%p?framing=length",
     .features = foreign_stream | many_senders,
     .sees = end_of_stream,
     .foreign = true},
    {.name = "unix_stream_line",
     .url = "unix+stream://%p?framing=line",
     .features = foreign_stream | many_senders,
     .sees = end_of_stream,
     .foreign = true},
    {.name = "unix_stream_raw",
     .url = "unix+stream://%p?framing=raw",
     .features = bare_stream | many_senders,
     .sees = end_of_stream,
     .stream = true,
     .foreign = true},
    {.name = "tcp_length",
     .url = "tcp://127.0.0.1:0?framing=length",
     .features = foreign_stream | many_senders | crosses_hosts,
     .sees = end_of_stream,
     .foreign = true,
     .refuses_users = false},
    {.name = "tcp_line",
     .url = "tcp://127.0.0.1:0?framing=line",
     .features = foreign_stream | many_senders | crosses_hosts,
     .sees = end_of_stream,
     .foreign = true,
     .refuses_users = false},
    {.name = "tcp_raw",
     .url = "tcp://127.0.0.1:0?framing=raw",
     .features = bare_stream | many_senders | crosses_hosts,
     .sees = end_of_stream,
     .stream = true,
     .foreign = true,
     .refuses_users = false},
    {.name = "unix_raw",
     .url = "unix://%p?framing=raw",
     .features = foreign_stream | many_senders,
     .sees = end_of_stream,
     .keys_for_16_MiB = nullptr,
     .foreign = true,
     .empty_is_the_end = true},
    {.name = "posix_mq_raw",
     .url = "posix-mq:///%n?framing=raw",
     .features = in_order | priorities | many_senders | many_receivers,
     .sees = silent,
     .max_message = 0,
     .limited_by = "/proc/sys/fs/mqueue/msgsize_max",
     .keys_for_16_MiB = nullptr,
     .keeps = true,
     .foreign = true},
    {.name = "sysv_mq_raw",
     .url = "sysv-mq://%k?id=1&framing=raw",
     .features = in_order | types | many_senders | many_receivers,
     .sees = silent,
     .max_message = 0,
     .limited_by = "/proc/sys/kernel/msgmax",
     .keys_for_16_MiB = nullptr,
     .keeps = true,
     .foreign = true},
};

}  // namespace

std::span<const row> matrix() { return rows; }

std::size_t row::largest() const {
  if (limited_by == nullptr) return max_message;
  std::size_t limit = 0;
  std::ifstream(limited_by) >> limit;
  return limit - (foreign ? 0 : 16);  // our header
}

std::string row::url_at(const std::string& path, const std::string& free_name, const std::string& key) const {
  std::string text = url;
  const auto fill_in = [&](std::string_view what, const std::string& with) {
    if (const auto at = text.find(what); at != std::string::npos) text.replace(at, what.size(), with);
  };
  fill_in("%p", path);
  fill_in("%n", free_name);
  fill_in("%k", key);
  return text;
}

std::string name_of(const circumstance& c) {
  return std::string(c.of->name) + (c.as == sides::threads ? "_as_threads" : "_as_processes");
}

void PrintTo(const circumstance& c, std::ostream* to) { *to << name_of(c); }

}  // namespace transom::conformance
