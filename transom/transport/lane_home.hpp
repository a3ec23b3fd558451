// transom/transport/lane_home.hpp - where the lanes of a named channel lie, and this process's membership there.
// Private to the library.
//
// shm: has the lanes in the record's own file. posix-shm: and sysv-shm: have them in the segment that the name means,
// and the record beside it; who owns the record arranges the segment under the lock of the name.
#pragma once
#include <optional>
#include <string>

#include "transom/meter/record.hpp"
#include "transom/shm/lane_body.hpp"
#include "transom/shm/memory_policy.hpp"
#include "transom/shm/storage.hpp"
#include "transom/transport/fifo_bell.hpp"
#include "transom/transport/lane_plan.hpp"

namespace transom::transport {

struct lane_home {
  url where;
  options how;
  terms agreed;
  shm::memory_policy policy;
  meter::record membership;
  std::optional<shm::storage> storage;  ///< none: the record's body
  shm::lane_body body;
  std::size_t max_message = 0;
  bool adopted = false;           ///< a leftover or a kept one goes on
  bool removable = false;         ///< the storage, by an owner who leaves for good
  meter::name_guard arranging{};  ///< owner: nobody else comes until this goes

  std::string bell_path() const { return membership.file() + ".bell"; }
  std::string bell_path(unsigned row) const { return membership.file() + "." + std::to_string(row) + ".bell"; }
  /// Makes the memory of a row's lane truly there, and treats it as the policy says.
  result<void> allocate_lane(unsigned row) const;
  /// Owner: ends the membership in good order, and the channel unless it is kept.
  void leave() noexcept;
};

/// Becomes the receiver of `where`. Fails as meter::record::own and shm::storage do; with no_space_on_device when the
/// control block and the first lane do not fit.
result<lane_home> own_lanes(const url& where, const options& how, const terms& agreed, feature_set features);
/// Becomes a sender: waits at most how.connect_timeout for the receiver.
result<lane_home> join_lanes(const url& where, const options& how, const terms& agreed);

}  // namespace transom::transport
