// SPDX-License-Identifier: MIT
//
// hgcmctl: looks at the guest driver and the host, and calls any function of any service.
#ifndef OPENHGCM_USERLAND_HGCMCTL_HGCMCTL_H
#define OPENHGCM_USERLAND_HGCMCTL_HGCMCTL_H

#include "common/tool.h"

#include <hgcm/parameter.h>

#include <string>
#include <string_view>
#include <vector>

namespace hgcm::tool {

int hgcmctl(const std::vector<std::string>& arguments, Environment& environment);

/// One parameter from the command line, with the memory behind it. The parameter's buffer refers to
/// `storage`: the object must stay where it is.
struct TypedArgument {
  std::string type;  ///< as it was written: "u32", "out" ...
  std::vector<std::byte> storage;
  Parameter parameter;
};

/// Parses u32:N, u64:N, in:TEXT, hex:BYTES, file:PATH, out:SIZE, io:TEXT, iohex:BYTES. Empty
/// result: success; else what is wrong, for a person.
[[nodiscard]] std::string parse_argument(std::string_view text, TypedArgument& argument);

/// Sixteen bytes a line: offset, hexadecimal, printable ASCII.
[[nodiscard]] std::string hex_dump(std::span<const std::byte> bytes, std::string_view indent);

}  // namespace hgcm::tool

#endif
