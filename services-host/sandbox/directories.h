// SPDX-License-Identifier: MIT
//
// Directories: the shares of a confined shared folder service, as its daemon sees them. The service
// cannot open a path of the host: each share gets a number here, and the service the directory as
// the descriptor of that number. A path that leads to another directory than before, or to one only
// now, is noticed when somebody looks.
#ifndef HGCM_SANDBOX_DIRECTORIES_H
#define HGCM_SANDBOX_DIRECTORIES_H

#include <hgcm/service_abi.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hgcm::sandbox {

/// One thread at a time.
class Directories {
 public:
  /// The process shall have this descriptor by this number; not kept.
  using Place = std::function<void(int number, int fd)>;

  /// One line for a person.
  using Log = std::function<void(const std::string& line)>;

  Directories(std::filesystem::path program, Place place, Log log)
      : program_(std::move(program)), place_(std::move(place)), log_(std::move(log)) {}

  /// A host call with parameters of its own that can be made again.
  class HostCall {
   public:
    explicit HostCall(std::span<const hgcm_svc_parm> parameters);
    HostCall(HostCall&&) = default;
    HostCall& operator=(HostCall&&) = default;
    [[nodiscard]] std::span<hgcm_svc_parm> parameters() noexcept { return parameters_; }
    void replace(std::size_t index, std::string bytes);

   private:
    std::vector<hgcm_svc_parm> parameters_;
    std::vector<std::string> buffers_;
  };

  /// Before the service is told to add a share: places its directory, if there is one now, and
  /// returns the call that names it. Nothing: no share that could be added; `call` may go as it is.
  std::optional<HostCall> add(std::span<const hgcm_svc_parm> parameters);
  /// What became of it.
  void added(bool success);
  /// After the service has removed a share.
  void removed(std::span<const hgcm_svc_parm> parameters);

  /// At most once a second: places what has become another directory.
  void look_again();
  /// For a new process: places everything, and returns the calls that add the shares.
  std::vector<HostCall> all_again();

 private:
  struct Share {
    std::string name;
    std::string path;
    int number = 0;
    HostCall call;
    // The directory that was placed.
    bool present = false;
    dev_t device = 0;
    ino_t inode = 0;
    std::string canonical;  // without links, from when it was there first
  };

  void place(Share& share);
  void forget(const Share& share);
  [[nodiscard]] int free_number() const;

  const std::filesystem::path program_;
  const Place place_;
  const Log log_;
  std::vector<Share> shares_;
  std::chrono::steady_clock::time_point looked_{};
};

}  // namespace hgcm::sandbox

#endif
