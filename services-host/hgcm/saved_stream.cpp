// SPDX-License-Identifier: MIT
//
// The stream that a service's save and load entries see: see the header.
#include "hgcm/saved_stream.h"

#include "hgcm/iprt_format.h"
#include "hgcm/state_container.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstring>

namespace hgcm::host {
namespace {

thread_local SavedStream* t_stream = nullptr;

constexpr std::size_t kTableSize = 0x12c0;
constexpr std::uint64_t kTableMagic = 0x0007000019900525;
constexpr std::uint64_t kTableFlagsX86 = 1;
constexpr std::uint32_t kStructBegin = 0x19200102;
constexpr std::uint32_t kStructEnd = 0x19920406;
constexpr std::size_t kMaxFields = 1024;
constexpr std::size_t kMaxString = 1U << 20;
constexpr std::size_t kMaxErrorText = 1024;
// What becomes of the machine after the operation, as HandleGetAfter tells it.
constexpr int kAfterContinue = 2;
constexpr int kAfterResume = 4;

/// One field of PutStructEx and GetStructEx.
struct Field {
  std::uint64_t transformer;
  std::uint32_t offset;
  std::uint32_t size;
  std::uint32_t first_version;
  std::uint32_t padding;
  const char* name;
};
static_assert(sizeof(Field) == 32 && offsetof(Field, name) == 0x18);

constexpr std::uint64_t kPlainCopy = 1;

/// Calls work(stream) for a good handle of the right direction.
template <typename Work>
int with_stream(hgcm_svc_ssm* handle, bool writing, Work work) noexcept {
  SavedStream* const stream = SavedStream::from_handle(handle);
  if (stream == nullptr) return HGCM_ERR_INVALID_HANDLE;
  if (stream->writing() != writing) return stream->fail(HGCM_ERR_WRONG_ORDER).code();
  try {
    return Status(work(*stream)).code();
  } catch (...) {
    return stream->fail(HGCM_ERR_NO_MEMORY).code();
  }
}

template <typename Number>
int put_number(hgcm_svc_ssm* handle, Number number) noexcept {
  return with_stream(handle, true,
                     [&](SavedStream& stream) { return stream.write(&number, sizeof(number)); });
}

template <typename Number>
int get_number(hgcm_svc_ssm* handle, Number* number) noexcept {
  return with_stream(handle, false, [&](SavedStream& stream) {
    return number == nullptr ? stream.fail(HGCM_ERR_INVALID_POINTER)
                             : stream.read(number, sizeof(*number));
  });
}

int put_bool(hgcm_svc_ssm* handle, bool value) {
  return put_number(handle, static_cast<std::uint8_t>(value));
}

int get_bool(hgcm_svc_ssm* handle, bool* value) {
  std::uint8_t byte = 0;
  const int status = get_number(handle, &byte);
  if (status >= 0 && value != nullptr) *value = byte != 0;
  return status;
}

int put_mem(hgcm_svc_ssm* handle, const void* data, std::size_t size) {
  return with_stream(handle, true, [&](SavedStream& stream) {
    return data == nullptr && size > 0 ? stream.fail(HGCM_ERR_INVALID_POINTER)
                                       : stream.write(data, size);
  });
}

int get_mem(hgcm_svc_ssm* handle, void* data, std::size_t size) {
  return with_stream(handle, false, [&](SavedStream& stream) {
    return data == nullptr && size > 0 ? stream.fail(HGCM_ERR_INVALID_POINTER)
                                       : stream.read(data, size);
  });
}

int put_string(hgcm_svc_ssm* handle, const char* text) {
  return with_stream(handle, true, [&](SavedStream& stream) -> Status {
    if (text == nullptr) return stream.fail(HGCM_ERR_INVALID_POINTER);
    const std::size_t length = strnlen(text, kMaxString);
    if (length == kMaxString) return stream.fail(HGCM_ERR_TOO_MUCH_DATA);
    const auto stored = static_cast<std::uint32_t>(length);
    stream.write(&stored, sizeof(stored));
    return stream.write(text, length);
  });
}

int get_string(hgcm_svc_ssm* handle, char* text, std::size_t size) {
  return with_stream(handle, false, [&](SavedStream& stream) -> Status {
    if (text == nullptr || size == 0) return stream.fail(HGCM_ERR_INVALID_POINTER);
    text[0] = '\0';
    std::uint32_t length = 0;
    if (const Status status = stream.read(&length, sizeof(length)); status.failed()) return status;
    if (length >= size) return stream.fail(HGCM_ERR_TOO_MUCH_DATA);
    const Status status = stream.read(text, length);
    text[status.ok() ? length : 0] = '\0';
    return status;
  });
}

/// Checks all fields of a structure before any is used; their number, or nothing.
Result<std::size_t> count_fields(std::size_t size, std::uint32_t flags, const Field* fields) {
  if (fields == nullptr) return failure(HGCM_ERR_INVALID_POINTER);
  if (flags != 0) return failure(HGCM_ERR_NOT_SUPPORTED);
  for (std::size_t i = 0; i < kMaxFields; ++i) {
    const Field& field = fields[i];
    if (field.transformer == 0 && field.offset == UINT32_MAX && field.size == UINT32_MAX) return i;
    if (field.transformer != kPlainCopy) return failure(HGCM_ERR_NOT_SUPPORTED);
    if (field.size > size || field.offset > size - field.size)
      return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  return failure(HGCM_ERR_INVALID_PARAMETER);
}

int put_struct(hgcm_svc_ssm* handle, const void* data, std::size_t size, std::uint32_t flags,
               const void* field_table, void*) {
  return with_stream(handle, true, [&](SavedStream& stream) -> Status {
    if (data == nullptr) return stream.fail(HGCM_ERR_INVALID_POINTER);
    const auto* const fields = static_cast<const Field*>(field_table);
    const auto count = count_fields(size, flags, fields);
    if (!count) return stream.fail(count.error());
    stream.write(&kStructBegin, sizeof(kStructBegin));
    for (std::size_t i = 0; i < *count; ++i)
      stream.write(static_cast<const std::byte*>(data) + fields[i].offset, fields[i].size);
    return stream.write(&kStructEnd, sizeof(kStructEnd));
  });
}

Status read_marker(SavedStream& stream, std::uint32_t expected) {
  std::uint32_t marker = 0;
  if (const Status status = stream.read(&marker, sizeof(marker)); status.failed()) return status;
  return marker == expected ? Status() : stream.fail(HGCM_ERR_SSM_UNEXPECTED_DATA);
}

int get_struct(hgcm_svc_ssm* handle, void* data, std::size_t size, std::uint32_t flags,
               const void* field_table, void*) {
  return with_stream(handle, false, [&](SavedStream& stream) -> Status {
    if (data == nullptr) return stream.fail(HGCM_ERR_INVALID_POINTER);
    const auto* const fields = static_cast<const Field*>(field_table);
    const auto count = count_fields(size, flags, fields);
    if (!count) return stream.fail(count.error());
    if (const Status status = read_marker(stream, kStructBegin); status.failed()) return status;
    for (std::size_t i = 0; i < *count; ++i)
      stream.read(static_cast<std::byte*>(data) + fields[i].offset, fields[i].size);
    return read_marker(stream, kStructEnd);
  });
}

int skip(hgcm_svc_ssm* handle, std::size_t size) {
  return with_stream(handle, false, [&](SavedStream& stream) { return stream.skip(size); });
}

int skip_to_end(hgcm_svc_ssm* handle) {
  return with_stream(handle, false, [&](SavedStream& stream) {
    stream.skip_all();
    return stream.status();
  });
}

int set_load_error(hgcm_svc_ssm* handle, int status, const char*, unsigned, const char*,
                   const char* format, ...) {
  SavedStream* const stream = SavedStream::from_handle(handle);
  if (stream == nullptr) return HGCM_ERR_INVALID_HANDLE;
  std::va_list arguments;
  va_start(arguments, format);
  try {
    stream->set_error(format_iprt(format, arguments, kMaxErrorText));
  } catch (...) {
    // Without the text then; the status is what counts.
  }
  va_end(arguments);
  if (status < 0) stream->fail(status);
  return status;
}

int handle_status(hgcm_svc_ssm* handle) {
  const SavedStream* const stream = SavedStream::from_handle(handle);
  return stream == nullptr ? Status(HGCM_ERR_INVALID_HANDLE).code() : stream->status().code();
}

int handle_after(hgcm_svc_ssm* handle) {
  const SavedStream* const stream = SavedStream::from_handle(handle);
  if (stream == nullptr) return 0;
  return stream->writing() ? kAfterContinue : kAfterResume;
}

int unsupported() {
  return HGCM_ERR_NOT_SUPPORTED;
}

class VmmTable {
 public:
  VmmTable() {
    words_.fill(reinterpret_cast<std::uintptr_t>(&unsupported));
    words_[0] = kTableMagic;
    words_[1] = kTableFlagsX86;
    words_[2] = reinterpret_cast<std::uintptr_t>("OpenHGCM service host");
    set(0x568, handle_status);
    set(0x578, handle_after);
    set(0x5c8, put_struct);
    set(0x5d0, put_bool);
    set(0x5d8, put_number<std::uint8_t>);
    set(0x5e8, put_number<std::uint16_t>);
    set(0x5f8, put_number<std::uint32_t>);
    set(0x608, put_number<std::uint64_t>);
    set(0x688, put_mem);
    set(0x690, put_string);
    set(0x6a0, get_struct);
    set(0x6a8, get_bool);
    set(0x6b8, get_number<std::uint8_t>);
    set(0x6f8, get_number<std::uint32_t>);
    set(0x718, get_number<std::uint64_t>);
    set(0x7d0, get_mem);
    set(0x7d8, get_string);
    set(0x7e8, skip);
    set(0x7f0, skip_to_end);
    set(0x7f8, set_load_error);
  }

  [[nodiscard]] const hgcm_svc_vmm* face() const noexcept {
    return reinterpret_cast<const hgcm_svc_vmm*>(words_.data());
  }

 private:
  template <typename Function>
  void set(std::size_t offset, Function* function) {
    words_[offset / sizeof(words_[0])] = reinterpret_cast<std::uintptr_t>(function);
  }

  std::array<std::uint64_t, kTableSize / sizeof(std::uint64_t)> words_;
};

}  // namespace

SavedStream::SavedStream() : writing_(true), outer_(t_stream) {
  t_stream = this;
}

SavedStream::SavedStream(std::span<const std::byte> from)
    : writing_(false), source_(from), outer_(t_stream) {
  t_stream = this;
}

SavedStream::~SavedStream() {
  t_stream = outer_;
}

SavedStream* SavedStream::from_handle(const hgcm_svc_ssm* handle) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(handle);
  return t_stream != nullptr && address == reinterpret_cast<std::uintptr_t>(t_stream) ? t_stream
                                                                                      : nullptr;
}

Status SavedStream::fail(Status status) noexcept {
  if (status_.ok()) status_ = status;
  return status_;
}

Status SavedStream::write(const void* data, std::size_t size) {
  if (status_.failed()) return status_;
  if (size > kMaxClientStateSize - written_.size()) return fail(HGCM_ERR_TOO_MUCH_DATA);
  const auto* bytes = static_cast<const std::byte*>(data);
  written_.insert(written_.end(), bytes, bytes + size);
  return status_;
}

Status SavedStream::read(void* data, std::size_t size) {
  if (status_.ok() && size > unread()) fail(HGCM_ERR_EOF);
  if (status_.failed()) {
    return status_;
  }
  if (size > 0) std::memcpy(data, source_.data() + position_, size);
  position_ += size;
  return status_;
}

Status SavedStream::skip(std::size_t size) {
  if (status_.ok() && size > unread()) fail(HGCM_ERR_EOF);
  if (status_.ok()) position_ += size;
  return status_;
}

const hgcm_svc_vmm* vmm_table() noexcept {
  static const VmmTable table;
  return table.face();
}

}  // namespace hgcm::host
