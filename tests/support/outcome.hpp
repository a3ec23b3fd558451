// tests/support/outcome.hpp - how a call ended, in one word that a table can hold and a failed test can show.
#pragma once
#include <string>
#include <system_error>

#include "transom/base/error.hpp"

namespace transom::testing {

/// "closed", "peer_died", ...; for failures of the system the words of std::errc that the suite knows.
inline std::string word_for(const error& e) {
  switch (e.code().category() == category() ? static_cast<errc>(e.code().value()) : errc{}) {
    case errc::closed: return "closed";
    case errc::peer_died: return "peer_died";
    case errc::owner_died: return "owner_died";
    case errc::timed_out: return "timed_out";
    case errc::would_block: return "would_block";
    case errc::canceled: return "canceled";
    case errc::no_peer: return "no_peer";
    case errc::remote: return "remote";
    case errc::message_too_large: return "message_too_large";
    case errc::type_mismatch: return "type_mismatch";
    case errc::decode_failed: return "decode_failed";
    case errc::protocol_error: return "protocol_error";
    case errc::unsupported: return "unsupported";
    case errc::forked: return "forked";
    case errc::bad_url: return "bad_url";
    case errc::would_deadlock: return "would_deadlock";
  }
  if (e == std::errc::permission_denied || e == std::errc::operation_not_permitted) return "permission_denied";
  if (e == std::errc::address_in_use) return "address_in_use";
  if (e == std::errc::too_many_files_open) return "too_many_files_open";
  return e.message();
}

template <typename T>
std::string outcome_of(const result<T>& r) {
  return r ? "ok" : word_for(r.error());
}

}  // namespace transom::testing
