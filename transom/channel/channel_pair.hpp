// transom/channel/channel_pair.hpp - both ends of a channel at once: `auto [tx, rx] = transom::channel<job>();`
#pragma once
#include <string_view>
#include <utility>

#include "transom/channel/end_access.hpp"
#include "transom/channel/receiver.hpp"
#include "transom/channel/sender.hpp"

namespace transom {

/// Both ends. The default is an anonymous pair of Unix sockets, for threads, for give() and for sending in a message;
/// a named URL makes the receiver, which owns the name, and then attaches the sender to it.
template <typename T>
struct channel {
  sender<T> tx;
  receiver<T> rx;

  /// Throws transom::exception where open() fails.
  explicit channel(std::string_view url = "unix:", const options& how = {}) : channel(open(url, how).or_throw()) {}
  explicit channel(const options& how) : channel("unix:", how) {}

  /// unsupported, bad_url, errors of the system such as too_many_files_open.
  static result<channel> open(std::string_view url = "unix:", const options& how = {}) {
    auto both = detail::open_both(url, how, detail::cargo_of<T>());
    if (!both) return both.error();
    return channel(detail::end_access::wrap<T>(std::move(both->tx)), detail::end_access::wrap<T>(std::move(both->rx)));
  }
  static result<channel> open(const options& how) { return open("unix:", how); }

 private:
  channel(sender<T> out, receiver<T> in) noexcept : tx(std::move(out)), rx(std::move(in)) {}
};

}  // namespace transom
