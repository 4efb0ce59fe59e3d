# SPDX-License-Identifier: MIT
$(call static_library,hgcm-host,$(wildcard services-host/hgcm/*.cpp))
