// transom/transport/shared_opening.hpp - finding the one kernel object that all senders of a channel share: a FIFO, a
// bound datagram socket. Private.
#pragma once
#include <functional>
#include <optional>

#include "transom/meter/record.hpp"
#include "transom/transport/transport.hpp"

namespace transom::transport {

/// What a sender has of a shared object.
struct shared_link {
  fd descriptor;
  std::optional<meter::record> membership = {};  ///< none: the owner's record is not ours to read, or there is none
  std::uint32_t id = 0;                          ///< names the sender in its frames: of its record, or a guest's
};

/// The sizes and features that both ends of such a channel have by their options alone.
struct shared_plan {
  std::size_t max_message = 0;
  feature_set features;
};
/// Fails with unsupported for what no such channel can do, message_too_large. `packets`: the kernel keeps boundaries.
result<shared_plan> plan_shared(const url& where, const options& how, const terms& agreed, feature_set features,
                                bool packets);

/// Finds the object with `open` and joins the record of its owner, waiting as `how` allows. A sender joins only once
/// there is an object, and opens that again afterwards: then it belongs to the owner whose record was joined. Fails
/// with no_peer, type_mismatch, canceled, address_in_use (senders=1 was promised), and whatever `open` says that
/// waiting does not cure.
result<shared_link> attach_shared(const url& where, const options& asked, const terms& agreed,
                                  const std::function<result<fd>()>& open, const patience& how);

/// Adds to `chosen` what became known of the owner: its largest message, and whether its end will be seen. Fails with
/// unsupported if that is less than `how` requires.
result<void> adjust_to_owner(shared_plan& chosen, const shared_link& link, const options& how, const terms& agreed,
                             const url& where);

/// A name for a sender without a record; no record ever gives it, and nobody else is likely to draw it.
std::uint32_t guest_id() noexcept;

}  // namespace transom::transport
