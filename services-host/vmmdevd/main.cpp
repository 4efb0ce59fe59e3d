// SPDX-License-Identifier: MIT
//
// vmmdevd: the program. Everything it does is in daemon.h.
#include "vmmdevd/daemon.h"
#include "vmmdevd/log.h"
#include "vmmdevd/options.h"
#include "vmmdevd/qemu_options.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <variant>

int main(int argc, char** argv) {
  using namespace hgcm;
  try {
    const auto parsed = vmmdevd::parse_options(argc, argv);
    if (const auto* exit = std::get_if<vmmdevd::ExitCode>(&parsed)) {
      return exit->code;
    }
    const auto& options = std::get<vmmdevd::Options>(parsed);
    if (options.print_qemu_options) {
      std::printf("%s\n",
                  vmmdevd::qemu_options(options.socket, *options.print_qemu_options).c_str());
      return std::fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    std::string detail;
    if (!log::open(options.log_file, options.log_level, detail)) {
      std::fprintf(stderr, "vmmdevd: %s\n", detail.c_str());
      return EXIT_FAILURE;
    }
    return vmmdevd::run_daemon(options);
  } catch (const std::exception& error) {
    log::error("unexpected failure", {{"reason", error.what()}});
    return EXIT_FAILURE;
  }
}
