// SPDX-License-Identifier: MIT
//
// What a command line of mount.vboxsf asks for: VirtualBox's own syntax, and what mount(8) passes
// to a helper. Parsing only; nothing here touches the system but the user database.
#ifndef OPENHGCM_USERLAND_MOUNT_VBOXSF_REQUEST_H
#define OPENHGCM_USERLAND_MOUNT_VBOXSF_REQUEST_H

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hgcm::mount {

/// A mount to be made.
struct Request {
  std::string share;
  std::string directory;
  bool help = false;
  bool verbose = false;
  bool fake = false;    ///< check only
  bool sloppy = false;  ///< leave out what is not known
  bool read_only = false;
  bool remount = false;
  /// Flags of the mount itself, MS_*; MS_NODEV unless "dev" is given.
  unsigned long flags = 0;
  /// Options of the file system, in order; those without a value have an empty one.
  std::vector<std::pair<std::string, std::string>> options;
  /// Character set the share's name is given in; empty: UTF-8.
  std::string convert_from;
};

/// Why a command line is refused, for the person who typed it.
struct Refusal {
  std::string message;
};

/// Parses the arguments behind the program's name. Nothing: `refusal` says why.
[[nodiscard]] std::optional<Request> parse(const std::vector<std::string>& arguments,
                                           Refusal& refusal);

/// The options as one string, as mount(2) takes them.
[[nodiscard]] std::string joined(const std::vector<std::pair<std::string, std::string>>& options);

/// The options that the kernel's own vboxsf knows: others are left out or said in its words.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> for_stock(
    const std::vector<std::pair<std::string, std::string>>& options);

}  // namespace hgcm::mount

#endif
