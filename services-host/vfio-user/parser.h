// SPDX-License-Identifier: MIT
//
// The parser of client messages: turns header, payload and descriptors into one private structure
// that is valid in itself and against the device's layout, or into a refusal. It changes nothing.
#ifndef HGCM_VFIO_USER_PARSER_H
#define HGCM_VFIO_USER_PARSER_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>

#include "vfio-user/dma_memory.h"
#include "vfio-user/layout.h"
#include "vfio-user/unique_fd.h"
#include "vfio-user/wire.h"

namespace hgcm::vfio_user {

/// What a client said of itself; the protocol's defaults where it said nothing.
struct ClientCapabilities {
  std::uint64_t max_data_bytes = kMaxDataBytes;
  std::uint64_t max_fds = 1;
  bool write_multiple = false;
  bool twin_socket = false;
};

struct VersionCommand {
  std::uint16_t minor = 0;
  ClientCapabilities client;
};
struct DmaMapCommand {
  DmaRegion region;
  UniqueFd fd;
};
struct DmaUnmapCommand {
  wire::DmaUnmap message;
  bool all = false;
};
struct DeviceInfoCommand {};
struct RegionInfoCommand {
  std::uint32_t argsz = 0;
  std::uint32_t index = 0;
};
struct IrqInfoCommand {
  std::uint32_t index = 0;
};
enum class IrqAction : std::uint8_t {
  kBindTrigger,  ///< an empty descriptor unbinds
  kBindUnmask,
  kTrigger,
  kMask,
  kUnmask,
  kNothing  ///< a BOOL list that leaves every interrupt out
};
struct SetIrqsCommand {
  std::uint32_t index = 0;  ///< VFIO_PCI_INTX_IRQ_INDEX or VFIO_PCI_MSI_IRQ_INDEX
  IrqAction action = IrqAction::kNothing;
  UniqueFd fd;
};
struct RegionReadCommand {
  wire::RegionAccess access;
};
struct RegionWriteCommand {
  wire::RegionAccess access;
  std::span<const std::byte> data;
};
struct RegionWriteMultiCommand {
  /// `count` structures of wire::MultiWrite, each checked, not aligned.
  std::span<const std::byte> writes;
  std::uint64_t count = 0;
};
struct ResetCommand {};

using ParsedCommand =
    std::variant<VersionCommand, DmaMapCommand, DmaUnmapCommand, DeviceInfoCommand,
                 RegionInfoCommand, IrqInfoCommand, SetIrqsCommand, RegionReadCommand,
                 RegionWriteCommand, RegionWriteMultiCommand, ResetCommand>;

struct Refusal {
  int error = 0;       ///< errno value for the reply
  const char* reason;  ///< for the log, static
};

struct ParserState {
  bool version_known = false;
  bool write_multiple = false;
};

/// `payload` is what follows the header and must stay in place while the result is in use; spans of
/// the result point into it. Descriptors that the command uses are moved out of `fds`.
[[nodiscard]] tl::expected<ParsedCommand, Refusal> parse(const Layout& layout, ParserState state,
                                                         const wire::Header& header,
                                                         std::span<const std::byte> payload,
                                                         FdList& fds) noexcept;

}  // namespace hgcm::vfio_user

#endif
