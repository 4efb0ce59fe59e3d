// SPDX-License-Identifier: MIT
//
// guestprop, and VBoxControl when called by that name.
#include "guestprop/commands.h"

int main(int argc, char** argv) {
  return hgcm::tool::run_main(argc, argv, hgcm::tool::guestprop_main);
}
