// transom/transport/reconnecting_sender.hpp - a sender that looks for the next owner of its name once its own has gone:
// `reconnect` for the mechanisms whose ends stand and fall with one owner. Private to the library.
#pragma once
#include <memory>

#include "transom/transport/transport.hpp"

namespace transom::transport {

/// Opens one sender of the name, waiting at most how.connect_timeout.
using sender_opener = result<std::unique_ptr<sending_end>> (*)(const url& where, const options& how,
                                                               const terms& agreed);

/// The sender that `open` opens. With how.reconnect the end of the owner is told once, as closed or peer_died; the next
/// call finds the next owner within its own time and connect_timeout, or fails with no_peer and leaves that to the one
/// after it. What the old owner accepted and did not receive is lost.
result<std::unique_ptr<sending_end>> open_reconnecting(sender_opener open, const url& where, const options& how,
                                                       const terms& agreed);

}  // namespace transom::transport
