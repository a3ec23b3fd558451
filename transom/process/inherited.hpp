// transom/process/inherited.hpp - the child's side of command::give: ends and descriptors by the name they were given.
#pragma once
#include <string_view>
#include <utility>

#include "transom/channel/end_access.hpp"
#include "transom/channel/receiver.hpp"
#include "transom/channel/sender.hpp"
#include "transom/process/given.hpp"
#include "transom/transport/transport.hpp"

namespace transom {
namespace detail {

/// How a thing of type H comes out of what was given.
template <typename H>
struct inheritance {
  static_assert(sizeof(H) == 0, "what can be inherited is a sender<T>, a receiver<T> or a transom::fd");
};

options options_of(const given_entry& from);
transport::handover handover_from(given_entry& from);
result<void> check_given_type(const given_entry& from, const transport::terms& ours);

template <typename T>
struct inheritance<sender<T>> {
  static constexpr given_kind kind = given_kind::sender;
  static result<sender<T>> adopt(given_entry from) {
    const transport::terms& ours = cargo_of<T>().native;
    if (auto ok = check_given_type(from, ours); !ok) return ok.error();
    const options how = options_of(from);
    auto end = transport::adopt_sender(handover_from(from), how, ours);
    if (!end) return end.error();
    return end_access::wrap<T>(std::move(*end), how);
  }
};

template <typename T>
struct inheritance<receiver<T>> {
  static constexpr given_kind kind = given_kind::receiver;
  static result<receiver<T>> adopt(given_entry from) {
    const transport::terms& ours = cargo_of<T>().native;
    if (auto ok = check_given_type(from, ours); !ok) return ok.error();
    const options how = options_of(from);
    auto end = transport::adopt_receiver(handover_from(from), how, ours);
    if (!end) return end.error();
    return end_access::wrap<T>(std::move(*end), how);
  }
};

template <>
struct inheritance<fd> {
  static constexpr given_kind kind = given_kind::descriptor;
  static result<fd> adopt(given_entry from) { return fd(from.descriptors.front()); }
};

}  // namespace detail

/// What the parent gave under `name`: a sender<T>, a receiver<T> or an fd. Each name can be taken once. Fails with
/// no_peer if nothing was given under it (the detail lists what was), type_mismatch if it is something else, or of
/// another T. Thread safety: any thread.
template <typename H>
result<H> open_inherited(std::string_view name) {
  auto given = detail::take_given(name, detail::inheritance<H>::kind);
  if (!given) return given.error();
  return detail::inheritance<H>::adopt(std::move(*given));
}

/// The same; throws transom::exception.
template <typename H>
H inherited(std::string_view name) {
  return open_inherited<H>(name).or_throw();
}

}  // namespace transom
