// tests/soak/named_soak.hpp - the same proof through the public API: shm:, posix-shm: and sysv-shm: with keep, programs
// that are started and killed, joining, leaving, adoption and removal.
//
// A round: a consumer and three producers on one kept name; now and then one of them is killed, or leaves by itself,
// and is replaced at once. It ends with the death of all at a random moment; the next open must work at once, finds
// what is left and leaves in good order. Once all rounds are over the name is opened without keep and closed: then
// nothing may be left of it, neither in TRANSOM_DIR nor in the system.
//
// Rules, beside those of lane_soak.cpp that are meant alike (R2, R6 to R8). Notes by incarnation of a producer:
// `sent` after send() returned, `passed` after a message was received or shown for the first time.
//
//   N1  A message that is not marked as redelivered is exactly sequence `passed` of its incarnation. Below: doubled.
//       Above: lost; but one message that a dead consumer had copied out and not noted may miss ("acknowledged without
//       a note"): one per killed consumer that used recv(), in the same round. recv_view() has no such excuse.
//   N2  A marked one was shown to a dead consumer, and its acknowledgement had not been noted (or it is sequence
//       `passed`: shown, and then killed before the note). Else doubled. Those whose acknowledgement had not begun must
//       come, before anything unmarked of their incarnation. Else lost.
//   N3  Once all are dead and the successor finds nothing more: sent <= passed <= sent + 1 for each incarnation.
#pragma once
#include <cstdint>
#include <vector>

#include "tests/soak/soak_report.hpp"

namespace transom::soak {

/// What main() calls first: plays the role if this process has one, and then never returns.
void play_the_named_role_if_told();
/// Over each scheme in turn, `seconds` in all, or until `kills` for each if that is not 0.
std::vector<soak_row> soak_names(std::uint64_t seed, double seconds, std::uint64_t kills);
/// The control: consumers that give each view up when they are shown it.
soak_control soak_names_without_holds(std::uint64_t seed);

}  // namespace transom::soak
