// transom/transport/owner_search.hpp - the search of a sender with `reconnect` for the next owner of its name, which
// ends when the sender is closed, by whichever thread. Private to the library.
#pragma once
#include <algorithm>
#include <stop_token>

#include "transom/base/options.hpp"
#include "transom/transport/transport.hpp"

namespace transom::transport {

class owner_search {
 public:
  explicit owner_search(const options& how)
      : ended_(how.reconnect ? std::stop_source() : std::stop_source(std::nostopstate)) {}

  /// Any thread.
  void end() noexcept { ended_.request_stop(); }
  /// What `open(patience)` finds, within the time of the call and connect_timeout. Fails as that does, and with closed
  /// after end(); an error is that of `operation`.
  template <typename Open>
  auto look(const options& how, const patience& call, const char* operation, Open open) -> decltype(open(call)) {
    std::stop_source either;
    const auto stop = [&] { either.request_stop(); };
    const std::stop_callback<decltype(stop)> by_caller(call.stop, stop), by_close(ended_.get_token(), stop);
    auto found = open(patience{.until = std::min(call.until, deadline::after(how.connect_timeout)),
                               .stop = either.get_token(),
                               .nonblocking = call.nonblocking});
    if (found) return found;
    if (found.failed_with(errc::canceled) && !call.stop.stop_requested())
      return error(errc::closed, operation, place(found.error().url()));
    return found.error().during(operation);
  }

 private:
  std::stop_source ended_;
};

}  // namespace transom::transport
