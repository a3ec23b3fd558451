// transom/transport/naming.hpp - taking a name, and finding who has it: what the named transports do alike.
// Private.
#pragma once
#include <optional>

#include "transom/meter/record.hpp"
#include "transom/transport/transport.hpp"

namespace transom::transport {

/// Becomes owner of the name of `where`; see meter::record::own. The name stays locked while the result's guard lives.
result<meter::record::ownership> own_name(const url& where, const options& how, const terms& agreed, bool many_owners);

/// Joins the record of `where` as a sender. Nothing, if there is none that we may read: the owner is another user's,
/// in another container, or no program of ours. Fails with type_mismatch, and owner_died for a leftover.
result<std::optional<meter::record>> join_name(const url& where, const terms& agreed);

/// `where`, whose address is the file of a System V key, with that file's real path: the same object has the same
/// record however its path is spelled, and /proc/self/exe another one in each program. Fails if there is no such file.
result<url> with_real_path(const url& where);
/// The key `id` of such a URL; 0: none.
int key_id_of(const url& where) noexcept;
/// Is this failure one that a name which is about to appear would cure?
bool may_appear_yet(const error& e) noexcept;

/// Sleeps a little before the next look for a name. no_peer with the last failure's words once `how` is over;
/// canceled if it was stopped.
result<void> look_again_soon(const url& where, const error& last, const patience& how);

}  // namespace transom::transport
