# SPDX-License-Identifier: MIT
# The plugin SDK is headers only. Its examples are built as test services: they are not installed.
$(call test_service,HgcmGreeterSvc,services-host/sdk/examples/greeter.cpp)
$(call test_service,HgcmMailboxSvc,services-host/sdk/examples/mailbox.cpp)
