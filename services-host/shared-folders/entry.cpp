// SPDX-License-Identifier: MIT
//
// The load entry of VBoxSharedFolders.so.
#include "shared-folders/service.h"

HGCM_EXPORT_SERVICE(hgcm::shfl::SharedFolders)
