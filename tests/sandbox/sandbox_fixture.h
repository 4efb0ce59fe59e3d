// SPDX-License-Identifier: MIT
//
// A service in a sandbox, behind the ABI.
#ifndef HGCM_TESTS_SANDBOX_SANDBOX_FIXTURE_H
#define HGCM_TESTS_SANDBOX_SANDBOX_FIXTURE_H

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "../shared-folders/fixture.h"
#include "support.h"

namespace hgcm::sandbox::test {

inline bool can_drop_rights() {
  return ::geteuid() == 0;
}

struct Sandboxed {
  Sandboxed(bool without_rights, std::string_view library, bool shares) {
    hgcm::test::SharedPages::enable();
    SandboxOptions options =
        shares && library.ends_with("VBoxSharedFolders.so") ? folders() : options_for(library);
    options.shares = shares;
    options.patience = std::chrono::milliseconds(2000);
    options.log = [this](SandboxOptions::LogLevel, const std::string& line) {
      const std::lock_guard lock(log_mutex);
      log += line + '\n';
    };
    if (without_rights) {
      options.program = without_rights_program(options.program);
    }
    std::string detail;
    sandbox = Sandbox::start(std::move(options), detail);
    BOOST_REQUIRE_MESSAGE(sandbox != nullptr, detail);
    current() = sandbox;
    BOOST_REQUIRE_EQUAL(host.load([](hgcm_svc_table* table) { return current()->load(table); }), 0);
  }
  ~Sandboxed() { host.unload(); }

  std::int32_t connect(std::uint32_t client) { return host.connect(client); }

  /// Gives the process a directory, with the first number that there is.
  bool place(const std::filesystem::path& directory) {
    auto path = hgcm::test::Parm::bytes(shfl::make_string(directory.string()));
    auto name = hgcm::test::Parm::bytes(shfl::make_string("share"));
    auto flags = hgcm::test::Parm::u32(shfl::kAddWritable);
    auto point = hgcm::test::Parm::bytes(shfl::make_string(""));
    auto policy = hgcm::test::Parm::u32(0);
    return host.host_call(shfl::kAddMapping, path, name, flags, point, policy) >= 0;
  }

  shfl::test::TemporaryDirectory temporary;
  std::mutex log_mutex;
  std::string log;
  std::shared_ptr<Sandbox> sandbox;
  hgcm::test::MiniHost host;

 private:
  /// For the load entry, which has no other way to it.
  static std::shared_ptr<Sandbox>& current() {
    static std::shared_ptr<Sandbox> sandbox;
    return sandbox;
  }
  std::filesystem::path without_rights_program(const std::filesystem::path& program) {
    const auto script = temporary.path() / "program";
    std::ofstream(script) << "#!/bin/sh\nexec /usr/bin/setpriv --reuid 65534 --regid 65534 "
                             "--clear-groups --inh-caps=-all '"
                          << program.string() << "' \"$@\"\n";
    std::filesystem::permissions(script, std::filesystem::perms(0755));
    return script;
  }
};

}  // namespace hgcm::sandbox::test

#endif
