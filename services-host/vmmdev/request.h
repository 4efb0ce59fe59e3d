// SPDX-License-Identifier: MIT
//
// Request: one VMMDev request, copied in from guest memory exactly once. Handlers act on the copy
// only, and what they change in it is written back.
#ifndef HGCM_VMMDEV_REQUEST_H
#define HGCM_VMMDEV_REQUEST_H

#include "vmmdev/guest_memory.h"
#include "vmmdev/wire.h"

#include <hgcm/status.h>

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>

namespace hgcm::vmmdev {

using RequestHeader = std::array<std::byte, wire::header::kBytes>;

/// Unaligned fields of a private copy. `offset + sizeof(T)` must be inside `bytes`: the caller has
/// checked the size of the request.
template <typename T>
  requires std::is_integral_v<T>
[[nodiscard]] T load_field(std::span<const std::byte> bytes, std::size_t offset) noexcept {
  assert(offset <= bytes.size() && sizeof(T) <= bytes.size() - offset);
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <typename T>
  requires std::is_integral_v<T>
void store_field(std::span<std::byte> bytes, std::size_t offset, T value) noexcept {
  assert(offset <= bytes.size() && sizeof(T) <= bytes.size() - offset);
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

/// The bytes of a request; a pending HGCM command keeps them after the dispatcher is done.
struct RequestBlock {
  std::shared_ptr<std::byte[]> storage;
  std::size_t size = 0;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {storage.get(), size}; }
};

/// How a request came.
enum class Submission {
  trapped,  ///< with a vCPU that waits in a register write
  ring,     ///< by the submission ring
  kicked,   ///< by the ring, which a vCPU that waits in a register write had looked at
  again,    ///< after a restore, or because its end went into a saved state
};

constexpr bool of_ring(Submission submission) noexcept {
  return submission == Submission::ring || submission == Submission::kicked;
}

class Request {
 public:
  /// `block` starts with the header, which has been checked.
  Request(GuestAddress address, RequestBlock block,
          Submission submission = Submission::trapped) noexcept
      : address_(address), block_(std::move(block)), submission_(submission) {}

  [[nodiscard]] GuestAddress address() const noexcept { return address_; }
  [[nodiscard]] Submission submission() const noexcept { return submission_; }
  [[nodiscard]] const RequestBlock& block() const noexcept { return block_; }
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return block_.bytes(); }
  [[nodiscard]] std::size_t size() const noexcept { return block_.size; }
  [[nodiscard]] std::uint32_t type() const noexcept {
    return get<std::uint32_t>(wire::header::kType);
  }

  template <typename T>
  [[nodiscard]] T get(std::size_t offset) const noexcept {
    return load_field<T>(bytes(), offset);
  }
  template <typename T>
  void set(std::size_t offset, T value) noexcept {
    store_field<T>(bytes(), offset, value);
  }

 private:
  GuestAddress address_;
  RequestBlock block_;
  Submission submission_;
};

/// How much of a request the device writes back when the handler has returned.
enum class WriteBack {
  whole,
  header,
  nothing,  ///< the handler did what there was to do
};

struct Outcome {
  Outcome(Status s, WriteBack w = WriteBack::whole) noexcept  // NOLINT(*-explicit-*)
      : status(s), write_back(w) {}
  Outcome(hgcm_status_code s) noexcept : status(s) {}  // NOLINT(*-explicit-*)

  Status status;
  WriteBack write_back = WriteBack::whole;
  /// The private copy is overwritten when it has been written back: it held something secret.
  bool wipe = false;
};

}  // namespace hgcm::vmmdev

#endif
