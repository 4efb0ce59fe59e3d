# SPDX-License-Identifier: MIT
$(call static_library,vfio-user,$(wildcard services-host/vfio-user/*.cpp))
