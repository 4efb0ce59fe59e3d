# SPDX-License-Identifier: MIT
# Tests of vmmdevd and vmctl: vmmdevd-control in-process, vmmdevd-daemon with the real programs.

VMMDEVD_TESTS := tests/vmmdevd
$(call boost_test,vmmdevd-text,$(addprefix $(VMMDEVD_TESTS)/,options_test.cpp protocol_test.cpp \
	socket_test.cpp text_test.cpp),$(VMMDEVD_LIBS),$(VMMDEVD_ARGS))
$(call boost_test,vmmdevd-control,$(addprefix $(VMMDEVD_TESTS)/,device_commands_test.cpp \
	qmp_test.cpp saved_state_test.cpp server_test.cpp session_test.cpp),\
	$(VMMDEVD_LIBS),$(VMMDEVD_ARGS))
$(call boost_test,vmmdevd-daemon,$(addprefix $(VMMDEVD_TESTS)/,daemon_test.cpp installed_test.cpp \
	process.cpp vmctl_device_test.cpp vmctl_test.cpp),hgcm-status)
$(call test_service,HgcmStuckSvc,$(VMMDEVD_TESTS)/stuck_service.c)

VMMDEVD_TEST_NEEDS := $(addprefix $(B)/,bin/vmmdevd bin/vmmdevd-sandbox bin/vmctl \
	services/VBoxGuestPropSvc.so services/VBoxSharedFolders.so \
	tests/services/HgcmTestSvc.so tests/services/HgcmStuckSvc.so)
$(B)/tests/vmmdevd-control $(B)/tests/vmmdevd-daemon: | $(VMMDEVD_TEST_NEEDS)
