// SPDX-License-Identifier: MIT
//
// hgcmctl.
#include "hgcmctl/hgcmctl.h"

int main(int argc, char** argv) {
  return hgcm::tool::run_main(argc, argv, hgcm::tool::hgcmctl);
}
