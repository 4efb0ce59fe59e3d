// SPDX-License-Identifier: MIT
//
// A server with a recording device, on a socket in a directory of its own.
#ifndef HGCM_TESTS_VFIO_USER_RUNNING_SERVER_H
#define HGCM_TESTS_VFIO_USER_RUNNING_SERVER_H

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "support.h"
#include "vfio-user/server.h"

namespace hgcm::vfio_user::test {

class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "vfio-user-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] std::string socket() const { return (path_ / "socket").string(); }

 private:
  std::filesystem::path path_;
};

struct Running {
  explicit Running(Options options = device_options()) {
    options.socket_path = directory.socket();
    auto made = Server::create(std::move(options));
    BOOST_REQUIRE(made.has_value());
    server = std::move(*made);
    // Power on, as a device does it.
    backend.on_attach = [this] { server->bar_memory(1)[0] = std::byte{0x42}; };
    BOOST_REQUIRE(server->start(backend).ok());
  }
  ~Running() { server->stop(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  [[nodiscard]] std::string path() const { return directory.socket(); }

  Directory directory;
  RecordingBackend backend;
  std::unique_ptr<Server> server;
};

}  // namespace hgcm::vfio_user::test

#endif
