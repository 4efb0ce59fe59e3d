// SPDX-License-Identifier: MIT
//
// The load entry of VBoxGuestPropSvc.so.
#include "guest-properties/service.h"

HGCM_EXPORT_SERVICE(hgcm::guestprop::GuestProperties)
