// SPDX-License-Identifier: MIT
//
// Makes GoogleTest print a Status by name.
#ifndef OPENHGCM_TESTS_LIB_PRINT_STATUS_H
#define OPENHGCM_TESTS_LIB_PRINT_STATUS_H

#include <hgcm/status.h>

#include <ostream>

namespace hgcm {

inline void PrintTo(Status status, std::ostream* stream) {  // NOLINT(readability-identifier-naming)
  *stream << status.to_string();
}

}  // namespace hgcm

#endif
