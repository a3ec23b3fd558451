// transom/transport/fifo.hpp - fifo: a named pipe from any number of senders to one receiver. Private to the library.
//
// Native framing. Every write is at most PIPE_BUF bytes and holds whole frames, so that writers never interleave
// within one and a killed writer leaves none half. A larger message goes in pieces (queue_pieces.hpp), which the
// receiver puts together per sender; what a sender left half is dropped and counted. With senders=1 many pieces go in
// one write, each of exactly one page: the kernel cuts such a write between pages only.
//
// Foreign framing. The bytes are the peer's business: a message beyond PIPE_BUF may interleave with another writer's.
//
// A FIFO that somebody else made is used and never removed. Where its owner died and another receiver has taken its
// place, senders of the old one go on unnoticed: their FIFO has a reader again.
#pragma once
#include <memory>

#include "transom/transport/transport.hpp"

namespace transom::transport {

inline constexpr feature_set fifo_features =
    boundaries | reliable | ordered | backpressure | sees_close | sees_death | many_senders;

/// Owns the name, makes the FIFO unless there is one, and reads. Fails with address_in_use, type_mismatch, file_exists
/// (the path is something else; the detail says what), unsupported.
result<std::unique_ptr<receiving_end>> open_fifo_receiver(const url& where, const options& how, const terms& agreed);
/// Waits at most how.connect_timeout for a FIFO that somebody reads; never for the reader's code. Fails with no_peer,
/// type_mismatch, invalid_argument (the path is something else), permission_denied, unsupported.
result<std::unique_ptr<sending_end>> open_fifo_sender(const url& where, const options& how, const terms& agreed);

}  // namespace transom::transport
