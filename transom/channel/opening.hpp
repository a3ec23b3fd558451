// transom/channel/opening.hpp - from a URL and options to the two kinds of end: what is the same for every T.
//
// Order of refusal: a bad URL, then a type that the framing cannot carry, then features that the scheme cannot have.
// All of that happens before anything is created. What only the opened end can tell is checked last; then the end is
// closed again.
#pragma once
#include <memory>
#include <string_view>

#include "transom/transport/transport.hpp"

namespace transom::detail {

/// What a channel must know about T before it knows T's values.
struct cargo {
  transport::terms native;    ///< between processes of one host
  transport::terms portable;  ///< across hosts, and on framing=length
  bool text = false;          ///< std::string
  bool raw = false;           ///< std::string or bytes: the value is the wire format
};

/// An end, and the options it was opened with: those of the code with the URL's keys laid over them.
template <typename End>
struct opened {
  std::unique_ptr<End> end;
  options how;
  bool portable = false;  ///< plain types travel as MessagePack
};
using opened_sender = opened<transport::sending_end>;
using opened_receiver = opened<transport::receiving_end>;
struct opened_pair {
  opened_sender tx;
  opened_receiver rx;
};

/// What code that has these options requires: `require`, and everything that keeps messages from being lost unless a
/// drop_ policy says that loss is all right.
feature_set required_features(const options& in_code) noexcept;

/// Fail with bad_url, unsupported, type_mismatch, no_peer and errors of the system.
result<opened_sender> open_sending(std::string_view url, const options& in_code, const cargo& what);
result<opened_receiver> open_receiving(std::string_view url, const options& in_code, const cargo& what);
/// Both ends: of an anonymous channel, or of a named one that this process owns and attaches to.
result<opened_pair> open_both(std::string_view url, const options& in_code, const cargo& what);

/// Takes an end of an anonymous channel apart for a journey. unsupported if it has a name: then the URL travels.
result<transport::handover> give_anonymous(transport::end& end, const place& where);

/// Does this end carry plain types as MessagePack?
bool is_portable(const transport::end& end, const options& how) noexcept;

}  // namespace transom::detail
