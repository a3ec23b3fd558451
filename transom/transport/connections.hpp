// transom/transport/connections.hpp - opening unix:, unix+stream:, tcp:, pipe: and fd: channels: who listens, who
// connects, and which features their connections have. Private.
#pragma once
#include <memory>

#include "transom/transport/transport.hpp"

namespace transom::transport {

inline constexpr feature_set stream_features = boundaries | reliable | ordered | backpressure | sees_close;
inline constexpr feature_set pipe_features = stream_features | sees_death;
inline constexpr feature_set unix_features = stream_features | sees_death | fd_passing | many_senders;
inline constexpr feature_set tcp_features = stream_features | sees_death | many_senders | crosses_hosts;

result<std::unique_ptr<receiving_end>> open_unix_receiver(const url& where, const options& how, const terms& agreed);
result<std::unique_ptr<sending_end>> open_unix_sender(const url& where, const options& how, const terms& agreed);
result<std::unique_ptr<receiving_end>> open_tcp_receiver(const url& where, const options& how, const terms& agreed);
result<std::unique_ptr<sending_end>> open_tcp_sender(const url& where, const options& how, const terms& agreed);
result<std::unique_ptr<receiving_end>> open_descriptor_receiver(const url& where, const options& how,
                                                                const terms& agreed);
result<std::unique_ptr<sending_end>> open_descriptor_sender(const url& where, const options& how, const terms& agreed);
result<ends> open_unix_pair(const url& where, const options& how, const terms& agreed);
result<ends> open_pipe_pair(const url& where, const options& how, const terms& agreed);
result<std::unique_ptr<receiving_end>> adopt_connection_receiver(const url& where, handover packed, const options& how,
                                                                 const terms& agreed);
result<std::unique_ptr<sending_end>> adopt_connection_sender(const url& where, handover packed, const options& how,
                                                             const terms& agreed);

/// max_message as asked for, or the default of 64 KiB, never less than a plain value needs. Fails above 1 GiB.
result<std::size_t> chosen_max_message(const options& how, const terms& agreed, const url& where);

}  // namespace transom::transport
