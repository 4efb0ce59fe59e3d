// SPDX-License-Identifier: MIT
//
// See property_file.h.
#include "guest-properties/property_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "guest-properties/rules.h"

namespace hgcm::guestprop {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "openhgcm-guest-properties";
constexpr std::uint64_t kVersion = 1;
constexpr mode_t kNewFileMode = 0600;  // values may be secrets
/// Object, array, object, value.
constexpr int kMaxDepth = 4;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

Status failed(std::string& detail, std::string_view what, const std::filesystem::path& path,
              int error) {
  detail = std::string(what) + " " + path.string() + ": " +
           std::error_code(error, std::generic_category()).message();
  return error == ENOSPC || error == EDQUOT ? Status(HGCM_ERR_DISK_FULL)
                                            : Status::from_errno(error);
}

/// The member `key` of `object` if it is a string.
const std::string* string_member(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() ? it->get_ptr<const std::string*>() : nullptr;
}

const std::uint64_t* number_member(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number_unsigned()
             ? it->get_ptr<const json::number_unsigned_t*>()
             : nullptr;
}

Result<Property> parse_property(const json& item, std::string& detail) {
  const auto refuse = [&](Status status, std::string text) {
    detail = std::move(text);
    return failure(status);
  };
  if (!item.is_object()) {
    return refuse(HGCM_ERR_PARSE_ERROR, "a property is not an object");
  }
  const std::string* name = string_member(item, "name");
  if (name == nullptr || check_name(*name).failed()) {
    return refuse(HGCM_ERR_PARSE_ERROR, "a property has no valid name");
  }
  const std::string* value = string_member(item, "value");
  const std::string* flags = string_member(item, "flags");
  const std::uint64_t* timestamp = number_member(item, "timestamp");
  if (value == nullptr || flags == nullptr || timestamp == nullptr) {
    return refuse(HGCM_ERR_PARSE_ERROR,
                  "property '" + *name + "' lacks a value, flags or a timestamp");
  }
  if (const Status status = check_value(*value); status.failed()) {
    return refuse(status == Status(HGCM_ERR_TOO_MUCH_DATA) ? status : Status(HGCM_ERR_PARSE_ERROR),
                  "the value of property '" + *name + "' is not valid");
  }
  const auto bits = parse_flags(*flags);
  if (!bits) {
    return refuse(HGCM_ERR_PARSE_ERROR, "the flags of property '" + *name + "' are not valid");
  }
  return Property{*name, *value, format_flags(*bits), *timestamp};
}

}  // namespace

Result<std::string> format_properties(const StoredProperties& stored) {
  if (stored.properties.size() > kMaxStoredProperties) {
    return failure(HGCM_ERR_TOO_MUCH_DATA);
  }
  nlohmann::ordered_json document;
  document["format"] = kFormat;
  document["version"] = kVersion;
  if (stored.guest_writable) {
    document["guest_writable"] = *stored.guest_writable;
  }
  auto& list = document["properties"] = nlohmann::ordered_json::array();
  for (const Property& property : stored.properties) {
    list.push_back({{"name", property.name},
                    {"value", property.value},
                    {"flags", property.flags},
                    {"timestamp", property.timestamp}});
  }
  try {
    return document.dump(1) + "\n";
  } catch (const nlohmann::json::exception&) {
    return failure(HGCM_ERR_INVALID_UTF8_ENCODING);
  }
}

Result<StoredProperties> parse_properties(std::string_view text, std::string& detail) {
  const auto refuse = [&](Status status, std::string what) {
    detail = std::move(what);
    return failure(status);
  };
  if (text.size() > kMaxStoredSize) {
    return refuse(HGCM_ERR_TOO_MUCH_DATA, "too large");
  }
  // What is nested deeper than anything of ours is not even built.
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth <= kMaxDepth; };
  const json document = json::parse(text, shallow, /*allow_exceptions=*/false);
  if (!document.is_object()) {
    return refuse(HGCM_ERR_PARSE_ERROR, "not a JSON object");
  }
  const std::string* format = string_member(document, "format");
  if (format == nullptr || *format != kFormat) {
    return refuse(HGCM_ERR_PARSE_ERROR, "not a guest property file");
  }
  const std::uint64_t* version = number_member(document, "version");
  if (version == nullptr || *version == 0) {
    return refuse(HGCM_ERR_PARSE_ERROR, "no version");
  }
  if (*version > kVersion) {
    return refuse(HGCM_ERR_VERSION_MISMATCH,
                  "version " + std::to_string(*version) + " is newer than this program");
  }

  StoredProperties stored;
  if (const auto it = document.find("guest_writable"); it != document.end()) {
    if (!it->is_boolean()) {
      return refuse(HGCM_ERR_PARSE_ERROR, "guest_writable is not a boolean");
    }
    stored.guest_writable = it->get<bool>();
  }
  const auto list = document.find("properties");
  if (list == document.end() || !list->is_array()) {
    return refuse(HGCM_ERR_PARSE_ERROR, "no list of properties");
  }
  if (list->size() > kMaxStoredProperties) {
    return refuse(HGCM_ERR_TOO_MUCH_DATA, "too many properties");
  }
  std::set<std::string_view> names;
  stored.properties.reserve(list->size());
  for (const json& item : *list) {
    auto property = parse_property(item, detail);
    if (!property) {
      return failure(property.error());
    }
    stored.properties.push_back(std::move(*property));
    if (!names.insert(stored.properties.back().name).second) {
      return refuse(HGCM_ERR_PARSE_ERROR,
                    "property '" + stored.properties.back().name + "' occurs twice");
    }
  }
  return stored;
}

Result<std::optional<std::string>> read_property_file(const std::filesystem::path& path,
                                                      std::string& detail) {
  // Not blocking, lest a FIFO hold up the program; what it is, is looked at below.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) {
    if (errno == ENOENT) {
      return std::optional<std::string>();
    }
    return failure(failed(detail, "cannot open", path, errno));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) {
    return failure(failed(detail, "cannot examine", path, errno));
  }
  if (!S_ISREG(info.st_mode)) {
    detail = path.string() + " is not a regular file";
    return failure(HGCM_ERR_NOT_A_FILE);
  }
  std::string text;
  while (text.size() <= kMaxStoredSize) {
    char chunk[16384];
    const ssize_t got = ::read(file.get(), chunk, sizeof chunk);
    if (got == 0) {
      return std::optional(std::move(text));
    }
    if (got < 0 && errno != EINTR) {
      return failure(failed(detail, "cannot read", path, errno));
    }
    text.append(chunk, got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  detail = path.string() + " is too large";
  return failure(HGCM_ERR_TOO_MUCH_DATA);
}

Status write_property_file(const std::filesystem::path& path, std::string_view text,
                           std::string& detail) {
  const std::filesystem::path folder =
      path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const std::string name = path.filename();
  const std::string temporary = "." + name + ".tmp";
  const FileDescriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) {
    return failed(detail, "cannot open directory", folder, errno);
  }
  mode_t mode = kNewFileMode;
  struct stat info {};
  if (::fstatat(directory.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISREG(info.st_mode)) {
      detail = path.string() + " is not a regular file";
      return HGCM_ERR_NOT_A_FILE;
    }
    mode = info.st_mode & 0777;
  }

  // Of a run that was killed; whatever it is, it is not opened.
  ::unlinkat(directory.get(), temporary.c_str(), 0);
  const FileDescriptor file(::openat(directory.get(), temporary.c_str(),
                                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                     kNewFileMode));
  if (!file.valid()) {
    return failed(detail, "cannot create a file beside", path, errno);
  }
  const auto give_up = [&](std::string_view what) {
    const Status status = failed(detail, what, path, errno);
    ::unlinkat(directory.get(), temporary.c_str(), 0);
    return status;
  };
  if (::fchmod(file.get(), mode) != 0) {
    return give_up("cannot set the mode of");
  }
  while (!text.empty()) {
    const ssize_t put = ::write(file.get(), text.data(), text.size());
    if (put < 0 && errno != EINTR) {
      return give_up("cannot write");
    }
    text.remove_prefix(put > 0 ? static_cast<std::size_t>(put) : 0);
  }
  // The contents must be on disk before the name leads to them, and the name before we say so.
  if (::fsync(file.get()) != 0) {
    return give_up("cannot sync");
  }
  if (::renameat(directory.get(), temporary.c_str(), directory.get(), name.c_str()) != 0) {
    return give_up("cannot replace");
  }
  if (::fsync(directory.get()) != 0) {
    return failed(detail, "cannot sync the directory of", path, errno);
  }
  return HGCM_INF_SUCCESS;
}

}  // namespace hgcm::guestprop
