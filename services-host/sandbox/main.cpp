// SPDX-License-Identifier: MIT
//
// vmmdevd-sandbox: the program that vmmdevd runs a confined service in, and by which it gets the
// directories for it. Not for people: its socket is descriptor 3.
//
//   vmmdevd-sandbox serve LIBRARY     until the socket ends
//   vmmdevd-sandbox directory PATH    sends its descriptor, or why not
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <string>
#include <string_view>

#include "sandbox/confine.h"
#include "sandbox/descriptor.h"
#include "sandbox/process.h"
#include "sandbox/runner.h"

namespace {

using namespace hgcm::sandbox;

int send_directory(const char* path, const hgcm::vfio_user::UniqueFd& socket) {
  std::string detail;
  const auto directory = detached_directory(path, detail);
  return send_descriptor(socket.get(), directory.get(), detail) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 3 ? argv[1] : "";
  if (what != "serve" && what != "directory") {
    std::fputs("vmmdevd starts this program; there is nothing in it for you.\n", stderr);
    return 2;
  }
  ::close_range(kSocketNumber + 1, UINT_MAX, 0);
  hgcm::vfio_user::UniqueFd socket(kSocketNumber);
  // Without destructors: threads of the service may still be running.
  ::_exit(what == "serve" ? run_service(argv[2], std::move(socket))
                          : send_directory(argv[2], socket));
}
