// SPDX-License-Identifier: MIT
//
// Parameters of a call, typed and checked. A service declares what it wants as the types of its
// handler's arguments; these are the types, and Parameter is the checked access below them. The
// rules are those of VirtualBox's services (docs/protocol.md, "Service parameters"). Everything
// here only points into memory of the host, which stays valid until the call is complete (for a
// host call: until the handler returns).
#ifndef HGCM_SERVICE_PARAMETERS_HPP
#define HGCM_SERVICE_PARAMETERS_HPP

#include <hgcm/service_abi.h>
#include <hgcm/status.h>
#include <hgcm/service/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace hgcm::service {

/// A pointer parameter that is written to; never empty. Its size may be changed: what a guest sees
/// of that depends on how it passed the buffer, so protocols return needed sizes separately.
class Buffer {
 public:
  explicit Buffer(hgcm_svc_parm& parm) noexcept
      : parm_(&parm),
        bytes_(static_cast<std::byte*>(parm.u.ptr.addr),
               parm.u.ptr.addr != nullptr ? parm.u.ptr.size : 0) {}

  /// The whole buffer as the caller gave it, also after resize().
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

  /// How much of the buffer the caller shall see as filled, or would need.
  void resize(std::uint32_t size) noexcept { parm_->u.ptr.size = size; }

  /// Copies `data` to the start and sets the size to match. False, and nothing is copied, if it
  /// does not fit; the size is then what is needed.
  bool assign(std::span<const std::byte> data) noexcept {
    resize(static_cast<std::uint32_t>(
        std::min<std::size_t>(data.size(), std::numeric_limits<std::uint32_t>::max())));
    if (data.size() > bytes_.size()) {
      return false;
    }
    std::ranges::copy(data, bytes_.begin());
    return true;
  }
  /// The same with a string and its NUL.
  bool assign(std::string_view text) noexcept {
    resize(static_cast<std::uint32_t>(
        std::min<std::size_t>(text.size() + 1, std::numeric_limits<std::uint32_t>::max())));
    if (text.size() >= bytes_.size()) {
      return false;
    }
    const auto data = std::as_bytes(std::span(text));
    *std::ranges::copy(data, bytes_.begin()).out = std::byte{0};
    return true;
  }

 private:
  hgcm_svc_parm* parm_;
  std::span<std::byte> bytes_;
};

/// Like Buffer, but may be empty.
class AnyBuffer : public Buffer {
 public:
  using Buffer::Buffer;
};

/// Memory that may lie scattered over guest pages: a pages parameter, or a plain pointer seen the
/// same way. The guest can change the contents of pages at any time: copy out once, then look.
class Pages {
 public:
  static constexpr std::size_t kPageSize = 4096;

  explicit Pages(hgcm_svc_parm& parm) noexcept : parm_(&parm) {
    if (parm.type == HGCM_SVC_PARM_PAGES) {
      size_ = parm.u.pages.size;
      pages_ = std::span(parm.u.pages.pages, parm.u.pages.count);
    } else {
      flat_ = static_cast<std::byte*>(parm.u.ptr.addr);
      size_ = flat_ != nullptr ? parm.u.ptr.size : 0;
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Calls `visit(std::span<std::byte>)` for every contiguous piece of [offset, offset + size), cut
  /// to what there is; pieces do not join adjacent pages.
  template <typename Visitor>
  void for_each(std::size_t offset, std::size_t size, Visitor visit) const {
    offset = std::min(offset, size_);
    size = std::min(size, size_ - offset);
    if (flat_ != nullptr || size == 0) {
      if (size > 0) {
        visit(std::span(flat_ + offset, size));
      }
      return;
    }
    const std::size_t skew = offset_in_page(pages_.front());
    while (size > 0) {
      // Counted from the start of the first page, all pages are alike.
      const std::size_t position = skew + offset;
      const std::size_t page = position / kPageSize;
      const std::size_t in_page = position % kPageSize;
      const std::size_t length = std::min(size, kPageSize - in_page);
      auto* base = static_cast<std::byte*>(pages_[page]) - (page == 0 ? skew : 0);
      visit(std::span(base + in_page, length));
      offset += length;
      size -= length;
    }
  }

  /// Copies from the guest; returns how many bytes there were.
  std::size_t read(std::size_t offset, std::span<std::byte> to) const {
    std::size_t done = 0;
    for_each(offset, to.size(), [&](std::span<std::byte> piece) {
      std::memcpy(to.data() + done, piece.data(), piece.size());
      done += piece.size();
    });
    return done;
  }

  /// Copies to the guest; returns how many bytes had room.
  std::size_t write(std::size_t offset, std::span<const std::byte> from) const {
    std::size_t done = 0;
    for_each(offset, from.size(), [&](std::span<std::byte> piece) {
      std::memcpy(piece.data(), from.data() + done, piece.size());
      done += piece.size();
    });
    return done;
  }

  /// Sets the size that the caller is told.
  void resize(std::uint32_t size) noexcept {
    if (parm_->type == HGCM_SVC_PARM_PAGES) {
      parm_->u.pages.size = size;
    } else {
      parm_->u.ptr.size = size;
    }
  }

  [[nodiscard]] static std::size_t offset_in_page(const void* address) noexcept {
    return reinterpret_cast<std::uintptr_t>(address) % kPageSize;
  }

 private:
  hgcm_svc_parm* parm_;
  std::byte* flat_ = nullptr;
  std::span<void*> pages_;
  std::size_t size_ = 0;
};

/// Checked access to one parameter. Each member accepts exactly the parameter type it names, else
/// HGCM_ERR_INVALID_PARAMETER; there is no widening.
class Parameter {
 public:
  explicit Parameter(hgcm_svc_parm& parm) noexcept : parm_(&parm) {}

  [[nodiscard]] Result<std::uint32_t> u32() const noexcept {
    return parm_->type == HGCM_SVC_PARM_32BIT ? Result<std::uint32_t>(parm_->u.u32) : refused();
  }
  [[nodiscard]] Result<std::uint64_t> u64() const noexcept {
    return parm_->type == HGCM_SVC_PARM_64BIT ? Result<std::uint64_t>(parm_->u.u64) : refused();
  }
  /// A pointer of any size; one without an address is empty.
  [[nodiscard]] Result<AnyBuffer> any_buffer() const noexcept {
    return parm_->type == HGCM_SVC_PARM_PTR ? Result<AnyBuffer>(AnyBuffer(*parm_)) : refused();
  }
  /// A pointer to at least one byte.
  [[nodiscard]] Result<Buffer> buffer() const noexcept {
    if (parm_->type != HGCM_SVC_PARM_PTR || parm_->u.ptr.addr == nullptr ||
        parm_->u.ptr.size == 0) {
      return refused();
    }
    return Buffer(*parm_);
  }
  /// A buffer() that holds UTF-8 up to a NUL, which is not part of the result. No NUL:
  /// HGCM_ERR_BUFFER_OVERFLOW; other bytes: HGCM_ERR_INVALID_UTF8_ENCODING.
  [[nodiscard]] Result<std::string_view> string() const noexcept {
    const auto bytes = buffer();
    if (!bytes) {
      return failure(bytes.error());
    }
    const auto* text = reinterpret_cast<const char*>(bytes->bytes().data());
    const std::string_view all(text, bytes->size());
    const std::size_t length = all.find('\0');
    if (length == std::string_view::npos) {
      return failure(HGCM_ERR_BUFFER_OVERFLOW);
    }
    if (!is_valid_utf8(all.substr(0, length))) {
      return failure(HGCM_ERR_INVALID_UTF8_ENCODING);
    }
    return all.substr(0, length);
  }
  /// A pages parameter whose size and page count agree, or a pointer of any size.
  [[nodiscard]] Result<Pages> pages() const noexcept {
    if (parm_->type == HGCM_SVC_PARM_PTR) {
      return Pages(*parm_);
    }
    if (parm_->type != HGCM_SVC_PARM_PAGES) {
      return refused();
    }
    const auto& list = parm_->u.pages;
    if (list.size == 0) {
      return Pages(*parm_);
    }
    if (list.pages == nullptr || list.count == 0) {
      return refused();
    }
    for (std::size_t i = 0; i < list.count; ++i) {
      if (list.pages[i] == nullptr || (i > 0 && Pages::offset_in_page(list.pages[i]) != 0)) {
        return refused();
      }
    }
    const std::size_t room =
        std::size_t{list.count} * Pages::kPageSize - Pages::offset_in_page(list.pages[0]);
    return list.size <= room ? Result<Pages>(Pages(*parm_)) : refused();
  }

 private:
  [[nodiscard]] static tl::unexpected<Status> refused() noexcept {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  hgcm_svc_parm* parm_;
};

/// A number that is returned to the caller: std::uint32_t or std::uint64_t.
template <typename T>
class Out {
 public:
  explicit Out(hgcm_svc_parm& parm) noexcept : parm_(&parm) {}
  const Out& operator=(T value) const noexcept {
    if constexpr (sizeof(T) == 4) {
      parm_->u.u32 = value;
    } else {
      parm_->u.u64 = value;
    }
    return *this;
  }

 protected:
  hgcm_svc_parm* parm_;
};

/// A number that is taken from the caller and returned changed.
template <typename T>
class InOut : public Out<T> {
 public:
  using Out<T>::Out;
  using Out<T>::operator=;
  [[nodiscard]] T get() const noexcept {
    if constexpr (sizeof(T) == 4) {
      return this->parm_->u.u32;
    } else {
      return this->parm_->u.u64;
    }
  }
};

/// All parameters from this one on, unchecked; the last argument of a handler.
struct Rest {
  std::span<hgcm_svc_parm> parms;

  [[nodiscard]] std::size_t size() const noexcept { return parms.size(); }
  [[nodiscard]] Parameter operator[](std::size_t i) const noexcept { return Parameter(parms[i]); }
};

/// How an argument type is made of a parameter: read() checks and converts. Specialise it for types
/// of your own.
template <typename T>
struct Argument;

template <>
struct Argument<std::uint32_t> {
  static Result<std::uint32_t> read(hgcm_svc_parm& parm) noexcept { return Parameter(parm).u32(); }
};
template <>
struct Argument<std::uint64_t> {
  static Result<std::uint64_t> read(hgcm_svc_parm& parm) noexcept { return Parameter(parm).u64(); }
};
template <>
struct Argument<std::string_view> {
  static Result<std::string_view> read(hgcm_svc_parm& parm) noexcept {
    return Parameter(parm).string();
  }
};
template <>
struct Argument<std::span<const std::byte>> {
  static Result<std::span<const std::byte>> read(hgcm_svc_parm& parm) noexcept {
    return Parameter(parm).any_buffer().map(
        [](const AnyBuffer& buffer) { return std::span<const std::byte>(buffer.bytes()); });
  }
};
template <>
struct Argument<Buffer> {
  static Result<Buffer> read(hgcm_svc_parm& parm) noexcept { return Parameter(parm).buffer(); }
};
template <>
struct Argument<AnyBuffer> {
  static Result<AnyBuffer> read(hgcm_svc_parm& parm) noexcept {
    return Parameter(parm).any_buffer();
  }
};
template <>
struct Argument<Pages> {
  static Result<Pages> read(hgcm_svc_parm& parm) noexcept { return Parameter(parm).pages(); }
};
template <template <typename> typename Direction, typename T>
  requires std::is_same_v<Direction<T>, Out<T>> || std::is_same_v<Direction<T>, InOut<T>>
struct Argument<Direction<T>> {
  static_assert(std::is_same_v<T, std::uint32_t> || std::is_same_v<T, std::uint64_t>,
                "numbers have 32 or 64 bits");
  static Result<Direction<T>> read(hgcm_svc_parm& parm) noexcept {
    constexpr std::uint32_t kType = sizeof(T) == 4 ? HGCM_SVC_PARM_32BIT : HGCM_SVC_PARM_64BIT;
    if (parm.type != kType) {
      return failure(HGCM_ERR_INVALID_PARAMETER);
    }
    return Direction<T>(parm);
  }
};

}  // namespace hgcm::service

#endif
