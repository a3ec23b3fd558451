// transom/os/fifo.hpp - the named pipe: a pipe that unrelated processes find by path.
//
// Invariants
//   I1  No call hangs in open(2): every open is O_NONBLOCK, and the wait for the other side is ours, with a deadline.
//   I2  Nothing but a FIFO is ever opened: the kind is checked before, on the inode itself, and symbolic links are
//       not followed at the end of the path. Devices are not disturbed, strangers' files not written to.
//
// Death: as for a pipe, with one thing more: the FIFO and what is in it stay while anybody has it open, so the next
// reader may find the second half of what the last one left. The name outlives everybody.
#pragma once
#include <string>

#include "transom/os/pipe.hpp"

namespace transom::os {

/// The calls of fifo(7). The ends are those of pipe.hpp: non-blocking, close-on-exec.
struct fifo {
  /// Makes a FIFO with permissions `mode`, whatever the umask. False: there is one already, which is left as it is.
  /// Fails with EEXIST if something else has the name; the detail says what. mkfifo(3).
  static result<bool> create(const std::string& path, unsigned mode = 0600);
  /// Removes the name; those who have the FIFO open keep it. Fails with EINVAL if it is not a FIFO.
  static result<void> remove(const std::string& path);

  /// Opens the reading end, with or without writers. While there is no such path it waits, as patient as `how`:
  /// with patience::none() ENOENT, otherwise timed_out or canceled. Fails with EINVAL if it is not a FIFO; the detail
  /// says what it is. A reader that no writer has joined yet reads 0; await_writer() tells the two apart.
  static result<pipe_reader> open_reader(const std::string& path, const patience& how = patience::none());
  /// Opens the writing end. While nobody reads (ENXIO) or there is no such path it waits, as patient as `how`:
  /// timed_out or canceled; with patience::none() would_block if nobody reads and ENOENT if there is no such path.
  /// It looks at most 1 ms apart.
  static result<pipe_writer> open_writer(const std::string& path, const patience& how = {});

  /// Waits until a writer has the FIFO open, or has been there since `reader` was opened, or bytes are waiting. Takes
  /// nothing out. timed_out, would_block or canceled as `how` says; it looks at most 1 ms apart.
  static result<void> await_writer(const pipe_reader& reader, const patience& how = {});
  /// Another reading end of the same FIFO, whatever has become of its name. This is how to wait for the next writer
  /// after the last one left: the old end reports hang-up until one comes, the new one does not. Open it before the
  /// old one is closed, so that no writer finds itself without readers. Needs /proc.
  static result<pipe_reader> reopen_reader(const pipe_reader& reader);
};

}  // namespace transom::os
