// SPDX-License-Identifier: MIT
//
// First example of a service: two functions, no state per client, every call done at once. Build it
// as a shared object and load it with `vmmdevd --service HgcmGreeterSvc=PATH`; from a guest try
//   hgcmctl call HgcmGreeterSvc 1 ...
#include <hgcm/service.hpp>

#include <string>

namespace {

using hgcm::Status;
using hgcm::service::Buffer;
using hgcm::service::Out;

class Greeter {
 public:
  static constexpr auto guest_functions() {
    using hgcm::service::function;
    return hgcm::service::functions(function(1, &Greeter::greet), function(2, &Greeter::count));
  }

 private:
  /// 0: name in, 1: greeting out, 2: size that the greeting needs, with its NUL.
  Status greet(std::string_view name, Buffer reply, Out<std::uint32_t> needed) {
    const std::string text = "Hello, " + std::string(name) + "!";
    needed = static_cast<std::uint32_t>(text.size() + 1);
    if (!reply.assign(text)) {
      return HGCM_ERR_BUFFER_OVERFLOW;
    }
    ++greetings_;
    return HGCM_INF_SUCCESS;
  }

  /// 0: how many were greeted.
  Status count(Out<std::uint64_t> greetings) {
    greetings = greetings_;
    return HGCM_INF_SUCCESS;
  }

  std::uint64_t greetings_ = 0;
};

}  // namespace

HGCM_EXPORT_SERVICE(Greeter)
