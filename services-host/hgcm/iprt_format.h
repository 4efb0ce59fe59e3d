// SPDX-License-Identifier: MIT
//
// printf for text from services: the C directives and the part of VirtualBox's dialect that the
// helpers' callers use (%RU32, %RX64, %RTbool, %Rrc, ...). A directive it does not know ends the
// reading of arguments, since their size is unknown then: the rest of the format is copied as it
// is. %n never writes.
#ifndef HGCM_HOST_IPRT_FORMAT_H
#define HGCM_HOST_IPRT_FORMAT_H

#include <cstdarg>
#include <cstddef>
#include <string>

namespace hgcm::host {

/// At most `max_size` bytes of text. `format` may be null.
std::string format_iprt(const char* format, std::va_list arguments, std::size_t max_size);

}  // namespace hgcm::host

#endif
