/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one place that knows that kernels differ. Features are probed, not version
 * numbers.
 */
#ifndef VBG_COMPAT_H
#define VBG_COMPAT_H

#include <linux/pci.h>

/* Renamed after 6.1. */
#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX PCI_IRQ_LEGACY
#endif

#endif
