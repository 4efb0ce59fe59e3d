// SPDX-License-Identifier: MIT
//
// See parameters.h.
#include "sandbox/parameters.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace hgcm::sandbox {
namespace {

constexpr std::uint32_t kPage = 4096;
/// Services may look at as many before they check the count.
constexpr std::size_t kMinElements = 6;
constexpr std::uint32_t kMaxElements = 1024;

/// Without the zeros at its end.
std::span<const std::byte> trimmed(const void* buffer, std::size_t size) {
  const auto* const bytes = static_cast<const std::byte*>(buffer);
  // Eight at a time: most of a buffer that the service shall fill is zero.
  std::uint64_t word = 0;
  while (size >= sizeof word) {
    std::memcpy(&word, bytes + size - sizeof word, sizeof word);
    if (word != 0) break;
    size -= sizeof word;
  }
  while (size > 0 && bytes[size - 1] == std::byte{0}) --size;
  return {bytes, size};
}

/// In place of a size: there is no memory, whatever the parameter says.
constexpr std::uint32_t kNoBuffer = UINT32_MAX;

void put_buffer(Writer& to, const void* buffer, std::uint32_t size) {
  if (buffer == nullptr) {
    to.put(kNoBuffer);
    return;
  }
  const auto contents = trimmed(buffer, size);
  to.put(static_cast<std::uint32_t>(contents.size())).bytes(contents);
}

bool put_pages(Writer& to, const hgcm_svc_parm& parameter, const Locate& locate) {
  std::vector<Place> places;
  std::uint32_t left = parameter.u.pages.size;
  for (std::uint32_t i = 0; i < parameter.u.pages.count && left > 0; ++i) {
    const void* const page = parameter.u.pages.pages[i];
    const auto within = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(page) % kPage);
    const std::uint32_t part = std::min(left, kPage - within);
    const auto place = locate(page, part);
    if (!place) return false;
    if (!places.empty() && places.back().region == place->region &&
        places.back().offset + places.back().bytes == place->offset) {
      places.back().bytes += part;
    } else {
      places.push_back(*place);
    }
    left -= part;
  }
  if (left > 0) return false;
  to.put(parameter.u.pages.size).put(static_cast<std::uint32_t>(places.size()));
  to.bytes(std::as_bytes(std::span(places)));
  return true;
}

}  // namespace

void Parameters::Free::operator()(std::byte* memory) const noexcept {
  std::free(memory);
}

bool put_parameters(Writer& to, std::span<const hgcm_svc_parm> parameters, const Locate& locate) {
  to.put(static_cast<std::uint32_t>(parameters.size()));
  for (const hgcm_svc_parm& parameter : parameters) {
    to.put(parameter.type);
    switch (parameter.type) {
      case HGCM_SVC_PARM_32BIT:
        to.put(parameter.u.u32);
        break;
      case HGCM_SVC_PARM_64BIT:
        to.put(parameter.u.u64);
        break;
      case HGCM_SVC_PARM_PTR:
        to.put(parameter.u.ptr.size);
        put_buffer(to, parameter.u.ptr.addr, parameter.u.ptr.size);
        break;
      case HGCM_SVC_PARM_PAGES:
        if (!put_pages(to, parameter, locate)) return false;
        break;
      default:  // nothing in it
        break;
    }
  }
  return true;
}

std::optional<Parameters> Parameters::read(Reader& from, const Resolve& resolve) {
  Parameters result;
  result.count_ = from.get<std::uint32_t>();
  if (!from.good() || result.count_ > kMaxElements) return std::nullopt;
  result.array_.resize(std::max<std::size_t>(result.count_, kMinElements));
  for (std::uint32_t i = 0; i < result.count_; ++i) {
    hgcm_svc_parm& parameter = result.array_[i];
    parameter.type = from.get<std::uint32_t>();
    if (parameter.type == HGCM_SVC_PARM_32BIT) {
      parameter.u.u32 = from.get<std::uint32_t>();
    } else if (parameter.type == HGCM_SVC_PARM_64BIT) {
      parameter.u.u64 = from.get<std::uint64_t>();
    } else if (parameter.type == HGCM_SVC_PARM_PTR) {
      const auto size = from.get<std::uint32_t>();
      const auto given = from.get<std::uint32_t>();
      const auto contents = from.bytes(given == kNoBuffer ? 0 : given);
      if (!from.good() || size > kMaxMessage || contents.size() > size) return std::nullopt;
      parameter.u.ptr.size = size;
      if (size > 0 && given != kNoBuffer) {
        auto* const buffer = static_cast<std::byte*>(std::calloc(size, 1));
        if (buffer == nullptr) return std::nullopt;
        result.buffers_.emplace_back(buffer);
        std::ranges::copy(contents, buffer);
        parameter.u.ptr.addr = buffer;
      }
    } else if (parameter.type == HGCM_SVC_PARM_PAGES) {
      parameter.u.pages.size = from.get<std::uint32_t>();
      const auto count = from.get<std::uint32_t>();
      std::vector<void*> pages;
      for (std::uint32_t n = 0; n < count && from.good(); ++n) {
        const auto place = from.get<Place>();
        std::byte* address = from.good() ? resolve(place) : nullptr;
        if (address == nullptr) return std::nullopt;
        for (std::uint32_t left = place.bytes; left > 0;) {
          const auto within =
              static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(address) % kPage);
          const std::uint32_t part = std::min(left, kPage - within);
          pages.push_back(address);
          address += part;
          left -= part;
        }
      }
      if (pages.size() > UINT16_MAX) return std::nullopt;
      parameter.u.pages.count = static_cast<std::uint16_t>(pages.size());
      auto list = std::make_unique<void*[]>(std::max<std::size_t>(pages.size(), 1));
      std::ranges::copy(pages, list.get());
      parameter.u.pages.pages = list.get();
      result.lists_.push_back(std::move(list));
    }
  }
  if (!from.good()) return std::nullopt;
  result.given_ = result.array_;
  return result;
}

void Parameters::put_results(Writer& to) const {
  for (std::uint32_t i = 0; i < count_; ++i) {
    const hgcm_svc_parm& given = given_[i];
    const hgcm_svc_parm& now = array_[i];
    switch (given.type) {
      case HGCM_SVC_PARM_32BIT:
        to.put(now.u.u32);
        break;
      case HGCM_SVC_PARM_64BIT:
        to.put(now.u.u64);
        break;
      case HGCM_SVC_PARM_PTR:
        to.put(now.u.ptr.size);
        put_buffer(to, given.u.ptr.addr, std::min(now.u.ptr.size, given.u.ptr.size));
        break;
      case HGCM_SVC_PARM_PAGES:
        to.put(now.u.pages.size);
        break;
      default:
        break;
    }
  }
}

bool take_results(Reader& from, std::span<const hgcm_svc_parm> given, hgcm_svc_parm* parameters) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    hgcm_svc_parm& parameter = parameters[i];
    switch (given[i].type) {
      case HGCM_SVC_PARM_32BIT:
        parameter.u.u32 = from.get<std::uint32_t>();
        break;
      case HGCM_SVC_PARM_64BIT:
        parameter.u.u64 = from.get<std::uint64_t>();
        break;
      case HGCM_SVC_PARM_PTR: {
        const auto size = from.get<std::uint32_t>();
        const std::size_t room = std::min(size, given[i].u.ptr.size);
        const auto filled = from.get<std::uint32_t>();
        const auto contents = from.bytes(filled == kNoBuffer ? 0 : filled);
        if (!from.good() || contents.size() > room) return false;
        parameter.u.ptr.size = size;
        auto* const buffer = static_cast<std::byte*>(given[i].u.ptr.addr);
        if (buffer != nullptr && filled != kNoBuffer) {
          std::ranges::copy(contents, buffer);
          std::fill(buffer + contents.size(), buffer + room, std::byte{0});
        }
        break;
      }
      case HGCM_SVC_PARM_PAGES:
        parameter.u.pages.size = from.get<std::uint32_t>();
        break;
      default:
        break;
    }
  }
  return from.good();
}

}  // namespace hgcm::sandbox
