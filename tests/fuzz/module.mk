# SPDX-License-Identifier: MIT
#
# Fuzz targets, built by `make fuzz-targets`; their seeds are in corpus/NAME/.
$(call fuzz_target,service_host_state,tests/fuzz/service_host_state.cpp,hgcm-host hgcm-status)
$(call fuzz_target,guest_properties,tests/fuzz/guest_properties.cpp tests/sdk/mini_host.cpp $(GUESTPROP_SERVICE),hgcm-status)
$(call fuzz_target,shared_folders,tests/fuzz/shared_folders.cpp tests/sdk/mini_host.cpp $(SHFL_DIR)/entry.cpp,shared-folders hgcm-status)
$(call fuzz_target,vmmdev_requests,tests/fuzz/vmmdev_requests.cpp tests/services/hgcm_test_service.cpp,vmmdev hgcm-host hgcm-status)
$(call fuzz_target,device_state,tests/fuzz/device_state.cpp,vmmdev hgcm-host hgcm-status)
$(call fuzz_target,vfio_user_messages,tests/fuzz/vfio_user_messages.cpp,vfio-user hgcm-status,-lspdlog -lfmt)
$(call fuzz_target,sandbox_answers,tests/fuzz/sandbox_answers.cpp,sandbox)
$(call fuzz_target,saved_state,tests/fuzz/saved_state.cpp,$(VMMDEVD_LIBS),$(VMMDEVD_ARGS))
$(call fuzz_target,control_json,tests/fuzz/control_json.cpp $(GUESTPROP_SERVICE),$(VMMDEVD_LIBS),$(VMMDEVD_ARGS))
