# SPDX-License-Identifier: MIT
# The examples of docs/library.md.
$(call program,example-properties,lib/examples/properties.cpp,hgcm)
$(call program,example-service,lib/examples/service.cpp,hgcm)
