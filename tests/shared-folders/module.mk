# SPDX-License-Identifier: MIT
# The shared folder service through the raw ABI, and its parts.
$(call boost_test,shared-folders,tests/sdk/mini_host.cpp $(addprefix tests/shared-folders/, \
	change_test.cpp concurrency_test.cpp containment_test.cpp create_test.cpp file_test.cpp \
	mapping_test.cpp name_test.cpp parameter_test.cpp state_test.cpp),shared-folders hgcm-status)
$(B)/tests/shared-folders: | $(B)/services/VBoxSharedFolders.so
