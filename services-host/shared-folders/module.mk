# SPDX-License-Identifier: MIT
# The shared folder service, and its host-side configuration for programs that run it.
SHFL_DIR := services-host/shared-folders
SHFL_PARTS := $(addprefix $(SHFL_DIR)/,access.cpp beneath.cpp call_order.cpp change_functions.cpp changes.cpp create.cpp \
	directory_reader.cpp errors.cpp listing.cpp mapping_functions.cpp mapping_table.cpp \
	name_operations.cpp object_functions.cpp object_info.cpp open_object.cpp path.cpp placement.cpp \
	saved_state.cpp service.cpp share.cpp strings.cpp transfer.cpp worker_pool.cpp)
$(call static_library,shared-folders,$(SHFL_PARTS))
$(call service,VBoxSharedFolders,$(SHFL_DIR)/entry.cpp,shared-folders hgcm-status)
$(call static_library,shared-folders-host,$(SHFL_DIR)/share_client.cpp $(SHFL_DIR)/strings.cpp)
