# SPDX-License-Identifier: MIT
# The shared folder service through the raw ABI, and its parts.
SHFL_TESTS := tests/sdk/mini_host.cpp $(addprefix tests/shared-folders/, \
	change_test.cpp concurrency_test.cpp containment_test.cpp create_test.cpp file_test.cpp \
	mapping_test.cpp name_test.cpp parameter_test.cpp)
$(call boost_test,shared-folders,$(SHFL_TESTS) $(addprefix tests/shared-folders/, \
	direct.cpp state_test.cpp),shared-folders hgcm-status)
# The same with the service in a process of its own.
$(call boost_test,shared-folders-confined,$(SHFL_TESTS) $(addprefix tests/sandbox/,confined.cpp needs_sandbox.cpp), \
	shared-folders $(SANDBOX_LIBS),$(SANDBOX_ARGS))
$(B)/tests/shared-folders-confined: | $(B)/bin/vmmdevd-sandbox
$(B)/tests/shared-folders $(B)/tests/shared-folders-confined: | $(B)/services/VBoxSharedFolders.so
