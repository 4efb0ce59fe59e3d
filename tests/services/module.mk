# SPDX-License-Identifier: MIT
#
# Services for tests, in build/tests/services/: see the top of each source.
$(call test_service,HgcmTestSvc,tests/services/hgcm_test_service.cpp)
$(call test_service,HgcmCEchoSvc,tests/services/c_echo_service.c)
$(call test_service,HgcmHangSvc,tests/services/hanging_service.cpp)
$(call test_service,HgcmOldSvc,tests/services/old_service.cpp)
