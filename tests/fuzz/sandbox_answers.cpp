// SPDX-License-Identifier: MIT
//
// What a sandboxed process may send as the results of a call, taken into parameters of all types.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "sandbox/parameters.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hgcm::sandbox;
  std::vector<std::byte> small(1);
  std::vector<std::byte> large(70);
  std::array<hgcm_svc_parm, 6> parameters{};
  parameters[0].type = HGCM_SVC_PARM_32BIT;
  parameters[1].type = HGCM_SVC_PARM_PTR;
  parameters[1].u.ptr = {static_cast<std::uint32_t>(small.size()), 0, small.data()};
  parameters[2].type = HGCM_SVC_PARM_64BIT;
  parameters[3].type = HGCM_SVC_PARM_PTR;
  parameters[3].u.ptr = {static_cast<std::uint32_t>(large.size()), 0, large.data()};
  parameters[4].type = HGCM_SVC_PARM_PAGES;
  parameters[5].type = HGCM_SVC_PARM_PTR;  // no memory
  const auto given = parameters;
  Reader from(std::as_bytes(std::span(data, size)));
  if (take_results(from, given, parameters.data()) &&
      (parameters[1].u.ptr.addr != small.data() || parameters[3].u.ptr.addr != large.data())) {
    std::abort();
  }
  return 0;
}
