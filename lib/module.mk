# SPDX-License-Identifier: MIT
# The guest library. hgcm-status is apart because the host side uses it too.
$(call static_library,hgcm-status,lib/src/status.cpp)
