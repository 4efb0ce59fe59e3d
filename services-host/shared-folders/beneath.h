// SPDX-License-Identifier: MIT
//
// Access to what lies below a directory, and to nothing else: every path is resolved by the kernel
// from that directory's descriptor, beneath it and without magic links, and what is then done to
// the object is done by descriptor, or by its parent's descriptor and the last name. So it does not
// matter what anybody renames or links meanwhile. Special files are never opened: an object is
// reached by O_PATH, looked at, and that same object is opened.
#ifndef HGCM_SHARED_FOLDERS_BENEATH_H
#define HGCM_SHARED_FOLDERS_BENEATH_H

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "shared-folders/descriptor.h"

struct statx;

namespace hgcm::shfl {

/// Whether the host follows links that lead on below the same directory. Any other link is an
/// error: ELOOP when none is followed, EACCES when it leads out.
enum class Links : bool { kRefuse, kFollow };

/// Paths are relative, without "..", as to_relative_path() makes them; empty is the root itself.

/// Opens with `flags` (O_CLOEXEC is added). With O_NOFOLLOW a last link is not followed, whatever
/// `links` says. Not for files that may be special: see open_object().
[[nodiscard]] Sys<Descriptor> open_beneath(int root, std::string_view path, int flags,
                                           unsigned mode, Links links);

/// The directory that holds an object, and the object's name there.
class Place {
 public:
  [[nodiscard]] static Sys<Place> find(int root, std::string_view path, Links links);

  [[nodiscard]] int directory() const noexcept { return owned_ ? owned_.get() : borrowed_; }
  [[nodiscard]] const char* name() const noexcept { return name_.c_str(); }
  /// The path was that of the root, which is in no directory we know.
  [[nodiscard]] bool is_root() const noexcept { return name_.empty(); }

 private:
  Descriptor owned_;
  int borrowed_ = -1;
  std::string name_;
};

/// What is known of an object. All of STATX_BASIC_STATS and the birth time, where there is one.
[[nodiscard]] Sys<struct statx> status_of(int fd);
/// The same from what the host remembers, asking no server.
[[nodiscard]] Sys<struct statx> remembered_status_of(int fd);
/// Of an entry of a directory; a link is not followed. May be a little out of date on network file
/// systems.
[[nodiscard]] Sys<struct statx> status_of_entry(int directory, const char* name);

/// Opens the object that an O_PATH descriptor stands for. ENXIO unless it is a regular file.
/// Whatever happens to its name: that object, or an error. With O_NONBLOCK, EAGAIN when somebody
/// holds a lease on it, who must give that up first.
[[nodiscard]] Sys<Descriptor> open_object(int path_fd, int flags);

/// A name for the object of a descriptor, for calls that take none; in /proc, valid while the
/// descriptor is open.
class ProcPath {
 public:
  explicit ProcPath(int fd) noexcept;
  [[nodiscard]] static int directory() noexcept;
  [[nodiscard]] const char* name() const noexcept { return name_; }

 private:
  char name_[12];
};

}  // namespace hgcm::shfl

#endif
