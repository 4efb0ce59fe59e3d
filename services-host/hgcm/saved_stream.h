// SPDX-License-Identifier: MIT
//
// The stream that a service's save and load entries see, and the table of functions they call it
// through: as much of VirtualBox's VMM table as services use, at its places. Other places hold a
// function that answers HGCM_ERR_NOT_SUPPORTED. The byte format is known to these functions only.
#ifndef HGCM_HOST_SAVED_STREAM_H
#define HGCM_HOST_SAVED_STREAM_H

#include <hgcm/service_abi.h>
#include <hgcm/status.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace hgcm::host {

/// One client's bytes, written or read once on one thread: while an object exists, the functions of
/// the table accept its handle on that thread, and nothing else.
class SavedStream {
 public:
  SavedStream();                                          // for writing
  explicit SavedStream(std::span<const std::byte> from);  // for reading; `from` must stay
  SavedStream(const SavedStream&) = delete;
  SavedStream& operator=(const SavedStream&) = delete;
  ~SavedStream();

  [[nodiscard]] hgcm_svc_ssm* handle() noexcept { return reinterpret_cast<hgcm_svc_ssm*>(this); }
  /// The stream of this thread, if `handle` is its handle; else null.
  static SavedStream* from_handle(const hgcm_svc_ssm* handle) noexcept;

  // Each returns the first failure that the stream has met.
  Status write(const void* data, std::size_t size);
  Status read(void* data, std::size_t size);
  Status skip(std::size_t size);
  void skip_all() noexcept { position_ = source_.size(); }
  Status fail(Status status) noexcept;

  [[nodiscard]] bool writing() const noexcept { return writing_; }
  [[nodiscard]] Status status() const noexcept { return status_; }
  [[nodiscard]] std::size_t unread() const noexcept { return source_.size() - position_; }
  [[nodiscard]] std::vector<std::byte> take_written() noexcept { return std::move(written_); }
  void set_error(std::string text) noexcept { error_ = std::move(text); }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  const bool writing_;
  std::vector<std::byte> written_;
  std::span<const std::byte> source_;
  std::size_t position_ = 0;
  Status status_;
  std::string error_;
  SavedStream* const outer_;
};

/// Static; 0x12c0 bytes.
const hgcm_svc_vmm* vmm_table() noexcept;

}  // namespace hgcm::host

#endif
