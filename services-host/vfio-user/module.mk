# SPDX-License-Identifier: MIT
VFIO_USER_SOURCES := $(wildcard services-host/vfio-user/*.cpp)
$(call static_library,vfio-user,$(VFIO_USER_SOURCES))
$(call with_header,services-host/library_headers.h,$(VFIO_USER_SOURCES))
