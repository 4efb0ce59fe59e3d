# SPDX-License-Identifier: MIT
# The service ABI and its C++ face, through a host that knows nothing but the ABI.
SDK_MINI_HOST := tests/sdk/mini_host.cpp
$(call test_service,HgcmProbeSvc,tests/sdk/probe_service.cpp)
$(call test_service,HgcmPlainCSvc,tests/sdk/abi_c11.c)
$(call boost_test,sdk,$(SDK_MINI_HOST) $(addprefix tests/sdk/, \
	abi_test.cpp examples_test.cpp service_test.cpp),hgcm-status)
$(B)/tests/sdk: $(addprefix $(B)/tests/services/,HgcmProbeSvc.so HgcmPlainCSvc.so \
	HgcmGreeterSvc.so HgcmMailboxSvc.so)
