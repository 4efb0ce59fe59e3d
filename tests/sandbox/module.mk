# SPDX-License-Identifier: MIT
# Services in processes of their own.
SANDBOX_TESTS := tests/sandbox
$(call boost_test,sandbox,tests/sdk/mini_host.cpp $(addprefix $(SANDBOX_TESTS)/, \
	escape_test.cpp process_test.cpp stream_test.cpp needs_sandbox.cpp),shared-folders \
	$(SANDBOX_LIBS),$(SANDBOX_ARGS))
$(call test_service,HgcmEscapeSvc,$(SANDBOX_TESTS)/escape_service.cpp)
$(B)/tests/sandbox: | $(B)/bin/vmmdevd-sandbox \
	$(B)/services/VBoxSharedFolders.so $(B)/tests/services/HgcmEscapeSvc.so
