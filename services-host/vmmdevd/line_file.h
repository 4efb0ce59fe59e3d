// SPDX-License-Identifier: MIT
//
// LineFile: a file that lines with a time are appended to, and that a log rotator may take away: it
// is opened anew when it is told to.
#ifndef HGCM_VMMDEVD_LINE_FILE_H
#define HGCM_VMMDEVD_LINE_FILE_H

#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>

namespace hgcm::vmmdevd {

/// Thread-safe.
class LineFile {
 public:
  explicit LineFile(std::filesystem::path path) : path_(std::move(path)) {}
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  /// Opens the file, or opens it again by its name. False: `detail` says why; the file that was
  /// open before stays in use.
  [[nodiscard]] bool open(std::string& detail);
  /// Appends "TIME LINE", UTC with milliseconds. A file that cannot be written loses the line.
  void write(std::string_view line);

 private:
  const std::filesystem::path path_;
  std::mutex mutex_;  // protects fd_
  int fd_ = -1;
};

}  // namespace hgcm::vmmdevd

#endif
