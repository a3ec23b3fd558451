// transom/base/options.hpp - how a channel is opened. Each field has a URL key of the same name, except `require`;
// the URL wins, because who runs the program decides last. What the code requires cannot be relaxed that way.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "transom/base/error.hpp"
#include "transom/base/features.hpp"
#include "transom/base/url.hpp"

namespace transom {

/// What `send` does when the channel is full. Anything but `block` is asked for in code or URL, never assumed.
enum class overflow : std::uint8_t { block, fail, drop_newest, drop_oldest };

/// What a message is on a byte stream. `native` is ours; the others talk to programs that know nothing of us.
enum class framing : std::uint8_t { native, length, line, raw };

struct options {
  std::size_t capacity = 0;     ///< messages the channel holds; 0: the scheme's default (64; 10 on posix-mq)
  std::size_t max_message = 0;  ///< bytes; 0: the scheme's default, never less than sizeof(T) for a plain T
  overflow on_full = overflow::block;
  feature_set require = {};  ///< open fails with unsupported instead of emulating
  transom::framing framing = framing::native;
  std::chrono::milliseconds connect_timeout{5000};
  unsigned senders = 0, receivers = 0;  ///< 1: promised and enforced, may pick a faster path; 0: any number
  bool keep = false;                    ///< the object and its messages outlive the owner
  bool keep_open = false;               ///< receiver: senders come and go unreported; never closed by them
  bool reconnect = false;               ///< sender: report the owner's end once, then look for the next
  unsigned mode = 0600;                 ///< permissions of whatever is created
};

/// "512", "64k", "16M", "1G" -> bytes. Nothing else.
result<std::size_t> parse_size(std::string_view text);
/// "10ns", "5us", "20ms", "3s" -> a duration. A unit is required.
result<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// `in_code` with what `where` says laid over it. Fails with bad_url naming the key and what it takes.
result<options> with_url_keys(options in_code, const url& where);

}  // namespace transom
